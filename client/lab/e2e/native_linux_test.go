package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// nativeProfile is a file of Homeward's own for a gateway that knows nothing
// better than what is no longer safe, and is not told who is meant.
func (r *rig) nativeProfile(name string) map[string]any {
	proposal := map[string]any{"encryption": "aes128", "integrity": "sha1", "prf": "sha1", "group": "modp1024"}
	return map[string]any{
		"version": 1, "name": name,
		"gateway": map[string]any{"address": lab.GatewayName, "auth": "certificate", "quirks": []string{"no-idr"},
			"anchors": []string{string(r.PKI.CA.CertificatePEM())}},
		"client":  map[string]any{"auth": "eap-mschapv2", "username": lab.UserName},
		"ike":     map[string]any{"proposals": []any{proposal}, "strict": true, "legacy": true},
		"traffic": map[string]any{"full": true},
		"session": map[string]any{"no_mobike": true, "no_redirect": true},
	}
}

// TestNativeProfile: an administrator turns on what only a profile can, the
// employee says yes to what lowers security, and a line that makes use of it
// says so for as long as it stands.
func TestNativeProfile(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{IKEProposals: "aes128-sha1-modp1024"}})
	const name = "old-office"
	text, err := json.Marshal(r.nativeProfile(name))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.Dir, name+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := r.fails("", "import", file); !strings.Contains(said, "lower security") {
		t.Errorf("import without a yes: %q", said)
	}
	report := r.must("", "import", file, "--yes")
	for _, want := range []string{"! ike.legacy", "! ike.proposals[0]", "! gateway.quirks", "  session.no_mobike"} {
		if !strings.Contains(report, want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}

	// What is written of it is imported in its place.
	shown := r.must("", "show", name, "--json")
	if err := os.WriteFile(file, []byte(shown), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := r.must("", "import", file, "--yes"); !strings.Contains(said, "Replaced "+name) {
		t.Errorf("imported again: %q", said)
	}
	if again := r.must("", "show", name, "--json"); again != shown {
		t.Errorf("written as %s, then as %s", shown, again)
	}

	r.connect(name)
	r.opens(intranet("/"), lab.IntranetGreeting)
	s := r.status()
	if !strings.Contains(s.IKE.Suite, "modp1024") {
		t.Errorf("the IKE SA has %s", s.IKE.Suite)
	}
	if warned := strings.Join(s.Warnings, " "); !strings.Contains(warned, "no longer safe") {
		t.Errorf("warnings = %q", s.Warnings)
	}
	r.must("", "disconnect")
}

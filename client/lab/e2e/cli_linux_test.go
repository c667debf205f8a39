package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestBadInput: what a person may get wrong has a sentence each, and changes
// nothing.
func TestBadInput(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	good, err := os.ReadFile(r.files[lab.OfficeProfile])
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"truncated":   string(good[:len(good)/2]),
		"foreign":     "just a letter to IT\n",
		"empty":       "",
		"serverless":  strings.NewReplacer("<string>"+lab.GatewayName+"</string>", "<string></string>").Replace(string(good)),
		"cisco-ipsec": strings.Replace(string(good), "<string>IKEv2</string>", "<string>IPSec</string>", 1),
	}
	for name, content := range files {
		path := filepath.Join(r.Dir, name+".mobileconfig")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r.fails("", "import", path, "--yes")
	}
	r.fails("", "import", filepath.Join(r.Dir, "nowhere.mobileconfig"), "--yes")
	if out := strings.TrimSpace(r.must("", "profiles", "--json")); out != "[]" {
		t.Errorf("after refused files the profiles are %s, want none", out)
	}

	if s := r.fails("x\n", "connect", "nobody", "--password-stdin"); !strings.Contains(s, "nobody") {
		t.Errorf("an unknown profile is refused with %q", s)
	}
	for _, args := range [][]string{{"show", "nobody"}, {"forget", "nobody"}, {"disconnect"}, {"connect"}, {"no-such-command"}} {
		if args[0] == "disconnect" {
			continue // to disconnect when nothing is connected is no mistake
		}
		if res := r.ctl("", args...); res.Code == 0 {
			t.Errorf("homewardctl %v succeeds", args)
		}
	}
	r.untouched("after refused input")
}

// TestSecondConnect: one line at a time, and the first one stays.
func TestSecondConnect(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.importFile(lab.SplitProfile)
	r.connect(lab.OfficeProfile)
	for _, name := range []string{lab.OfficeProfile, lab.SplitProfile} {
		s := r.fails(lab.UserPassword+"\n", "connect", name, "--user", lab.UserName, "--password-stdin")
		if !strings.Contains(s, "disconnect") {
			t.Errorf("a second connect is refused with %q, want a hint to disconnect", s)
		}
	}
	if s := r.status(); s.State != "connected" || s.Profile != lab.OfficeProfile {
		t.Errorf("after a second connect the state is %q of %q", s.State, s.Profile)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
}

// TestNoService: without a service, or with somebody else's socket, every
// command says so.
func TestNoService(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{NoGateway: true})
	if err := r.Homeward.Stop(r.ctx); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"profiles"}, {"disconnect"}, {"logs"}} {
		if s := r.fails("", args...); !strings.Contains(s, "service") {
			t.Errorf("homewardctl %v without a service says %q", args, s)
		}
	}
}

// TestLogsAndShow: what an administrator reads, and that no secret is in it.
func TestLogsAndShow(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	shown := r.must("", "show", lab.OfficeProfile) + r.must("", "status") + r.must("", "status", "--json") + r.must("", "logs") + r.must("", "profiles")
	for _, want := range []string{lab.GatewayName, lab.OfficeProfile} {
		if !strings.Contains(shown, want) {
			t.Errorf("nothing shows %q", want)
		}
	}
	if strings.Contains(shown, lab.UserPassword) || strings.Contains(r.Homeward.Log(), lab.UserPassword) {
		t.Error("the password is shown somewhere")
	}
	for _, args := range [][]string{{"version"}, {"completion", "bash"}} {
		if out := r.must("", args...); out == "" {
			t.Errorf("homewardctl %v prints nothing", args)
		}
	}
	r.must("", "disconnect")
}

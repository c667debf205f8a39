package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestPortBlocked: a network that lets nothing through to port 500, or tells so
// by ICMP, is left for port 4500 in good time (RFC 7296 2.23).
func TestPortBlocked(t *testing.T) {
	t.Parallel()
	for _, verdict := range []string{"drop", "reject"} {
		t.Run(verdict, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{})
			rules := fmt.Sprintf("table inet block { chain forward { type filter hook forward priority -10; iifname lan udp dport 500 %s; }; }", verdict)
			if out, err := r.Router.Run(r.ctx, "nft", rules); err != nil {
				t.Fatal(err, out)
			}
			r.importFile(lab.OfficeProfile)
			before := time.Now()
			r.connect(lab.OfficeProfile)
			took := time.Since(before)
			t.Logf("with port 500 blocked (%s) the line stands after %v", verdict, took.Round(time.Millisecond))
			if took > 10*time.Second {
				t.Errorf("it took %v, want less than 10 s", took)
			}
			r.opens(intranet("/"), lab.IntranetGreeting)
			r.must("", "disconnect")
		})
	}
}

// TestAnotherClientHasThePorts: another IKE daemon runs on the client's machine
// and holds ports 500 and 4500.
func TestAnotherClientHasThePorts(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{})
	other, err := r.StartStrongSwanClient(r.ctx, lab.UserName, lab.UserPassword)
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.Client.Run(r.ctx, "ss", "-Hunl", "sport = :500 or sport = :4500")
	if err != nil || out == "" {
		t.Fatalf("nobody holds the ports: %v", err)
	}
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
	if err := other.Stop(r.ctx); err != nil {
		t.Error(err)
	}
}

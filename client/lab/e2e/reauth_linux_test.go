package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestReauthenticationLosesNothing: a gateway that wants a new sign-in every few
// seconds (RFC 4478) gets it make-before-break (RFC 7296 2.8.3): the line never
// leaves its state, the address stays, and of a stream of packets all arrive. One
// that ends the old IKE SA itself when the new one stands may cost what is under
// way in that moment, and no more.
func TestReauthenticationLosesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unique string
		lost   int // packets that may be, of 1,600
	}{
		{"no", 0},
		{"replace", 16},
	} {
		t.Run("unique="+c.unique, func(t *testing.T) {
			t.Parallel()
			r := start(t, lab.Options{Gateway: lab.GatewayOptions{Unique: c.unique, Reauth: 3 * time.Second, Overtime: time.Second}})
			r.importFile(lab.OfficeProfile)
			r.connect(lab.OfficeProfile)
			before := r.theSA()
			p := r.ping(1600) // eight seconds
			out := <-p.result
			m := pingSummary.FindStringSubmatch(out)
			if m == nil {
				t.Fatalf("no summary:\n%s", out)
			}
			sent, err1 := strconv.Atoi(m[1])
			received, err2 := strconv.Atoi(m[2])
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			lost := sent - received
			t.Logf("unique=%s: %d of 1,600 packets lost over several sign-ins", c.unique, lost)
			if lost > c.lost {
				t.Errorf("%d packets were lost:\n%s", lost, out)
			}
			if s := r.status(); s.State != "connected" {
				t.Errorf("the state is %q", s.State)
			}
			if err := r.Gateway.WaitSAs(r.ctx, "one IKE SA, another than the first", func(sas []lab.SA) bool {
				return len(sas) == 1 && sas[0].UniqueID != before.ike && len(sas[0].Children) == 1
			}); err != nil {
				t.Error(err)
			}
			if log := r.must("", "logs"); strings.Contains(log, "the line is down") || strings.Count(log, "another session has taken over") < 2 {
				t.Errorf("the line was taken down, or was not renewed:\n%s", log)
			}
			r.opens(intranet("/"), lab.IntranetGreeting)
			r.must("", "disconnect")
		})
	}
}

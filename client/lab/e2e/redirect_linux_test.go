package e2e

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestRedirectOfALineThatStands: a gateway sends the client of a line that stands
// to another (RFC 5685 5), by address and by name, and back, make-before-break: of a
// stream of packets all but a few arrive, and the state never changes. A profile that wants no
// redirects stays where it is. strongSwan redirects in no other moment: those of
// IKE_SA_INIT and IKE_AUTH are ike/iketest's.
func TestRedirectOfALineThatStands(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Second: &lab.GatewayOptions{}})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/"), lab.IntranetGreeting)
	since := r.status().Since
	for _, hop := range []struct {
		from, to *lab.Gateway
		name     string // as it is redirected to
		address  string
	}{
		{r.Gateway, r.Second, lab.SecondGatewayAddress.String(), lab.SecondGatewayAddress.String()},
		{r.Second, r.Gateway, lab.GatewayName, lab.GatewayAddress.String()},
	} {
		p := r.ping(400) // two seconds
		if err := hop.from.Redirect(r.ctx, hop.name); err != nil {
			t.Fatal(err)
		}
		if err := hop.to.WaitSAs(r.ctx, "the client has come over", func(sas []lab.SA) bool {
			return len(sas) == 1 && sas[0].State == "ESTABLISHED" && len(sas[0].Children) == 1
		}); err != nil {
			t.Fatal(err)
		}
		if err := hop.from.WaitSAs(r.ctx, "the client has left", func(sas []lab.SA) bool { return len(sas) == 0 }); err != nil {
			t.Fatal(err)
		}
		p.nearlyAllArrive(4) // the other gateway gives another address
		if s := r.status(); s.State != "connected" || s.Since != since || s.Gateway.Identity != lab.GatewayName || !strings.Contains(s.Gateway.Address, hop.address) {
			t.Errorf("after the redirect to %s: %s since %s at %+v, want connected since %s", hop.name, s.State, s.Since, s.Gateway, since)
		}
		r.opens(intranet("/"), lab.IntranetGreeting)
	}
	r.must("", "disconnect")

	r.edit(func(p map[string]any) { p["session"].(map[string]any)["no_redirect"] = true })
	r.connect(lab.OfficeProfile)
	before := r.theSA()
	if err := r.Gateway.Redirect(r.ctx, lab.SecondGatewayAddress.String()); err != nil {
		// strongSwan does not ask whether the client takes redirects.
		t.Log("the gateway: ", err)
	}
	r.ping(100).allArrive()
	if sas, err := r.Second.SAs(r.ctx); err != nil || len(sas) != 0 {
		t.Errorf("against the profile the client went to the other gateway: %+v (%v)", sas, err)
	}
	if after := r.theSA(); after != before {
		t.Errorf("a refused redirect changed the line: %+v, then %+v", before, after)
	}
	r.must("", "disconnect")
}

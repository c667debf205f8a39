package e2e

import (
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestRedirectOfALineThatStands: the gateway names another (RFC 5685 5), which has
// the same name and authority. The line goes there make-before-break, the state
// never changes, and the first gateway is left without an IKE SA.
func TestRedirectOfALineThatStands(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Second: &lab.GatewayOptions{}})
	r.importFile(lab.OfficeProfile)
	r.connect(lab.OfficeProfile)
	r.opens(intranet("/"), lab.IntranetGreeting)
	since := r.status().Since
	if err := r.Gateway.Redirect(r.ctx, lab.SecondGatewayAddress.String()); err != nil {
		t.Fatal(err)
	}
	if err := lab.Until(r.ctx, "the line is at the second gateway", func() (bool, error) {
		return r.status().Gateway.Address == lab.SecondGatewayAddress.String(), nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.Gateway.WaitSAs(r.ctx, "the first gateway has none", func(sas []lab.SA) bool { return len(sas) == 0 }); err != nil {
		t.Error(err)
	}
	if s := r.status(); s.State != "connected" || s.Since != since || s.Gateway.Identity != lab.GatewayName {
		t.Errorf("%+v, want connected since %s with %s", s, since, lab.GatewayName)
	}
	r.opens(intranet("/"), lab.IntranetGreeting)
	if log := r.must("", "logs"); strings.Contains(log, "the line is down") {
		t.Errorf("the line was taken down:\n%s", log)
	}
	r.must("", "disconnect")
}

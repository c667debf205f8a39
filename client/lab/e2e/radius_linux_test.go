package e2e

import (
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestSignInServers: employees whose gateway asks FreeRADIUS.
func TestSignInServers(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{RADIUS: &lab.RADIUSOptions{}, Gateway: lab.GatewayOptions{EAPMethod: "radius"}})
	r.profile(lab.Mobileconfig{Name: "office", EAP: true, CA: [][]byte{r.PKI.CA.DER()}})
	r.must(lab.UserPassword+"\n", "connect", "office", "--user", lab.UserName+"@"+lab.RealmMSCHAPv2, "--password-stdin")
	r.opens(intranet("/"), lab.IntranetGreeting)
	r.must("", "disconnect")
}

package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestTwoSignIns: a gateway that wants a certificate and then a password
// (RFC 4739) gets both, and does without neither. EAP alone (RFC 5998) strongSwan
// does with methods that it calls mutual, and MSCHAPv2 is none: ike/iketest does it.
func TestTwoSignIns(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{Rounds: true}})
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	r.importFile(lab.CertificateProfile)
	r.fails("", "connect", lab.CertificateProfile)

	r.edit(func(p map[string]any) {
		p["client"].(map[string]any)["further"] = []any{map[string]any{"auth": "eap-mschapv2", "username": lab.UserName}}
	})
	before := r.Gateway.Log()
	r.must(lab.UserPassword+"\n", "connect", lab.CertificateProfile, "--password-stdin")
	r.opens(intranet("/"), lab.IntranetGreeting)
	said := strings.TrimPrefix(r.Gateway.Log(), before)
	for _, want := range []string{"N(MULT_AUTH)", "N(AUTH_FOLLOWS)", "EAP method EAP_MSCHAPV2 succeeded, MSK established"} {
		if !strings.Contains(said, want) {
			t.Errorf("the gateway's log lacks %q", want)
		}
	}
	r.must("", "disconnect")
	r.fails("not the password\n", "connect", lab.CertificateProfile, "--password-stdin")
	if s := r.status(); s.Error == nil || s.Error.Cause != "wrong-password" {
		t.Errorf("with a wrong password in the second round the error is %+v", s.Error)
	}
}

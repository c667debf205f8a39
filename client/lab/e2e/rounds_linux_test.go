package e2e

import (
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestCertificateThenPassword: a gateway wants two proofs of everybody, the
// machine's certificate and then a password by EAP (RFC 4739). A wrong password
// fails in the second round, and a profile that knows of one round only is told
// so. EAP alone (RFC 5998) strongSwan does with mutual methods only, which
// MSCHAPv2 is none of for it: ike/iketest does it.
func TestCertificateThenPassword(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{Rounds: true}})
	if _, err := r.StartKeychain(r.ctx, r.Lab); errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	r.importFile(lab.CertificateProfile)

	r.fails("", "connect", lab.CertificateProfile)
	if s := r.status(); s.State != "disconnected" || s.Error == nil {
		t.Errorf("after one round: %s with error %+v", s.State, s.Error)
	}

	r.edit(func(p map[string]any) {
		p["client"].(map[string]any)["further"] = []any{map[string]any{"auth": "eap-mschapv2", "username": lab.UserName}}
	})
	r.fails("wrong\n", "connect", lab.CertificateProfile, "--password-stdin")
	if s := r.status(); s.Error == nil || s.Error.Cause != "wrong-password" {
		t.Errorf("with a wrong password in the second round the error is %+v", s.Error)
	}

	r.must(lab.UserPassword+"\n", "connect", lab.CertificateProfile, "--password-stdin")
	r.opens(intranet("/"), lab.IntranetGreeting)
	log := r.Gateway.Log()
	for _, words := range []string{"authentication of '" + lab.EmployeeMail + "' with ECDSA", "authentication of '" + lab.UserName + "' with EAP successful"} {
		if !strings.Contains(log, words) {
			t.Errorf("the gateway does not tell of %q", words)
		}
	}
	r.must("", "disconnect")
}

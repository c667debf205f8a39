package e2e

import (
	"maps"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// TestSignInByCertificate: EAP-TLS, and TLS inside a tunnel, with a key that the
// user's program keeps and the service asks for signatures.
func TestSignInByCertificate(t *testing.T) {
	t.Parallel()
	r := companyRig(t)
	r.keychain(t)
	for _, key := range []lab.KeyType{lab.ECDSA256, lab.RSA2048} {
		r.holdCertificate(t, key)
		for _, c := range []struct {
			name    string
			methods []string
			inner   []string
			version string
		}{
			{"TLS 1.2", list("tls"), nil, "1.2"},
			{"TLS 1.3", list("tls"), nil, "1.3"},
			{"TLS inside TTLS", list("ttls"), list("eap-tls"), "1.3"},
			{"TLS inside PEAP", list("peap"), list("tls"), "1.3"},
		} {
			r.edit(func(p map[string]any) {
				client := p["client"].(map[string]any)
				client["auth"] = "eap"
				client["eap"] = map[string]any{"methods": c.methods, "inner": c.inner, "min_tls": c.version, "max_tls": c.version,
					"server_names": list(lab.RADIUSName), "anchors": [][]byte{r.PKI.SignIn.DER()}, "without_binding": c.inner != nil && c.inner[0] == "tls"}
			})
			t.Run(string(key)+" "+c.name, func(t *testing.T) {
				r.attempt(t, signIn{user: noUser})
			})
		}
	}
}

// TestSignInAtStrongSwan: the methods that strongSwan does by itself. Its TLS 1.2 is
// without Extended Master Secret, which a profile must allow. Of EAP with TLS 1.3
// strongSwan 5.9 knows drafts alone: EAP-TLS ends without the protected success
// (RFC 9190 2.1.1), and TTLS with another key.
func TestSignInAtStrongSwan(t *testing.T) {
	t.Parallel()
	r := start(t, lab.Options{Gateway: lab.GatewayOptions{EAPMethod: "ttls"}})
	r.keychain(t)
	r.holdCertificate(t, lab.ECDSA256)
	tls12 := map[string]any{"max_tls": "1.2", "without_ems": true}
	for _, c := range []struct {
		name, method string
		inner        []string
		more         map[string]any
		signIn
	}{
		{"GTC", "gtc", nil, nil, signIn{piped: lab.UserPassword, proof: "EAP method EAP_GTC succeeded, no MSK established"}},
		{"MD5", "md5", nil, nil, signIn{piped: lab.UserPassword, proof: "EAP method EAP_MD5 succeeded, no MSK established"}},
		{"TTLS with MSCHAPv2, TLS 1.2", "ttls", list("eap-mschapv2"), tls12, signIn{piped: lab.UserPassword, proof: "EAP method EAP_TTLS succeeded, MSK established"}},
		{"TLS 1.2", "tls", nil, tls12, signIn{user: noUser, proof: "EAP method EAP_TLS succeeded, MSK established"}},
		{"a user name that is not the certificate's", "tls", nil, tls12, signIn{cause: "certificate-refused", words: list("does not take your certificate")}},
		{"MSCHAPv2 where MD5 is asked for", "mschapv2", nil, nil, signIn{piped: lab.UserPassword, cause: "eap-method", words: list("MD5")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			gateway := c.method
			if c.cause == "eap-method" {
				gateway = "md5"
			}
			if err := r.Gateway.Reload(r.ctx, lab.GatewayOptions{EAPMethod: gateway}); err != nil {
				t.Fatal(err)
			}
			eap := map[string]any{"methods": list(c.method), "inner": c.inner}
			maps.Copy(eap, c.more)
			r.edit(func(p map[string]any) {
				client := p["client"].(map[string]any)
				client["auth"], client["eap"] = "eap", eap
				delete(client, "username") // which is remembered of the case before
			})
			r.attempt(t, c.signIn)
		})
	}
}

// TestCertificateRefused: FreeRADIUS ends EAP-TLS without a word, and it can only have
// been the certificate.
func TestCertificateRefused(t *testing.T) {
	t.Parallel()
	r := companyRig(t)
	r.keychain(t)
	strange, err := r.PKI.Other.Issue(lab.CertificateSpec{CommonName: lab.EmployeeMail, Emails: list(lab.EmployeeMail)})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := lab.PKCS12(strange, r.PKI.Other, "import me", false)
	if err != nil {
		t.Fatal(err)
	}
	r.profile(lab.Mobileconfig{Name: companyProfile, EAP: true, EAPTypes: []int{13}, TrustedServers: list(lab.RADIUSName),
		CA: [][]byte{r.PKI.CA.DER(), r.PKI.SignIn.DER()}, PKCS12: packed, PKCS12Key: "import me"})
	r.attempt(t, signIn{user: noUser, cause: "certificate-refused", words: list("does not take your certificate")})
	r.untouched("after the refusal")
}

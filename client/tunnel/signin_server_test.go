package tunnel

import (
	"crypto/tls"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// TestSignInServerAuthority: the server that signs in is certified by one of
// client.eap.anchors, and by one of the gateway's where there are none; a company's
// authority for gateways vouches for no other server of it (RFC 5216 5.3, RFC 5281
// 14.1.6). Another one is told neither name nor password.
func TestSignInServerAuthority(t *testing.T) {
	t.Parallel()
	const server = "radius.corp.example"
	own := iketest.NewAuthority("Sign-in CA", iketest.P256)
	for name, c := range map[string]struct {
		byOwn   bool // the server has its certificate from there, else from the gateway's authority
		anchors [][]byte
		good    bool
	}{
		"the gateway's, none is named":  {false, nil, true},
		"the named one":                 {true, [][]byte{own.DER}, true},
		"its own, none is named":        {true, nil, false},
		"the gateway's, another stands": {false, [][]byte{own.DER}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o, r, _ := behind(t, server)
				if c.byOwn {
					cert := own.Issue(iketest.Leaf{DNSNames: []string{server}})
					r.certificate = tls.Certificate{Certificate: cert.Chain, PrivateKey: cert.Key}
				}
				cfg := o.config()
				cfg.Profile.Client = profile.Client{Auth: profile.ClientEAP, Username: iketest.UserName, EAP: profile.EAP{
					Methods: []profile.EAPMethod{profile.EAPTTLS}, Inner: []profile.InnerMethod{profile.InnerPAP},
					ServerNames: []string{server}, Anchors: c.anchors,
				}}
				line := run(t, cfg)
				if c.good {
					line.up()
					line.stop()
					return
				}
				var f *diagnose.Failure
				if err := <-line.result; !errors.As(err, &f) || f.Cause != diagnose.CauseServerUntrusted {
					t.Errorf("ended with %v", err)
				}
				if r.reads != 0 || r.inner != "" || r.password != "" {
					t.Errorf("%d octets were told", r.reads)
				}
			})
		})
	}
}

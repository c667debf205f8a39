package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// RFC 5998 4, RFC 2759 8.9: whoever plays a gateway that proves itself by a password
// alone gets one answer to one challenge. He cannot have the user try other passwords,
// nor choose a new one that would travel under the hash of the old, and none of his
// words is shown. A gateway with a certificate may do all of that.
func TestTwoPeerStranger(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signIn   iketest.SignIn
		password string
		confirm  bool
		cause    ike.Cause
		asks     int // of a stranger
	}{
		"another password": {iketest.SignIn{Retries: 3}, "wrong", false, ike.CauseWrongPassword, 1},
		"a new password":   {iketest.SignIn{Expired: true}, iketest.Password, false, ike.CausePasswordExpired, 1},
		"consent":          {iketest.SignIn{Notices: []string{"call 555-0100"}}, iketest.Password, true, ike.CauseCredentials, 0},
		"a notice":         {iketest.SignIn{Notices: []string{"call 555-0100"}}, iketest.Password, false, "", 1},
	} {
		for certified, gateway := range map[string]iketest.EAPOnly{"by EAP alone": iketest.EAPOnlyTaken, "by a certificate": iketest.EAPOnlyIgnored} {
			t.Run(name+" "+certified, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, both(alone(gateway, mschapv2), iketest.PairConfig{
					Client:  func(cfg *ike.Config) { cfg.EAP.ConfirmNotice = c.confirm },
					Gateway: func(r *iketest.ResponderConfig) { r.SignIn = c.signIn },
				}))
				p.Password = c.password
				p.Answer = func(e ike.Event) (ike.Command, bool) {
					q, ok := e.(ike.NeedCredentials)
					switch {
					case ok && q.Kind == eap.AskNewPassword:
						return ike.Credentials{ID: q.ID, New: []byte("a new password")}, true
					case ok && q.Again:
						return ike.Credentials{ID: q.ID, Password: []byte(iketest.Password)}, true
					}
					return nil, false
				}
				connect(t, p)
				stranger := gateway == iketest.EAPOnlyTaken
				if !stranger || c.cause == "" {
					mustUp(t, p)
				} else if !p.Down(time.Minute) || p.Cause() != c.cause {
					t.Errorf("cause %q, want %q", p.Cause(), c.cause)
				}
				if n := len(asked(p)); stranger && n != c.asks || !stranger && n <= c.asks && c.cause != "" {
					t.Errorf("asked %d times", n)
				}
				if n := iketest.Count[ike.Notice](p); stranger && n > 0 || !stranger && c.cause == "" && n != 1 {
					t.Errorf("%d notices", n)
				}
			})
		}
	}
}

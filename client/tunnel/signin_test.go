package tunnel

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// TestFurtherSignIn: a profile with a second sign-in (RFC 4739) asks for a second
// password, by a question of its own, after a certificate and after a password.
func TestFurtherSignIn(t *testing.T) {
	t.Parallel()
	second := iketest.Round{Users: map[string]string{"alice-token": "123456"}, Identity: "alice-token"}
	further := []profile.SignIn{{Auth: profile.ClientMSCHAPv2, Username: "alice-token"}}
	for name, c := range map[string]struct {
		gateway func(*iketest.ResponderConfig)
		profile func(*profile.Profile)
		answer  string
		asked   []QuestionKind
		want    diagnose.Cause // "": it comes up
	}{
		"after a certificate": {
			func(g *iketest.ResponderConfig) {
				g.Client, g.ClientAnchors, g.Further = iketest.ClientByCertificate, [][]byte{employees.DER}, []iketest.Round{second}
			},
			func(p *profile.Profile) {
				p.Client.Auth, p.Client.Certificates, p.Client.Further = profile.ClientCertificate, employee.Chain, further
			},
			"123456", []QuestionKind{AskSignature, AskFurther}, "",
		},
		"after a password": {
			func(g *iketest.ResponderConfig) { g.Further = []iketest.Round{second} },
			func(p *profile.Profile) { p.Client.Further = further },
			"123456", []QuestionKind{AskPassword, AskFurther}, "",
		},
		"after a password, user name asked for": {
			func(g *iketest.ResponderConfig) {
				g.Further = []iketest.Round{{Users: map[string]string{iketest.UserName: "123456"}}}
			},
			func(p *profile.Profile) {
				p.Client.Username, p.Client.Further = "", []profile.SignIn{{Auth: profile.ClientMSCHAPv2}}
			},
			"123456", []QuestionKind{AskPassword, AskFurther}, "",
		},
		"that has no method": {
			func(g *iketest.ResponderConfig) { g.Further = []iketest.Round{{Bare: true}} },
			func(p *profile.Profile) {
				p.Client.Further = []profile.SignIn{{Auth: profile.ClientMSCHAPv2, Username: "alice-token", Bare: true}}
			},
			"", []QuestionKind{AskPassword}, "",
		},
		"with a wrong answer": {
			func(g *iketest.ResponderConfig) { g.Further = []iketest.Round{second} },
			func(p *profile.Profile) { p.Client.Further = further },
			"654321", []QuestionKind{AskPassword, AskFurther}, diagnose.CauseWrongPassword,
		},
		"that the gateway does not take": {
			nil, func(p *profile.Profile) { p.Client.Further = further },
			"123456", nil, diagnose.CauseFurtherSignIn,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, c.gateway)
				cfg := o.config()
				c.profile(cfg.Profile)
				usual := cfg.Ask
				var asked []QuestionKind
				cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
					asked = append(asked, q.Kind)
					if q.Kind == AskFurther {
						return Answer{Secret: []byte(c.answer)}, nil
					}
					return usual(ctx, q)
				}
				r := run(t, cfg)
				if c.want != "" {
					var f *diagnose.Failure
					if err := <-r.result; !errors.As(err, &f) || f.Cause != c.want {
						t.Errorf("ended with %v, want %v", err, c.want)
					}
				} else {
					r.up()
					exchange(t, o)
					r.stop()
				}
				if !slices.Equal(asked, c.asked) {
					t.Errorf("asked %v, want %v", asked, c.asked)
				}
				complaints(t, o)
			})
		})
	}
}

// TestEAPOnlyGateway: a gateway that shows no certificate is taken where the
// profile says so in so many words (RFC 5998), and the status says what that means.
func TestEAPOnlyGateway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		profile profile.EAPOnly
		gateway iketest.EAPOnly
		want    diagnose.Cause
		warned  bool
	}{
		"the profile says any":                        {profile.EAPOnlyAny, iketest.EAPOnlyTaken, "", true},
		"any, and the gateway has a certificate":      {profile.EAPOnlyAny, iketest.EAPOnlyIgnored, "", false},
		"the profile says nothing":                    {profile.EAPOnlyNever, iketest.EAPOnlyForced, diagnose.CauseGatewayProof, false},
		"the profile says safe, which MSCHAPv2 isn't": {profile.EAPOnlySafe, iketest.EAPOnlyForced, diagnose.CauseGatewayProof, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, func(g *iketest.ResponderConfig) { g.EAPOnly = c.gateway })
				cfg := o.config()
				cfg.Profile.Client.EAPOnly = c.profile
				asked := 0
				usual := cfg.Ask
				cfg.Ask = func(ctx context.Context, q Question) (Answer, error) {
					asked++
					return usual(ctx, q)
				}
				r := run(t, cfg)
				if c.want != "" {
					var f *diagnose.Failure
					if err := <-r.result; !errors.As(err, &f) || f.Cause != c.want || asked != 0 {
						t.Errorf("ended with %v, asked %d times", err, asked)
					}
					return
				}
				up := r.up()
				if got := slices.Contains(up.Info.IKEWarnings, unprovenWarning); got != c.warned {
					t.Errorf("warnings %q", up.Info.IKEWarnings)
				}
				exchange(t, o)
				r.stop()
				complaints(t, o)
			})
		})
	}
}

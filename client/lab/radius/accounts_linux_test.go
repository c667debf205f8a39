package radius_test

import (
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/lab/radius"
	"github.com/homeward-vpn/homeward/ike/eap"
)

// Errors of MS-CHAP (RFC 2759 6).
const (
	errorLocked  = 647
	errorExpired = 648
	errorWrong   = 691
	errorChange  = 709
)

// roads are the ways to MSCHAPv2 at FreeRADIUS: bare and inside each tunnel.
var roads = map[string]func(user string) eap.Config{
	"bare": func(user string) eap.Config {
		return eap.Config{Identity: user, Methods: []uint8{eap.TypeMSCHAPv2}}
	},
	"PEAP": func(user string) eap.Config {
		return eap.Config{Identity: "anonymous", Username: user, Methods: []uint8{eap.TypePEAP}, Inner: []eap.InnerMethod{eap.InnerEAP(eap.TypeMSCHAPv2)}}
	},
	"TTLS EAP": func(user string) eap.Config {
		return eap.Config{Identity: "anonymous", Username: user, Methods: []uint8{eap.TypeTTLS}, Inner: []eap.InnerMethod{eap.InnerEAP(eap.TypeMSCHAPv2)}}
	},
}

// TestAnotherTryAtFreeRADIUS types a wrong password first; the server lets the
// user try again in the same conversation (RFC 2759 6, R=1).
func TestAnotherTryAtFreeRADIUS(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for name, road := range roads {
		p := employee(l, "not that", lab.UserPassword)
		out := talk(t, l.RADIUS.FreeRADIUS, road(lab.UserName), p)
		if out.err != nil || out.code != radius.AccessAccept {
			t.Errorf("%s: %v, the server's last word is %d", name, out.err, out.code)
			continue
		}
		last := p.questions[len(p.questions)-1]
		if !last.Again || last.Code != errorWrong || last.Message == "" {
			t.Errorf("%s: the second question is %+v", name, last)
		}
	}
}

// TestAccountsThatMayNotSignIn meets what FreeRADIUS says of them.
func TestAccountsThatMayNotSignIn(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for name, road := range roads {
		for user, code := range map[string]int{lab.LockedUser: errorLocked, lab.DisabledUser: errorWrong} {
			p := employee(l, lab.UserPassword, lab.UserPassword)
			out := talk(t, l.RADIUS.FreeRADIUS, road(user), p)
			kind := eap.Account
			if code == errorWrong { // FreeRADIUS says of a disabled account what it says of a wrong password
				kind = eap.WrongPassword
			}
			if e := out.refused(t, kind); e.Code != code || e.Message == "" {
				t.Errorf("%s, %s: %v", name, user, e)
			}
			if len(p.secrets) != 1 {
				t.Errorf("%s, %s: the password was given %d times", name, user, 2-len(p.secrets))
			}
		}
	}
}

// TestNewPasswordAtFreeRADIUS changes a password that has expired (RFC 2759 7), in
// the same conversation, and then signs in with the new one alone.
func TestNewPasswordAtFreeRADIUS(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for name, road := range roads {
		p := employee(l, lab.UserPassword)
		p.next = "Größer als zuvor: 7 €"
		out := talk(t, l.RADIUS.FreeRADIUS, road(lab.ExpiredUser), p)
		if out.err != nil || out.code != radius.AccessAccept {
			t.Errorf("%s: %v, the server's last word is %d\n%s", name, out.err, out.code, tail(l.RADIUS.FreeRADIUS.Log()))
			continue
		}
		if !slices.ContainsFunc(p.questions, func(q eap.Question) bool { return q.Kind == eap.AskNewPassword && q.Code == errorExpired }) {
			t.Errorf("%s: asked was %v", name, p.kinds())
		}
		if out := talk(t, l.RADIUS.FreeRADIUS, road(lab.ExpiredUser), employee(l, p.next)); out.err != nil {
			t.Errorf("%s: the new password: %v", name, out.err)
		}
		if out := talk(t, l.RADIUS.FreeRADIUS, road(lab.ExpiredUser), employee(l, lab.UserPassword)); out.err == nil {
			t.Errorf("%s: the old password still works", name)
		}
		if err := l.RADIUS.Forget(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNewPasswordAgainstTheRules: one that the domain does not take leaves the old one
// as it was (RFC 2759 6, error 709).
func TestNewPasswordAgainstTheRules(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for name, road := range roads {
		p := employee(l, lab.UserPassword)
		p.next = "short"
		e := talk(t, l.RADIUS.FreeRADIUS, road(lab.OutdatedUser), p).refused(t, eap.PasswordRefused)
		if e.Code != errorChange {
			t.Errorf("%s: %v", name, e)
		}
	}
}

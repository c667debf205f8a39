package radius_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/lab/radius"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
)

func ttlsPAP(realm string) eap.Config {
	return eap.Config{Identity: "anonymous@" + realm, Username: lab.UserName, Methods: []uint8{eap.TypeTTLS}, Inner: []eap.InnerMethod{eap.InnerPAP}}
}

// TestNoSecretForAnUntrustedServer meets FreeRADIUS with certificates that do not
// do: the conversation ends before a secret is asked for.
func TestNoSecretForAnUntrustedServer(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for realm, want := range map[string]auth.CertificateErrorKind{
		lab.RealmWrongName: auth.WrongName, lab.RealmExpired: auth.Expired, lab.RealmUntrusted: auth.Untrusted,
	} {
		for _, version := range versions {
			for name, cfg := range map[string]eap.Config{
				"TTLS": ttlsPAP(realm),
				"PEAP": {Identity: "anonymous@" + realm, Username: lab.UserName, Methods: []uint8{eap.TypePEAP}, Inner: []eap.InnerMethod{eap.InnerEAP(eap.TypeMSCHAPv2)}},
				"TLS":  {Identity: "anonymous@" + realm, Username: lab.UserName, Methods: []uint8{eap.TypeTLS}},
			} {
				cfg.TLS.MinVersion, cfg.TLS.MaxVersion = version, version
				p := employee(l, lab.UserPassword).holds(t, l, lab.ECDSA256)
				e := talk(t, l.RADIUS.FreeRADIUS, cfg, p).refused(t, eap.Untrusted)
				if c := (*auth.CertificateError)(nil); !errors.As(e, &c) || c.Kind != want {
					t.Errorf("%s at %s: %v, want %s", name, realm, e, want)
				}
				if asked := p.kinds(); len(asked) != 1 {
					t.Errorf("%s at %s: asked was %v, want a verdict alone", name, realm, asked)
				}
			}
		}
	}
}

// TestServersWithoutExtendedMasterSecret are met where the profile allows it and
// refused elsewhere (RFC 7627 5.3); keys agree all the same.
func TestServersWithoutExtendedMasterSecret(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for _, c := range keyCases {
		if !c.hostapd {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			cfg := c.config("anywhere", 0)
			p := c.person(t, l)
			if out := talk(t, l.RADIUS.Old, cfg, p); out.err == nil {
				t.Error("an old server was taken without leave")
			}
			if len(p.questions) > 1 {
				t.Errorf("asked was %v", p.kinds())
			}
			cfg.TLS.AllowWithoutEMS = true
			c.same(t, l, l.RADIUS.Old, cfg)
		})
	}
}

// TestSessionsAreTakenUpAgain signs in twice with the same memory of sessions. With
// TLS 1.3 the second time nothing is asked for but the verdict, and both ends have
// a new key (RFC 8446 2.2). With TLS 1.2 both servers know sessions by their number
// alone, which crypto/tls does not: everything is done anew.
func TestSessionsAreTakenUpAgain(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for _, c := range keyCases {
		for realm, version := range versions {
			for _, s := range []*lab.RADIUSServer{l.RADIUS.FreeRADIUS, l.RADIUS.Hostapd} {
				// hostapd 2.10 forgets the protected success of a resumed session
				// (RFC 9190 2.1.3), without which there is none.
				if s == l.RADIUS.Hostapd && (!c.atHostapd(version) || c.method == eap.TypeTLS && version == tls.VersionTLS13) {
					continue
				}
				t.Run(fmt.Sprintf("%s %s at port %d", c.name, realm, s.Port), func(t *testing.T) {
					cfg := c.config(realm, version)
					cfg.TLS.Sessions = new(tlsstep.Sessions)
					first := c.same(t, l, s, cfg)
					p := c.person(t, l)
					out := talk(t, s, cfg, p)
					if out.err != nil || out.code != radius.AccessAccept || !bytes.Equal(out.msk, out.key) || bytes.Equal(out.msk, first) {
						t.Fatalf("%v; keys %x and %x, before %x", out.err, out.msk, out.key, first)
					}
					if asked := p.kinds(); version == tls.VersionTLS13 && !slices.Equal(asked, []eap.QuestionKind{eap.AskVerdict}) {
						t.Errorf("asked was %v, want a verdict alone", asked)
					}
				})
			}
		}
	}
}

// TestVersionsOfTLS: a server without the profile's version is not met.
func TestVersionsOfTLS(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for realm, version := range map[string]uint16{lab.RealmTLS12: tls.VersionTLS13, lab.RealmTLS13: tls.VersionTLS12} {
		cfg := ttlsPAP(realm)
		cfg.TLS.MinVersion, cfg.TLS.MaxVersion = version, version
		p := employee(l, lab.UserPassword)
		if out := talk(t, l.RADIUS.FreeRADIUS, cfg, p); out.err == nil || len(p.questions) != 0 {
			t.Errorf("%s: %v, asked was %v", realm, out.err, p.kinds())
		}
	}
}

// TestCertificatesThatTheServerRefuses: one that has expired, and a stranger's. Both
// servers just end the conversation: what OpenSSL would say in an alert they do
// not send (RFC 5216 2.1.3).
func TestCertificatesThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	l := servers(t)
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	late, err := l.PKI.CA.Issue(lab.CertificateSpec{CommonName: lab.EmployeeMail, NotBefore: time.Now().Add(-12 * time.Hour), NotAfter: time.Now().Add(-time.Hour), Usages: usages})
	if err != nil {
		t.Fatal(err)
	}
	strange, err := l.PKI.Other.Issue(lab.CertificateSpec{CommonName: lab.EmployeeMail, Usages: usages})
	if err != nil {
		t.Fatal(err)
	}
	for realm, version := range versions {
		for name, c := range map[string]*lab.Credential{"expired": late, "a stranger's": strange} {
			for _, server := range []*lab.RADIUSServer{l.RADIUS.FreeRADIUS, l.RADIUS.Hostapd} {
				p := employee(l)
				p.key, p.chain = c.Key, [][]byte{c.DER()}
				talk(t, server, keyCases[0].config(realm, version), p).refused(t, eap.Failed)
				if asked := p.kinds(); len(asked) == 0 || asked[len(asked)-1] != eap.AskSignature {
					t.Errorf("%s, %s: asked was %v, want a signature last", name, realm, asked)
				}
			}
		}
	}
}

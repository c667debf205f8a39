package radius_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/lab/radius"
	"github.com/homeward-vpn/homeward/ike/eap"
)

// keyCase is one way of signing in that ends with a key.
type keyCase struct {
	name    string
	method  uint8
	inner   eap.InnerMethod
	user    string // empty: UserName
	secrets []string
	key     lab.KeyType // of the user's certificate; empty: none
	between bool        // its authority is one that the server does not have
	hostapd bool        // hostapd can do it
}

// atHostapd says whether hostapd 2.10 does it right. With PEAP in TLS 1.3 it makes
// the tunnel's key 64 octets long where it has to be cut from 128, which makes it
// another: its binding does not fit, and is refused.
func (c keyCase) atHostapd(version uint16) bool {
	return c.hostapd && (c.method != eap.TypePEAP || version == tls.VersionTLS12)
}

var (
	password = []string{lab.UserPassword}
	code     = []string{lab.CodeOfTheDay}
)

var keyCases = []keyCase{
	{name: "TLS ECDSA", method: eap.TypeTLS, key: lab.ECDSA256, hostapd: true},
	{name: "TLS RSA", method: eap.TypeTLS, key: lab.RSA2048, hostapd: true},
	{name: "TLS P-384", method: eap.TypeTLS, key: lab.ECDSA384},
	{name: "TLS with an authority between", method: eap.TypeTLS, key: lab.ECDSA256, between: true, hostapd: true},
	{name: "TTLS PAP", method: eap.TypeTTLS, inner: eap.InnerPAP, secrets: password, hostapd: true},
	{name: "TTLS CHAP", method: eap.TypeTTLS, inner: eap.InnerCHAP, secrets: password, hostapd: true},
	{name: "TTLS MSCHAP", method: eap.TypeTTLS, inner: eap.InnerMSCHAP, secrets: password, hostapd: true},
	{name: "TTLS MSCHAPv2", method: eap.TypeTTLS, inner: eap.InnerMSCHAPv2, secrets: password, hostapd: true},
	{name: "TTLS EAP-MSCHAPv2", method: eap.TypeTTLS, inner: eap.InnerEAP(eap.TypeMSCHAPv2), secrets: password, hostapd: true},
	{name: "TTLS EAP-MD5", method: eap.TypeTTLS, inner: eap.InnerEAP(eap.TypeMD5), secrets: password, hostapd: true},
	{name: "TTLS EAP-GTC", method: eap.TypeTTLS, inner: eap.InnerEAP(eap.TypeGTC), user: lab.CodeUser, secrets: code, hostapd: true},
	{name: "TTLS EAP-TLS", method: eap.TypeTTLS, inner: eap.InnerEAP(eap.TypeTLS), user: lab.EmployeeMail, key: lab.ECDSA256},
	{name: "PEAP MSCHAPv2", method: eap.TypePEAP, inner: eap.InnerEAP(eap.TypeMSCHAPv2), secrets: password, hostapd: true},
	{name: "PEAP GTC", method: eap.TypePEAP, inner: eap.InnerEAP(eap.TypeGTC), user: lab.CodeUser, secrets: code, hostapd: true},
	{name: "PEAP TLS", method: eap.TypePEAP, inner: eap.InnerEAP(eap.TypeTLS), user: lab.EmployeeMail, key: lab.ECDSA256},
	{name: "TTLS PAP beyond ASCII", method: eap.TypeTTLS, inner: eap.InnerPAP, user: lab.ForeignerUser, secrets: []string{lab.ForeignerPassword}},
	{name: "TTLS MSCHAPv2 beyond ASCII", method: eap.TypeTTLS, inner: eap.InnerMSCHAPv2, user: lab.ForeignerUser, secrets: []string{lab.ForeignerPassword}},
}

// config of a peer whose outer identity says nothing but the realm.
func (c keyCase) config(realm string, version uint16) eap.Config {
	cfg := eap.Config{Identity: "anonymous@" + realm, Username: c.user, Methods: []uint8{c.method}, TLS: eap.TLSConfig{MinVersion: version, MaxVersion: version}}
	if cfg.Username == "" {
		cfg.Username = lab.UserName
	}
	if c.inner != 0 {
		cfg.Inner = []eap.InnerMethod{c.inner}
	}
	return cfg
}

// person is who signs in so.
func (c keyCase) person(t *testing.T, l *lab.Lab) *person {
	t.Helper()
	p := employee(l, c.secrets...)
	switch {
	case c.between:
		p.holdsBelow(t, l, c.key)
	case c.key != "":
		p.holds(t, l, c.key)
	}
	return p
}

var versions = map[string]uint16{lab.RealmTLS12: tls.VersionTLS12, lab.RealmTLS13: tls.VersionTLS13}

// TestKeysAreTheServers has each method's MSK compared with the key that FreeRADIUS
// and hostapd hand to the gateway, and with what hostapd logs (RFC 5216 2.3, RFC
// 9190 2.3, RFC 5281 8; PEAP with crypto binding, MS-PEAP 3.1.5.7).
func TestKeysAreTheServers(t *testing.T) {
	t.Parallel()
	l := servers(t)
	for _, c := range keyCases {
		for realm, version := range versions {
			t.Run(c.name+" "+realm, func(t *testing.T) {
				c.same(t, l, l.RADIUS.FreeRADIUS, c.config(realm, version))
				if !c.atHostapd(version) {
					return
				}
				cfg := c.config("anywhere", version)
				cfg.RequireBinding = c.method == eap.TypePEAP
				msk := c.same(t, l, l.RADIUS.Hostapd, cfg)
				if !logged(l.RADIUS.Hostapd, c.method, msk) {
					t.Errorf("hostapd's log lacks the peer's key %x", msk)
				}
			})
		}
	}
}

// same wants both ends to agree and the verdict to come before any secret, and
// gives the key.
func (c keyCase) same(t *testing.T, l *lab.Lab, s *lab.RADIUSServer, cfg eap.Config) []byte {
	t.Helper()
	p := c.person(t, l)
	out := talk(t, s, cfg, p)
	if out.err != nil || out.code != radius.AccessAccept {
		t.Fatalf("%v; the server's last word is %d\n%s", out.err, out.code, tail(s.Log()))
	}
	if len(out.msk) != 64 || !bytes.Equal(out.msk, out.key) {
		t.Errorf("the peer has the key %x, the server %x", out.msk, out.key)
	}
	if len(p.questions) == 0 || p.questions[0].Kind != eap.AskVerdict {
		t.Errorf("asked was %v, want a verdict first", p.kinds())
	}
	return out.msk
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// logged says whether hostapd's log has a key, as one that a method came to.
func logged(s *lab.RADIUSServer, method uint8, key []byte) bool {
	name := map[uint8]string{eap.TypeTLS: "TLS", eap.TypeTTLS: "TTLS", eap.TypePEAP: "PEAP", eap.TypeMSCHAPv2: "MSCHAPV2"}[method]
	return strings.Contains(s.Log(), fmt.Sprintf("EAP-%s: Derived key - hexdump(len=%d): % x\n", name, len(key), key))
}

// TestMSCHAPv2KeyIsTheServers: without a tunnel, whose key is shorter, so that
// zeros follow (RFC 3079 3.3).
func TestMSCHAPv2KeyIsTheServers(t *testing.T) {
	t.Parallel()
	l := servers(t)
	var out outcome
	for _, s := range []*lab.RADIUSServer{l.RADIUS.FreeRADIUS, l.RADIUS.Hostapd} {
		out = talk(t, s, eap.Config{Identity: lab.UserName, Methods: []uint8{eap.TypeMSCHAPv2}}, employee(l, lab.UserPassword))
		if out.err != nil || out.code != radius.AccessAccept {
			t.Fatalf("%v; the server's last word is %d", out.err, out.code)
		}
		padded := append(bytes.Clone(out.key), make([]byte, 32)...)
		if len(out.key) != 32 || !bytes.Equal(out.msk, padded) {
			t.Errorf("the peer has the key %x, the server %x", out.msk, out.key)
		}
	}
	if !logged(l.RADIUS.Hostapd, eap.TypeMSCHAPv2, out.key) {
		t.Errorf("hostapd's log lacks the key %x", out.key)
	}
}

package auth

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

func limited(t testing.TB, parent *authority, usages ...x509.ExtKeyUsage) *authority {
	t.Helper()
	return issue(t, parent, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Limited"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: usages,
	})
}

// RFC 4945 5.1.3.9 and 5.1.3.12: what an authority may sign bounds what stands below it.
func TestAuthoritiesOfAPath(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	key := ecKey(t, elliptic.P256())
	users := limited(t, p.root, x509.ExtKeyUsageClientAuth)
	servers := limited(t, p.root, x509.ExtKeyUsageServerAuth)
	noDepth := issue(t, p.root, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "No Depth"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	})
	below := newAuthority(t, "Too Deep", noDepth)
	noSign := issue(t, p.root, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "No Signer"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCRLSign,
	})
	critical := issue(t, p.root, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Odd"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}},
	})
	for _, row := range []struct {
		name     string
		issuers  []*authority // the leaf's own first
		kind     CertificateErrorKind
		seen     string
		expected string
	}{
		{"an authority for servers", []*authority{servers}, "", "", ""},
		{"an authority for people", []*authority{users}, Usage, `"Limited", for clientAuth`, "serverAuth"},
		{"deeper than its path length", []*authority{below, noDepth}, Untrusted, "", "Example Root"},
		{"an authority that may not sign certificates", []*authority{noSign}, Untrusted, "Example Root", ""},
		{"a critical extension in an authority", []*authority{critical}, Malformed, "critical extension", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			chain := [][]byte{issue(t, row.issuers[0], key, gateway()).der}
			for _, i := range row.issuers {
				chain = append(chain, i.der)
			}
			policy := ChainPolicy{Anchors: [][]byte{p.root.der}, Name: "vpn.example.com", Now: testNow}
			checkVerdict(t, VerifyChain(chain, policy), row.kind, row.seen, row.expected)
		})
	}
	// An anchor is trusted whatever it says of itself.
	own := issue(t, users, key, gateway())
	if err := VerifyChain([][]byte{own.der}, ChainPolicy{Anchors: [][]byte{users.der}, Name: "vpn.example.com", Now: testNow}); err != nil {
		t.Errorf("a limited anchor: %v", err)
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	key := ecKey(t, elliptic.P256())
	leaf := issue(t, p.middle, key, gateway())
	renewed := issue(t, p.middle, key, gateway())
	chain := [][]byte{leaf.der, p.middle.der, p.stranger.der}
	for _, row := range []struct {
		name  string
		chain [][]byte
		pins  [][32]byte
		kind  CertificateErrorKind
	}{
		{"the leaf", chain, [][32]byte{Pin(leaf.cert)}, ""},
		{"the leaf's key in a new certificate", [][]byte{renewed.der, p.middle.der}, [][32]byte{Pin(leaf.cert)}, ""},
		{"its issuer", chain, [][32]byte{Pin(p.middle.cert)}, ""},
		{"the anchor", chain, [][32]byte{Pin(p.root.cert)}, ""},
		{"one of several, for a change of keys", chain, [][32]byte{{1}, Pin(leaf.cert)}, ""},
		{"another key", chain, [][32]byte{{1}}, NotPinned},
		{"a certificate beside the path", chain, [][32]byte{Pin(p.stranger.cert)}, NotPinned},
		{"many other keys", chain, [][32]byte{{1}, {2}, {3}}, NotPinned},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			policy := ChainPolicy{Anchors: [][]byte{p.root.der}, Name: "vpn.example.com", Now: testNow, Pins: row.pins}
			checkVerdict(t, VerifyChain(row.chain, policy), row.kind, PinText(Pin(leaf.cert)), "sha256/")
		})
	}
	// What is not trusted is not saved by a pin.
	policy := ChainPolicy{Anchors: [][]byte{p.stranger.der}, Name: "vpn.example.com", Now: testNow, Pins: [][32]byte{Pin(leaf.cert)}}
	checkVerdict(t, VerifyChain([][]byte{leaf.der}, policy), Untrusted, "", "")

	// Of two paths the one with the pin is taken: a root, and a cross certificate of
	// the same key under another root.
	cross := issue(t, p.stranger, p.middle.key, &x509.Certificate{
		Subject: p.middle.cert.Subject, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	policy = ChainPolicy{Anchors: [][]byte{p.root.der, p.stranger.der}, Name: "vpn.example.com", Now: testNow, Pins: [][32]byte{Pin(p.stranger.cert)}}
	path, err := VerifyPath([][]byte{leaf.der, p.middle.der, cross.der}, policy)
	if err != nil {
		t.Fatal(err)
	}
	if top := path[len(path)-1]; top.Subject.CommonName != "Stranger" {
		t.Errorf("the path leads to %q", top.Subject.CommonName)
	}
}

func TestPinText(t *testing.T) {
	t.Parallel()
	pin := [32]byte{1, 2, 3}
	for text, ok := range map[string]bool{
		PinText(pin): true, " " + PinText(pin) + "\n": true,
		"": false, "sha256/": false, "sha1/" + PinText(pin)[7:]: false, PinText(pin)[7:]: false,
		PinText(pin) + "AAAA": false, "sha256/!!": false,
	} {
		got, err := ParsePin(text)
		if (err == nil) != ok || ok && got != pin {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
}

// RFC 5216 5.2 and 5.3: a server of EAP is held to names and usages of its own.
func TestEAPServer(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	key := ecKey(t, elliptic.P256())
	leaf := func(c *x509.Certificate) []byte { return issue(t, p.root, key, c).der }
	ikeOnly := with(func(c *x509.Certificate) {
		c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{ekuIPsecIKE}
	})
	for _, row := range []struct {
		name     string
		leaf     *x509.Certificate
		names    []string
		kind     CertificateErrorKind
		seen     string
		expected string
	}{
		{"its name", gateway(), []string{"vpn.example.com"}, "", "", ""},
		{"one of several", gateway(), []string{"a.example.net", "VPN.example.com"}, "", "", ""},
		{"any below a domain", gateway(), []string{"*.example.com"}, "", "", ""},
		{"a wildcard for a wildcard", gateway(), []string{"*.gw.example.com"}, "", "", ""},
		{"a name under the certificate's wildcard", gateway(), []string{"one.gw.example.com"}, "", "", ""},
		{"an address", gateway(), []string{"192.0.2.1"}, "", "", ""},
		{"no extended key usage", with(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), []string{"vpn.example.com"}, "", "", ""},
		{"key encipherment", with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), []string{"vpn.example.com"}, "", "", ""},
		{"any name", gateway(), []string{"*"}, "", "", ""},
		{"any name beside another", gateway(), []string{"*", "radius.example.com"}, WrongName, "", ""},
		{"another name", gateway(), []string{"radius.example.com", "*.example.org"}, WrongName, "vpn.example.com", "radius.example.com or *.example.org"},
		{"two labels below a domain", with(func(c *x509.Certificate) { c.DNSNames = []string{"a.b.example.com"} }), []string{"*.example.com"}, WrongName, "a.b.example.com", ""},
		{"the domain itself", with(func(c *x509.Certificate) { c.DNSNames = []string{"example.com"} }), []string{"*.example.com"}, WrongName, "", ""},
		{"a wildcard below a top-level domain", gateway(), []string{"*.com"}, WrongName, "", ""},
		{"a wildcard in the middle", gateway(), []string{"*.*.com"}, WrongName, "", ""},
		{"half a label", with(func(c *x509.Certificate) { c.DNSNames = []string{"v*.example.com"} }), []string{"*.example.com"}, WrongName, "", ""},
		{"no names", gateway(), nil, WrongName, "", "the profile has none"},
		{"an empty name", gateway(), []string{""}, WrongName, "", "the profile has none"},
		{"for IKE alone", ikeOnly, []string{"vpn.example.com"}, Usage, "1.3.6.1.5.5.7.3.17", "serverAuth"},
		{"for clients", with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), []string{"vpn.example.com"}, Usage, "clientAuth", "serverAuth"},
		{"key agreement alone", with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), []string{"vpn.example.com"}, Usage, "", "digitalSignature"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			policy := ChainPolicy{Purpose: ForEAPServer, Anchors: [][]byte{p.root.der}, Names: row.names, Name: "vpn.example.com", Now: testNow}
			checkVerdict(t, VerifyChain([][]byte{leaf(row.leaf)}, policy), row.kind, row.seen, row.expected)
		})
	}
}

func TestVerifyPath(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	leaf := issue(t, p.middle, ecKey(t, elliptic.P256()), gateway())
	path, err := VerifyPath([][]byte{leaf.der, p.root.der, p.middle.der}, ChainPolicy{Anchors: [][]byte{p.root.der}, Name: "vpn.example.com", Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range path {
		names = append(names, c.Subject.CommonName)
	}
	if len(names) != 3 || names[0] != "gw" || names[1] != "Example Gateways" || names[2] != "Example Root" {
		t.Errorf("path %q", names)
	}
}

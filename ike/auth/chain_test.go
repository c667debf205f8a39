package auth

import (
	"crypto"
	"crypto/elliptic"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
)

// pki is an authority with an intermediate, and another that nobody knows.
type pki struct{ root, middle, stranger *authority }

func newPKI(t testing.TB) pki {
	root := newAuthority(t, "Example Root", nil)
	return pki{root: root, middle: newAuthority(t, "Example Gateways", root), stranger: newAuthority(t, "Stranger", nil)}
}

// gateway is a template for a good gateway certificate.
func gateway() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "gw"}, DNSNames: []string{"vpn.example.com", "*.gw.example.com"},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")}, EmailAddresses: []string{"vpn@example.com"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func with(change func(*x509.Certificate)) *x509.Certificate {
	c := gateway()
	change(c)
	return c
}

func TestVerifyChain(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	key := ecKey(t, elliptic.P256())
	leaf := func(parent *authority, c *x509.Certificate) []byte { return issue(t, parent, key, c).der }
	good := leaf(p.root, gateway())
	below := leaf(p.middle, gateway())
	own := leaf(nil, gateway())
	anchors := [][]byte{p.root.der}
	expired := issue(t, p.root, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Old Gateways"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: testNow.Add(-48 * time.Hour), NotAfter: testNow.Add(-time.Hour),
	})
	constrained := issue(t, p.root, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Other Names"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"example.org"},
	})
	short := issue(t, nil, rsa1024(), gateway()).der
	notCA := issue(t, p.root, ecKey(t, elliptic.P256()), gateway())
	eku := func(oids ...asn1.ObjectIdentifier) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, oids }
	}

	for _, row := range []struct {
		name     string
		chain    [][]byte
		policy   ChainPolicy
		kind     CertificateErrorKind // "": trusted
		seen     string               // must be in Seen
		expected string               // must be in Expected
	}{
		{"direct", [][]byte{good}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"through what the gateway sent", [][]byte{below, p.middle.der}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"through what the profile holds", [][]byte{below}, ChainPolicy{Anchors: anchors, Intermediates: [][]byte{p.middle.der}}, "", "", ""},
		{"root sent too, in any order", [][]byte{below, p.root.der, p.middle.der}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"garbage beside what is needed", [][]byte{below, []byte("x"), p.middle.der}, ChainPolicy{Anchors: append(anchors, []byte("y")), Intermediates: [][]byte{[]byte("z")}}, "", "", ""},
		{"the leaf is the anchor", [][]byte{good}, ChainPolicy{Anchors: [][]byte{good}}, "", "", ""},
		{"self-signed leaf is the anchor", [][]byte{own}, ChainPolicy{Anchors: [][]byte{own}}, "", "", ""},
		{"middle is the anchor", [][]byte{below}, ChainPolicy{Anchors: [][]byte{p.middle.der}}, "", "", ""},

		{"nothing", nil, ChainPolicy{Anchors: anchors}, Malformed, "no certificate", ""},
		{"garbage", [][]byte{[]byte("x")}, ChainPolicy{Anchors: anchors}, Malformed, "cannot be read", ""},
		{"too many", make([][]byte, 65), ChainPolicy{Anchors: anchors}, Malformed, "65", "64"},

		{"unknown authority", [][]byte{leaf(p.stranger, gateway())}, ChainPolicy{Anchors: anchors}, Untrusted, `"Stranger"`, `"Example Root"`},
		{"unknown authority that was sent", [][]byte{leaf(p.stranger, gateway()), p.stranger.der}, ChainPolicy{Anchors: anchors}, Untrusted, "Stranger", "Example Root"},
		{"helpers are no anchors", [][]byte{leaf(p.stranger, gateway())}, ChainPolicy{Anchors: anchors, Intermediates: [][]byte{p.stranger.der}}, Untrusted, "Stranger", ""},
		{"self-signed", [][]byte{own}, ChainPolicy{Anchors: anchors}, Untrusted, "gw", "Example Root"},
		{"no anchor", [][]byte{good}, ChainPolicy{}, Untrusted, "Example Root", "none is set"},
		{"the middle is missing", [][]byte{below}, ChainPolicy{Anchors: anchors}, Untrusted, "Example Gateways", "Example Root"},
		{"issued by a gateway", [][]byte{leaf(notCA, gateway()), notCA.der}, ChainPolicy{Anchors: anchors}, Untrusted, "", ""},
		{"outside the authority's names", [][]byte{leaf(constrained, gateway()), constrained.der}, ChainPolicy{Anchors: anchors}, Untrusted, "may not certify these names", ""},
		{"same name, another key", [][]byte{good}, ChainPolicy{Anchors: [][]byte{newAuthority(t, "Example Root", nil).der}}, Untrusted, "Example Root", ""},

		{"expired", [][]byte{leaf(p.root, with(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = testNow.Add(-48*time.Hour), testNow.Add(-time.Minute)
		}))}, ChainPolicy{Anchors: anchors}, Expired, "2026-06-15 11:59 UTC", "2026-06-15 12:00 UTC"},
		{"not yet valid", [][]byte{leaf(p.root, with(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = testNow.Add(time.Hour), testNow.Add(48*time.Hour)
		}))}, ChainPolicy{Anchors: anchors}, NotYetValid, "2026-06-15 13:00 UTC", ""},
		{"expired authority", [][]byte{leaf(expired, gateway()), expired.der}, ChainPolicy{Anchors: anchors}, Expired, "Old Gateways", ""},

		{"no extended key usage", [][]byte{leaf(p.root, with(eku()))}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"ipsecIKE", [][]byte{leaf(p.root, with(eku(ekuIPsecIKE)))}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"iKEIntermediate", [][]byte{leaf(p.root, with(eku(ekuIKEIntermediate)))}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"any", [][]byte{leaf(p.root, with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }))}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"serverAuth among others", [][]byte{leaf(p.root, with(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		}))}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"clientAuth", [][]byte{leaf(p.root, with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }))}, ChainPolicy{Anchors: anchors}, Usage, "clientAuth", "serverAuth"},
		{"unknown usage", [][]byte{leaf(p.root, with(eku(asn1.ObjectIdentifier{1, 2, 3})))}, ChainPolicy{Anchors: anchors}, Usage, "1.2.3", "ipsecIKE"},
		{"rare usage", [][]byte{leaf(p.root, with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageIPSECUser} }))}, ChainPolicy{Anchors: anchors}, Usage, "usage", ""},
		{"no key usage", [][]byte{leaf(p.root, with(func(c *x509.Certificate) { c.KeyUsage = 0 }))}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"non-repudiation", [][]byte{leaf(p.root, with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }))}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"encipherment alone", [][]byte{leaf(p.root, with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }))}, ChainPolicy{Anchors: anchors}, Usage, "without digital signature", "digitalSignature"},

		{"DNS name in capitals", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "VPN.Example.COM"}, "", "", ""},
		{"with a final dot", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "vpn.example.com."}, "", "", ""},
		{"with its type", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "fqdn:vpn.example.com"}, "", "", ""},
		{"wildcard", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "berlin.gw.example.com"}, "", "", ""},
		{"IPv4", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "192.0.2.1"}, "", "", ""},
		{"IPv6", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "2001:DB8::1"}, "", "", ""},
		{"e-mail", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "vpn@EXAMPLE.com"}, "", "", ""},
		{"subject", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "CN=gw"}, "", "", ""},
		{"another DNS name", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "vpn.example.org"}, WrongName, "vpn.example.com, *.gw.example.com, 192.0.2.1, 2001:db8::1, vpn@example.com", "vpn.example.org"},
		{"a parent", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "example.com"}, WrongName, "", "example.com"},
		{"wildcard for two labels", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "a.b.gw.example.com"}, WrongName, "", ""},
		{"wildcard for none", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "gw.example.com"}, WrongName, "", ""},
		{"wildcard asked for", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "*.gw.example.com"}, WrongName, "", ""},
		{"common name", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "gw"}, WrongName, "", "gw"},
		{"another address", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "192.0.2.2"}, WrongName, "", "192.0.2.2"},
		{"another mailbox", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "Vpn@example.com"}, WrongName, "", ""},
		{"another subject", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "CN=other"}, WrongName, "", ""},
		{"key ID", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: "keyid:gw"}, WrongName, "", ""},
		{"no name asked for", [][]byte{good}, ChainPolicy{Anchors: anchors, Name: " "}, WrongName, "vpn.example.com", "the profile has none"},
		{"no name in the certificate", [][]byte{leaf(p.root, with(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses, c.EmailAddresses = nil, nil, nil }))}, ChainPolicy{Anchors: anchors}, WrongName, "no name at all", "vpn.example.com"},
		{"very many names", [][]byte{leaf(p.root, with(func(c *x509.Certificate) {
			c.DNSNames = strings.Split(strings.Repeat("a.example.com,", 20)+"b.example.com", ",")
		}))}, ChainPolicy{Anchors: anchors}, WrongName, "and others", ""},

		{"issuer", [][]byte{good}, ChainPolicy{Anchors: anchors, IssuerName: "Example Root"}, "", "", ""},
		{"direct issuer", [][]byte{below, p.middle.der}, ChainPolicy{Anchors: anchors, IssuerName: "Example Gateways"}, "", "", ""},
		{"issuer above", [][]byte{below, p.middle.der}, ChainPolicy{Anchors: anchors, IssuerName: "Example Root"}, "", "", ""},
		{"another issuer", [][]byte{good}, ChainPolicy{Anchors: anchors, IssuerName: "Other Root"}, WrongIssuer, "Example Root", "Other Root"},
		{"the leaf is not its issuer", [][]byte{good}, ChainPolicy{Anchors: anchors, IssuerName: "gw"}, WrongIssuer, "", ""},

		{"short RSA key", [][]byte{issue(t, p.root, rsa1024(), gateway()).der}, ChainPolicy{Anchors: anchors}, Weak, "1024 bits", "2048"},
		{"short RSA key as the anchor", [][]byte{short}, ChainPolicy{Anchors: [][]byte{short}}, Weak, "1024 bits", ""},
		{"short curve", [][]byte{issue(t, p.root, ecKey(t, elliptic.P224()), gateway()).der}, ChainPolicy{Anchors: anchors}, Weak, "224 bits", "256"},
		{"RSA", [][]byte{issue(t, p.root, rsa2048(), gateway()).der}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"Ed25519", [][]byte{issue(t, p.root, edKey(t), gateway()).der}, ChainPolicy{Anchors: anchors}, "", "", ""},
		{"unknown critical extension", [][]byte{leaf(p.root, with(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}))}, ChainPolicy{Anchors: anchors}, Malformed, "critical extension", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			policy := row.policy
			policy.Now = testNow
			if policy.Name == "" {
				policy.Name = "vpn.example.com"
			}
			checkVerdict(t, VerifyChain(row.chain, policy), row.kind, row.seen, row.expected)
		})
	}
}

func checkVerdict(t *testing.T, err error, kind CertificateErrorKind, seen, expected string) {
	t.Helper()
	if kind == "" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	var e *CertificateError
	if !errors.As(err, &e) {
		t.Fatalf("%v, want %s", err, kind)
	}
	if e.Kind != kind || !strings.Contains(e.Seen, seen) || !strings.Contains(e.Expected, expected) {
		t.Errorf("%s, seen %q, expected %q; want %s, %q, %q", e.Kind, e.Seen, e.Expected, kind, seen, expected)
	}
	if e.Seen == "" || !strings.Contains(e.Error(), e.Seen) {
		t.Errorf("nothing for a person in %q", e.Error())
	}
	if kind != Malformed && (e.NotBefore.IsZero() || e.NotAfter.IsZero()) {
		t.Error("no dates")
	}
	if e.Err != nil && !errors.Is(err, e.Err) {
		t.Error("the underlying error is lost")
	}
}

// A certificate that only SHA-1 vouches for is not trusted, and the reason is told.
func TestSHA1Certificate(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, rsa2048(), &x509.Certificate{
		Subject: pkix.Name{CommonName: "Old Root"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	good := issue(t, root, ecKey(t, elliptic.P256()), gateway())
	der := resignSHA1(t, good.cert, root.key)
	policy := ChainPolicy{Anchors: [][]byte{root.der}, Name: "vpn.example.com", Now: testNow}
	if err := VerifyChain([][]byte{good.der}, policy); err != nil {
		t.Fatalf("with SHA-256: %v", err)
	}
	checkVerdict(t, VerifyChain([][]byte{der}, policy), Weak, "SHA1", "SHA-256")
}

// resignSHA1 signs a certificate's contents again, with SHA-1.
func resignSHA1(t *testing.T, cert *x509.Certificate, key crypto.Signer) []byte {
	t.Helper()
	sha1RSA := vectors.Unhex(t, "300d06092a864886f70d0101050500")
	sha256RSA := vectors.Unhex(t, "300d06092a864886f70d01010b0500")
	tbs := []byte(strings.Replace(string(cert.RawTBSCertificate), string(sha256RSA), string(sha1RSA), 1))
	sum := sha1.Sum(tbs)
	sig, err := key.Sign(nil, sum[:], crypto.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	der, err := asn1.Marshal(struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, asn1.RawValue{FullBytes: sha1RSA}, asn1.BitString{Bytes: sig, BitLength: len(sig) * 8}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A key that is marked for PSS alone is read, and judged as any other.
func TestPSSKeyInChain(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spki []byte
		kind CertificateErrorKind
	}{
		"long enough":  {pssSPKI(t, &rsa2048().PublicKey, nil), WrongName},
		"too short":    {pssSPKI(t, &rsa1024().PublicKey, nil), Weak},
		"with SHA-256": {pssSPKI(t, &rsa2048().PublicKey, func(b *cryptobyte.Builder) { addPSSParams(b, crypto.SHA256) }), WrongName},
		"unknown key":  {[]byte{0x30, 0x0a, 0x30, 0x04, 0x06, 0x02, 0x2a, 0x03, 0x03, 0x02, 0x00, 0x01}, Malformed},
	} {
		der := certWithKey(t, row.spki)
		// It has no name, so a chain that is fine otherwise ends there.
		err := VerifyChain([][]byte{der}, ChainPolicy{Anchors: [][]byte{der}, Name: "vpn.example.com", Now: testNow})
		var e *CertificateError
		if !errors.As(err, &e) || e.Kind != row.kind {
			t.Errorf("%s: %v, want %s", name, err, row.kind)
		}
	}
}

func TestCertifiedBy(t *testing.T) {
	t.Parallel()
	der := issue(t, nil, ecKey(t, elliptic.P256()), gateway()).der
	for text, want := range map[string]bool{
		"vpn.example.com": true, "a.gw.example.com": true, "192.0.2.1": true, "2001:db8::1": true, "vpn@example.com": true, "CN=gw": true,
		"gw": false, "vpn.example.org": false, "192.0.2.3": false, "keyid:gw": false, "CN=vpn.example.com": false, "a@example.com": false,
	} {
		id, err := ParseIdentity(text)
		if err != nil {
			t.Fatal(err)
		}
		if id.CertifiedBy(der) != want {
			t.Errorf("%s: want %v", text, want)
		}
		if id.CertifiedBy([]byte("x")) {
			t.Errorf("%s: garbage certifies it", text)
		}
	}
	for _, id := range []Identity{{}, {Type: IDIPv4}, {Type: IDFQDN}, {Type: IDRFC822}, {Type: IDDERDN}} {
		if id.CertifiedBy(der) {
			t.Errorf("%+v is certified", id)
		}
	}
}

func TestMatchName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		pattern, host string
		want          bool
	}{
		{"a.example.com", "a.example.com", true}, {"a.example.com", "b.example.com", false},
		{"*.example.com", "a.example.com", true}, {"*.example.com", "A.EXAMPLE.COM.", true},
		{"*.example.com", "example.com", false}, {"*.example.com", ".example.com", false}, {"*.example.com", "a.b.example.com", false},
		{"*.com", "example.com", false}, {"*", "com", false}, {"*.", "a.", false}, {"*.*.com", "a.b.com", false},
		{"a*.example.com", "ab.example.com", false}, {"*a.example.com", "ba.example.com", false}, {"a.*.com", "a.b.com", false},
		{"", "", false}, {".", ".", false}, {"*.example.com", "*.example.com", false},
		{"straße.example", "STRASSE.example", false}, {"\u212a.example", "k.example", false}, // the Kelvin sign is no k
	} {
		if matchName(row.pattern, row.host) != row.want {
			t.Errorf("%q and %q: want %v", row.pattern, row.host, row.want)
		}
	}
}

// RFC 7296 3.7: the hash names the key, not the certificate.
func TestSPKIHash(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	one, two := selfSigned(t, key), selfSigned(t, key)
	a, err := SPKIHash(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := SPKIHash(two)
	if err != nil || a != b {
		t.Errorf("two certificates of one key: %x and %x, %v", a, b, err)
	}
	if want := sha1.Sum(spkiOf(t, key.Public())); a != want {
		t.Errorf("%x, want %x", a, want)
	}
	if _, err := SPKIHash([]byte("x")); err == nil {
		t.Error("garbage has a hash")
	}
}

func FuzzVerifyChain(f *testing.F) {
	p := newPKI(f)
	leaf := issue(f, p.middle, ecKey(f, elliptic.P256()), gateway()).der
	f.Add(leaf, p.middle.der, "vpn.example.com")
	f.Add(selfSigned(f, rsa2048()), leaf, "192.0.2.1")
	f.Add(certWithKey(f, pssSPKI(f, &rsa2048().PublicKey, nil)), []byte{}, "CN=key")
	f.Fuzz(func(t *testing.T, one, two []byte, name string) {
		err := VerifyChain([][]byte{one, two}, ChainPolicy{Anchors: [][]byte{p.root.der}, Name: name, Now: testNow})
		if err == nil && string(one) != string(leaf) {
			t.Errorf("a forged certificate is trusted: %x", one)
		}
		var e *CertificateError
		if err != nil && !errors.As(err, &e) {
			t.Errorf("not a verdict: %v", err)
		}
	})
}

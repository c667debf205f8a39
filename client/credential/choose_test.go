package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

var noon = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// holder is a certificate with its key.
type holder struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue makes a certificate, signed by itself where by is nil; change may alter it.
func issue(t testing.TB, name string, key crypto.Signer, by *holder, change func(*x509.Certificate)) holder {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: noon.AddDate(0, -6, 0), NotAfter: noon.AddDate(0, 6, 0), BasicConstraintsValid: true,
	}
	if strings.HasSuffix(name, "CA") {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return holder{cert, key}
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// world is two companies' authorities, one of them with one between.
type world struct{ root, staff, other holder }

func newWorld(t testing.TB) world {
	t.Helper()
	w := world{root: issue(t, "Example Root CA", p256(t), nil, nil), other: issue(t, "Other CA", p256(t), nil, nil)}
	w.staff = issue(t, "Example Corp Staff CA", p256(t), &w.root, nil)
	return w
}

func (w world) alice(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) Identity {
	t.Helper()
	return identity(t, issue(t, "Alice Example", key, &w.staff, change), w.staff, w.root)
}

func identity(t testing.TB, leaf holder, above ...holder) Identity {
	t.Helper()
	chain := [][]byte{leaf.cert.Raw}
	for _, a := range above {
		chain = append(chain, a.cert.Raw)
	}
	id, err := NewIdentity(chain)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func usage(ku x509.KeyUsage, eku ...x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.KeyUsage, c.ExtKeyUsage = ku, eku }
}

func oid(id ...int) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{id} }
}

// TestChooseUsage holds one certificate against what it was issued for
// (RFC 5280 4.2.1.3 and 4.2.1.12, RFC 4945 5.1.3).
func TestChooseUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const sign = x509.KeyUsageDigitalSignature
	for name, c := range map[string]struct {
		change   func(*x509.Certificate)
		ike, tls bool
	}{
		"nothing said":         {nil, true, true},
		"client":               {usage(sign, x509.ExtKeyUsageClientAuth), true, true},
		"any":                  {usage(sign, x509.ExtKeyUsageAny), true, true},
		"IKE":                  {oid(1, 3, 6, 1, 5, 5, 7, 3, 17), true, false},
		"IKE, as it once was":  {usage(sign, x509.ExtKeyUsageIPSECUser), true, false},
		"server alone":         {usage(sign, x509.ExtKeyUsageServerAuth), false, false},
		"mail alone":           {usage(sign, x509.ExtKeyUsageEmailProtection), false, false},
		"another purpose":      {oid(1, 2, 3), false, false},
		"encryption alone":     {usage(x509.KeyUsageKeyEncipherment, x509.ExtKeyUsageClientAuth), false, false},
		"commitment alone":     {usage(x509.KeyUsageContentCommitment), true, false},
		"an authority's":       {func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }, false, false},
		"signing, and another": {usage(sign|x509.KeyUsageKeyEncipherment, x509.ExtKeyUsageEmailProtection, x509.ExtKeyUsageClientAuth), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := w.alice(t, p256(t), c.change)
			for tls, want := range map[bool]bool{false: c.ike, true: c.tls} {
				fit, err := Choose([]Identity{id}, Wish{TLS: tls, Now: noon})
				if (len(fit) == 1) != want || (err == nil) != want {
					t.Errorf("TLS %v: %d fit, %v", tls, len(fit), err)
				}
				if err != nil {
					wantCause(t, err, diagnose.CauseCertificateMissing)
				}
			}
		})
	}
}

func wantCause(t *testing.T, err error, cause diagnose.Cause) *diagnose.Failure {
	t.Helper()
	var f *diagnose.Failure
	if !errors.As(err, &f) || f.Cause != cause {
		t.Fatalf("%v, want %s", err, cause)
	}
	return f
}

// TestChooseIssuers orders by what a gateway names, and leaves no other to a TLS
// server (RFC 7296 3.7, RFC 8446 4.2.4); the root is known from beside the file too.
func TestChooseIssuers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	work, private := w.alice(t, p256(t), nil), identity(t, issue(t, "Alice at home", p256(t), &w.other, nil), w.other)
	all := []Identity{work, private}
	key := func(h holder) [][20]byte { return [][20]byte{sha1.Sum(h.cert.RawSubjectPublicKeyInfo)} }
	name := func(h holder) [][]byte { return [][]byte{h.cert.RawSubject} }
	strange := issue(t, "Strange CA", p256(t), nil, nil)
	bare := identity(t, issue(t, "Alice Example", p256(t), &w.staff, nil)) // without those above
	for title, c := range map[string]struct {
		all  []Identity
		wish Wish
		want []Identity // nil: missing
	}{
		"nothing named":               {all, Wish{}, all},
		"the root's key":              {all, Wish{IssuerKeys: key(w.root)}, all[:1]},
		"the key between":             {all, Wish{IssuerKeys: key(w.staff)}, all[:1]},
		"another's key":               {all, Wish{IssuerKeys: key(w.other)}, all[1:]},
		"both keys":                   {all, Wish{IssuerKeys: append(key(w.root), key(w.other)...)}, all},
		"a stranger's key is a wish":  {all, Wish{IssuerKeys: key(strange)}, all},
		"TLS, the root":               {all, Wish{TLS: true, Issuers: name(w.root)}, all[:1]},
		"TLS, the issuer":             {all, Wish{TLS: true, Issuers: name(w.staff)}, all[:1]},
		"TLS, a stranger":             {all, Wish{TLS: true, Issuers: name(strange)}, nil},
		"the profile's issuer":        {all, Wish{Names: []string{"example corp staff ca"}}, all[:1]},
		"the profile's root":          {all, Wish{Names: []string{"Example Root CA"}}, all[:1]},
		"the profile's issuer, whole": {all, Wish{Names: []string{"CN=Other CA"}}, all[1:]},
		"the profile's is another":    {all, Wish{Names: []string{"Strange CA"}}, nil},
		"the profile goes before":     {all, Wish{Names: []string{"Other CA"}, IssuerKeys: key(w.root)}, all[1:]},
		"the authority is the profile's": {[]Identity{bare, private}, Wish{
			IssuerKeys: key(w.root), Authorities: []*x509.Certificate{w.root.cert, w.staff.cert},
		}, []Identity{bare}},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			c.wish.Now = noon
			fit, err := Choose(c.all, c.wish)
			if !slices.EqualFunc(fit, c.want, func(a, b Identity) bool { return a.ID == b.ID }) {
				t.Errorf("%d fit: %v", len(fit), err)
			}
			if c.want == nil {
				wantCause(t, err, diagnose.CauseCertificateMissing)
			}
		})
	}
	_, err := Choose(all, Wish{TLS: true, Issuers: name(strange), Now: noon})
	if s := wantCause(t, err, diagnose.CauseCertificateMissing).Sentence(); !strings.Contains(s, "Strange CA") {
		t.Errorf("the sentence does not name who is wanted: %q", s)
	}
}

// TestChooseKeys leaves out what the other side cannot verify.
func TestChooseKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	all := []Identity{w.alice(t, rsaKey, nil), w.alice(t, p256(t), nil), w.alice(t, edKey, nil)}
	for i, family := range []string{"rsa", "ecdsa", "ed25519"} {
		fit, err := Choose(all, Wish{Families: []string{family}, Now: noon})
		if err != nil || len(fit) != 1 || fit[0].ID != all[i].ID {
			t.Errorf("%s: %d fit, %v", family, len(fit), err)
		}
	}
	if fit, err := Choose(all, Wish{Now: noon}); err != nil || len(fit) != 3 {
		t.Errorf("any: %d fit, %v", len(fit), err)
	}
	// A gateway that is not proven may not talk a user out of the one key there is.
	if fit, err := Choose(all[2:], Wish{Families: []string{"rsa"}, Now: noon}); err != nil || len(fit) != 1 {
		t.Errorf("a wish: %d fit, %v", len(fit), err)
	}
	_, err = Choose(all[2:], Wish{TLS: true, Families: []string{"rsa"}, Now: noon})
	wantCause(t, err, diagnose.CauseCertificateMissing)
}

// TestChooseValidity tells an expired certificate from a missing one, and takes the
// newer one of two.
func TestChooseValidity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ends := func(from, to time.Time) Identity {
		return w.alice(t, p256(t), func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to })
	}
	older, newer := ends(noon.AddDate(0, -6, 0), noon.AddDate(0, 1, 0)), ends(noon.AddDate(0, -1, 0), noon.AddDate(1, 0, 0))
	gone, coming := ends(noon.AddDate(-2, 0, 0), noon.AddDate(-1, 0, 0)), ends(noon.AddDate(0, 1, 0), noon.AddDate(1, 0, 0))
	fit, err := Choose([]Identity{gone, older, newer, coming}, Wish{Now: noon})
	if err != nil || len(fit) != 1 || fit[0].ID != newer.ID {
		t.Errorf("%d fit, %v", len(fit), err)
	}
	_, err = Choose([]Identity{gone, coming}, Wish{Now: noon})
	if f := wantCause(t, err, diagnose.CauseCertificateExpired); !f.When.Equal(gone.Leaf.NotAfter) {
		t.Errorf("ended %v", f.When)
	}
	_, err = Choose([]Identity{coming}, Wish{Now: noon})
	wantCause(t, err, diagnose.CauseCertificateMissing)
	_, err = Choose(nil, Wish{Now: noon})
	wantCause(t, err, diagnose.CauseCertificateMissing)
	bob := identity(t, issue(t, "Bob", p256(t), &w.staff, nil), w.staff)
	if fit, err := Choose([]Identity{older, bob}, Wish{Now: noon}); err != nil || len(fit) != 2 {
		t.Errorf("two people: %d, %v", len(fit), err)
	}
	card := newer
	card.Card = "Staff card"
	if fit, err := Choose([]Identity{older, card}, Wish{Now: noon}); err != nil || len(fit) != 2 {
		t.Errorf("one on a card: %d, %v", len(fit), err)
	}
}

// TestIdentityWords names a certificate as a person would.
func TestIdentityWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.alice(t, p256(t), func(c *x509.Certificate) {
		c.NotAfter = time.Date(2027, 3, 3, 12, 0, 0, 0, time.UTC)
	})
	if s := id.String(); s != "Alice Example, issued by Example Corp Staff CA, until 3 March 2027" {
		t.Errorf("%q", s)
	}
	id.Card = "Staff\x1b[2J card"
	if s := id.String(); !strings.HasSuffix(s, ", on Staff[2J card") {
		t.Errorf("%q", s)
	}
	if len(id.Chain) != 2 || !bytes.Equal(id.Chain[1], w.staff.cert.Raw) {
		t.Errorf("a chain of %d", len(id.Chain))
	}
	nameless := identity(t, issue(t, "", p256(t), &w.other, func(c *x509.Certificate) {
		c.Subject, c.EmailAddresses = pkix.Name{}, []string{"alice@example.com"}
	}))
	if s := nameless.Name(); s != "alice@example.com" {
		t.Errorf("%q", s)
	}
	if s := identity(t, issue(t, "Self", p256(t), nil, nil)); s.Issuer() != "itself" {
		t.Errorf("%q", s.String())
	}
	if _, err := NewIdentity(nil); err == nil {
		t.Error("an identity without a certificate")
	}
}

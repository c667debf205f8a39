package mobileconfig

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/homeward-vpn/homeward/client/profile"
)

// signerFixture is a signing certificate below a root.
type signerFixture struct {
	root, leaf issuedCert
}

func newSigner(t testing.TB, leaf issueOptions) signerFixture {
	t.Helper()
	root := issue(t, issueOptions{name: "Public Root", ca: true})
	leaf.name, leaf.from = "Harbour IT", &root
	return signerFixture{root: root, leaf: issue(t, leaf)}
}

func (s signerFixture) sign(t testing.TB, content []byte, at time.Time) []byte {
	t.Helper()
	sd, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	cfg := pkcs7.SignerInfoConfig{}
	if !at.IsZero() {
		cfg.ExtraSignedAttributes = []pkcs7.Attribute{{Type: pkcs7.OIDAttributeSigningTime, Value: at}}
	}
	if err := sd.AddSigner(s.leaf.cert, s.leaf.key, cfg); err != nil {
		t.Fatal(err)
	}
	out, err := sd.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s signerFixture) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.root.cert)
	return pool
}

// TestSigned reads a signed profile in every wrapping, and says who signed it.
func TestSigned(t *testing.T) {
	t.Parallel()
	s := newSigner(t, issueOptions{notAfter: time.Now().Add(24 * time.Hour)})
	der := s.sign(t, []byte(declaration+office), time.Time{})
	mime := "MIME-Version: 1.0\r\nContent-Type: application/x-pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString(der[:60]) + "\r\n" + base64.StdEncoding.EncodeToString(der[60:]) + "\r\n"
	for name, data := range map[string][]byte{
		"DER":        der,
		"BER":        indefinite(t, der),
		"PEM":        pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}),
		"PEM of CMS": pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: indefinite(t, der)}),
		"S/MIME":     []byte(mime),
		"line break": append(bytes.Clone(der), '\r', '\n'),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !Sniff(data) {
				t.Error("not recognised by sight")
			}
			found, err := ParseWith(data, profile.ImportOptions{Roots: s.roots(), Now: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			im := found[0]
			if o := im.Profile.Origin; o.SignedBy != "Harbour IT" || !o.SignerTrusted {
				t.Errorf("signed by %q, trusted %v", o.SignedBy, o.SignerTrusted)
			}
			l := wantVerdict(t, im, "Signature", profile.Honoured)
			if l.Value != "Harbour IT" || !strings.Contains(l.Note, `"Public Root"`) {
				t.Errorf("the report says %+v", l)
			}
		})
	}
}

func TestSignerUnknown(t *testing.T) {
	t.Parallel()
	s := newSigner(t, issueOptions{notAfter: time.Now().Add(24 * time.Hour)})
	data := s.sign(t, []byte(office), time.Time{})
	found, err := ParseWith(data, profile.ImportOptions{Roots: x509.NewCertPool(), Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if o := found[0].Profile.Origin; o.SignedBy != "Harbour IT" || o.SignerTrusted {
		t.Errorf("signed by %q, trusted %v", o.SignedBy, o.SignerTrusted)
	}
	l := wantVerdict(t, found[0], "Signature", profile.Approximated)
	if !strings.Contains(l.Note, "may be anybody") {
		t.Errorf("note %q", l.Note)
	}
}

// TestSignedLongAgo trusts a certificate that has expired since it signed.
func TestSignedLongAgo(t *testing.T) {
	t.Parallel()
	ends := now.Add(-24 * time.Hour)
	s := newSigner(t, issueOptions{notBefore: now.Add(-90 * 24 * time.Hour), notAfter: ends})
	data := s.sign(t, []byte(office), now.Add(-48*time.Hour))
	found, err := ParseWith(data, profile.ImportOptions{Roots: s.roots(), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if !found[0].Profile.Origin.SignerTrusted {
		t.Errorf("not trusted: %+v", line(t, found[0], "Signature"))
	}
}

// TestAltered changes one letter inside a signed profile.
func TestAltered(t *testing.T) {
	t.Parallel()
	s := newSigner(t, issueOptions{notAfter: time.Now().Add(24 * time.Hour)})
	data := s.sign(t, []byte(office), time.Time{})
	altered := bytes.Replace(data, []byte("vpn.example.com"), []byte("vpn.example.org"), 1)
	if bytes.Equal(data, altered) {
		t.Fatal("nothing was changed")
	}
	refused(t, altered, profile.ImportAltered, "Harbour IT", "changed after")
}

func TestCMSRefused(t *testing.T) {
	t.Parallel()
	s := newSigner(t, issueOptions{notAfter: time.Now().Add(24 * time.Hour)})
	signed := s.sign(t, []byte(office), time.Time{})
	sd, err := pkcs7.NewSignedData([]byte(office))
	if err != nil {
		t.Fatal(err)
	}
	if err := sd.AddSigner(s.leaf.cert, s.leaf.key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	sd.Detach()
	detached, err := sd.Finish()
	if err != nil {
		t.Fatal(err)
	}
	enveloped, err := pkcs7.Encrypt(bytes.Repeat([]byte("x"), 300), []*x509.Certificate{rsaCertificate(t)})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data    []byte
		problem profile.ImportProblem
		word    string
	}{
		"cut off":       {signed[:len(signed)/2], profile.ImportDamaged, "cut off"},
		"detached":      {detached, profile.ImportDamaged, "without the profile"},
		"enveloped":     {enveloped, profile.ImportEncrypted, "encrypted for one device"},
		"a certificate": {rsaCertificate(t).Raw, profile.ImportForeign, "certificate or a key"},
		"signed prose":  {s.sign(t, bytes.Repeat([]byte("hello "), 40), time.Time{}), profile.ImportForeign, "not a configuration profile"},
		"several parts": {[]byte("MIME-Version: 1.0\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"\n\nbody"), profile.ImportUnsupported, "signed e-mail"},
		"bad S/MIME":    {[]byte("Content-Type: application/pkcs7-mime\n\n!!!"), profile.ImportDamaged, "damaged"},
		"bad PEM":       {[]byte("-----BEGIN PKCS7-----\nabc"), profile.ImportDamaged, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, c.data, c.problem, c.word)
		})
	}
}

// TestSignedPrefixes cuts a signed profile off behind every byte.
func TestSignedPrefixes(t *testing.T) {
	t.Parallel()
	s := newSigner(t, issueOptions{notAfter: time.Now().Add(24 * time.Hour)})
	data := indefinite(t, s.sign(t, []byte(office), time.Time{}))
	for n := range data {
		if _, err := Parse(data[:n]); err == nil {
			t.Fatalf("%d of %d bytes passed for the whole", n, len(data))
		}
	}
}

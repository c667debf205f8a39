package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// otherNames is a SAN extension with otherNames of these kinds before a mail address.
func otherNames(t *testing.T, kinds ...otherName) pkix.Extension {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range kinds {
			b.AddASN1(cbasn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(n.kind)
				b.AddASN1(cbasn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
					b.AddASN1(n.tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte("alice@corp.example")) })
				})
			})
		}
		b.AddASN1(cbasn1.Tag(1).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte("alice@mail.example")) })
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: oidSubjectAltName, Value: der}
}

type otherName struct {
	kind asn1.ObjectIdentifier
	tag  cbasn1.Tag
}

// TestRFC5216AccountName: an account is taken from the SAN before the subject (RFC
// 5216 5.2), and Active Directory's own name before others.
func TestRFC5216AccountName(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other := asn1.ObjectIdentifier{1, 2, 3, 4}
	for name, c := range map[string]struct {
		template x509.Certificate
		want     string
	}{
		"principal":        {x509.Certificate{ExtraExtensions: []pkix.Extension{otherNames(t, otherName{other, cbasn1.UTF8String}, otherName{oidUserPrincipal, cbasn1.UTF8String})}}, "alice@corp.example"},
		"another's number": {x509.Certificate{ExtraExtensions: []pkix.Extension{otherNames(t, otherName{other, cbasn1.UTF8String})}}, "alice@mail.example"},
		"no text":          {x509.Certificate{ExtraExtensions: []pkix.Extension{otherNames(t, otherName{oidUserPrincipal, cbasn1.OCTET_STRING})}}, "alice@mail.example"},
		"mail":             {x509.Certificate{EmailAddresses: []string{"a@mail.example"}, DNSNames: []string{"pc.example"}}, "a@mail.example"},
		"host":             {x509.Certificate{DNSNames: []string{"pc.example"}}, "pc.example"},
		"subject":          {x509.Certificate{}, "alice"},
	} {
		c.template.SerialNumber, c.template.Subject = big.NewInt(1), pkix.Name{CommonName: "alice"}
		c.template.NotBefore, c.template.NotAfter = time.Unix(0, 0), time.Unix(1<<32, 0)
		der, err := x509.CreateCertificate(rand.Reader, &c.template, &c.template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		if got := AccountName(der); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := AccountName([]byte("no certificate")); got != "" {
		t.Errorf("account %q", got)
	}
}

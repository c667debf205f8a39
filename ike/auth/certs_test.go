package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The moment at which all tests judge certificates.
var testNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

// RSA keys are slow to make, so each length is made once.
var (
	rsa2048 = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(2048) })
	rsa1024 = sync.OnceValue(func() *rsa.PrivateKey { return mustRSA(1024) })
)

func mustRSA(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func edKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// authority is a CA, or any certificate with its key.
type authority struct {
	cert *x509.Certificate
	der  []byte
	key  crypto.Signer
}

func newAuthority(t testing.TB, name string, parent *authority) *authority {
	t.Helper()
	return issue(t, parent, ecKey(t, elliptic.P256()), &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
}

var serials struct {
	sync.Mutex
	last int64
}

// issue fills in what the template leaves open. A nil parent: self-signed.
func issue(t testing.TB, parent *authority, key crypto.Signer, template *x509.Certificate) *authority {
	t.Helper()
	serials.Lock()
	serials.last++
	template.SerialNumber = big.NewInt(serials.last)
	serials.Unlock()
	if template.NotBefore.IsZero() {
		template.NotBefore = testNow.Add(-24 * time.Hour)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = testNow.Add(24 * time.Hour)
	}
	signer, issuer := key, template
	if parent != nil {
		signer, issuer = parent.key, parent.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, der: der, key: key}
}

// selfSigned is a certificate for a key, good for everything but its name.
func selfSigned(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	return issue(t, nil, key, &x509.Certificate{Subject: pkix.Name{CommonName: "self"}}).der
}

// certWithKey wraps a SubjectPublicKeyInfo whose private key is not known. Its
// signature is no signature: only the key in it is used.
func certWithKey(t testing.TB, spki []byte) []byte {
	t.Helper()
	var b cryptobyte.Builder
	algorithm := func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidECDSASHA256) })
	}
	name, err := encodeDN("CN=key")
	if err != nil {
		t.Fatal(err)
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(pssTag(0), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
			b.AddASN1Int64(1)
			algorithm(b)
			b.AddBytes(name)
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1UTCTime(testNow.Add(-time.Hour))
				b.AddASN1UTCTime(testNow.Add(time.Hour))
			})
			b.AddBytes(name)
			b.AddBytes(spki)
		})
		algorithm(b)
		b.AddASN1BitString([]byte{0})
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		t.Fatalf("the wrapped key is no certificate: %v", err)
	}
	return der
}

func spkiOf(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// pssSPKI marks an RSA key for PSS alone; params nil: none.
func pssSPKI(t testing.TB, key *rsa.PublicKey, params func(b *cryptobyte.Builder)) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidPSS)
			if params != nil {
				params(b)
			}
		})
		b.AddASN1BitString(x509.MarshalPKCS1PublicKey(key))
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

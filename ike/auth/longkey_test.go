package auth

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// longKey is the public half of nothing: an odd number of so many bits.
func longKey(t *testing.T, bits int) *rsa.PublicKey {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
	if err != nil {
		t.Fatal(err)
	}
	n.SetBit(n, bits-1, 1).SetBit(n, 0, 1)
	return &rsa.PublicKey{N: n, E: 1<<31 - 1}
}

// Whoever answers IKE_SA_INIT can send a certificate before anything is proven.
// A key of 400,000 bits, which fits an IKE message, would take ten seconds of
// this machine for one verification.
func TestLongKeysCostNothing(t *testing.T) {
	t.Parallel()
	const most = 3 * time.Second // one verification takes longer
	p := newPKI(t)
	long := longKey(t, 400_000)
	for name, spki := range map[string][]byte{"RSA": spkiOf(t, long), "PSS": pssSPKI(t, long, nil)} {
		der := certWithKey(t, spki)
		begun := time.Now()
		for _, auth := range []*wire.AuthPayload{
			{Method: MethodRSA, Data: make([]byte, long.Size())},
			{Method: MethodSignature, Data: append(mustPrefix(t, PSSSHA256), make([]byte, long.Size())...)},
		} {
			if err := VerifyAuth(auth, der, []byte("m"), true); !errors.Is(err, ErrScheme) {
				t.Errorf("%s, method %d: %v", name, auth.Method, err)
			}
		}
		var verdict *CertificateError
		if err := VerifyChain([][]byte{der}, ChainPolicy{Anchors: [][]byte{p.root.der}, Name: "x", Now: testNow}); !errors.As(err, &verdict) || verdict.Kind != Malformed {
			t.Errorf("%s as the leaf: %v", name, err)
		}
		if d := time.Since(begun); d > most {
			t.Errorf("%s: %v", name, d)
		}
	}

	// The same for an authority in between, which nobody vouches for.
	key := ecKey(t, elliptic.P256())
	authority, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Stranger"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour),
	}, p.root.cert, long, p.root.key)
	if err != nil {
		t.Fatal(err)
	}
	stranger := issue(t, nil, rsa2048(), &x509.Certificate{Subject: pkix.Name{CommonName: "Stranger"}, IsCA: true, BasicConstraintsValid: true})
	leaf := signedWith(t, issue(t, stranger, key, gateway()).cert, make([]byte, long.Size()))
	begun := time.Now()
	var verdict *CertificateError
	if err := VerifyChain([][]byte{leaf, authority}, ChainPolicy{Anchors: [][]byte{p.root.der}, Name: "vpn.example.com", Now: testNow}); !errors.As(err, &verdict) || verdict.Kind != Untrusted {
		t.Errorf("an authority with a long key: %v", err)
	}
	if d := time.Since(begun); d > most {
		t.Errorf("an authority with a long key: %v", d)
	}

	if _, err := parseKey(certWithKey(t, spkiOf(t, longKey(t, maxRSABits)))); err != nil {
		t.Errorf("a key of %d bits: %v", maxRSABits, err)
	}
}

// signedWith is an RSA-signed certificate with another signature.
func signedWith(t *testing.T, cert *x509.Certificate, signature []byte) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(cert.RawTBSCertificate)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidRSASHA256)
			b.AddBytes(derNULL)
		})
		b.AddASN1BitString(signature)
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// mustPrefix is what stands before a signature of a scheme with method 14.
func mustPrefix(t *testing.T, s Scheme) []byte {
	t.Helper()
	p, err := AuthPayload(s, MethodSignature, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Data
}

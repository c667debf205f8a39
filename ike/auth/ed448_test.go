package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/homeward-vpn/homeward/ike/wire"
)

func ed448Key(t testing.TB) ed448.PrivateKey {
	t.Helper()
	_, key, err := ed448.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// ed448SPKI is RFC 8410 4.
func ed448SPKI(t testing.TB, key []byte) []byte {
	t.Helper()
	return spki(t, oidEd448, key)
}

func spki(t testing.TB, oid asn1.ObjectIdentifier, key []byte) []byte {
	t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid) })
		b.AddASN1BitString(key)
	})
	der, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// withKey puts another key into a certificate and signs it anew with the
// issuer's, which crypto/x509 does not do for keys that it does not know.
func withKey(t testing.TB, cert *authority, issuer *authority, newSPKI []byte) []byte {
	t.Helper()
	tbs := cryptobyte.String(cert.cert.RawTBSCertificate)
	var body cryptobyte.String
	if !tbs.ReadASN1(&body, cbasn1.SEQUENCE) {
		t.Fatal("no certificate")
	}
	body = bytes.Replace(body, cert.cert.RawSubjectPublicKeyInfo, newSPKI, 1)
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(body) })
	signed, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(signed)
	signature, err := ecdsa.SignASN1(rand.Reader, issuer.key.(*ecdsa.PrivateKey), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	var whole cryptobyte.Builder
	whole.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(signed)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidECDSASHA256) })
		b.AddASN1BitString(signature)
	})
	der, err := whole.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// A gateway's certificate may hold an Ed448 key (RFC 8420, RFC 8410); its chain
// is judged as any other is.
func TestEd448Certificate(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "Root", nil)
	template := &x509.Certificate{DNSNames: []string{"gw.example.com"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	key := ed448Key(t)
	leaf := withKey(t, issue(t, root, ecKey(t, elliptic.P256()), template), root, ed448SPKI(t, key.Public().(ed448.PublicKey)))
	policy := ChainPolicy{Anchors: [][]byte{root.der}, Name: "gw.example.com", Now: testNow}
	if err := VerifyChain([][]byte{leaf}, policy); err != nil {
		t.Error(err)
	}
	policy.Name = "other.example.com"
	var e *CertificateError
	if err := VerifyChain([][]byte{leaf}, policy); !errors.As(err, &e) || e.Kind != WrongName {
		t.Errorf("%v", err)
	}
	message := []byte("signed octets")
	signature, err := Sign(key, Ed448, nil, message)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := AuthPayload(Ed448, MethodSignature, signature)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyAuth(payload, leaf, message, false); err != nil {
		t.Error(err)
	}
	if err := VerifyAuth(payload, leaf, message[1:], false); !errors.Is(err, ErrVerify) {
		t.Errorf("another message: %v", err)
	}
	// An Ed448ph signature, or one with a context, is another algorithm (RFC 8420 2).
	for name, s := range map[string][]byte{
		"prehashed": ed448.SignPh(key, message, ""), "with a context": ed448.Sign(key, message, "IKEv2"),
	} {
		if payload, err = AuthPayload(Ed448, MethodSignature, s); err != nil {
			t.Fatal(err)
		}
		if err := VerifyAuth(payload, leaf, message, false); !errors.Is(err, ErrVerify) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Keys of other lengths are no keys, and X448 keys do not sign.
func TestOddEdwardsKeys(t *testing.T) {
	t.Parallel()
	for name, der := range map[string][]byte{
		"short": ed448SPKI(t, make([]byte, 56)), "long": ed448SPKI(t, make([]byte, 58)), "empty": ed448SPKI(t, nil),
		"X448": spki(t, asn1.ObjectIdentifier{1, 3, 101, 111}, make([]byte, 56)),
	} {
		if _, err := parseKey(certWithKey(t, der)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// MD5 and RIPEMD are recognised by name, and refused.
func TestBrokenSignaturesAreNamed(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t, rsa2048())
	for _, b := range brokenOIDs {
		var id cryptobyte.Builder
		id.AddASN1(cbasn1.SEQUENCE, func(a *cryptobyte.Builder) { a.AddASN1ObjectIdentifier(b.oid) })
		der, err := id.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		p := &wire.AuthPayload{Method: MethodSignature, Data: append([]byte{byte(len(der))}, der...)}
		if err := VerifyAuth(p, cert, nil, true); err == nil || !strings.Contains(err.Error(), b.name+" is not safe") {
			t.Errorf("%v", err)
		}
	}
}

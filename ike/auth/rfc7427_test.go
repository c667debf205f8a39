package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7427 3: of a hash that is longer than the order of the curve only the
// leftmost bits count (X9.62), in what we sign and in what we verify.
func TestLongHashIsCut(t *testing.T) {
	t.Parallel()
	for curve, scheme := range map[elliptic.Curve]Scheme{elliptic.P256(): ECDSASHA512, elliptic.P384(): ECDSASHA512} {
		key, message := ecKey(t, curve), []byte("signed octets")
		cut := digest(crypto.SHA512, message)[:curve.Params().BitSize/8]
		ours, err := Sign(key, scheme, rand.Reader, message)
		if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, cut, ours) {
			t.Errorf("%s: what we sign is not over the cut hash (%v)", curve.Params().Name, err)
		}
		theirs, err := ecdsa.SignASN1(rand.Reader, key, cut)
		if err != nil {
			t.Fatal(err)
		}
		p, err := AuthPayload(scheme, MethodSignature, theirs)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyAuth(p, selfSigned(t, key), message, false); err != nil {
			t.Errorf("%s: a signature over the cut hash: %v", curve.Params().Name, err)
		}
	}
}

// RFC 8247 3.2: with the method that names its algorithm, SHA-1 does not count,
// whatever a gateway may do with the older methods: not with RSA, not with ECDSA,
// and not as what RSASSA-PSS means where its parameters say nothing.
func TestSHA1NeverWithDigitalSignature(t *testing.T) {
	t.Parallel()
	p256, message := ecKey(t, elliptic.P256()), []byte("signed octets")
	sum := digest(crypto.SHA1, message)
	pkcs1, err1 := rsa.SignPKCS1v15(rand.Reader, rsa2048(), crypto.SHA1, sum)
	pss, err2 := rsa.SignPSS(rand.Reader, rsa2048(), crypto.SHA1, sum, &rsa.PSSOptions{SaltLength: 20})
	ec, err3 := ecdsa.SignASN1(rand.Reader, p256, sum)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name string
			DER  vectors.Hex
		}
	}
	vectors.Load(t, "rfc/rfc7427-auth-algorithm-identifiers.json", &file)
	cert := map[bool][]byte{true: selfSigned(t, p256), false: selfSigned(t, rsa2048())}
	signed := map[string][]byte{
		"sha1WithRSAEncryption":              pkcs1,
		"ecdsa-with-sha1":                    ec,
		"RSASSA-PSS with Empty Parameters":   pss,
		"RSASSA-PSS with Default Parameters": pss,
	}
	seen := 0
	for _, v := range file.Vectors {
		signature, ok := signed[v.Name]
		if !ok {
			continue
		}
		seen++
		data := append(append([]byte{byte(len(v.DER))}, v.DER...), signature...)
		err := VerifyAuth(&wire.AuthPayload{Method: MethodSignature, Data: data}, cert[v.Name == "ecdsa-with-sha1"], message, true)
		if !errors.Is(err, ErrSHA1) || !errors.Is(err, ErrVerify) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	if seen != len(signed) {
		t.Errorf("%d algorithms, want %d", seen, len(signed))
	}
}

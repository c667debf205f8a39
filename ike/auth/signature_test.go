package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"
	"golang.org/x/crypto/cryptobyte"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/wire"
)

var allHashes = []uint16{HashSHA1, HashSHA256, HashSHA384, HashSHA512, HashIdentity}

// Which scheme and method for which key and which peer.
func TestChooseScheme(t *testing.T) {
	t.Parallel()
	rsaCert := selfSigned(t, rsa2048())
	p256 := selfSigned(t, ecKey(t, elliptic.P256()))
	p384 := selfSigned(t, ecKey(t, elliptic.P384()))
	p521 := selfSigned(t, ecKey(t, elliptic.P521()))
	p224 := selfSigned(t, ecKey(t, elliptic.P224()))
	ed := selfSigned(t, edKey(t))
	ed4 := certWithKey(t, ed448SPKI(t, ed448Key(t).Public().(ed448.PublicKey)))
	pssAny := certWithKey(t, pssSPKI(t, &rsa2048().PublicKey, nil))
	pss384 := certWithKey(t, pssSPKI(t, &rsa2048().PublicKey, func(b *cryptobyte.Builder) { addPSSParams(b, crypto.SHA384) }))
	for name, row := range map[string]struct {
		cert   []byte
		hashes []uint16
		scheme Scheme
		method uint8
	}{
		"RSA, new peer":                {rsaCert, allHashes, RSASHA256, MethodSignature},
		"RSA, peer with SHA-512":       {rsaCert, []uint16{HashSHA512}, RSASHA512, MethodSignature},
		"RSA, peer with SHA-1 alone":   {rsaCert, []uint16{HashSHA1}, RSASHA1, MethodRSA},
		"RSA, peer without a hash":     {rsaCert, []uint16{}, RSASHA1, MethodRSA},
		"RSA, old peer":                {rsaCert, nil, RSASHA1, MethodRSA},
		"PSS key":                      {pssAny, allHashes, PSSSHA256, MethodSignature},
		"PSS key, peer with SHA-384":   {pssAny, []uint16{HashSHA384}, PSSSHA384, MethodSignature},
		"PSS key with SHA-384":         {pss384, allHashes, PSSSHA384, MethodSignature},
		"PSS key with SHA-384, none":   {pss384, []uint16{HashSHA256}, "", 0},
		"PSS key, old peer":            {pssAny, nil, "", 0},
		"P-256":                        {p256, allHashes, ECDSASHA256, MethodSignature},
		"P-384":                        {p384, allHashes, ECDSASHA384, MethodSignature},
		"P-521":                        {p521, allHashes, ECDSASHA512, MethodSignature},
		"P-256, peer with SHA-384":     {p256, []uint16{HashSHA384}, ECDSASHA384, MethodSignature},
		"P-256, old peer":              {p256, nil, ECDSASHA256, MethodECDSA256},
		"P-384, old peer":              {p384, nil, ECDSASHA384, MethodECDSA384},
		"P-521, old peer":              {p521, nil, ECDSASHA512, MethodECDSA521},
		"P-521, peer with SHA-1 alone": {p521, []uint16{HashSHA1}, ECDSASHA512, MethodECDSA521},
		"P-224":                        {p224, allHashes, "", 0},
		"Ed25519":                      {ed, allHashes, Ed25519, MethodSignature},
		"Ed25519, peer without it":     {ed, []uint16{HashSHA256}, "", 0},
		"Ed25519, old peer":            {ed, nil, "", 0},
		"Ed448":                        {ed4, allHashes, Ed448, MethodSignature},
		"Ed448, peer without it":       {ed4, []uint16{HashSHA512}, "", 0},
		"Ed448, old peer":              {ed4, nil, "", 0},
	} {
		scheme, method, err := ChooseScheme(row.cert, row.hashes)
		if scheme != row.scheme || method != row.method || (err != nil) != (row.scheme == "") {
			t.Errorf("%s: %s with method %d, %v; want %s with %d", name, scheme, method, err, row.scheme, row.method)
		}
		if err != nil && !errors.Is(err, ErrScheme) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := ChooseScheme([]byte("no certificate"), nil); err == nil {
		t.Error("chose a scheme for garbage")
	}
}

// Every key, every way to use it: sign, wrap, verify; then with another
// message, another key, and every prefix of the payload.
func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	p256, p384, p521, ed := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P521()), edKey(t)
	pss := certWithKey(t, pssSPKI(t, &rsa2048().PublicKey, nil))
	rsaCert := selfSigned(t, rsa2048())
	strangers := map[string][]byte{
		"RSA": selfSigned(t, mustRSA(2048)), "P-256": selfSigned(t, ecKey(t, elliptic.P256())),
		"P-384": selfSigned(t, ecKey(t, elliptic.P384())), "P-521": selfSigned(t, ecKey(t, elliptic.P521())), "Ed25519": selfSigned(t, edKey(t)),
		"Ed448": certWithKey(t, ed448SPKI(t, ed448Key(t).Public().(ed448.PublicKey))),
	}
	ed4 := ed448Key(t)
	message := []byte("signed octets")
	for _, row := range []struct {
		kind   string
		key    crypto.Signer
		cert   []byte
		scheme Scheme
		method uint8
	}{
		{"RSA", rsa2048(), rsaCert, RSASHA1, MethodRSA},
		{"RSA", rsa2048(), rsaCert, RSASHA256, MethodRSA},
		{"RSA", rsa2048(), rsaCert, RSASHA256, MethodSignature},
		{"RSA", rsa2048(), rsaCert, RSASHA384, MethodSignature},
		{"RSA", rsa2048(), rsaCert, RSASHA512, MethodSignature},
		{"RSA", rsa2048(), rsaCert, PSSSHA256, MethodSignature},
		{"RSA", rsa2048(), pss, PSSSHA256, MethodSignature},
		{"RSA", rsa2048(), pss, PSSSHA384, MethodSignature},
		{"RSA", rsa2048(), pss, PSSSHA512, MethodSignature},
		{"P-256", p256, selfSigned(t, p256), ECDSASHA256, MethodECDSA256},
		{"P-256", p256, selfSigned(t, p256), ECDSASHA256, MethodSignature},
		{"P-256", p256, selfSigned(t, p256), ECDSASHA512, MethodSignature},
		{"P-384", p384, selfSigned(t, p384), ECDSASHA384, MethodECDSA384},
		{"P-384", p384, selfSigned(t, p384), ECDSASHA384, MethodSignature},
		{"P-521", p521, selfSigned(t, p521), ECDSASHA512, MethodECDSA521},
		{"P-521", p521, selfSigned(t, p521), ECDSASHA512, MethodSignature},
		{"Ed25519", ed, selfSigned(t, ed), Ed25519, MethodSignature},
		{"Ed448", ed4, certWithKey(t, ed448SPKI(t, ed4.Public().(ed448.PublicKey))), Ed448, MethodSignature},
	} {
		name := fmt.Sprintf("%s %s method %d", row.kind, row.scheme, row.method)
		signature, err := Sign(row.key, row.scheme, rand.Reader, message)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := AuthPayload(row.scheme, row.method, signature)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Method != row.method {
			t.Errorf("%s: method %d", name, p.Method)
		}
		if err := VerifyAuth(p, row.cert, message, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := VerifyAuth(p, row.cert, message, false); (err != nil) != (row.scheme == RSASHA1) {
			t.Errorf("%s without SHA-1: %v", name, err)
		} else if err != nil && (!errors.Is(err, ErrSHA1) || !errors.Is(err, ErrVerify)) {
			t.Errorf("%s without SHA-1: %v", name, err)
		}
		if err := VerifyAuth(p, row.cert, []byte("other octets"), true); !errors.Is(err, ErrVerify) {
			t.Errorf("%s over another message: %v", name, err)
		}
		if err := VerifyAuth(p, strangers[row.kind], message, true); !errors.Is(err, ErrVerify) {
			t.Errorf("%s with another key: %v", name, err)
		}
		for n := range p.Data {
			cut := &wire.AuthPayload{Method: p.Method, Data: p.Data[:n]}
			if VerifyAuth(cut, row.cert, message, true) == nil {
				t.Errorf("%s: %d of %d octets verify", name, n, len(p.Data))
			}
		}
		long := &wire.AuthPayload{Method: p.Method, Data: append(bytes.Clone(p.Data), 0)}
		if VerifyAuth(long, row.cert, message, true) == nil {
			t.Errorf("%s: an octet more verifies", name)
		}
	}
}

// A signature is only good for the kind of key and the method that it belongs to.
func TestSchemesDoNotMix(t *testing.T) {
	t.Parallel()
	p256, ed := ecKey(t, elliptic.P256()), edKey(t)
	rsaCert, p256Cert, edCert := selfSigned(t, rsa2048()), selfSigned(t, p256), selfSigned(t, ed)
	pss := certWithKey(t, pssSPKI(t, &rsa2048().PublicKey, nil))
	pss384 := certWithKey(t, pssSPKI(t, &rsa2048().PublicKey, func(b *cryptobyte.Builder) { addPSSParams(b, crypto.SHA384) }))
	message := []byte("m")
	made := func(key crypto.Signer, s Scheme, method uint8) *wire.AuthPayload {
		t.Helper()
		sig, err := Sign(key, s, rand.Reader, message)
		if err != nil {
			t.Fatal(err)
		}
		p, err := AuthPayload(s, method, sig)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, row := range map[string]struct {
		p    *wire.AuthPayload
		cert []byte
	}{
		"RSA signature, ECDSA key":         {made(rsa2048(), RSASHA256, MethodSignature), p256Cert},
		"method 1, ECDSA key":              {made(rsa2048(), RSASHA1, MethodRSA), p256Cert},
		"ECDSA signature, RSA key":         {made(p256, ECDSASHA256, MethodSignature), rsaCert},
		"method 9, RSA key":                {made(p256, ECDSASHA256, MethodECDSA256), rsaCert},
		"method 9, P-384 key":              {made(p256, ECDSASHA256, MethodECDSA256), selfSigned(t, ecKey(t, elliptic.P384()))},
		"Ed25519 signature, ECDSA key":     {made(ed, Ed25519, MethodSignature), p256Cert},
		"ECDSA signature, Ed25519 key":     {made(p256, ECDSASHA256, MethodSignature), edCert},
		"PKCS#1, PSS key":                  {made(rsa2048(), RSASHA256, MethodSignature), pss},
		"method 1, PSS key":                {made(rsa2048(), RSASHA256, MethodRSA), pss},
		"PSS with SHA-256, key of SHA-384": {made(rsa2048(), PSSSHA256, MethodSignature), pss384},
		"shared key":                       {&wire.AuthPayload{Method: MethodSharedKey}, rsaCert},
		"NULL authentication":              {&wire.AuthPayload{Method: 13}, rsaCert},
	} {
		if err := VerifyAuth(row.p, row.cert, message, true); !errors.Is(err, ErrScheme) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := VerifyAuth(made(rsa2048(), PSSSHA384, MethodSignature), pss384, message, false); err != nil {
		t.Errorf("PSS with the key's own hash: %v", err)
	}
	if err := VerifyAuth(&wire.AuthPayload{Method: MethodSignature}, []byte("garbage"), message, true); err == nil {
		t.Error("a certificate that is none was used")
	}
	for name, err := range map[string]error{
		"PSS for method 1":     second(AuthPayload(PSSSHA256, MethodRSA, nil)),
		"SHA-1 for method 14":  second(AuthPayload(RSASHA1, MethodSignature, nil)),
		"P-384's for method 9": second(AuthPayload(ECDSASHA384, MethodECDSA256, nil)),
		"method 2":             second(AuthPayload(RSASHA256, MethodSharedKey, nil)),
		"no such scheme":       second(AuthPayload("rsa-md5", MethodRSA, nil)),
		"sign: RSA with ECDSA": second(Sign(p256, RSASHA256, rand.Reader, message)),
		"sign: no such scheme": second(Sign(p256, "x", rand.Reader, message)),
	} {
		if !errors.Is(err, ErrScheme) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := AuthPayload(ECDSASHA256, MethodECDSA256, []byte("no DER")); err == nil {
		t.Error("wrapped an ECDSA signature that is no DER")
	}
}

func second[T any](_ T, err error) error { return err }

// RFC 4754 8: complete AUTH payloads for methods 9, 10 and 11.
func TestRFC4754(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Method   uint8 `json:"auth_method"`
			Message  vectors.Hex
			Gwx, Gwy vectors.Hex
			Payload  vectors.Hex `json:"auth_payload"`
		}
	}
	vectors.Load(t, "rfc/rfc4754-ecdsa-auth.json", &file)
	for _, v := range file.Vectors {
		// The RFC prints the method in the second octet after the generic
		// header; RFC 7296 3.8 has it in the first. The data is what counts.
		p := &wire.AuthPayload{Method: v.Method, Data: v.Payload[8:]}
		cert := certWithKey(t, ecSPKI(t, v.Method, v.Gwx, v.Gwy))
		if err := VerifyAuth(p, cert, v.Message, false); err != nil {
			t.Errorf("method %d: %v", v.Method, err)
		}
		_, scheme, width := ecdsaOfMethod(v.Method)
		der, err := fromFixedWidth(p.Data, width)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := AuthPayload(scheme, v.Method, der); err != nil || !bytes.Equal(back.Data, p.Data) {
			t.Errorf("method %d: DER and back differ, %v", v.Method, err)
		}
	}
	if len(file.Vectors) != 3 {
		t.Errorf("%d vectors", len(file.Vectors))
	}
}

func ecSPKI(t *testing.T, method uint8, x, y []byte) []byte {
	t.Helper()
	curve := map[uint8]elliptic.Curve{MethodECDSA256: elliptic.P256(), MethodECDSA384: elliptic.P384(), MethodECDSA521: elliptic.P521()}[method]
	point := append(append([]byte{4}, x...), y...)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		t.Fatal(err)
	}
	return spkiOf(t, key)
}

// A method 1 signature with SHA-2 inside, as some gateways send it, and an
// announcement of what can be verified that leaves SHA-1 out.
func TestHashesAnnounced(t *testing.T) {
	t.Parallel()
	for _, h := range SupportedHashes() {
		if h == HashSHA1 {
			t.Error("SHA-1 is announced")
		}
	}
	for _, h := range []uint16{HashSHA256, HashSHA384, HashSHA512, HashIdentity} {
		if !slices.Contains(SupportedHashes(), h) {
			t.Errorf("hash %d is not announced", h)
		}
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, rsa2048(), crypto.SHA512, digest(crypto.SHA512, []byte("m")))
	if err != nil {
		t.Fatal(err)
	}
	p := &wire.AuthPayload{Method: MethodRSA, Data: sig}
	if err := VerifyAuth(p, selfSigned(t, rsa2048()), []byte("m"), false); err != nil {
		t.Errorf("method 1 with SHA-512: %v", err)
	}
}

func FuzzVerifyAuth(f *testing.F) {
	message := []byte("octets")
	p256 := ecKey(f, elliptic.P256())
	certs := [][]byte{selfSigned(f, rsa2048()), selfSigned(f, p256), certWithKey(f, pssSPKI(f, &rsa2048().PublicKey, nil)), selfSigned(f, edKey(f))}
	for i, s := range schemes {
		id, err := s.identifier()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), MethodSignature, append(append([]byte{byte(len(id))}, id...), make([]byte, 256)...))
	}
	f.Add(uint8(1), MethodECDSA256, make([]byte, 64))
	f.Add(uint8(0), MethodRSA, make([]byte, 256))
	f.Fuzz(func(t *testing.T, which, method uint8, data []byte) {
		cert := certs[int(which)%len(certs)]
		if VerifyAuth(&wire.AuthPayload{Method: method, Data: data}, cert, message, true) == nil {
			t.Errorf("a forged signature verifies: method %d, %x", method, data)
		}
	})
}

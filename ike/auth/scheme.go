package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1"   // registers crypto.SHA1 for method 1
	_ "crypto/sha256" // registers crypto.SHA256
	_ "crypto/sha512" // registers crypto.SHA384 and crypto.SHA512
	"errors"
	"fmt"
	"slices"

	"github.com/cloudflare/circl/sign/ed448"
)

// Authentication methods of the AUTH payload (RFC 7296 3.8, RFC 4754, RFC 7427).
const (
	MethodRSA       uint8 = 1  // RSASSA-PKCS1-v1_5
	MethodSharedKey uint8 = 2  // a shared key, or an EAP key
	MethodECDSA256  uint8 = 9  // P-256 with SHA-256
	MethodECDSA384  uint8 = 10 // P-384 with SHA-384
	MethodECDSA521  uint8 = 11 // P-521 with SHA-512
	MethodSignature uint8 = 14 // any, with its AlgorithmIdentifier
)

// Hash algorithms of SIGNATURE_HASH_ALGORITHMS (RFC 7427 4, RFC 8420 3).
const (
	HashSHA1     uint16 = 1
	HashSHA256   uint16 = 2
	HashSHA384   uint16 = 3
	HashSHA512   uint16 = 4
	HashIdentity uint16 = 5 // the algorithm hashes by itself: Ed25519, Ed448
)

// SupportedHashes is what to announce in SIGNATURE_HASH_ALGORITHMS.
func SupportedHashes() []uint16 {
	return []uint16{HashSHA256, HashSHA384, HashSHA512, HashIdentity}
}

// Scheme is a signature algorithm with its hash. For PSS the mask generation
// uses the same hash, and the salt is as long as its output.
type Scheme string

// The schemes.
const (
	RSASHA1     Scheme = "rsa-pkcs1-sha1" // method 1 only
	RSASHA256   Scheme = "rsa-pkcs1-sha256"
	RSASHA384   Scheme = "rsa-pkcs1-sha384"
	RSASHA512   Scheme = "rsa-pkcs1-sha512"
	PSSSHA256   Scheme = "rsa-pss-sha256"
	PSSSHA384   Scheme = "rsa-pss-sha384"
	PSSSHA512   Scheme = "rsa-pss-sha512"
	ECDSASHA256 Scheme = "ecdsa-sha256"
	ECDSASHA384 Scheme = "ecdsa-sha384"
	ECDSASHA512 Scheme = "ecdsa-sha512"
	Ed25519     Scheme = "ed25519"
	Ed448       Scheme = "ed448"
)

type family uint8

const (
	familyPKCS1 family = iota + 1
	familyPSS
	familyECDSA
	familyEd25519
	familyEd448
)

// schemeInfo is what a scheme stands for.
type schemeInfo struct {
	scheme Scheme
	family family
	hash   crypto.Hash // 0: the algorithm hashes by itself
	number uint16      // of the hash in SIGNATURE_HASH_ALGORITHMS
}

var schemes = []schemeInfo{
	{RSASHA1, familyPKCS1, crypto.SHA1, HashSHA1},
	{RSASHA256, familyPKCS1, crypto.SHA256, HashSHA256},
	{RSASHA384, familyPKCS1, crypto.SHA384, HashSHA384},
	{RSASHA512, familyPKCS1, crypto.SHA512, HashSHA512},
	{PSSSHA256, familyPSS, crypto.SHA256, HashSHA256},
	{PSSSHA384, familyPSS, crypto.SHA384, HashSHA384},
	{PSSSHA512, familyPSS, crypto.SHA512, HashSHA512},
	{ECDSASHA256, familyECDSA, crypto.SHA256, HashSHA256},
	{ECDSASHA384, familyECDSA, crypto.SHA384, HashSHA384},
	{ECDSASHA512, familyECDSA, crypto.SHA512, HashSHA512},
	{Ed25519, familyEd25519, 0, HashIdentity},
	{Ed448, familyEd448, 0, HashIdentity},
}

// ErrScheme says that a signature scheme is not known, or does not fit the key
// or the method.
var ErrScheme = errors.New("signature scheme does not fit")

func (s Scheme) info() (schemeInfo, error) {
	for _, i := range schemes {
		if i.scheme == s {
			return i, nil
		}
	}
	return schemeInfo{}, fmt.Errorf("auth: scheme %q is not known: %w", string(s), ErrScheme)
}

// ChooseScheme picks how to sign with the key of our certificate. peerHashes is
// the peer's SIGNATURE_HASH_ALGORITHMS; nil means that it sent none and knows
// the older methods only.
//
// With an ordinary RSA key it is PKCS#1 v1.5, never PSS: gateways that know RFC
// 7427 all verify it, and several do not verify PSS. A key that is marked for
// PSS alone gets PSS. An ECDSA key gets the hash of its curve's strength where
// the peer knows that hash.
func ChooseScheme(leafDER []byte, peerHashes []uint16) (Scheme, uint8, error) {
	key, err := parseKey(leafDER)
	if err != nil {
		return "", 0, err
	}
	pick := func(f family, prefer ...crypto.Hash) (Scheme, bool) {
		for _, h := range prefer {
			for _, i := range schemes {
				if i.family == f && i.hash == h && slices.Contains(peerHashes, i.number) {
					return i.scheme, true
				}
			}
		}
		return "", false
	}
	switch k := key.public.(type) {
	case *rsa.PublicKey:
		if key.pssOnly {
			if s, ok := pick(familyPSS, key.pssHashes()...); ok {
				return s, MethodSignature, nil
			}
			return "", 0, fmt.Errorf("auth: the peer cannot verify RSA-PSS, which this key demands: %w", ErrScheme)
		}
		if s, ok := pick(familyPKCS1, crypto.SHA256, crypto.SHA384, crypto.SHA512); ok {
			return s, MethodSignature, nil
		}
		return RSASHA1, MethodRSA, nil
	case *ecdsa.PublicKey:
		method, own, ok := ecdsaMethod(k.Curve)
		if !ok {
			return "", 0, fmt.Errorf("auth: curve %s is not known: %w", k.Curve.Params().Name, ErrScheme)
		}
		if s, ok := pick(familyECDSA, own.hash, crypto.SHA256, crypto.SHA384, crypto.SHA512); ok {
			return s, MethodSignature, nil
		}
		return own.scheme, method, nil
	case ed25519.PublicKey:
		if s, ok := pick(familyEd25519, 0); ok {
			return s, MethodSignature, nil
		}
		return "", 0, fmt.Errorf("auth: the peer cannot verify Ed25519: %w", ErrScheme)
	case ed448.PublicKey:
		if s, ok := pick(familyEd448, 0); ok {
			return s, MethodSignature, nil
		}
		return "", 0, fmt.Errorf("auth: the peer cannot verify Ed448: %w", ErrScheme)
	}
	return "", 0, fmt.Errorf("auth: a key of type %T: %w", key.public, ErrScheme)
}

// ecdsaMethod is the method and the scheme that RFC 4754 section 2 ties to a curve.
func ecdsaMethod(c elliptic.Curve) (method uint8, own schemeInfo, ok bool) {
	var s Scheme
	switch c {
	case elliptic.P256():
		method, s = MethodECDSA256, ECDSASHA256
	case elliptic.P384():
		method, s = MethodECDSA384, ECDSASHA384
	case elliptic.P521():
		method, s = MethodECDSA521, ECDSASHA512
	default:
		return 0, schemeInfo{}, false
	}
	own, err := s.info()
	return method, own, err == nil
}

package credential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/homeward-vpn/homeward/client/profile"
)

// ErrNoKey says that the secrets hold no private key.
var ErrNoKey = errors.New("the private key of the client certificate is not kept here; import the profile again")

// scheme is what a scheme's name stands for.
type scheme struct {
	family string // "rsa-pkcs1", "rsa-pss", "ecdsa", "ed25519"
	hash   crypto.Hash
}

// schemes are the names that a question of kind "signature" may carry. SHA-1
// is there for gateways without RFC 7427, where RFC 7296 3.8 fixes it for RSA.
var schemes = map[string]scheme{
	"rsa-pkcs1-sha1":   {"rsa-pkcs1", crypto.SHA1},
	"rsa-pkcs1-sha256": {"rsa-pkcs1", crypto.SHA256},
	"rsa-pkcs1-sha384": {"rsa-pkcs1", crypto.SHA384},
	"rsa-pkcs1-sha512": {"rsa-pkcs1", crypto.SHA512},
	"rsa-pss-sha256":   {"rsa-pss", crypto.SHA256},
	"rsa-pss-sha384":   {"rsa-pss", crypto.SHA384},
	"rsa-pss-sha512":   {"rsa-pss", crypto.SHA512},
	"ecdsa-sha256":     {"ecdsa", crypto.SHA256},
	"ecdsa-sha384":     {"ecdsa", crypto.SHA384},
	"ecdsa-sha512":     {"ecdsa", crypto.SHA512},
	"ed25519":          {"ed25519", 0},
}

// Sign answers a signature question with the private key in secrets. The
// message is not hashed yet. An RSA signature is a byte string, an ECDSA one
// ASN.1 DER; PSS uses a salt as long as the hash (RFC 7427 3).
func Sign(secrets profile.Secrets, schemeName string, message []byte) ([]byte, error) {
	sc, ok := schemes[schemeName]
	if !ok {
		return nil, fmt.Errorf("credential: signature scheme %q is not known", schemeName)
	}
	if len(secrets.PrivateKey) == 0 {
		return nil, ErrNoKey
	}
	key, err := x509.ParsePKCS8PrivateKey(secrets.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("credential: kept private key: %w", err)
	}
	signature, err := signWith(key, sc, message)
	if err != nil {
		return nil, fmt.Errorf("credential: sign with %s: %w", schemeName, err)
	}
	return signature, nil
}

func signWith(key any, sc scheme, message []byte) ([]byte, error) {
	digest := message
	if sc.hash != 0 {
		h := sc.hash.New()
		h.Write(message) // a hash never fails
		digest = h.Sum(nil)
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		switch sc.family {
		case "rsa-pkcs1":
			return rsa.SignPKCS1v15(rand.Reader, k, sc.hash, digest)
		case "rsa-pss":
			return rsa.SignPSS(rand.Reader, k, sc.hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
	case *ecdsa.PrivateKey:
		if sc.family == "ecdsa" {
			return ecdsa.SignASN1(rand.Reader, k, digest)
		}
	case ed25519.PrivateKey:
		if sc.family == "ed25519" {
			return ed25519.Sign(k, message), nil
		}
	}
	return nil, fmt.Errorf("the kept key is a %T", key)
}

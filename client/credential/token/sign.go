package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// How a scheme's signature comes out of a card: which octets go in, and what is
// made of those that come back. Hashing is done here: cards are slow, and many do
// not know the better hashes.

// mechanism is what a card is asked for.
type mechanism uint8

const (
	rsaPKCS1 mechanism = iota + 1 // CKM_RSA_PKCS over a DigestInfo
	rsaPSS                        // CKM_RSA_PKCS_PSS over a hash
	ecdsaRaw                      // CKM_ECDSA over a hash
	edDSA                         // CKM_EDDSA over the message
)

// plan is one signature.
type plan struct {
	mechanism mechanism
	hash      crypto.Hash
	input     []byte
	public    crypto.PublicKey
}

var schemes = map[string]struct {
	mechanism mechanism
	hash      crypto.Hash
}{
	"rsa-pkcs1-sha1": {rsaPKCS1, crypto.SHA1}, "rsa-pkcs1-sha256": {rsaPKCS1, crypto.SHA256},
	"rsa-pkcs1-sha384": {rsaPKCS1, crypto.SHA384}, "rsa-pkcs1-sha512": {rsaPKCS1, crypto.SHA512},
	"rsa-pss-sha256": {rsaPSS, crypto.SHA256}, "rsa-pss-sha384": {rsaPSS, crypto.SHA384}, "rsa-pss-sha512": {rsaPSS, crypto.SHA512},
	"ecdsa-sha256": {ecdsaRaw, crypto.SHA256}, "ecdsa-sha384": {ecdsaRaw, crypto.SHA384}, "ecdsa-sha512": {ecdsaRaw, crypto.SHA512},
	"ed25519": {edDSA, 0},
}

// digestInfo is what stands in front of a hash in PKCS#1 v1.5 (RFC 8017 9.2).
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA1:   {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14},
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	crypto.SHA384: {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

var errScheme = errors.New("the key on the card does not make signatures of this kind")

// newPlan prepares a signature by the key of a certificate.
func newPlan(leaf *x509.Certificate, scheme string, message []byte) (plan, error) {
	s, ok := schemes[scheme]
	if !ok {
		return plan{}, fmt.Errorf("%w (%q)", errScheme, scheme)
	}
	p := plan{mechanism: s.mechanism, hash: s.hash, input: message, public: leaf.PublicKey}
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(message) // a hash never fails
		p.input = h.Sum(nil)
	}
	fits := false
	switch k := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		fits = s.mechanism == rsaPKCS1 || s.mechanism == rsaPSS
		if s.mechanism == rsaPKCS1 {
			p.input = append(append([]byte(nil), digestInfo[s.hash]...), p.input...)
		}
	case *ecdsa.PublicKey:
		fits = s.mechanism == ecdsaRaw
		// Of a hash that is longer than the order the front counts (FIPS 186-5 6.4.1).
		p.input = p.input[:min(len(p.input), (k.Curve.Params().BitSize+7)/8)]
	case ed25519.PublicKey:
		fits = s.mechanism == edDSA
	}
	if !fits {
		return plan{}, fmt.Errorf("%w (%T, %s)", errScheme, leaf.PublicKey, scheme)
	}
	return p, nil
}

// finish turns what the card gave into the form that the service takes, and checks it:
// a card may be broken, or have another key under the same ID.
func (p plan) finish(raw []byte) ([]byte, error) {
	good := false
	switch k := p.public.(type) {
	case *rsa.PublicKey:
		digest := p.input[max(0, len(p.input)-p.hash.Size()):]
		if p.mechanism == rsaPKCS1 {
			good = rsa.VerifyPKCS1v15(k, p.hash, digest, raw) == nil
		} else {
			good = rsa.VerifyPSS(k, p.hash, digest, raw, &rsa.PSSOptions{SaltLength: p.hash.Size()}) == nil
		}
	case *ecdsa.PublicKey:
		der, err := signatureDER(raw)
		if err != nil {
			return nil, err
		}
		raw, good = der, ecdsa.VerifyASN1(k, p.input, der)
	case ed25519.PublicKey:
		good = ed25519.Verify(k, p.input, raw)
	}
	if !good {
		return nil, errors.New("the card gave a signature that its certificate does not verify")
	}
	return raw, nil
}

// signatureDER makes SEQUENCE { r, s } of r||s (PKCS#11 2.3.1).
func signatureDER(raw []byte) ([]byte, error) {
	if len(raw) == 0 || len(raw)%2 != 0 {
		return nil, errors.New("the card gave a signature that is cut off")
	}
	half := len(raw) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
}

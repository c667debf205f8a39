package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"

	"github.com/cloudflare/circl/sign/ed448"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// ErrSHA1 says that a signature is right but made with SHA-1, which was not
// allowed. It comes together with ErrVerify.
var ErrSHA1 = errors.New("the signature uses SHA-1")

// AuthPayload wraps a signature for its method: as it is for method 1, as r||s
// of the curve's width for methods 9 to 11 (RFC 4754 3), behind the length and
// the AlgorithmIdentifier for method 14 (RFC 7427 3). signature is PKCS#1 or
// PSS octets, an Ed25519 or Ed448 signature, or for ECDSA always ASN.1 DER.
func AuthPayload(scheme Scheme, method uint8, signature []byte) (*wire.AuthPayload, error) {
	info, err := scheme.info()
	if err != nil {
		return nil, err
	}
	fits := false
	data := signature
	switch method {
	case MethodRSA:
		fits = info.family == familyPKCS1
	case MethodECDSA256, MethodECDSA384, MethodECDSA521:
		_, own, width := ecdsaOfMethod(method)
		if fits = own == scheme; fits {
			data, err = fixedWidth(signature, width)
		}
	case MethodSignature:
		fits = scheme != RSASHA1
		data, err = prefixed(info, signature)
	}
	if !fits {
		return nil, fmt.Errorf("auth: %s with method %d: %w", string(scheme), method, ErrScheme)
	}
	if err != nil {
		return nil, err
	}
	return &wire.AuthPayload{Method: method, Data: data}, nil
}

func prefixed(info schemeInfo, signature []byte) ([]byte, error) {
	id, err := info.identifier()
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	out := append([]byte{byte(len(id))}, id...)
	return append(out, signature...), nil
}

// VerifyAuth checks the peer's signature over octets with the key of its
// certificate: methods 1, 9, 10, 11 and 14. It does not judge the certificate
// itself. allowSHA1 lets SHA-1 pass with method 1, which has it by default
// (RFC 7296 3.8). With method 14 it never passes (RFC 8247 3.2): we do not announce it.
func VerifyAuth(p *wire.AuthPayload, leafDER []byte, octets []byte, allowSHA1 bool) error {
	key, err := parseKey(leafDER)
	if err != nil {
		return err
	}
	switch p.Method {
	case MethodRSA:
		return verifyRSA(key, octets, p.Data, allowSHA1)
	case MethodECDSA256, MethodECDSA384, MethodECDSA521:
		return verifyECDSA(key, p.Method, octets, p.Data)
	case MethodSignature:
		return verifySignature(key, octets, p.Data)
	}
	return fmt.Errorf("auth: method %d is not a known signature method: %w", p.Method, ErrScheme)
}

// verifyRSA is method 1. The hash is whatever the signature itself names: some
// gateways put SHA-2 there.
func verifyRSA(key publicKey, octets, signature []byte, allowSHA1 bool) error {
	public, err := key.rsa()
	if err != nil {
		return err
	}
	if key.pssOnly {
		return fmt.Errorf("auth: method 1 with a key for PSS alone: %w", ErrScheme)
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA1} {
		if rsa.VerifyPKCS1v15(public, h, digest(h, octets), signature) != nil {
			continue
		}
		if h == crypto.SHA1 && !allowSHA1 {
			return fmt.Errorf("auth: %w: %w", ErrVerify, ErrSHA1)
		}
		return nil
	}
	return fmt.Errorf("auth: RSA signature: %w", ErrVerify)
}

// verifyECDSA is methods 9 to 11: r||s, each as wide as the group's order.
func verifyECDSA(key publicKey, method uint8, octets, signature []byte) error {
	public, ok := key.public.(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("auth: an ECDSA signature for a key of type %T: %w", key.public, ErrScheme)
	}
	if m, _, known := ecdsaMethod(public.Curve); !known || m != method {
		return fmt.Errorf("auth: method %d with curve %s: %w", method, public.Curve.Params().Name, ErrScheme)
	}
	hash, _, width := ecdsaOfMethod(method)
	der, err := fromFixedWidth(signature, width)
	if err != nil {
		return fmt.Errorf("auth: %w: %w", ErrVerify, err)
	}
	if !ecdsa.VerifyASN1(public, digest(hash, octets), der) {
		return fmt.Errorf("auth: ECDSA signature: %w", ErrVerify)
	}
	return nil
}

// verifySignature is method 14: one octet of length, AlgorithmIdentifier,
// signature (RFC 7427 3).
func verifySignature(key publicKey, octets, data []byte) error {
	if len(data) < 1 || len(data) < 1+int(data[0]) {
		return fmt.Errorf("auth: AlgorithmIdentifier cut short: %w", ErrVerify)
	}
	n := 1 + int(data[0])
	alg, err := parseAlgorithm(data[1:n])
	if err != nil {
		return err
	}
	if err := verifyWith(key, alg, octets, data[n:]); err != nil {
		return err
	}
	if alg.hash == crypto.SHA1 {
		return fmt.Errorf("auth: %w: %w", ErrVerify, ErrSHA1)
	}
	return nil
}

func verifyWith(key publicKey, alg algorithm, octets, signature []byte) error {
	good := false
	switch alg.family {
	case familyPKCS1, familyPSS:
		public, err := key.rsa()
		if err != nil {
			return err
		}
		if alg.family == familyPSS {
			if err := key.checkPSS(alg.pss); err != nil {
				return err
			}
			options := &rsa.PSSOptions{SaltLength: alg.pss.salt, Hash: alg.hash}
			good = rsa.VerifyPSS(public, alg.hash, digest(alg.hash, octets), signature, options) == nil
			break
		}
		if key.pssOnly {
			return fmt.Errorf("auth: PKCS#1 v1.5 with a key for PSS alone: %w", ErrScheme)
		}
		good = rsa.VerifyPKCS1v15(public, alg.hash, digest(alg.hash, octets), signature) == nil
	case familyECDSA:
		public, ok := key.public.(*ecdsa.PublicKey)
		if !ok {
			return fmt.Errorf("auth: an ECDSA signature for a key of type %T: %w", key.public, ErrScheme)
		}
		good = ecdsa.VerifyASN1(public, digest(alg.hash, octets), signature)
	case familyEd25519:
		public, ok := key.public.(ed25519.PublicKey)
		if !ok {
			return fmt.Errorf("auth: an Ed25519 signature for a key of type %T: %w", key.public, ErrScheme)
		}
		good = ed25519.Verify(public, octets, signature)
	case familyEd448:
		public, ok := key.public.(ed448.PublicKey)
		if !ok {
			return fmt.Errorf("auth: an Ed448 signature for a key of type %T: %w", key.public, ErrScheme)
		}
		good = ed448.Verify(public, octets, signature, noContext)
	}
	if !good {
		return fmt.Errorf("auth: signature: %w", ErrVerify)
	}
	return nil
}

// Sign makes a signature as AuthPayload takes it. It is for programs that own
// the key, such as a test's gateway and the user's program that answers
// signature questions; never for the privileged service.
func Sign(key crypto.Signer, scheme Scheme, rand io.Reader, message []byte) ([]byte, error) {
	info, err := scheme.info()
	if err != nil {
		return nil, err
	}
	fits := false
	switch key.Public().(type) {
	case *rsa.PublicKey:
		fits = info.family == familyPKCS1 || info.family == familyPSS
	case *ecdsa.PublicKey:
		fits = info.family == familyECDSA
	case ed25519.PublicKey:
		fits = info.family == familyEd25519
	case ed448.PublicKey:
		fits = info.family == familyEd448
	}
	if !fits {
		return nil, fmt.Errorf("auth: %s with a key of type %T: %w", string(scheme), key.Public(), ErrScheme)
	}
	var options crypto.SignerOpts = info.hash
	if info.family == familyPSS {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: info.hash}
	}
	if info.hash != 0 {
		message = digest(info.hash, message)
	}
	signature, err := key.Sign(rand, message, options)
	if err != nil {
		return nil, fmt.Errorf("auth: sign: %w", err)
	}
	return signature, nil
}

// noContext is the context of Ed448 in IKEv2 (RFC 8420 2).
const noContext = ""

func digest(h crypto.Hash, message []byte) []byte {
	d := h.New()
	d.Write(message)
	return d.Sum(nil)
}

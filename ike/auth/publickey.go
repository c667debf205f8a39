package auth

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/cloudflare/circl/sign/ed448"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// publicKey is a certificate's key.
type publicKey struct {
	public  crypto.PublicKey
	pssOnly bool       // id-RSASSA-PSS: not to be used with PKCS#1 v1.5 (RFC 4055 1.2)
	pss     *pssParams // nil: the key does not restrict them
}

var errCertificate = errors.New("auth: unreadable certificate")

// maxRSABits is the longest RSA key that is used. The time of a verification
// grows with the square of the length, a message holds keys of 400,000 bits, and
// whoever answers IKE_SA_INIT can send one before anything proves who it is.
const maxRSABits = 8192

// parseKey reads the key of a certificate. crypto/x509 leaves keys of types
// id-RSASSA-PSS and Ed448 unread.
func parseKey(certDER []byte) (publicKey, error) {
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return publicKey{}, fmt.Errorf("%w: %w", errCertificate, err)
	}
	return keyOf(cert)
}

func keyOf(cert *x509.Certificate) (publicKey, error) {
	key := publicKey{public: cert.PublicKey}
	if cert.PublicKey == nil {
		var err error
		if key, err = parseSPKI(cert.RawSubjectPublicKeyInfo); err != nil {
			return publicKey{}, err
		}
	}
	if k, ok := key.public.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSABits {
		return publicKey{}, fmt.Errorf("auth: an RSA key of %d bits, more than %d: %w", k.N.BitLen(), maxRSABits, ErrScheme)
	}
	return key, nil
}

// parseSPKI reads a SubjectPublicKeyInfo of type id-RSASSA-PSS or Ed448.
func parseSPKI(spki []byte) (publicKey, error) {
	in := cryptobyte.String(spki)
	var outer, algorithm cryptobyte.String
	var bits []byte
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() ||
		!outer.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!outer.ReadASN1BitStringAsBytes(&bits) || !outer.Empty() {
		return publicKey{}, errCertificate
	}
	oid, params, err := splitAlgorithm(algorithm)
	if err != nil {
		return publicKey{}, err
	}
	switch {
	case oid.Equal(oidPSS):
		return pssKey(params, bits)
	case oid.Equal(oidEd448):
		// RFC 8410 3: no parameters, and the key as it is.
		if len(params) != 0 || len(bits) != ed448.PublicKeySize {
			return publicKey{}, errCertificate
		}
		return publicKey{public: ed448.PublicKey(bits)}, nil
	}
	return publicKey{}, fmt.Errorf("auth: a key of algorithm %v: %w", oid, ErrScheme)
}

// pssKey is RFC 4055 3.1 and 1.2: absent parameters leave the use of the key
// open.
func pssKey(params, bits []byte) (publicKey, error) {
	key := publicKey{pssOnly: true}
	if len(params) != 0 {
		p, err := parsePSSParams(params)
		if err != nil {
			return publicKey{}, err
		}
		key.pss = &p
	}
	public, err := x509.ParsePKCS1PublicKey(bits)
	if err != nil {
		return publicKey{}, fmt.Errorf("%w: %w", errCertificate, err)
	}
	key.public = public
	return key, nil
}

// pssHashes are the hashes that the key may be used with, preferred first.
func (k publicKey) pssHashes() []crypto.Hash {
	if k.pss != nil {
		return []crypto.Hash{k.pss.hash}
	}
	return []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}
}

// checkPSS tells whether a signature's parameters are within the key's: the
// same hash, and a salt of at least the key's length (RFC 4055 3.3).
func (k publicKey) checkPSS(p pssParams) error {
	if k.pss != nil && (p.hash != k.pss.hash || p.salt < k.pss.salt) {
		return fmt.Errorf("auth: the signature's PSS parameters are not the key's: %w", ErrScheme)
	}
	return nil
}

func (k publicKey) rsa() (*rsa.PublicKey, error) {
	if public, ok := k.public.(*rsa.PublicKey); ok {
		return public, nil
	}
	return nil, fmt.Errorf("auth: an RSA signature for a key of type %T: %w", k.public, ErrScheme)
}

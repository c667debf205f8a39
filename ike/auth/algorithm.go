package auth

import (
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of RFC 7427 appendix A and RFC 8420.
var (
	oidRSASHA1     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	oidRSASHA256   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidRSASHA384   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}
	oidRSASHA512   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}
	oidPSS         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidECDSASHA1   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	oidECDSASHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSASHA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSASHA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
	oidEd25519     = asn1.ObjectIdentifier{1, 3, 101, 112}
	oidEd448       = asn1.ObjectIdentifier{1, 3, 101, 113}
	oidSHA1        = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidSHA256      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
)

// algorithm is what an AlgorithmIdentifier says.
type algorithm struct {
	family family
	hash   crypto.Hash // 0 for Ed25519 and Ed448
	pss    pssParams   // familyPSS only
}

var signatureOIDs = []struct {
	oid asn1.ObjectIdentifier
	algorithm
}{
	{oidRSASHA1, algorithm{family: familyPKCS1, hash: crypto.SHA1}},
	{oidRSASHA256, algorithm{family: familyPKCS1, hash: crypto.SHA256}},
	{oidRSASHA384, algorithm{family: familyPKCS1, hash: crypto.SHA384}},
	{oidRSASHA512, algorithm{family: familyPKCS1, hash: crypto.SHA512}},
	{oidECDSASHA1, algorithm{family: familyECDSA, hash: crypto.SHA1}},
	{oidECDSASHA256, algorithm{family: familyECDSA, hash: crypto.SHA256}},
	{oidECDSASHA384, algorithm{family: familyECDSA, hash: crypto.SHA384}},
	{oidECDSASHA512, algorithm{family: familyECDSA, hash: crypto.SHA512}},
	{oidEd25519, algorithm{family: familyEd25519}},
	{oidEd448, algorithm{family: familyEd448}},
}

// brokenOIDs are known by name, and refused.
var brokenOIDs = []struct {
	oid  asn1.ObjectIdentifier
	name string
}{
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 2}, "RSA with MD2"},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}, "RSA with MD5"},
	{asn1.ObjectIdentifier{1, 3, 36, 3, 3, 1, 2}, "RSA with RIPEMD-160"},
	{asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 3}, "DSA with SHA-1"},
}

var hashOIDs = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{oidSHA1, crypto.SHA1}, {oidSHA256, crypto.SHA256}, {oidSHA384, crypto.SHA384}, {oidSHA512, crypto.SHA512},
}

// pssParams are RSASSA-PSS-params (RFC 4055 3.1). The mask generation hash is
// the same as the message hash: others are refused.
type pssParams struct {
	hash crypto.Hash
	salt int // octets
}

// errAlgorithm says that an AlgorithmIdentifier cannot be served.
var errAlgorithm = errors.New("auth: signature algorithm not understood")

// derNULL is the explicit absence of parameters that RSA algorithms carry.
var derNULL = []byte{5, 0}

// identifier is the scheme's AlgorithmIdentifier, octet for octet as RFC 7427
// appendix A prints it.
func (i schemeInfo) identifier() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if i.family == familyPSS {
			b.AddASN1ObjectIdentifier(oidPSS)
			addPSSParams(b, i.hash)
			return
		}
		for _, s := range signatureOIDs {
			if s.family == i.family && s.hash == i.hash {
				b.AddASN1ObjectIdentifier(s.oid)
			}
		}
		if i.family == familyPKCS1 {
			b.AddBytes(derNULL)
		}
	})
	return b.Bytes()
}

func addPSSParams(b *cryptobyte.Builder, h crypto.Hash) {
	hash := func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, o := range hashOIDs {
				if o.hash == h {
					b.AddASN1ObjectIdentifier(o.oid)
				}
			}
			b.AddBytes(derNULL)
		})
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(pssTag(0), hash)
		b.AddASN1(pssTag(1), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidMGF1)
				hash(b)
			})
		})
		b.AddASN1(pssTag(2), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(h.Size())) })
		b.AddASN1(pssTag(3), func(b *cryptobyte.Builder) { b.AddASN1Int64(1) })
	})
}

func pssTag(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// parseAlgorithm reads an AlgorithmIdentifier. RSA parameters may be NULL or
// absent, those of the others must be absent.
func parseAlgorithm(der []byte) (algorithm, error) {
	oid, params, err := splitAlgorithm(der)
	if err != nil {
		return algorithm{}, err
	}
	if oid.Equal(oidPSS) {
		if len(params) == 0 {
			return algorithm{}, fmt.Errorf("%w: PSS without parameters", errAlgorithm)
		}
		p, err := parsePSSParams(params)
		return algorithm{family: familyPSS, hash: p.hash, pss: p}, err
	}
	for _, s := range signatureOIDs {
		if !s.oid.Equal(oid) {
			continue
		}
		null := s.family == familyPKCS1 && string(params) == string(derNULL)
		if len(params) != 0 && !null {
			return algorithm{}, fmt.Errorf("%w: parameters where none belong", errAlgorithm)
		}
		return s.algorithm, nil
	}
	for _, b := range brokenOIDs {
		if b.oid.Equal(oid) {
			return algorithm{}, fmt.Errorf("%w: %s is not safe, and never used here", errAlgorithm, b.name)
		}
	}
	return algorithm{}, fmt.Errorf("%w: %v", errAlgorithm, oid)
}

// splitAlgorithm cuts a whole AlgorithmIdentifier into OID and parameters,
// which stay encoded.
func splitAlgorithm(der []byte) (asn1.ObjectIdentifier, []byte, error) {
	in := cryptobyte.String(der)
	var body cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() || !body.ReadASN1ObjectIdentifier(&oid) {
		return nil, nil, fmt.Errorf("%w: malformed", errAlgorithm)
	}
	return oid, body, nil
}

// parsePSSParams reads RSASSA-PSS-params. A field that is left out has the
// default of RFC 4055: SHA-1, MGF1 with SHA-1, a salt of 20 octets, trailer 1.
func parsePSSParams(der []byte) (pssParams, error) {
	bad := func(what string) (pssParams, error) {
		return pssParams{}, fmt.Errorf("%w: PSS %s", errAlgorithm, what)
	}
	in := cryptobyte.String(der)
	var body cryptobyte.String
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() {
		return bad("parameters")
	}
	hash, mgf := crypto.SHA1, crypto.SHA1
	salt, trailer := 20, 1
	var field cryptobyte.String
	var present bool
	if !body.ReadOptionalASN1(&field, &present, pssTag(0)) || present && !readHash(&field, &hash) {
		return bad("hash")
	}
	if !body.ReadOptionalASN1(&field, &present, pssTag(1)) || present && !readMGF(&field, &mgf) {
		return bad("mask generation")
	}
	if !body.ReadOptionalASN1(&field, &present, pssTag(2)) || present && (!field.ReadASN1Integer(&salt) || !field.Empty()) {
		return bad("salt length")
	}
	if !body.ReadOptionalASN1(&field, &present, pssTag(3)) || present && (!field.ReadASN1Integer(&trailer) || !field.Empty()) {
		return bad("trailer")
	}
	switch {
	case !body.Empty():
		return bad("parameters")
	case mgf != hash:
		return bad("mask generation with another hash")
	case salt < 1 || salt > 512:
		// crypto/rsa reads a salt length of 0 as "any", which would accept
		// more than was announced.
		return bad("salt length")
	case trailer != 1:
		return bad("trailer")
	}
	return pssParams{hash: hash, salt: salt}, nil
}

// readHash reads a hash's AlgorithmIdentifier, parameters NULL or absent.
func readHash(in *cryptobyte.String, out *crypto.Hash) bool {
	var element cryptobyte.String
	if !in.ReadASN1Element(&element, cbasn1.SEQUENCE) || !in.Empty() {
		return false
	}
	oid, params, err := splitAlgorithm(element)
	if err != nil || len(params) != 0 && string(params) != string(derNULL) {
		return false
	}
	for _, h := range hashOIDs {
		if h.oid.Equal(oid) {
			*out = h.hash
			return true
		}
	}
	return false
}

func readMGF(in *cryptobyte.String, out *crypto.Hash) bool {
	var element cryptobyte.String
	if !in.ReadASN1Element(&element, cbasn1.SEQUENCE) || !in.Empty() {
		return false
	}
	oid, params, err := splitAlgorithm(element)
	inner := cryptobyte.String(params)
	return err == nil && oid.Equal(oidMGF1) && readHash(&inner, out)
}

package auth

import (
	"crypto"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The two forms of an ECDSA signature: SEQUENCE { r, s } in DER, which
// programs and method 14 use, and r||s of fixed width, which methods 9 to 11
// use (RFC 4754 3).

var errForm = errors.New("auth: malformed ECDSA signature")

// ecdsaOfMethod gives what RFC 4754 ties to a method; width in octets of r and
// of s.
func ecdsaOfMethod(method uint8) (hash crypto.Hash, scheme Scheme, width int) {
	switch method {
	case MethodECDSA256:
		return crypto.SHA256, ECDSASHA256, 32
	case MethodECDSA384:
		return crypto.SHA384, ECDSASHA384, 48
	default:
		return crypto.SHA512, ECDSASHA512, 66
	}
}

// fixedWidth turns DER into r||s.
func fixedWidth(der []byte, width int) ([]byte, error) {
	in := cryptobyte.String(der)
	var body cryptobyte.String
	var r, s []byte
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !in.Empty() ||
		!body.ReadASN1Integer(&r) || !body.ReadASN1Integer(&s) || !body.Empty() ||
		len(r) > width || len(s) > width {
		return nil, errForm
	}
	out := make([]byte, 2*width)
	copy(out[width-len(r):], r)
	copy(out[2*width-len(s):], s)
	return out, nil
}

// fromFixedWidth turns r||s into DER.
func fromFixedWidth(signature []byte, width int) ([]byte, error) {
	if len(signature) != 2*width {
		return nil, errForm
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addPositive(b, signature[:width])
		addPositive(b, signature[width:])
	})
	return b.Bytes()
}

// addPositive adds big-endian octets as an INTEGER in its shortest form.
func addPositive(b *cryptobyte.Builder, n []byte) {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	b.AddASN1(cbasn1.INTEGER, func(b *cryptobyte.Builder) {
		if n[0]&0x80 != 0 {
			b.AddUint8(0)
		}
		b.AddBytes(n)
	})
}

package auth

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The DER of OCSP (RFC 6960 4.1.1, 4.2.1). It is read here rather than by
// x/crypto/ocsp, which leaves the hashes of the issuer, the nonce and all
// certificates but the first unread, and verifies with whatever certificate the
// response brings.

var (
	oidOCSPBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}
	oidOCSPNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
)

const (
	maxSingle     = 64 // answers in one response
	maxResponders = 8  // certificates in one response
)

// ocspResponse is a basic response. Slices share the memory of the message.
type ocspResponse struct {
	signed       []byte // tbsResponseData with its header
	byName       []byte // responderID, DER of a name; nil: byKey
	byKey        []byte // SHA-1 of the responder's key
	singles      []ocspSingle
	nonce        []byte // nil: none
	algorithm    []byte
	signature    []byte
	certificates [][]byte
}

// ocspSingle is the answer about one certificate.
type ocspSingle struct {
	hash               crypto.Hash // 0: one that is not known
	nameHash, keyHash  []byte
	serial             []byte // INTEGER with its header
	standing           Standing
	revokedAt          time.Time
	hold               bool
	thisUpdate, update time.Time // update: nextUpdate, may be zero
	critical           bool      // an extension that is not understood
}

func explicit(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// parseOCSP reads a response. The text says what it is where it is no answer.
func parseOCSP(der []byte) (r *ocspResponse, complaint string) {
	if len(der) > MaxOCSP {
		return nil, "an OCSP response that is too large"
	}
	const malformed = "what is no OCSP response"
	in := cryptobyte.String(der)
	var outer, wrapped, bytes, basic cryptobyte.String
	var status int
	if !in.ReadASN1(&outer, cbasn1.SEQUENCE) || !in.Empty() || !outer.ReadASN1Enum(&status) {
		return nil, malformed
	}
	if status != 0 {
		return nil, "an OCSP responder that refuses to answer (" + ocspStatus(status) + ")"
	}
	var oid asn1.ObjectIdentifier
	if !outer.ReadASN1(&wrapped, explicit(0)) || !outer.Empty() ||
		!wrapped.ReadASN1(&bytes, cbasn1.SEQUENCE) || !wrapped.Empty() ||
		!bytes.ReadASN1ObjectIdentifier(&oid) || !bytes.ReadASN1(&basic, cbasn1.OCTET_STRING) || !bytes.Empty() {
		return nil, malformed
	}
	if !oid.Equal(oidOCSPBasic) {
		return nil, "an OCSP response of an unknown type"
	}
	r = new(ocspResponse)
	var body, signed, algorithm cryptobyte.String
	if !basic.ReadASN1(&body, cbasn1.SEQUENCE) || !basic.Empty() ||
		!body.ReadASN1Element(&signed, cbasn1.SEQUENCE) || !body.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!body.ReadASN1BitStringAsBytes(&r.signature) || !r.readCertificates(&body) || !body.Empty() {
		return nil, malformed
	}
	r.signed, r.algorithm = signed, algorithm
	if !r.readSigned(signed) {
		return nil, malformed
	}
	return r, ""
}

func ocspStatus(n int) string {
	names := map[int]string{1: "malformed request", 2: "internal error", 3: "try later", 5: "signature required", 6: "unauthorized"}
	if s, ok := names[n]; ok {
		return s
	}
	return "unknown status"
}

func (r *ocspResponse) readCertificates(body *cryptobyte.String) bool {
	var wrapped, list, cert cryptobyte.String
	var present bool
	if !body.ReadOptionalASN1(&wrapped, &present, explicit(0)) || present && (!wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty()) {
		return false
	}
	for !list.Empty() {
		if len(r.certificates) == maxResponders || !list.ReadASN1Element(&cert, cbasn1.SEQUENCE) {
			return false
		}
		r.certificates = append(r.certificates, cert)
	}
	return true
}

func (r *ocspResponse) readSigned(element cryptobyte.String) bool {
	var data, responses, single, field cryptobyte.String
	var present bool
	version := 0
	if !element.ReadASN1(&data, cbasn1.SEQUENCE) || !data.ReadOptionalASN1(&field, &present, explicit(0)) ||
		present && (!field.ReadASN1Integer(&version) || !field.Empty()) || version != 0 {
		return false
	}
	switch {
	case data.PeekASN1Tag(explicit(1)):
		var name cryptobyte.String
		if !data.ReadASN1(&field, explicit(1)) || !field.ReadASN1Element(&name, cbasn1.SEQUENCE) || !field.Empty() {
			return false
		}
		r.byName = name
	default:
		var key cryptobyte.String
		if !data.ReadASN1(&field, explicit(2)) || !field.ReadASN1(&key, cbasn1.OCTET_STRING) || !field.Empty() {
			return false
		}
		r.byKey = key
	}
	var produced time.Time
	if !data.ReadASN1GeneralizedTime(&produced) || !data.ReadASN1(&responses, cbasn1.SEQUENCE) {
		return false
	}
	for !responses.Empty() {
		if len(r.singles) == maxSingle || !responses.ReadASN1(&single, cbasn1.SEQUENCE) {
			return false
		}
		s, ok := readSingle(single)
		if !ok {
			return false
		}
		r.singles = append(r.singles, s)
	}
	extensions, ok := readExtensions(&data, 1)
	if !ok || !data.Empty() {
		return false
	}
	for _, e := range extensions {
		switch {
		case e.id.Equal(oidOCSPNonce):
			var nonce cryptobyte.String
			value := cryptobyte.String(e.value)
			if !value.ReadASN1(&nonce, cbasn1.OCTET_STRING) || !value.Empty() {
				return false
			}
			r.nonce = nonce
		case e.critical:
			return false
		}
	}
	return true
}

func readSingle(in cryptobyte.String) (s ocspSingle, ok bool) {
	var id, algorithm, name, key, serial cryptobyte.String
	if !in.ReadASN1(&id, cbasn1.SEQUENCE) || !id.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!id.ReadASN1(&name, cbasn1.OCTET_STRING) || !id.ReadASN1(&key, cbasn1.OCTET_STRING) ||
		!id.ReadASN1Element(&serial, cbasn1.INTEGER) || !id.Empty() {
		return s, false
	}
	s.nameHash, s.keyHash, s.serial = name, key, serial
	if oid, _, err := splitAlgorithm(algorithm); err == nil {
		for _, h := range hashOIDs {
			if h.oid.Equal(oid) {
				s.hash = h.hash
			}
		}
	}
	if !s.readStatus(&in) || !in.ReadASN1GeneralizedTime(&s.thisUpdate) {
		return s, false
	}
	var field cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&field, &present, explicit(0)) || present && (!field.ReadASN1GeneralizedTime(&s.update) || !field.Empty()) {
		return s, false
	}
	extensions, ok := readExtensions(&in, 1)
	s.critical = slices.ContainsFunc(extensions, func(e extension) bool { return e.critical })
	return s, ok && in.Empty()
}

// readStatus reads the CHOICE of CertStatus.
func (s *ocspSingle) readStatus(in *cryptobyte.String) bool {
	var status, field cryptobyte.String
	var tag cbasn1.Tag
	if !in.ReadAnyASN1(&status, &tag) {
		return false
	}
	switch tag {
	case cbasn1.Tag(0).ContextSpecific():
		s.standing = StandingGood
		return status.Empty()
	case cbasn1.Tag(2).ContextSpecific():
		return status.Empty()
	case explicit(1): // constructed, since RevokedInfo is a SEQUENCE with another tag
		s.standing = StandingRevoked
		var present bool
		var reason int
		ok := status.ReadASN1GeneralizedTime(&s.revokedAt) && status.ReadOptionalASN1(&field, &present, explicit(0)) &&
			(!present || field.ReadASN1Enum(&reason) && field.Empty()) && status.Empty()
		s.hold = present && reason == reasonHold
		return ok
	}
	return false
}

// extension is an X.509 extension.
type extension struct {
	id       asn1.ObjectIdentifier
	critical bool
	value    []byte
}

// readExtensions reads optional extensions behind an explicit tag.
func readExtensions(in *cryptobyte.String, tag uint8) (out []extension, ok bool) {
	var wrapped, list cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&wrapped, &present, explicit(tag)) || !present {
		return nil, !present
	}
	if !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var one, value cryptobyte.String
		var e extension
		if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&e.id) ||
			!readFlag(&one, &e.critical, cbasn1.BOOLEAN) ||
			!one.ReadASN1(&value, cbasn1.OCTET_STRING) || !one.Empty() {
			return nil, false
		}
		e.value = value
		out = append(out, e)
	}
	return out, true
}

// readFlag reads a BOOLEAN DEFAULT FALSE that has this tag in place of its own.
func readFlag(in *cryptobyte.String, out *bool, tag cbasn1.Tag) bool {
	var value cryptobyte.String
	var present bool
	if !in.ReadOptionalASN1(&value, &present, tag) || present && (len(value) != 1 || value[0] != 0 && value[0] != 0xFF) {
		return false
	}
	*out = present && value[0] != 0
	return true
}

// OCSPRequest asks about one certificate (RFC 6960 4.1.1). The issuer is named by
// SHA-1, which every responder knows, and which is only a name here. A nonce, of
// 1 to 32 octets, comes back from responders that make each answer anew
// (RFC 8954); nil: none is sent.
func OCSPRequest(cert, issuer *x509.Certificate, nonce []byte) ([]byte, error) {
	key, ok := keyBits(issuer)
	if !ok {
		return nil, errCertificate
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
							b.AddASN1ObjectIdentifier(oidSHA1)
							b.AddBytes(derNULL)
						})
						b.AddASN1OctetString(digest(crypto.SHA1, issuer.RawSubject))
						b.AddASN1OctetString(digest(crypto.SHA1, key))
						b.AddASN1BigInt(cert.SerialNumber)
					})
				})
			})
			if nonce != nil {
				addNonce(b, nonce)
			}
		})
	})
	return b.Bytes()
}

func addNonce(b *cryptobyte.Builder, nonce []byte) {
	b.AddASN1(explicit(2), func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidOCSPNonce)
				b.AddASN1(cbasn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(nonce) })
			})
		})
	})
}

// keyBits is the BIT STRING of a certificate's key, which responders hash.
func keyBits(cert *x509.Certificate) ([]byte, bool) {
	in := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var outer, algorithm cryptobyte.String
	var bits []byte
	ok := in.ReadASN1(&outer, cbasn1.SEQUENCE) && outer.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) && outer.ReadASN1BitStringAsBytes(&bits)
	return bits, ok
}

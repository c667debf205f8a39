package iketest

import (
	"encoding/binary"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// The SA payload (RFC 7296 3.3): what a proposal must hold, in which order, and
// what may stand in one beside what.

// Transform types and identifiers that the rules name (RFC 7296 3.3.2).
const (
	typeENCR, typePRF, typeINTEG, typeKE, typeESN = 1, 2, 3, 4, 5
	encrNULL                                      = 11
)

// fixedKey are ciphers without a Key Length attribute.
var fixedKey = map[uint16]bool{2: true, 3: true, encrNULL: true, 28: true}

// combined are ciphers with an integrity check of their own.
var combined = map[uint16]bool{14: true, 15: true, 16: true, 18: true, 19: true, 20: true, 21: true, 28: true}

// modpOctets is the length of a group's prime (RFC 2409, 3526, 5114), and of the
// public values of the other groups (RFC 5903, 8031).
var modpOctets = map[int]int{
	2: 128, 5: 192, 14: 256, 15: 384, 16: 512, 17: 768, 18: 1024, 22: 128, 23: 256, 24: 256,
	19: 64, 20: 96, 21: 132, 31: 32, 32: 56,
}

// keyExchange looks at KE.
func (f *form) keyExchange(b []byte) {
	f.ke = int(binary.BigEndian.Uint16(b))
	f.zero("3.4", "KE", b[2:4])
	if want, known := modpOctets[f.ke]; known && len(b)-4 != want {
		f.complain("3.4", "a public value of %d octets for group %d, want %d", len(b)-4, f.ke, want)
	}
}

// proposals looks at the proposals of SA.
func (f *form) proposals(b []byte) {
	for number := 1; ; number++ {
		if len(b) < 8 || int(binary.BigEndian.Uint16(b[2:])) < 8 || int(binary.BigEndian.Uint16(b[2:])) > len(b) {
			f.complain("3.3.1", "a proposal is cut short")
			return
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		last := n == len(b)
		if b[0] != 0 && last || b[0] != 2 && !last {
			f.complain("3.3.1", "proposal %d of several says %d of its being the last", number, b[0])
		}
		f.zero("3.3.1", "a proposal", b[1:2])
		if f.response && !last {
			f.complain("2.7", "more than one proposal is chosen")
		}
		if int(b[4]) != number && !f.response {
			f.complain("3.3.1", "proposal %d has number %d", number, b[4])
		}
		f.proposal(b[5], b[8:n], int(b[6]), int(b[7]))
		if last {
			return
		}
		b = b[n:]
	}
}

// proposal looks at what is behind the header of one proposal.
func (f *form) proposal(protocol byte, b []byte, spi, count int) {
	want := map[byte]int{1: 8, 2: 4, 3: 4}[protocol]
	if f.exchange == wire.ExchangeIKESAInit {
		want = 0
	}
	if spi != want || len(b) < spi {
		f.complain("3.3.1", "an SPI of %d octets for protocol %d in %v", spi, protocol, f.exchange)
		return
	}
	switch {
	case spi == 8 && binary.BigEndian.Uint64(b) == 0:
		f.complain("2.6, 3.1", "an IKE SPI of zero")
	case spi == 4 && binary.BigEndian.Uint32(b) < 256:
		f.complain("3.3.1", "a reserved ESP SPI")
	}
	kinds := map[byte][]uint16{}
	for b = b[spi:]; len(b) >= 8; count-- {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 8 || n > len(b) || (b[0] == 0) != (n == len(b)) || b[0] != 0 && b[0] != 3 {
			f.complain("3.3.2", "a transform of %d octets, %d of its being the last", n, b[0])
			return
		}
		f.zero("3.3.2", "a transform", []byte{b[1], b[5]})
		id := binary.BigEndian.Uint16(b[6:])
		kinds[b[4]] = append(kinds[b[4]], id)
		f.attributes(b[4], id, b[8:n])
		b = b[n:]
	}
	if count != 0 || len(b) != 0 {
		f.complain("3.3.1", "the count of transforms is wrong")
	}
	f.kinds(protocol, kinds)
}

// attributes looks at a transform's: a Key Length where the key's length is not
// fixed, once and in the short form.
func (f *form) attributes(kind byte, id uint16, b []byte) {
	want := kind == typeENCR && !fixedKey[id]
	if !want && len(b) != 0 {
		f.complain("3.3.5", "transform %d of type %d has an attribute", id, kind)
	}
	if want && (len(b) != 4 || binary.BigEndian.Uint16(b) != 0x8000|14) {
		f.complain("3.3.5", "the attributes of cipher %d are %x", id, b)
	}
}

// kinds looks at the transforms of one proposal together.
func (f *form) kinds(protocol byte, kinds map[byte][]uint16) {
	var aead, other bool
	for _, id := range kinds[typeENCR] {
		aead, other = aead || combined[id], other || !combined[id]
		if protocol == 1 && (id == encrNULL || id == 21) {
			f.complain("5", "a cipher that does not encrypt, for an IKE SA")
		}
	}
	integrity := false
	for _, id := range kinds[typeINTEG] {
		integrity = integrity || id != 0
	}
	switch {
	case aead == other:
		f.complain("3.3", "a proposal with both kinds of ciphers, or none")
	case aead && integrity:
		f.complain("3.3", "a combined cipher beside an integrity algorithm")
	case other && !integrity:
		f.complain("3.3.3, 5", "a cipher without integrity")
	}
	ike := protocol == 1
	if ike != (len(kinds[typePRF]) > 0) || ike == (len(kinds[typeESN]) > 0) {
		f.complain("3.3.3", "for protocol %d %d PRFs and %d ESN transforms", protocol, len(kinds[typePRF]), len(kinds[typeESN]))
	}
	for _, g := range kinds[typeKE] {
		if ike && g == 0 {
			f.complain("2.18, 3.3.6", "an IKE SA without a key exchange")
		}
		f.groups[g] = g != 0
	}
	if ike && len(kinds[typeKE]) == 0 {
		f.complain("3.3.3", "an IKE SA without a key exchange")
	}
	for kind, ids := range kinds {
		if f.response && len(ids) != 1 {
			f.complain("2.7", "%d transforms of type %d are chosen", len(ids), kind)
		}
	}
}

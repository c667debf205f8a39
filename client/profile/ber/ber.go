// Package ber turns BER into DER (X.690 8 and 10), as far as signed profiles and
// PKCS#12 files need it: indefinite lengths become definite, lengths become
// minimal, and a string that was sent in segments becomes one.
//
// The order of a set and the spelling of a boolean are left alone: what is signed
// was encoded in DER by its signer already (RFC 5652 5.4). It does not know what
// the elements mean. Importers of files call it before anything parses DER.
package ber

import "errors"

// MaxDepth bounds how deep elements are nested; a CMS message has about 15 levels
// in real life.
const MaxDepth = 40

// maxElements bounds their number; a message with a long chain has about 3,000.
const maxElements = 100_000

var errBER = errors.New("not BER, or cut off")

// OctetString is the identifier octet of a primitive OCTET STRING.
const OctetString = 0x04

const (
	constructedBit = 0x20
	longTag        = 0x1F
	endOfContent   = 0x00
)

// berReader walks one BER encoding.
type berReader struct{ elements int }

// ToDER converts the first element of data. What follows it is ignored:
// files are often padded or end with a line break.
func ToDER(data []byte) ([]byte, error) {
	r := &berReader{}
	der, _, err := r.element(nil, data, 1)
	return der, err
}

// Header is the identifier and length of an element.
type Header struct {
	Tag        []byte // identifier octets, borrowed
	Indefinite bool
	Content    int // length of the content where definite
	Size       int // of the header itself
}

// Constructed says that the element holds elements.
func (h Header) Constructed() bool { return h.Tag[0]&constructedBit != 0 }

// ParseHeader reads identifier and length octets (X.690 8.1.2, 8.1.3). A
// definite content is known to be there as a whole.
func ParseHeader(b []byte) (Header, error) {
	n := 1
	if len(b) == 0 {
		return Header{}, errBER
	}
	if b[0]&longTag == longTag {
		for { // at most four octets: tags are small numbers in real life
			if n >= len(b) || n > 4 {
				return Header{}, errBER
			}
			n++
			if b[n-1]&0x80 == 0 {
				break
			}
		}
	}
	h := Header{Tag: b[:n]}
	if n >= len(b) {
		return Header{}, errBER
	}
	first := b[n]
	n++
	switch {
	case first == 0x80:
		h.Indefinite, h.Size = true, n
		if !h.Constructed() {
			return Header{}, errBER
		}
		return h, nil
	case first < 0x80:
		h.Content = int(first)
	default:
		octets := int(first & 0x7F)
		if octets > 8 || n+octets > len(b) {
			return Header{}, errBER
		}
		length := uint64(0)
		for _, c := range b[n : n+octets] {
			length = length<<8 | uint64(c)
		}
		n += octets
		if length > uint64(len(b)-n) {
			return Header{}, errBER
		}
		h.Content = int(length)
	}
	h.Size = n
	if h.Content > len(b)-n {
		return Header{}, errBER
	}
	return h, nil
}

// element appends the DER form of the first element of b to out, and gives
// what stands behind the element.
func (r *berReader) element(out, b []byte, depth int) (der, rest []byte, err error) {
	if r.elements++; r.elements > maxElements || depth > MaxDepth {
		return nil, nil, errors.New("more elements or levels than a real file has")
	}
	h, err := ParseHeader(b)
	if err != nil {
		return nil, nil, err
	}
	body := b[h.Size:]
	if !h.Constructed() {
		out = AppendHeader(out, h.Tag, h.Content)
		return append(out, body[:h.Content]...), body[h.Content:], nil
	}
	inner, rest, err := r.contents(h, body, depth)
	if err != nil {
		return nil, nil, err
	}
	if h.Tag[0] == OctetString|constructedBit {
		if inner, err = joinSegments(inner); err != nil {
			return nil, nil, err
		}
		out = AppendHeader(out, []byte{OctetString}, len(inner))
		return append(out, inner...), rest, nil
	}
	out = AppendHeader(out, h.Tag, len(inner))
	return append(out, inner...), rest, nil
}

// contents converts what a constructed element holds.
func (r *berReader) contents(h Header, body []byte, depth int) (inner, rest []byte, err error) {
	if !h.Indefinite {
		body, rest = body[:h.Content], body[h.Content:]
	}
	for {
		switch {
		case !h.Indefinite && len(body) == 0:
			return inner, rest, nil
		case h.Indefinite && len(body) >= 2 && body[0] == endOfContent && body[1] == 0:
			return inner, body[2:], nil
		}
		if inner, body, err = r.element(inner, body, depth+1); err != nil {
			return nil, nil, err
		}
	}
}

// joinSegments takes the segments of a constructed OCTET STRING, converted
// already, together (X.690 8.7.3). Each must be an OCTET STRING itself.
func joinSegments(segments []byte) ([]byte, error) {
	var joined []byte
	for len(segments) > 0 {
		h, err := ParseHeader(segments)
		if err != nil {
			return nil, err
		}
		if len(h.Tag) != 1 || h.Tag[0] != OctetString || h.Indefinite {
			return nil, errBER
		}
		joined = append(joined, segments[h.Size:h.Size+h.Content]...)
		segments = segments[h.Size+h.Content:]
	}
	return joined, nil
}

// AppendHeader writes identifier and minimal definite length (X.690 10.1).
func AppendHeader(out, tag []byte, length int) []byte {
	out = append(out, tag...)
	if length < 0x80 {
		return append(out, byte(length))
	}
	octets := 0
	for n := length; n > 0; n >>= 8 {
		octets++
	}
	out = append(out, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		out = append(out, byte(length>>(8*i)))
	}
	return out
}

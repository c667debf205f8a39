package mobileconfig

import "errors"

// BER to DER (X.690 8 and 10), as far as signed profiles and PKCS#12 files
// need it: indefinite lengths become definite, lengths become minimal, and a
// string that was sent in segments becomes one. The order of a set and the
// spelling of a boolean are left alone: what is signed was encoded in DER by
// its signer already (RFC 5652 5.4).

const (
	maxASN1Depth    = 40      // of a CMS message in real life: about 15
	maxASN1Elements = 100_000 // of a message with a long chain: about 3,000
)

var errBER = errors.New("not BER, or cut off")

const (
	asn1Constructed  = 0x20
	asn1OctetString  = 0x04
	asn1LongTag      = 0x1F
	asn1EndOfContent = 0x00
)

// berReader walks one BER encoding.
type berReader struct{ elements int }

// berToDER converts the first element of data. What follows it is ignored:
// files are often padded or end with a line break.
func berToDER(data []byte) ([]byte, error) {
	r := &berReader{}
	der, _, err := r.element(nil, data, 1)
	return der, err
}

// header is the identifier and length of an element.
type header struct {
	tag        []byte // identifier octets, borrowed
	indefinite bool
	content    int // length of the content where definite
	size       int // of the header itself
}

func (h header) constructed() bool { return h.tag[0]&asn1Constructed != 0 }

// parseHeader reads identifier and length octets (X.690 8.1.2, 8.1.3). A
// definite content is known to be there as a whole.
func parseHeader(b []byte) (header, error) {
	n := 1
	if len(b) == 0 {
		return header{}, errBER
	}
	if b[0]&asn1LongTag == asn1LongTag {
		for { // at most four octets: tags are small numbers in real life
			if n >= len(b) || n > 4 {
				return header{}, errBER
			}
			n++
			if b[n-1]&0x80 == 0 {
				break
			}
		}
	}
	h := header{tag: b[:n]}
	if n >= len(b) {
		return header{}, errBER
	}
	first := b[n]
	n++
	switch {
	case first == 0x80:
		h.indefinite, h.size = true, n
		if !h.constructed() {
			return header{}, errBER
		}
		return h, nil
	case first < 0x80:
		h.content = int(first)
	default:
		octets := int(first & 0x7F)
		if octets > 8 || n+octets > len(b) {
			return header{}, errBER
		}
		length := uint64(0)
		for _, c := range b[n : n+octets] {
			length = length<<8 | uint64(c)
		}
		n += octets
		if length > uint64(len(b)-n) {
			return header{}, errBER
		}
		h.content = int(length)
	}
	h.size = n
	if h.content > len(b)-n {
		return header{}, errBER
	}
	return h, nil
}

// element appends the DER form of the first element of b to out, and gives
// what stands behind the element.
func (r *berReader) element(out, b []byte, depth int) (der, rest []byte, err error) {
	if r.elements++; r.elements > maxASN1Elements || depth > maxASN1Depth {
		return nil, nil, errors.New("more elements or levels than a real file has")
	}
	h, err := parseHeader(b)
	if err != nil {
		return nil, nil, err
	}
	body := b[h.size:]
	if !h.constructed() {
		out = appendHeader(out, h.tag, h.content)
		return append(out, body[:h.content]...), body[h.content:], nil
	}
	inner, rest, err := r.contents(h, body, depth)
	if err != nil {
		return nil, nil, err
	}
	if h.tag[0] == asn1OctetString|asn1Constructed {
		if inner, err = joinSegments(inner); err != nil {
			return nil, nil, err
		}
		out = appendHeader(out, []byte{asn1OctetString}, len(inner))
		return append(out, inner...), rest, nil
	}
	out = appendHeader(out, h.tag, len(inner))
	return append(out, inner...), rest, nil
}

// contents converts what a constructed element holds.
func (r *berReader) contents(h header, body []byte, depth int) (inner, rest []byte, err error) {
	if !h.indefinite {
		body, rest = body[:h.content], body[h.content:]
	}
	for {
		switch {
		case !h.indefinite && len(body) == 0:
			return inner, rest, nil
		case h.indefinite && len(body) >= 2 && body[0] == asn1EndOfContent && body[1] == 0:
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
		h, err := parseHeader(segments)
		if err != nil {
			return nil, err
		}
		if len(h.tag) != 1 || h.tag[0] != asn1OctetString || h.indefinite {
			return nil, errBER
		}
		joined = append(joined, segments[h.size:h.size+h.content]...)
		segments = segments[h.size+h.content:]
	}
	return joined, nil
}

// appendHeader writes identifier and minimal definite length (X.690 10.1).
func appendHeader(out, tag []byte, length int) []byte {
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

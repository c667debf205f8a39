package wire

import (
	"encoding/binary"
	"math"
)

// MaxPayloads bounds one chain. A road warrior's longest message (a long
// certificate chain and every notify) stays far below it.
const MaxPayloads = 64

// genericLen is the length of the generic payload header (RFC 7296 3.2).
const genericLen = 4

// criticalBit is the top bit of a generic header's second octet.
const criticalBit = 0x80

// AppendChain appends payloads with their generic headers and gives the type
// of the first, which the header, or the SK payload, must carry. An Encrypted
// or EncryptedFragment payload must be the last one: its generic header names
// the first inner payload.
//
// A body that does not fit a 16-bit length is a defect of the caller; the
// length field then saturates, so that the peer refuses the message instead
// of misreading it.
func AppendChain(b []byte, payloads []Payload) (first PayloadType, out []byte) {
	if len(payloads) > 0 {
		first = payloads[0].Type()
	}
	for i, p := range payloads {
		next := PayloadNone
		if i+1 < len(payloads) {
			next = payloads[i+1].Type()
		}
		critical := byte(0)
		switch e := p.(type) {
		case *Encrypted:
			next = e.First
		case *EncryptedFragment:
			next = e.First
		case *Unknown:
			if e.Critical {
				critical = criticalBit
			}
		}
		start := len(b)
		b = append(b, byte(next), critical, 0, 0)
		b = p.AppendBody(b)
		binary.BigEndian.PutUint16(b[start+2:], uint16(min(len(b)-start, math.MaxUint16)))
	}
	return first, b
}

// ParseChain reads the payloads inside an SK payload: first is the type that
// the SK payload's generic header named. An unknown payload that is not
// critical is kept as *Unknown. Encrypted payloads do not nest. Errors are
// *SyntaxError or *UnsupportedCriticalError.
func ParseChain(first PayloadType, b []byte) ([]Payload, error) {
	return parseChain(first, b, false)
}

func parseChain(next PayloadType, b []byte, outer bool) ([]Payload, error) {
	var payloads []Payload
	for next != PayloadNone {
		if len(payloads) == MaxPayloads {
			return nil, malformed(PayloadNone, "more than 64 payloads")
		}
		if len(b) < genericLen {
			return nil, malformed(next, "generic header cut short")
		}
		following, critical := PayloadType(b[0]), b[1]&criticalBit != 0
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < genericLen || n > len(b) {
			return nil, malformed(next, "length outside the message")
		}
		body := b[genericLen:n:n]
		b = b[n:]

		if next == PayloadSK || next == PayloadSKF {
			// RFC 7296 3.14: it is the last payload, and its next-payload
			// field speaks of what is inside.
			if !outer {
				return nil, malformed(next, "encrypted payload inside another")
			}
			if len(b) != 0 {
				return nil, malformed(next, "octets after the encrypted payload")
			}
			p, err := parseEncrypted(next, following, body)
			if err != nil {
				return nil, err
			}
			return append(payloads, p), nil
		}

		p, err := parseBody(next, critical, body)
		if err != nil {
			return nil, err
		}
		payloads = append(payloads, p)
		next = following
	}
	if len(b) != 0 {
		return nil, malformed(PayloadNone, "octets after the last payload")
	}
	return payloads, nil
}

// parseBody reads one payload. The critical bit counts only where the type is
// unknown (RFC 7296 2.5).
func parseBody(t PayloadType, critical bool, b []byte) (Payload, error) {
	switch t {
	case PayloadSA:
		return parseSA(b)
	case PayloadKE:
		return parseKE(b)
	case PayloadIDi, PayloadIDr:
		return parseID(t == PayloadIDr, b)
	case PayloadCERT:
		return parseCert(b)
	case PayloadCERTREQ:
		return parseCertReq(b)
	case PayloadAUTH:
		return parseAuth(b)
	case PayloadNonce:
		return parseNonce(b)
	case PayloadNotify:
		return parseNotify(b)
	case PayloadDelete:
		return parseDelete(b)
	case PayloadVendorID:
		return &VendorIDPayload{Data: b}, nil
	case PayloadTSi, PayloadTSr:
		return parseTS(t == PayloadTSr, b)
	case PayloadCP:
		return parseCP(b)
	case PayloadEAP:
		return parseEAP(b)
	}
	if critical {
		return nil, &UnsupportedCriticalError{Type: t}
	}
	return &Unknown{PayloadType: t, Body: b}, nil
}

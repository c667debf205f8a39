package eap

import (
	"encoding/binary"
	"strings"
	"unicode"
)

// Codes of EAP packets (RFC 3748 4).
const (
	codeRequest  = 1
	codeResponse = 2
	codeSuccess  = 3
	codeFailure  = 4
)

// Types of EAP methods (RFC 3748 5 and IANA).
const (
	TypeIdentity     uint8 = 1
	TypeNotification uint8 = 2
	TypeNak          uint8 = 3
	TypeMD5          uint8 = 4
	TypeOTP          uint8 = 5
	TypeGTC          uint8 = 6
	TypeTLS          uint8 = 13
	TypeTTLS         uint8 = 21
	TypePEAP         uint8 = 25
	TypeMSCHAPv2     uint8 = 26
	typeExpanded     uint8 = 254
)

// packet is one EAP packet. kind and data belong to requests and responses.
type packet struct {
	code, id byte
	kind     uint8
	data     []byte // borrowed
	expanded bool   // the type came in its long form (RFC 3748 5.7)
}

// parse reads a packet. Octets behind its length are padding of the lower
// layer (RFC 3748 4.1); so is what some gateways append to a Success, whether they
// count it in its length or not.
func parse(b []byte) (packet, error) {
	if len(b) < 4 {
		return packet{}, malformed("shorter than a header")
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < 4 || n > len(b) {
		return packet{}, malformed("length outside the packet")
	}
	p := packet{code: b[0], id: b[1]}
	if p.code == codeRequest || p.code == codeResponse {
		if n < 5 {
			return packet{}, malformed("no type")
		}
		p.kind, p.data = b[4], b[5:n]
	}
	return p, nil
}

// marshal builds a request or a response.
func marshal(code, id byte, kind uint8, data []byte) []byte {
	n := 5 + len(data)
	out := make([]byte, 0, n)
	out = append(out, code, id, byte(n>>8), byte(n), kind)
	return append(out, data...)
}

// marshalEnd builds a Success or a Failure.
func marshalEnd(code, id byte) []byte { return []byte{code, id, 0, 4} }

// respond answers a request in its own type.
func respond(pkt packet, data []byte) []byte {
	return marshal(codeResponse, pkt.id, pkt.kind, data)
}

// displayable makes text of the server fit to be shown: valid, one line,
// without control characters, not long.
func displayable(b []byte) string {
	const most = 200
	if i := strings.IndexByte(string(b), 0); i >= 0 { // RFC 3748 5.1: options follow
		b = b[:i]
	}
	runes := []rune(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "")))
	if len(runes) > most {
		runes = runes[:most]
	}
	return strings.TrimSpace(string(runes))
}

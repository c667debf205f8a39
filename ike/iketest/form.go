package iketest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// The form of the client's messages, octet by octet (RFC 7296 3):
//
//	whole message -> header -> chain of payloads, each with its generic header
//	-> body by type -> what the payloads of one message owe each other
//
// It reads octets and not package wire's idea of them, so that a field that
// is sent wrong and read leniently is still seen.

// form collects what is wrong with one message.
type form struct {
	exchange wire.ExchangeType
	response bool
	problems []string

	seen   map[byte]int    // payloads by type
	groups map[uint16]bool // key exchanges that the SA payload names
	ke     int             // group of the KE payload; -1: there is none
	nonces [][]byte
}

// Payload types that are looked into (RFC 7296 3.2).
const (
	formSA, formKE, formIDi, formIDr, formCERT, formCERTREQ, formAUTH = 33, 34, 35, 36, 37, 38, 39
	formNonce, formN, formD, formV, formTSi, formTSr                  = 40, 41, 42, 43, 44, 45
	formSK, formCP, formEAP, formSKF                                  = 46, 47, 48, 53
)

func newForm(h []byte) *form {
	return &form{
		exchange: wire.ExchangeType(h[18]), response: h[19]&0x20 != 0,
		seen: map[byte]int{}, groups: map[uint16]bool{}, ke: -1,
	}
}

func (f *form) complain(section, format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...)+" (RFC 7296 "+section+")")
}

// formOf holds a whole message as it was on the wire against the rules. What is
// encrypted is looked at by inside.
func formOf(raw []byte) *form {
	f := newForm(raw)
	if binary.BigEndian.Uint64(raw) == 0 {
		f.complain("3.1", "the initiator's SPI is zero")
	}
	if raw[17] != 0x20 {
		f.complain("3.1", "version octet %#x", raw[17])
	}
	if raw[19]&^0x28 != 0 {
		f.complain("3.1", "flags %#x", raw[19])
	}
	if int(binary.BigEndian.Uint32(raw[24:])) != len(raw) {
		f.complain("3.1", "length %d of %d octets", binary.BigEndian.Uint32(raw[24:]), len(raw))
	}
	first := f.exchange == wire.ExchangeIKESAInit && !f.response
	if first != (binary.BigEndian.Uint64(raw[8:]) == 0) {
		f.complain("3.1", "the responder's SPI is %x", raw[8:16])
	}
	f.chain(raw[16], raw[28:], true)
	if first == (f.seen[formSK]+f.seen[formSKF] > 0) {
		f.complain("1.2", "%v is protected, or should be", f.exchange)
	}
	if first {
		f.whole()
	}
	return f
}

// inside holds what an SK payload, or all SKF payloads together, had in it
// against the rules. h is the header of the message.
func inside(h wire.Header, first wire.PayloadType, chain []byte) *form {
	f := newForm(h.AppendTo(nil))
	f.chain(byte(first), chain, false)
	f.whole()
	return f
}

// chain walks the payloads.
func (f *form) chain(next byte, b []byte, outer bool) {
	for position := 0; next != 0; position++ {
		if len(b) < 4 || int(binary.BigEndian.Uint16(b[2:])) < 4 || int(binary.BigEndian.Uint16(b[2:])) > len(b) {
			f.complain("3.2", "payload %d is cut short", next)
			return
		}
		kind, n := next, int(binary.BigEndian.Uint16(b[2:]))
		if b[1]&0x80 != 0 {
			f.complain("2.5, 3.2", "payload %d is marked critical", kind)
		}
		if b[1]&0x7f != 0 {
			f.complain("2.5, 3.2", "payload %d has %#x in reserved bits", kind, b[1])
		}
		f.seen[kind]++
		body := b[4:n]
		next, b = b[0], b[n:]
		if kind == formSK || kind == formSKF {
			if !outer || len(b) != 0 {
				f.complain("3.1, 3.14", "an encrypted payload is inside another, or not the last")
			}
			return
		}
		f.body(kind, position, body)
	}
	if len(b) != 0 {
		f.complain("3.2", "%d octets behind the last payload", len(b))
	}
}

// leastBody is the fixed part of a body.
var leastBody = map[byte]int{
	formKE: 4, formIDi: 4, formIDr: 4, formCERT: 1, formCERTREQ: 1, formAUTH: 4, formN: 4, formD: 4, formTSi: 4, formTSr: 4, formCP: 4, formEAP: 4,
}

// body looks at one payload.
func (f *form) body(kind byte, position int, b []byte) {
	if len(b) < leastBody[kind] {
		f.complain("3", "payload %d of %d octets", kind, len(b))
		return
	}
	switch kind {
	case formSA:
		f.proposals(b)
	case formKE:
		f.keyExchange(b)
	case formIDi, formIDr:
		f.zero("3.5", "ID", b[1:4])
		if t := b[0]; (t == 2 || t == 3) && bytes.ContainsAny(b[4:], "\x00\r\n") {
			f.complain("3.5", "a name with a terminator")
		}
	case formCERTREQ:
		if b[0] == 4 && (len(b)-1)%20 != 0 {
			f.complain("3.7", "hashes of %d octets in all", len(b)-1)
		}
	case formAUTH:
		f.zero("3.8", "AUTH", b[1:4])
	case formNonce:
		if len(b) < 16 || len(b) > 256 {
			f.complain("3.9", "a nonce of %d octets", len(b))
		}
		f.nonces = append(f.nonces, bytes.Clone(b))
	case formN:
		f.notify(position, b)
	case formD:
		f.deletion(b)
	case formTSi, formTSr:
		f.selectors(b)
	case formCP:
		f.configuration(b)
	case formEAP:
		if int(binary.BigEndian.Uint16(b[2:])) != len(b) || b[0] != 2 {
			f.complain("3.16", "an EAP packet of code %d, %d octets long, that says %d", b[0], len(b), binary.BigEndian.Uint16(b[2:]))
		}
	}
}

func (f *form) zero(section, where string, b []byte) {
	if !bytes.Equal(b, make([]byte, len(b))) {
		f.complain("2.5, "+section, "%s has %x in a reserved field", where, b)
	}
}

// notify looks at N: an SPI only with its protocol, and a cookie in front.
func (f *form) notify(position int, b []byte) {
	protocol, size, kind := b[0], int(b[1]), binary.BigEndian.Uint16(b[2:])
	if size == 0 && protocol != 0 || size != 0 && (size != 4 || protocol != 2 && protocol != 3) || len(b) < 4+size {
		f.complain("3.10", "notification %d with an SPI of %d octets for protocol %d", kind, size, protocol)
	}
	if kind == 16390 && (position != 0 || len(b) < 4+1 || len(b) > 4+64) {
		f.complain("2.6", "a cookie of %d octets at position %d", len(b)-4, position)
	}
	if kind == 16384 && (f.exchange != wire.ExchangeIKEAuth || f.seen[formIDi]+f.seen[formIDr] == 0) {
		f.complain("2.4", "INITIAL_CONTACT outside the first IKE_AUTH message")
	}
}

// deletion looks at D: no SPI for the IKE SA, four octets each for ESP.
func (f *form) deletion(b []byte) {
	protocol, size, count := b[0], int(b[1]), int(binary.BigEndian.Uint16(b[2:]))
	whole := protocol == 1 && size == 0 && count == 0
	child := (protocol == 2 || protocol == 3) && size == 4 && count > 0
	if !whole && !child || len(b) != 4+size*count {
		f.complain("3.11", "a Delete of %d SPIs of %d octets for protocol %d, in %d octets", count, size, protocol, len(b))
	}
}

// selectors looks at TSi or TSr.
func (f *form) selectors(b []byte) {
	f.zero("3.13", "TS", b[1:4])
	count := int(b[0])
	if count == 0 {
		f.complain("3.13", "no traffic selector")
	}
	for b = b[4:]; len(b) >= 8; count-- {
		kind, protocol, n := b[0], b[1], int(binary.BigEndian.Uint16(b[2:]))
		size := map[byte]int{7: 4, 8: 16}[kind]
		if size == 0 || n != 8+2*size || n > len(b) {
			f.complain("3.13.1", "a traffic selector of type %d and %d octets", kind, n)
			return
		}
		start, end := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
		opaque := start == 65535 && end == 0
		if start > end && !opaque || protocol == 0 && (start != 0 || end != 65535) {
			f.complain("3.13.1", "ports %d to %d of protocol %d", start, end, protocol)
		}
		if bytes.Compare(b[8:8+size], b[8+size:n]) > 0 {
			f.complain("3.13.1", "addresses %x to %x", b[8:8+size], b[8+size:n])
		}
		b = b[n:]
	}
	if count != 0 || len(b) != 0 {
		f.complain("3.13", "the count of traffic selectors is wrong")
	}
}

// configuration looks at CP: what asks for a configuration asks for an address.
func (f *form) configuration(b []byte) {
	f.zero("3.15", "CP", b[1:4])
	asks, address := b[0] == 1, false
	for b = b[4:]; len(b) >= 4; {
		kind, n := binary.BigEndian.Uint16(b), 4+int(binary.BigEndian.Uint16(b[2:]))
		if kind&0x8000 != 0 {
			f.complain("2.5, 3.15.1", "configuration attribute %d has its reserved bit set", kind&0x7fff)
		}
		if n > len(b) {
			break
		}
		address = address || kind == 1 || kind == 8
		if asks && kind == 2 && n != 4 {
			f.complain("3.15.1", "a netmask is asked for by its value")
		}
		b = b[n:]
	}
	if len(b) != 0 {
		f.complain("3.15.1", "a configuration attribute is cut short")
	}
	if asks && !address {
		f.complain("2.19", "a configuration is asked for without an address")
	}
}

// whole looks at what the payloads of one message owe each other.
func (f *form) whole() {
	if f.seen[formSA] > 0 && f.ke >= 0 && !f.groups[uint16(f.ke)] {
		f.complain("1.3, 3.4", "a KE payload of group %d, which no proposal names", f.ke)
	}
	if f.exchange == wire.ExchangeIKEAuth && f.seen[formKE]+f.seen[formNonce] > 0 {
		f.complain("1.2", "a key exchange or a nonce in IKE_AUTH")
	}
	if f.exchange == wire.ExchangeCreateChildSA && f.seen[formSA] > 0 && f.seen[formNonce] != 1 {
		f.complain("1.3", "%d nonces in CREATE_CHILD_SA", f.seen[formNonce])
	}
	if f.seen[formTSi] != f.seen[formTSr] {
		f.complain("2.9", "%d TSi and %d TSr", f.seen[formTSi], f.seen[formTSr])
	}
}

// holdForm complains about everything that is wrong with the form of a message
// of the client, and about a nonce that it has used before. A request for
// IKE_SA_INIT that is sent anew, with a cookie or another group, keeps its own.
func (r *Responder) holdForm(now time.Time, h wire.Header, f *form) {
	for _, text := range f.problems {
		r.complain(now, "%v %d: %s", h.Exchange, h.MessageID, text)
	}
	if r.nonces == nil {
		r.nonces = map[string]wire.SPI{}
	}
	for _, nonce := range f.nonces {
		owner, used := r.nonces[string(nonce)]
		if used && (h.Exchange != wire.ExchangeIKESAInit || owner != h.InitiatorSPI) {
			r.complain(now, "%v %d: a nonce that was used before (RFC 7296 3.9)", h.Exchange, h.MessageID)
		}
		r.nonces[string(nonce)] = h.InitiatorSPI
	}
}

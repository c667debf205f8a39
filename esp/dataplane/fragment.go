package dataplane

import (
	"encoding/binary"

	"github.com/homeward-vpn/homeward/esp"
)

const (
	flagMF     = 0x2000
	offsetMask = 0x1fff
	// optionCopied marks an IPv4 option that goes into every fragment (RFC 791 3.1).
	optionCopied  = 0x80
	maxIPv4Header = 60
)

// fragment cuts an IPv4 packet without the don't-fragment flag into pieces
// that fit the path (RFC 791 2.3), and sends each in an ESP packet of its own.
// That is the rare case of a path smaller than the TUN's MTU and a sender that
// does not discover it; so the pieces go one by one.
func (s *sender) fragment(t *table, o *outboundSA, packet []byte) {
	clampMSS(packet, &s.inner, o.mss)
	header := int(packet[0]&0x0f) * 4
	room := (min(o.maxInner, len(s.scratch)-esp.HeaderRoom-esp.TrailerRoom) - header) &^ 7
	if room < 8 {
		s.p.counters.drop(dropTooBig, 1)
		return
	}
	field := binary.BigEndian.Uint16(packet[6:])
	var head [maxIPv4Header]byte
	n := copy(head[:], packet[:header])
	for data := packet[header:]; len(data) > 0; {
		size := min(room, len(data))
		next := field
		if size < len(data) {
			next |= flagMF
		}
		if !s.sendFragment(t, o, head[:n], data[:size], next) {
			return
		}
		field += uint16(size / 8)
		if field&offsetMask == uint16(size/8) {
			dropUncopied(head[ipv4HeaderLen:n])
		}
		data = data[size:]
	}
}

// sendFragment builds, seals and sends one piece. field is flags and offset.
func (s *sender) sendFragment(t *table, o *outboundSA, head, data []byte, field uint16) bool {
	b := s.scratch[esp.HeaderRoom:]
	n := copy(b, head)
	n += copy(b[n:], data)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint16(b[6:], field)
	clear(b[10:12])
	binary.BigEndian.PutUint16(b[10:], ^checksum(b[:len(head)], 0))

	seq, granted := o.out.Reserve(1)
	s.p.grown(o.age, o.out.Worn(), o.spi)
	if granted == 0 {
		s.p.counters.dropESP(esp.DropSequence)
		return false
	}
	sealed, d := o.out.Seal(s.scratch, esp.HeaderRoom, n, seq)
	if d != esp.DropNone {
		s.p.counters.dropESP(d)
		return false
	}
	s.single[0] = sealed
	if !s.send(s.single[:], t.peer) {
		return false
	}
	s.p.sent(1, n)
	o.age.sent(1, n)
	return true
}

// dropUncopied replaces the options that belong into the first fragment only
// by no-operations, which keeps the header's length.
func dropUncopied(options []byte) {
	for at := 0; at < len(options); {
		size := 1
		switch options[at] {
		case optionEnd:
			return
		case optionNOP:
		default:
			if at+1 >= len(options) {
				return
			}
			size = int(options[at+1])
			if size < 2 || at+size > len(options) {
				return
			}
			if options[at]&optionCopied == 0 {
				for k := range size {
					options[at+k] = optionNOP
				}
			}
		}
		at += size
	}
}

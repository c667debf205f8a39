package esp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

func ext(next byte, size int, rest ...byte) []byte {
	b := make([]byte, 8+size*8)
	b[0], b[1] = next, byte(size)
	copy(b[2:], rest)
	return b
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestInnerParse(t *testing.T) {
	t.Parallel()
	ports := []byte{0x12, 0x34, 0x01, 0xbb}
	fragment4 := inner4(6, ports...)
	fragment4[7] = 1 // offset 8
	options := inner4(6, ports...)
	options[0] = 0x46
	options = concat(options[:20], []byte{1, 1, 1, 0}, ports)
	binary.BigEndian.PutUint16(options[2:], uint16(len(options)))
	tests := []struct {
		name     string
		packet   []byte
		ok       bool
		protocol uint8
		upper    int
		known    bool
		src, dst uint16
	}{
		{"TCP over IPv4", inner4(6, ports...), true, 6, 20, true, 0x1234, 443},
		{"IPv4 options", options, true, 6, 24, true, 0x1234, 443},
		{"ICMP", inner4(1, 8, 0, 9, 9), true, 1, 20, true, 0x0800, 0x0800},
		{"later IPv4 fragment", fragment4, true, 6, 0, false, 0, 0},
		{"ports cut short", inner4(17, 1, 2, 3), true, 17, 20, false, 0, 0},
		{"no ports", inner4(50, 1, 2, 3, 4), true, 50, 20, false, 0, 0},
		{"UDP over IPv6", inner6(17, ports...), true, 17, 40, true, 0x1234, 443},
		{"ICMPv6", inner6(58, 128, 0, 0, 0), true, 58, 40, true, 0x8000, 0x8000},
		{"hop by hop, routing, destination", inner6(0, concat(ext(43, 0), ext(60, 1), ext(6, 0), ports)...), true, 6, 72, true, 0x1234, 443},
		{"authentication header", inner6(51, concat(ext(17, 0)[:8], ports)...), true, 17, 48, true, 0x1234, 443},
		{"first IPv6 fragment", inner6(44, concat([]byte{17, 0, 0, 1, 0, 0, 0, 1}, ports)...), true, 17, 48, true, 0x1234, 443},
		{"later IPv6 fragment", inner6(44, concat([]byte{17, 0, 1, 0, 0, 0, 0, 1}, ports)...), true, 17, 0, false, 0, 0},
		{"mobility", inner6(135, ext(59, 0, 5, 0)...), true, 135, 40, true, 0x0500, 0x0500},
		{"chain cut short", inner6(0, 6, 0, 0, 0), true, 0, 0, false, 0, 0},
		{"header longer than the packet", inner6(0, ext(6, 0)[:8]...), true, 6, 48, false, 0, 0},
		{"extension overruns", inner6(60, 6, 9, 0, 0, 0, 0, 0, 0), true, 60, 0, false, 0, 0},
		{"no next header", inner6(59), true, 59, 40, false, 0, 0},
		{"endless chain", inner6(60, concat(ext(60, 0), ext(60, 0), ext(60, 0), ext(60, 0), ext(60, 0), ext(60, 0), ext(60, 0), ext(60, 0), ext(6, 0), ports)...), true, 60, 0, false, 0, 0},
		{"IPv4 header length 4", append([]byte{0x44}, inner4(6)[1:]...), false, 0, 0, false, 0, 0},
		{"IPv4 longer than buffer", inner4(6, ports...)[:23], false, 0, 0, false, 0, 0},
		{"IPv6 longer than buffer", inner6(6, ports...)[:43], false, 0, 0, false, 0, 0},
		{"version 5", append([]byte{0x55}, inner4(6)[1:]...), false, 0, 0, false, 0, 0},
		{"nothing", nil, false, 0, 0, false, 0, 0},
	}
	for _, test := range tests {
		var in Inner
		if ok := in.Parse(test.packet); ok != test.ok {
			t.Errorf("%s: parsed %t", test.name, ok)
			continue
		}
		if !test.ok {
			continue
		}
		if in.Protocol != test.protocol || in.Upper != test.upper || in.portsKnown != test.known || in.Length != len(test.packet) {
			t.Errorf("%s: protocol %d at %d, ports %t, length %d", test.name, in.Protocol, in.Upper, in.portsKnown, in.Length)
		}
		if test.known && (in.srcPort != test.src || in.dstPort != test.dst) {
			t.Errorf("%s: ports %#x to %#x", test.name, in.srcPort, in.dstPort)
		}
	}
}

// Octets behind the packet's own end are never looked at.
func TestInnerParseTrailing(t *testing.T) {
	t.Parallel()
	for _, packet := range [][]byte{inner4(17, 1, 2), inner6(17, 1, 2), inner6(0, 17, 0)} {
		var in Inner
		if !in.Parse(append(packet, bytes.Repeat([]byte{7}, 40)...)) || in.Length != len(packet) || in.portsKnown {
			t.Errorf("%x: length %d, ports known %t", packet, in.Length, in.portsKnown)
		}
	}
}

// RFC 4301 4.4.1.1, RFC 7296 3.13.1.
func TestSelectorMatch(t *testing.T) {
	t.Parallel()
	a := netip.MustParseAddr
	full := Selector{Start: a("10.0.0.0"), End: a("10.255.255.255"), EndPort: 65535}
	with := func(edit func(*Selector)) Selector {
		s := full
		edit(&s)
		return s
	}
	udp := inner4(17, 0x12, 0x34, 0, 53)
	later := inner4(17, 0x12, 0x34, 0, 53)
	later[7] = 1
	echo := inner4(1, 8, 0, 0, 0)
	v6 := Selector{Start: a("fd00::"), End: a("fd00::1"), EndPort: 65535}
	opaque := func(s *Selector) { s.Protocol, s.StartPort, s.EndPort = 17, 65535, 0 }
	tests := []struct {
		name     string
		selector Selector
		packet   []byte
		src, dst bool
	}{
		{"any", full, udp, true, true},
		{"mapped form", with(func(s *Selector) { s.Start, s.End = a("::ffff:10.0.0.0"), a("::ffff:10.255.255.255") }), udp, true, true},
		{"protocol", with(func(s *Selector) { s.Protocol = 17 }), udp, true, true},
		{"other protocol", with(func(s *Selector) { s.Protocol = 6 }), udp, false, false},
		{"port range", with(func(s *Selector) { s.Protocol, s.StartPort, s.EndPort = 17, 50, 60 }), udp, false, true},
		{"port of a later fragment", with(func(s *Selector) { s.Protocol, s.StartPort, s.EndPort = 17, 53, 53 }), later, false, false},
		{"later fragment, any port", with(func(s *Selector) { s.Protocol = 17 }), later, true, true},
		{"opaque", with(opaque), later, true, true},
		{"opaque, ports seen", with(opaque), udp, false, false},
		{"ICMP echo", with(func(s *Selector) { s.Protocol, s.StartPort, s.EndPort = 1, 0x0800, 0x08ff }), echo, true, true},
		{"other ICMP type", with(func(s *Selector) { s.Protocol, s.StartPort, s.EndPort = 1, 0x0300, 0x03ff }), echo, false, false},
		{"address range", with(func(s *Selector) { s.Start, s.End = a("10.98.0.7"), a("10.98.0.7") }), udp, true, false},
		{"other family", v6, udp, false, false},
		{"IPv6 range", v6, inner6(59), true, false},
	}
	for _, test := range tests {
		set, err := newSelectorSet("test", []Selector{{Start: a("192.0.2.1"), End: a("192.0.2.1")}, test.selector})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var in Inner
		if !in.Parse(test.packet) {
			t.Errorf("%s: packet does not parse", test.name)
			continue
		}
		if set.matchSource(&in) != test.src || set.matchDestination(&in) != test.dst {
			t.Errorf("%s: source %t, destination %t", test.name, set.matchSource(&in), set.matchDestination(&in))
		}
	}
}

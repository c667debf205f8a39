package lab

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Protocol is what a captured frame carries, as far as a leak test cares.
type Protocol string

// The protocols. All but the first six would be a leak while a full tunnel
// is up.
const (
	ARP          Protocol = "arp"
	NDP          Protocol = "ndp" // neighbor and router discovery, MLD (RFC 4861, RFC 3810)
	DHCP         Protocol = "dhcp"
	IKE          Protocol = "ike"           // port 500, or the non-ESP marker on 4500 (RFC 3948)
	ESP          Protocol = "esp"           // UDP-encapsulated, or protocol 50
	NATKeepalive Protocol = "nat-keepalive" // one 0xff octet on 4500

	DNS   Protocol = "dns"
	Other Protocol = "other"
)

// Frame says what one captured frame is.
type Frame struct {
	Protocol    Protocol
	Source      netip.AddrPort // zero for ARP
	Destination netip.AddrPort
	Transport   byte // IP protocol; zero for what is not IP
	Outgoing    bool
	IPLength    int // of the IP packet, octets
	Text        string
}

const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolESP    = 50
	protocolICMPv6 = 58
)

// classify reads an Ethernet frame.
func classify(b []byte) Frame {
	if len(b) < 14 {
		return Frame{Protocol: Other, Text: "short frame"}
	}
	kind, b := binary.BigEndian.Uint16(b[12:]), b[14:]
	switch {
	case kind == 0x0806:
		return Frame{Protocol: ARP, Text: "ARP"}
	case kind == 0x0800 && len(b) >= 20:
		return classifyIPv4(b)
	case kind == 0x86dd && len(b) >= 40:
		return classifyIPv6(b)
	}
	return Frame{Protocol: Other, Text: fmt.Sprintf("EtherType %#04x", kind)}
}

func classifyIPv4(b []byte) Frame {
	source, destination := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	f := Frame{IPLength: int(binary.BigEndian.Uint16(b[2:]))}
	header := int(b[0]&15) * 4
	if header > len(b) {
		header = len(b)
	}
	// Ports stand in the first fragment only (RFC 791 3.1).
	if offset := binary.BigEndian.Uint16(b[6:]) & 0x1fff; offset != 0 {
		f.ports(source, destination, nil)
		f.Transport = b[9]
		f.Protocol, f.Text = Other, fmt.Sprintf("IPv4 fragment of protocol %d, %v > %v", b[9], source, destination)
		return f
	}
	f.transport(b[9], source, destination, b[header:])
	return f
}

func classifyIPv6(b []byte) Frame {
	source, destination := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	f := Frame{IPLength: 40 + int(binary.BigEndian.Uint16(b[4:]))}
	next, rest := b[6], b[40:]
	// MLD stands behind a hop-by-hop header with a router alert (RFC 3810 5).
	if next == 0 && len(rest) >= 8 {
		length := 8 + int(rest[1])*8
		if length <= len(rest) {
			next, rest = rest[0], rest[length:]
		}
	}
	f.transport(next, source, destination, rest)
	return f
}

// ports fills in the ends; payload is that of IP.
func (f *Frame) ports(source, destination netip.Addr, payload []byte) {
	var from, to uint16
	if len(payload) >= 4 {
		from, to = binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])
	}
	f.Source, f.Destination = netip.AddrPortFrom(source, from), netip.AddrPortFrom(destination, to)
}

// transport classifies by what is inside the IP packet.
func (f *Frame) transport(protocol byte, source, destination netip.Addr, payload []byte) {
	f.Protocol, f.Transport = Other, protocol
	switch protocol {
	case protocolICMPv6:
		f.ports(source, destination, nil)
		if len(payload) > 0 && isNDP(payload[0]) {
			f.Protocol = NDP
		}
	case protocolESP:
		f.ports(source, destination, nil)
		f.Protocol = ESP
	case protocolUDP:
		f.ports(source, destination, payload)
		if len(payload) >= 8 {
			f.Protocol = classifyUDP(f.Source.Port(), f.Destination.Port(), payload[8:])
		}
	case protocolTCP:
		f.ports(source, destination, payload)
		if f.Source.Port() == 53 || f.Destination.Port() == 53 {
			f.Protocol = DNS
		}
	default:
		f.ports(source, destination, nil)
	}
	f.Text = fmt.Sprintf("%s (IP protocol %d) %v > %v, %d octets", f.Protocol, protocol, f.Source, f.Destination, f.IPLength)
}

// isNDP: router and neighbor discovery are types 133 to 137, multicast
// listener discovery 130 to 132 and 143 (RFC 4861 4, RFC 3810 5).
func isNDP(icmp byte) bool { return icmp >= 130 && icmp <= 137 || icmp == 143 }

func classifyUDP(from, to uint16, payload []byte) Protocol {
	either := func(p uint16) bool { return from == p || to == p }
	switch {
	case either(500):
		return IKE
	case either(4500):
		switch {
		case len(payload) == 1 && payload[0] == 0xff:
			return NATKeepalive
		case len(payload) >= 4 && binary.BigEndian.Uint32(payload) == 0:
			return IKE
		case len(payload) >= 8:
			return ESP
		}
	case either(67) || either(68) || either(546) || either(547):
		return DHCP
	case either(53):
		return DNS
	}
	return Other
}

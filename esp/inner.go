package esp

import "encoding/binary"

// Protocol numbers that the parser knows (IANA).
const (
	protoHopByHop    = 0
	protoICMP        = 1
	protoIPv4        = 4
	protoTCP         = 6
	protoUDP         = 17
	protoIPv6        = 41
	protoRouting     = 43
	protoFragment    = 44
	protoAH          = 51
	protoICMPv6      = 58
	protoNone        = 59
	protoDestination = 60
	protoSCTP        = 132
	protoMobility    = 135
	protoUDPLite     = 136
	protoHIP         = 139
	protoShim6       = 140
)

const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	// maxExtensions bounds the walk over IPv6 extension headers.
	maxExtensions = 8
)

// address is an IPv4 or IPv6 address as numbers; IPv4 uses lo only.
type address struct{ hi, lo uint64 }

func (a address) less(b address) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// Inner is what selectors and the MTU rules need of an inner packet. It holds
// no slices, so it may outlive the packet.
type Inner struct {
	src, dst         address
	srcPort, dstPort uint16
	// Protocol is the upper layer, after IPv6 extension headers.
	Protocol uint8
	// V6 tells the family.
	V6 bool
	// portsKnown is false for later fragments, protocols without ports and
	// transport headers cut short: OPAQUE in RFC 4301's words.
	portsKnown bool
	// Length is the packet's own length, header included; what follows in
	// the buffer is padding.
	Length int
	// Upper is the offset of the upper-layer header. It is 0 when that
	// header is not in this packet: a later fragment, or an extension chain
	// that is cut short.
	Upper int
}

// Parse reads the header of the IP packet at the start of b. It reports
// false when the packet cannot be an IPv4 or IPv6 packet, or is longer than b.
func (in *Inner) Parse(b []byte) bool {
	if len(b) < ipv4HeaderLen {
		return false
	}
	switch b[0] >> 4 {
	case 4:
		return in.parse4(b)
	case 6:
		return in.parse6(b)
	}
	return false
}

func (in *Inner) parse4(b []byte) bool {
	header := int(b[0]&0x0f) * 4
	length := int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4HeaderLen || length < header || length > len(b) {
		return false
	}
	in.V6 = false
	in.Length = length
	in.Protocol = b[9]
	in.src = address{lo: uint64(binary.BigEndian.Uint32(b[12:]))}
	in.dst = address{lo: uint64(binary.BigEndian.Uint32(b[16:]))}
	if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 { // a later fragment
		in.Upper = 0
		in.portsKnown = false
		return true
	}
	in.Upper = header
	in.parsePorts(b[:length])
	return true
}

func (in *Inner) parse6(b []byte) bool {
	if len(b) < ipv6HeaderLen {
		return false
	}
	length := ipv6HeaderLen + int(binary.BigEndian.Uint16(b[4:]))
	if length > len(b) {
		return false
	}
	in.V6 = true
	in.Length = length
	in.src = address{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
	in.dst = address{binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[32:])}
	in.Protocol = b[6]
	in.Upper = ipv6HeaderLen
	switch in.Protocol {
	case protoTCP, protoUDP, protoICMPv6:
	default:
		in.walkExtensions(b[:length])
	}
	in.parsePorts(b[:length])
	return true
}

// walkExtensions moves Upper and Protocol past IPv6 extension headers
// (RFC 8200 4). When the chain is cut short, or the packet is a later
// fragment, Upper becomes 0 and Protocol is the last one named.
func (in *Inner) walkExtensions(b []byte) {
	at := ipv6HeaderLen
	for range maxExtensions {
		var size int
		switch in.Protocol {
		case protoHopByHop, protoRouting, protoDestination, protoMobility, protoHIP, protoShim6:
			if len(b)-at < 8 {
				in.Upper = 0
				return
			}
			// RFC 6275 6.1.1, 7401 5.1 and 5533 5.1: these may end the
			// chain with "no next header"; then they are the upper layer.
			if in.Protocol >= protoMobility && b[at] == protoNone {
				in.Upper = at
				return
			}
			size = 8 + int(b[at+1])*8
		case protoFragment:
			if len(b)-at < 8 {
				in.Upper = 0
				return
			}
			if binary.BigEndian.Uint16(b[at+2:])&0xfff8 != 0 {
				in.Protocol = b[at]
				in.Upper = 0
				return
			}
			size = 8
		case protoAH:
			if len(b)-at < 8 {
				in.Upper = 0
				return
			}
			size = 8 + int(b[at+1])*4
		default:
			in.Upper = at
			return
		}
		if len(b)-at < size {
			in.Upper = 0
			return
		}
		in.Protocol = b[at]
		at += size
	}
	in.Upper = 0
}

// parsePorts reads ports, or type and code of ICMP (RFC 7296 3.13.1), which
// count on both sides.
func (in *Inner) parsePorts(b []byte) {
	in.portsKnown = false
	if in.Upper == 0 || len(b)-in.Upper < 4 {
		return
	}
	p := b[in.Upper:]
	switch in.Protocol {
	case protoTCP, protoUDP, protoSCTP, protoUDPLite:
		in.srcPort = binary.BigEndian.Uint16(p)
		in.dstPort = binary.BigEndian.Uint16(p[2:])
		in.portsKnown = true
	case protoICMP, protoICMPv6:
		in.srcPort = binary.BigEndian.Uint16(p)
		in.dstPort = in.srcPort
		in.portsKnown = true
	case protoMobility:
		// RFC 4301 4.4.1.1: the mobility header type stands in the upper octet.
		in.srcPort = uint16(p[2]) << 8
		in.dstPort = in.srcPort
		in.portsKnown = true
	}
}

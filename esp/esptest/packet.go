package esptest

import (
	"encoding/binary"
	"net/netip"
)

const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17
)

// IP makes an IP packet of the family of src, with a valid header checksum.
// IPv4 packets have the don't-fragment flag.
func IP(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	if src.Is4() {
		b := make([]byte, 20, 20+len(payload))
		b[0] = 0x45
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
		b[6] = 0x40
		b[8] = 64
		b[9] = protocol
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		binary.BigEndian.PutUint16(b[10:], ^Checksum(b))
		return append(b, payload...)
	}
	b := make([]byte, 40, 40+len(payload))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6] = protocol
	b[7] = 64
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, payload...)
}

// UDP makes an IP packet with a UDP datagram and a valid checksum.
func UDP(src, dst netip.AddrPort, payload []byte) []byte {
	u := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(u, src.Port())
	binary.BigEndian.PutUint16(u[2:], dst.Port())
	binary.BigEndian.PutUint16(u[4:], uint16(8+len(payload)))
	u = append(u, payload...)
	binary.BigEndian.PutUint16(u[6:], ^Checksum(pseudo(src.Addr(), dst.Addr(), protoUDP, len(u)), u))
	return IP(src.Addr(), dst.Addr(), protoUDP, u)
}

// SYN makes a TCP SYN with the given options (a multiple of 4 octets) and a
// valid checksum.
func SYN(src, dst netip.AddrPort, options []byte) []byte {
	t := make([]byte, 20, 20+len(options))
	binary.BigEndian.PutUint16(t, src.Port())
	binary.BigEndian.PutUint16(t[2:], dst.Port())
	t[12] = byte(20+len(options)) / 4 << 4
	t[13] = 0x02
	t = append(t, options...)
	binary.BigEndian.PutUint16(t[16:], ^Checksum(pseudo(src.Addr(), dst.Addr(), protoTCP, len(t)), t))
	return IP(src.Addr(), dst.Addr(), protoTCP, t)
}

// ValidChecksum says whether the upper-layer checksum of an IP packet without
// options or extension headers holds, and for IPv4 that of its header.
func ValidChecksum(packet []byte) bool {
	if packet[0]>>4 == 4 {
		if Checksum(packet[:20]) != 0xffff {
			return false
		}
		body := packet[20:]
		if packet[9] == protoICMP {
			return Checksum(body) == 0xffff
		}
		src, dst := netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
		return Checksum(pseudo(src, dst, packet[9], len(body)), body) == 0xffff
	}
	body := packet[40:]
	src, dst := netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40]))
	return Checksum(pseudo(src, dst, packet[6], len(body)), body) == 0xffff
}

// pseudo is the pseudo-header of RFC 9293 3.1 and RFC 8200 8.1.
func pseudo(src, dst netip.Addr, protocol uint8, length int) []byte {
	b := append(src.AsSlice(), dst.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	return append(b, 0, 0, 0, protocol)
}

// Checksum is the ones' complement sum of RFC 1071 over parts of which all but
// the last have an even length. It is written for clarity, to check faster ones.
func Checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, p := range parts {
		for i, v := range p {
			if i%2 == 0 {
				sum += uint32(v) << 8
			} else {
				sum += uint32(v)
			}
			sum = sum&0xffff + sum>>16
		}
	}
	return uint16(sum)
}

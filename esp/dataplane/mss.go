package dataplane

import (
	"encoding/binary"

	"github.com/homeward-vpn/homeward/esp"
)

const (
	protoTCP     = 6
	tcpHeaderLen = 20
	tcpSYN       = 0x02

	optionEnd     = 0
	optionNOP     = 1
	optionMSS     = 2
	optionMSSLen  = 4
	minClampedMSS = 536 // RFC 9293 3.7.1: what every IPv4 host takes
)

// mssLimit is the largest MSS for each family.
type mssLimit struct{ v4, v6 uint16 }

// mssLimitFor leaves room for plain IP and TCP headers in an inner packet of
// the given size. TCP options come out of the segment (RFC 6691 2).
func mssLimitFor(inner int) mssLimit {
	inner = min(inner, 65535)
	return mssLimit{
		v4: uint16(max(inner-ipv4HeaderLen-tcpHeaderLen, minClampedMSS)),
		v6: uint16(max(inner-ipv6HeaderLen-tcpHeaderLen, minClampedMSS)),
	}
}

// clampMSS lowers the MSS option of a TCP SYN in place and corrects the
// checksum. Everything else, malformed options included, is left as it is. in
// describes the packet.
func clampMSS(packet []byte, in *esp.Inner, limit mssLimit) {
	if in.Protocol != protoTCP || in.Upper == 0 || len(packet)-in.Upper < tcpHeaderLen {
		return
	}
	tcp := packet[in.Upper:]
	if tcp[13]&tcpSYN == 0 {
		return
	}
	largest := limit.v4
	if in.V6 {
		largest = limit.v6
	}
	end := int(tcp[12]>>4) * 4
	if end < tcpHeaderLen || end > len(tcp) {
		return
	}
	for at := tcpHeaderLen; at < end; {
		switch tcp[at] {
		case optionEnd:
			return
		case optionNOP:
			at++
			continue
		}
		if end-at < 2 {
			return
		}
		size := int(tcp[at+1])
		if size < 2 || size > end-at {
			return
		}
		if tcp[at] == optionMSS && size == optionMSSLen {
			if binary.BigEndian.Uint16(tcp[at+2:]) > largest {
				setMSS(tcp, at+2, largest)
			}
			return
		}
		at += size
	}
}

// setMSS writes the value at tcp[at:] and updates the checksum for the
// octets changed (RFC 1624 3, equation 3), wherever they stand relative to
// 16-bit words.
func setMSS(tcp []byte, at int, value uint16) {
	first := at &^ 1
	last := (at + 1) &^ 1
	before := sumWords(tcp[first : last+2])
	binary.BigEndian.PutUint16(tcp[at:], value)
	after := sumWords(tcp[first : last+2])
	sum := uint32(^binary.BigEndian.Uint16(tcp[16:]))
	sum += uint32(^fold(before)) + uint32(fold(after))
	binary.BigEndian.PutUint16(tcp[16:], ^fold(sum))
}

// sumWords adds up big-endian 16-bit words; len(b) is even and small.
func sumWords(b []byte) uint32 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	return sum
}

// fold brings a sum down to 16 bits with end-around carry (RFC 1071).
func fold(sum uint32) uint16 {
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

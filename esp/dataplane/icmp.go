package dataplane

import (
	"encoding/binary"
	"time"

	"github.com/homeward-vpn/homeward/esp"
)

const (
	protoICMP   = 1
	protoICMPv6 = 58

	icmpUnreachable    = 3  // RFC 792
	icmpFragNeeded     = 4  // RFC 1191 4
	icmpProhibited     = 13 // RFC 1812 5.2.7.1
	icmpv6Unreachable  = 1  // RFC 4443 3.1
	icmpv6Prohibited   = 1  // RFC 4443 3.1
	icmpv6PacketTooBig = 2  // RFC 4443 3.2
	icmpv6FirstInfo    = 128
	icmpHeaderLen      = 8

	icmpTTL = 64
	// icmpv4Max is the longest ICMPv4 error (RFC 1812 4.3.2.3).
	icmpv4Max = 576

	flagDF = 0x40 // in octet 6 of the IPv4 header
)

// oversize deals with an inner packet longer than the path to the gateway
// allows and reports whether that was all. IPv4 that may be fragmented is; the
// sender of anything else is told the limit (RFC 4301 8.2.1). IPv6 up to the
// minimum MTU passes on.
func (s *sender) oversize(t *table, o *outboundSA, packet []byte) bool {
	if s.inner.V6 {
		if len(packet) <= ipv6MinMTU {
			return false
		}
		s.p.counters.drop(dropTooBig, 1)
		s.tooBig(packet, max(o.maxInner, ipv6MinMTU))
		return true
	}
	if packet[6]&flagDF == 0 {
		s.fragment(t, o, packet)
		return true
	}
	s.p.counters.drop(dropTooBig, 1)
	s.tooBig(packet, o.maxInner)
	return true
}

// tooBig writes an ICMP "packet too big" about packet into the TUN.
func (s *sender) tooBig(packet []byte, mtu int) {
	if s.inner.V6 {
		s.tell(packet, icmpv6PacketTooBig, 0, uint32(mtu))
		return
	}
	s.tell(packet, icmpUnreachable, icmpFragNeeded, uint32(min(mtu, 65535)))
}

// prohibited tells the sender of a packet that no SA may carry that it need not
// wait for an answer (RFC 4301 6.1.1). Packets to a group are dropped in silence.
func (s *sender) prohibited(packet []byte) {
	switch {
	case !s.inner.V6:
		s.tell(packet, icmpUnreachable, icmpProhibited, 0)
	case packet[24] != 0xff: // RFC 4443 2.4 (e.3)
		s.tell(packet, icmpv6Unreachable, icmpv6Prohibited, 0)
	}
}

// tell writes an ICMP error about packet into the TUN; rest is the second word of
// the message. Its source is the address that the packet was meant for: routed
// through the TUN, so no reverse path filter objects, and of the right family and
// scope.
func (s *sender) tell(packet []byte, kind, code byte, rest uint32) {
	if !mayAnswer(packet, &s.inner) || !s.p.limiter.allow(s.p.now()) {
		return
	}
	var n int
	if s.inner.V6 {
		n = putError6(s.scratch[tunRoom:], packet, kind, code, rest)
	} else {
		n = putError4(s.scratch[tunRoom:], packet, kind, code, rest)
	}
	s.writes[0] = s.scratch[:tunRoom+n]
	s.p.inMu.Lock()
	defer s.p.inMu.Unlock()
	if _, err := s.d.Write(s.writes[:], tunRoom); err != nil {
		s.p.counters.drop(dropTUNWrite, 1)
		s.p.logger.Debug("ICMP not delivered", "error", err)
	}
}

// mayAnswer keeps the rules of RFC 1122 3.2.2 and RFC 4443 2.4 (e): no error
// about an ICMP error, a later fragment, or a packet whose source is not one
// host. ICMPv6 "too big" may answer multicast, which IPv4 may not.
func mayAnswer(packet []byte, in *esp.Inner) bool {
	if in.V6 {
		source := packet[8:24]
		if source[0] == 0xff || allZero(source) {
			return false
		}
		return in.Protocol != protoICMPv6 || in.Upper != 0 && in.Upper < len(packet) && packet[in.Upper] >= icmpv6FirstInfo
	}
	if in.Upper == 0 || packet[12] >= 224 || packet[16] >= 224 || packet[12] == 0 {
		return false
	}
	if in.Protocol != protoICMP {
		return true
	}
	if in.Upper >= len(packet) {
		return false
	}
	switch packet[in.Upper] {
	case 3, 4, 5, 11, 12: // the errors
		return false
	}
	return true
}

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// putError4 writes an ICMP error (RFC 792) to b and returns its length.
func putError4(b, packet []byte, kind, code byte, rest uint32) int {
	quoted := min(len(packet), icmpv4Max-ipv4HeaderLen-icmpHeaderLen)
	n := ipv4HeaderLen + icmpHeaderLen + quoted
	b = b[:n]
	clear(b[:ipv4HeaderLen+icmpHeaderLen])
	b[0] = 0x45
	b[1] = 0xc0 // RFC 1812 4.3.2.5: precedence internetwork control
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	b[8] = icmpTTL
	b[9] = protoICMP
	copy(b[12:16], packet[16:20])
	copy(b[16:20], packet[12:16])
	binary.BigEndian.PutUint16(b[10:], ^checksum(b[:ipv4HeaderLen], 0))
	icmp := b[ipv4HeaderLen:]
	icmp[0], icmp[1] = kind, code
	binary.BigEndian.PutUint32(icmp[4:], rest)
	copy(icmp[icmpHeaderLen:], packet[:quoted])
	binary.BigEndian.PutUint16(icmp[2:], ^checksum(icmp, 0))
	return n
}

// putError6 writes an ICMPv6 error (RFC 4443 2.1) to b and returns its length: as
// much of the packet as the minimum MTU holds.
func putError6(b, packet []byte, kind, code byte, rest uint32) int {
	quoted := min(len(packet), ipv6MinMTU-ipv6HeaderLen-icmpHeaderLen)
	n := ipv6HeaderLen + icmpHeaderLen + quoted
	b = b[:n]
	clear(b[:ipv6HeaderLen+icmpHeaderLen])
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(icmpHeaderLen+quoted))
	b[6] = protoICMPv6
	b[7] = icmpTTL
	copy(b[8:24], packet[24:40])
	if packet[24] == 0xff {
		// A group cannot be a source; the sender's own address can.
		copy(b[8:24], packet[8:24])
	}
	copy(b[24:40], packet[8:24])
	icmp := b[ipv6HeaderLen:]
	icmp[0], icmp[1] = kind, code
	binary.BigEndian.PutUint32(icmp[4:], rest)
	copy(icmp[icmpHeaderLen:], packet[:quoted])
	// RFC 8200 8.1: pseudo-header of addresses, length and next header.
	pseudo := checksumAdd(b[8:40], uint64(len(icmp))+protoICMPv6)
	binary.BigEndian.PutUint16(icmp[2:], ^checksum(icmp, pseudo))
	return n
}

// checksumAdd adds the 16-bit words of b to a sum (RFC 1071).
func checksumAdd(b []byte, sum uint64) uint64 {
	for len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func checksum(b []byte, sum uint64) uint16 {
	sum = checksumAdd(b, sum)
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// limiter is a token bucket for ICMP errors (RFC 1812 4.3.2.8, RFC 4443 2.4 f).
// The zero value starts full.
type limiter struct {
	used float64 // tokens taken from a full bucket
	last time.Time
}

const (
	icmpBurst     = 50
	icmpPerSecond = 100
)

func (l *limiter) allow(now time.Time) bool {
	if d := now.Sub(l.last); d > 0 {
		l.used = max(0, l.used-d.Seconds()*icmpPerSecond)
		l.last = now
	}
	if l.used+1 > icmpBurst {
		return false
	}
	l.used++
	return true
}

package canary

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
)

// target is one attempt that is to be made. The child gets it as JSON.
type target struct {
	Device string         `json:"device"`
	Kind   Kind           `json:"kind"`
	Family Family         `json:"family"`
	To     netip.AddrPort `json:"to"` // port 0 for ICMP
	// Token tells its packets from all others: 16 characters in the payload. A SYN
	// has none; its address and port are random instead.
	Token string `json:"token"`
}

// The prefixes of documentation: RFC 5737 3, RFC 3849 2. The first of each family
// that this machine is not on is used.
var (
	documents4 = []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	}
	documents6 = netip.MustParsePrefix("2001:db8::/32")
)

const (
	dnsPort   = 53
	lowPort   = 20000 // of the random ports
	portRange = 40000
	echo4     = 8   // RFC 792
	echo6     = 128 // RFC 4443 4.1
)

var (
	kinds    = []Kind{TCP, UDP, DNS, ICMP}
	families = []Family{IPv4, IPv6}
)

// targets makes the attempts of one user by one device. taken are the prefixes that
// the machine is on.
func targets(device string, taken []netip.Prefix) []target {
	var all []target
	for _, family := range families {
		for _, kind := range kinds {
			var random [16]byte
			rand.Read(random[:]) // never fails (crypto/rand)
			port := uint16(lowPort + int(binary.BigEndian.Uint16(random[8:]))%portRange)
			switch kind {
			case DNS:
				port = dnsPort
			case ICMP:
				port = 0
			}
			all = append(all, target{
				Device: device, Kind: kind, Family: family, Token: hex.EncodeToString(random[:8]),
				To: netip.AddrPortFrom(address(family, taken), port),
			})
		}
	}
	return all
}

// address picks one of documentation at random.
func address(family Family, taken []netip.Prefix) netip.Addr {
	var random [12]byte
	rand.Read(random[:])
	if family == IPv6 {
		a := documents6.Addr().As16()
		copy(a[4:], random[:])
		return netip.AddrFrom16(a)
	}
	from := documents4[0]
	for _, p := range documents4 {
		if !overlaps(taken, p) {
			from = p
			break
		}
	}
	a := from.Addr().As4()
	a[3] = 1 + random[0]%254
	return netip.AddrFrom4(a)
}

func overlaps(all []netip.Prefix, p netip.Prefix) bool {
	for _, q := range all {
		if q.Bits() > 0 && q.Overlaps(p) {
			return true
		}
	}
	return false
}

// payload is what the attempt sends behind the header of its transport, for ICMP
// with the message's own header; empty for TCP.
func (t target) payload() []byte {
	switch t.Kind {
	case UDP:
		return []byte("homeward " + t.Token)
	case DNS:
		return t.question()
	case ICMP:
		return t.echo()
	}
	return nil
}

// question asks for the address of a name that cannot be (RFC 1035 4.1, RFC 6761 6.4).
func (t target) question() []byte {
	q := []byte{t.Token[0], t.Token[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0} // recursion desired, one question
	for _, label := range []string{t.Token, "invalid"} {
		q = append(append(q, byte(len(label))), label...)
	}
	return append(q, 0, 0, 1, 0, 1) // the root, A, IN
}

// echo is an echo request. The kernel sets what else its kind of socket wants.
func (t target) echo() []byte {
	kind := byte(echo4)
	if t.Family == IPv6 {
		kind = echo6
	}
	m := append([]byte{kind, 0, 0, 0, t.Token[0], t.Token[1], 0, 1}, t.Token...)
	if t.Family == IPv4 {
		binary.BigEndian.PutUint16(m[2:], checksum(m))
	}
	return m
}

// checksum is that of RFC 1071, of an even number of octets.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// Protocol numbers (IANA).
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// sentBy says whether an IP packet is one of this attempt's: its source is no help,
// for it may have been rewritten on the way out.
func (t target) sentBy(packet []byte) bool {
	to, protocol, rest, ok := parse(packet)
	if !ok || to != t.To.Addr() {
		return false
	}
	switch t.Kind {
	case TCP:
		return protocol == protoTCP && len(rest) >= 4 && binary.BigEndian.Uint16(rest[2:]) == t.To.Port()
	case UDP, DNS:
		return protocol == protoUDP && bytes.Contains(rest, []byte(t.Token))
	default:
		return (protocol == protoICMP || protocol == protoICMPv6) && bytes.Contains(rest, []byte(t.Token))
	}
}

// parse reads the destination and what follows the header of an IP packet.
func parse(p []byte) (to netip.Addr, protocol byte, rest []byte, ok bool) {
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		header := int(p[0]&0xf) * 4
		if header < 20 || len(p) < header {
			return netip.Addr{}, 0, nil, false
		}
		return netip.AddrFrom4([4]byte(p[16:])), p[9], p[header:], true
	case len(p) >= 40 && p[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(p[24:])), p[6], p[40:], true
	}
	return netip.Addr{}, 0, nil, false
}

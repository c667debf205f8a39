package lab

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// frame4 is an Ethernet frame with an IPv4 packet.
func frame4(protocol byte, payload []byte) []byte {
	b := make([]byte, 14+20, 14+20+len(payload))
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip := b[14:]
	ip[0], ip[9] = 0x45, protocol
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(payload)))
	copy(ip[12:], []byte{192, 168, 77, 2})
	copy(ip[16:], []byte{203, 0, 113, 1})
	return append(b, payload...)
}

func frame6(next byte, payload []byte) []byte {
	b := make([]byte, 14+40, 14+40+len(payload))
	binary.BigEndian.PutUint16(b[12:], 0x86dd)
	ip := b[14:]
	ip[0], ip[6] = 0x60, next
	binary.BigEndian.PutUint16(ip[4:], uint16(len(payload)))
	source, destination := ClientAddress6.As16(), GatewayAddress6.As16()
	copy(ip[8:], source[:])
	copy(ip[24:], destination[:])
	return append(b, payload...)
}

func udp(from, to uint16, payload ...byte) []byte {
	b := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	return append(b, payload...)
}

func TestClassify(t *testing.T) {
	t.Parallel()
	fragment := frame4(protocolUDP, make([]byte, 40))
	fragment[14+7] = 10
	arp := make([]byte, 42)
	binary.BigEndian.PutUint16(arp[12:], 0x0806)
	for name, tc := range map[string]struct {
		frame []byte
		want  Protocol
	}{
		"ARP":                        {arp, ARP},
		"neighbor solicitation":      {frame6(protocolICMPv6, []byte{135, 0, 0, 0}), NDP},
		"redirect":                   {frame6(protocolICMPv6, []byte{137, 0, 0, 0}), NDP},
		"MLD behind hop-by-hop":      {frame6(0, append([]byte{protocolICMPv6, 0, 5, 2, 0, 0, 0, 0}, 143, 0, 0, 0)), NDP},
		"echo request":               {frame6(protocolICMPv6, []byte{128, 0, 0, 0}), Other},
		"DHCP":                       {frame4(protocolUDP, udp(68, 67, 1)), DHCP},
		"DHCPv6":                     {frame6(protocolUDP, udp(546, 547, 1)), DHCP},
		"IKE on 500":                 {frame4(protocolUDP, udp(40000, 500, 1, 2, 3, 4)), IKE},
		"IKE on 4500":                {frame4(protocolUDP, udp(4500, 40000, 0, 0, 0, 0, 9)), IKE},
		"ESP on 4500":                {frame6(protocolUDP, udp(40000, 4500, 1, 2, 3, 4, 0, 0, 0, 1)), ESP},
		"ESP without UDP":            {frame4(protocolESP, make([]byte, 20)), ESP},
		"NAT keepalive":              {frame4(protocolUDP, udp(4500, 4500, 0xff)), NATKeepalive},
		"one octet that is no such":  {frame4(protocolUDP, udp(4500, 4500, 0xfe)), Other},
		"DNS":                        {frame4(protocolUDP, udp(40000, 53, 1)), DNS},
		"DNS over TCP":               {frame4(protocolTCP, udp(40000, 53)), DNS},
		"web":                        {frame4(protocolTCP, udp(40000, 80)), Other},
		"a later fragment":           {fragment, Other},
		"another EtherType":          {append(make([]byte, 12), 0x88, 0xcc), Other},
		"a short frame":              {[]byte{1, 2, 3}, Other},
		"IPv4 cut short":             {frame4(protocolUDP, nil)[:30], Other},
		"a header longer than frame": {func() []byte { b := frame4(protocolUDP, nil); b[14] = 0x4f; return b }(), Other},
	} {
		if got := classify(tc.frame); got.Protocol != tc.want || got.Text == "" {
			t.Errorf("%s is %q (%s), want %q", name, got.Protocol, got.Text, tc.want)
		}
	}
	f := classify(frame4(protocolUDP, udp(40000, 500, 1, 2, 3, 4)))
	if f.Source != netip.AddrPortFrom(ClientAddress, 40000) || f.Destination != netip.AddrPortFrom(GatewayAddress, 500) || f.IPLength != 32 {
		t.Errorf("ends %v > %v, %d octets", f.Source, f.Destination, f.IPLength)
	}
}

// No prefix of a frame makes classify fall over.
func TestClassifyPrefixes(t *testing.T) {
	t.Parallel()
	for _, frame := range [][]byte{
		frame4(protocolUDP, udp(500, 500, 1, 2, 3, 4, 5, 6, 7, 8)),
		frame6(0, append([]byte{protocolICMPv6, 0, 5, 2, 0, 0, 0, 0}, 143, 0, 0, 0)),
	} {
		for n := range frame {
			if f := classify(frame[:n]); f.Text == "" {
				t.Errorf("a prefix of %d octets has no description", n)
			}
		}
	}
}

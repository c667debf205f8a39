package lab

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// query is a DNS message with one question, in a datagram.
func query(t *testing.T, name string, kind uint16, change func(*dns.Msg)) []byte {
	t.Helper()
	var m dns.Msg
	m.SetQuestion(name, kind)
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return udp(40000, 53, b...)
}

// TestAllowed: what is the service's may leave, and what only looks like it may not.
func TestAllowed(t *testing.T) {
	t.Parallel()
	elsewhere := func(frame []byte) []byte { frame[14+19] = 99; return frame }
	esp := []byte{1, 2, 3, 4, 0, 0, 0, 1}
	stranger := append(append([]byte{}, esp...), signature...)
	local := GatewayOnly()
	local.Local = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	for name, tc := range map[string]struct {
		frame   []byte
		allowed Allowed
		want    bool
	}{
		"IKE to the gateway":              {frame4(protocolUDP, udp(40000, 500, esp...)), GatewayOnly(), true},
		"IKE to the gateway, IPv6":        {frame6(protocolUDP, udp(40000, 500, esp...)), GatewayOnly(), true},
		"ESP to the gateway":              {frame4(protocolUDP, udp(40000, 4500, esp...)), GatewayOnly(), true},
		"a keepalive to the gateway":      {frame4(protocolUDP, udp(4500, 4500, 0xff)), GatewayOnly(), true},
		"IKE to somebody else":            {elsewhere(frame4(protocolUDP, udp(40000, 500, esp...))), GatewayOnly(), false},
		"ESP from port 4500 to another":   {frame4(protocolUDP, udp(4500, 40000, esp...)), GatewayOnly(), false},
		"ESP without UDP":                 {frame4(protocolESP, esp), GatewayOnly(), false},
		"a stranger's to port 4500":       {frame4(protocolUDP, udp(40000, 4500, stranger...)), GatewayOnly(), false},
		"a stranger's to port 500":        {frame6(protocolUDP, udp(40000, 500, stranger...)), GatewayOnly(), false},
		"a stranger's to port 67":         {frame4(protocolUDP, udp(68, 67, stranger...)), GatewayOnly(), false},
		"a DHCP client":                   {frame4(protocolUDP, udp(68, 67, 1)), GatewayOnly(), true},
		"a DHCPv6 client":                 {frame6(protocolUDP, udp(546, 547, 1)), GatewayOnly(), true},
		"a DHCP server":                   {frame4(protocolUDP, udp(67, 68, 1)), GatewayOnly(), false},
		"the gateway's address asked for": {frame4(protocolUDP, query(t, "vpn.CORP.example.", dns.TypeA, nil)), GatewayOnly(), true},
		"the same over IPv6":              {frame6(protocolUDP, query(t, GatewayName6+".", dns.TypeAAAA, nil)), GatewayOnly(), true},
		"another type asked for":          {frame4(protocolUDP, query(t, GatewayName+".", dns.TypeTXT, nil)), GatewayOnly(), false},
		"another name asked for":          {frame4(protocolUDP, query(t, PublicName+".", dns.TypeA, nil)), GatewayOnly(), false},
		"an answer":                       {frame4(protocolUDP, query(t, GatewayName+".", dns.TypeA, func(m *dns.Msg) { m.Response = true })), GatewayOnly(), false},
		"two questions": {frame4(protocolUDP, query(t, GatewayName+".", dns.TypeA, func(m *dns.Msg) {
			m.Question = append(m.Question, m.Question[0])
		})), GatewayOnly(), false},
		"no DNS on port 53":  {frame4(protocolUDP, udp(40000, 53, 1)), GatewayOnly(), false},
		"DNS over TCP":       {frame4(protocolTCP, udp(40000, 53)), GatewayOnly(), false},
		"TCP":                {frame4(protocolTCP, udp(40000, 4500)), GatewayOnly(), false},
		"an echo request":    {frame4(protocolICMP, []byte{8, 0, 0, 0}), GatewayOnly(), false},
		"TCP on the network": {frame4(protocolTCP, udp(40000, 80)), local, true},
		"TCP beyond it":      {frame6(protocolTCP, udp(40000, 80)), local, false},
		"what is not IP":     {append(make([]byte, 12), 0x88, 0xcc), local, false},
	} {
		if got := tc.allowed.may(classify(tc.frame), tc.frame); got != tc.want {
			t.Errorf("%s: may leave is %v, want %v", name, got, tc.want)
		}
	}
}

// TestSort: what leaks is counted by kind, family and destination.
func TestSort(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		frame []byte
		want  Sort
	}{
		"TCP":          {frame4(protocolTCP, udp(40000, 80)), Sort{TCP, GatewayAddress}},
		"UDP":          {frame6(protocolUDP, udp(40000, 80, 1)), Sort{UDP, GatewayAddress6}},
		"DNS":          {frame4(protocolUDP, udp(40000, 53, 1)), Sort{DNSoverUDP, GatewayAddress}},
		"DNS over TCP": {frame6(protocolTCP, udp(40000, 53)), Sort{DNSoverTCP, GatewayAddress6}},
		"echo, IPv4":   {frame4(protocolICMP, []byte{8, 0}), Sort{Echo, GatewayAddress}},
		"echo, IPv6":   {frame6(protocolICMPv6, []byte{128, 0}), Sort{Echo, GatewayAddress6}},
		"ESP":          {frame4(protocolESP, make([]byte, 8)), Sort{OtherKind, GatewayAddress}},
	} {
		if got := classify(tc.frame).sort(); got != tc.want {
			t.Errorf("%s counts as %v, want %v", name, got, tc.want)
		}
	}
}

// No prefix of a frame makes the judgement fall over.
func TestAllowedPrefixes(t *testing.T) {
	t.Parallel()
	for _, frame := range [][]byte{
		frame4(protocolUDP, query(t, GatewayName+".", dns.TypeA, nil)),
		frame6(protocolUDP, query(t, GatewayName+".", dns.TypeA, nil)),
	} {
		for n := range frame {
			if GatewayOnly().may(classify(frame[:n]), frame[:n]) {
				t.Errorf("a prefix of %d octets may leave", n)
			}
		}
	}
}

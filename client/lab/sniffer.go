package lab

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Kind is what a program sends, as a leak test tells it apart.
type Kind string

// The kinds. All but the last are what a Stranger sends.
const (
	TCP        Kind = "tcp"
	UDP        Kind = "udp"
	DNSoverUDP Kind = "dns"
	DNSoverTCP Kind = "dns-tcp"
	Echo       Kind = "icmp"
	OtherKind  Kind = "other"
)

// Kinds are those that a Stranger sends.
var Kinds = []Kind{TCP, UDP, DNSoverUDP, DNSoverTCP, Echo}

// Allowed is what may leave the client's machine by a physical device beside
// what every state allows: ARP, neighbor discovery, MLD and DHCP.
type Allowed struct {
	Gateways []netip.Addr   // IKE and ESP to ports 500 and 4500 of these
	Names    []string       // questions for the addresses of these, by UDP
	Local    []netip.Prefix // the local network, by the user's choice
	// Pages are read by TCP, to sign in to a captive portal; no Stranger's flow may go there.
	Pages []netip.AddrPort
}

// GatewayOnly is what the service may need for the lab's gateway, whichever of its names the
// profile has.
func GatewayOnly() Allowed {
	return Allowed{Gateways: []netip.Addr{GatewayAddress, GatewayAddress6}, Names: []string{GatewayName, GatewayName6, GatewayNameBoth}}
}

// Sort is what leaks are counted by.
type Sort struct {
	Kind Kind
	To   netip.Addr
}

// Family is 4 or 6.
func (s Sort) Family() int { return family(s.To) }

func family(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

// Leak is a frame that left the client's machine and should not have.
type Leak struct {
	At     time.Time
	Device string // of the client's
	Phase  string
	Sort   Sort
	Frame  Frame
}

// String says what, when and where.
func (k Leak) String() string {
	return fmt.Sprintf("%s, %s, by %s: %s", k.At.Format("15:04:05.000000"), k.Phase, k.Device, k.Frame.Text)
}

// Tally is what a Sniffer saw leave in one phase.
type Tally struct {
	Phase   string
	Took    time.Duration
	Allowed map[Protocol]int
	Leaked  map[Sort]int
	First   []Leak // some of them
	// Open is the time from the first leak to the last.
	Open time.Duration
}

// Leaks counts all that leaked.
func (t Tally) Leaks() (n int) {
	for _, c := range t.Leaked {
		n += c
	}
	return n
}

// Seen counts all that was allowed.
func (t Tally) Seen() (n int) {
	for _, c := range t.Allowed {
		n += c
	}
	return n
}

// String is the allowed frames by protocol.
func (t Tally) String() string {
	var words []string
	for _, p := range slices.Sorted(maps.Keys(t.Allowed)) {
		words = append(words, fmt.Sprintf("%s %d", p, t.Allowed[p]))
	}
	return strings.Join(words, ", ")
}

// signature stands in everything that a Stranger sends: where it is seen, the
// packet is not the service's, whatever its addresses are.
const signature = "sent by a stranger"

// may says if a frame may leave. The octets are those of the Ethernet frame.
func (a Allowed) may(f Frame, octets []byte) bool {
	stranger := bytes.Contains(octets, []byte(signature))
	to := f.Destination.Addr()
	switch f.Protocol {
	case ARP, NDP:
		return true
	case DHCP:
		return !stranger && (f.Destination.Port() == 67 || f.Destination.Port() == 547)
	case IKE, ESP, NATKeepalive:
		port := f.Destination.Port()
		if !stranger && slices.Contains(a.Gateways, to) && (port == 500 || port == 4500) {
			return true
		}
	case DNS:
		if f.Transport == protocolUDP && a.asks(octets) {
			return true
		}
	}
	if f.Transport == protocolTCP && !stranger && slices.Contains(a.Pages, f.Destination) {
		return true
	}
	return slices.ContainsFunc(a.Local, func(p netip.Prefix) bool { return p.Contains(to) })
}

// asks: is this Ethernet frame one question for an address of an allowed name?
func (a Allowed) asks(octets []byte) bool {
	payload := udpPayload(octets)
	var m dns.Msg
	if payload == nil || m.Unpack(payload) != nil || m.Response || len(m.Question) != 1 {
		return false
	}
	q := m.Question[0]
	return q.Qclass == dns.ClassINET && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeAAAA) && slices.ContainsFunc(a.Names, func(name string) bool {
		return strings.EqualFold(dns.Fqdn(name), q.Name)
	})
}

// udpPayload is that of a frame with UDP directly behind an IP header without
// extensions; nil: it is something else.
func udpPayload(octets []byte) []byte {
	if len(octets) < 15 {
		return nil
	}
	header := 14 + 40
	if octets[14]>>4 == 4 {
		header = 14 + int(octets[14]&15)*4
	}
	if len(octets) < header+8 {
		return nil
	}
	return octets[header+8:]
}

// sort says what a frame counts as.
func (f Frame) sort() Sort {
	s := Sort{Kind: OtherKind, To: f.Destination.Addr()}
	switch f.Transport {
	case protocolTCP:
		s.Kind = TCP
		if f.Protocol == DNS {
			s.Kind = DNSoverTCP
		}
	case protocolUDP:
		s.Kind = UDP
		if f.Protocol == DNS {
			s.Kind = DNSoverUDP
		}
	case protocolICMP, protocolICMPv6:
		s.Kind = Echo
	}
	return s
}

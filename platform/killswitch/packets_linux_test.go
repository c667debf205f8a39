package killswitch

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// kind is a kind of packet.
type kind struct {
	name  string
	how   how
	guest bool // a container sends it
	// leaves says in which states it may: by the kill switch's table, not by
	// the rules.
	leaves func(Policy) bool
	// told is what the program hears where it may not; nil: nothing is asked.
	told []error
}

func never(Policy) bool  { return false }
func always(Policy) bool { return true }

func ike(p Policy) bool       { return len(p.Gateways) > 0 }
func resolving(p Policy) bool { return len(p.Resolvers) > 0 }
func probing(p Policy) bool   { return len(p.Probes) > 0 }
func carried4(p Policy) bool  { return p.Tunnel != nil && p.Tunnel.IPv4 }
func carried6(p Policy) bool  { return p.Tunnel != nil && p.Tunnel.IPv6 }
func names4(p Policy) bool    { return carried4(p) && len(p.Tunnel.DNS) > 0 }
func names6(p Policy) bool    { return carried6(p) && len(p.Tunnel.DNS) > 0 }

func local(to string) func(Policy) bool {
	return func(p Policy) bool {
		return slices.ContainsFunc(p.LocalNetworks, func(n netip.Prefix) bool { return n.Contains(netip.MustParseAddr(to)) })
	}
}

// kinds are all that is tried in each state.
func kinds() []kind {
	udp := func(to string) how { return how{to: netip.MustParseAddrPort(to)} }
	tcp := func(to string) how {
		return how{to: netip.MustParseAddrPort(to), protocol: unix.IPPROTO_TCP}
	}
	service := func(h how) how { h.mark = testMark; return h }
	by := func(device string, h how) how { h.device = device; return h }
	from := func(a string, h how) how { h.from = netip.MustParseAddrPort(a); return h }
	raw := func(protocol int, to string, b []byte) how {
		return how{to: netip.AddrPortFrom(netip.MustParseAddr(to), 0), protocol: protocol, raw: b}
	}
	icmp6 := func(kind byte, hops int, to string) how {
		h := by("eth0", raw(unix.IPPROTO_ICMPV6, to, append([]byte{kind}, make([]byte, 23)...)))
		h.hops = hops
		return h
	}
	echo4 := func(to string) how { return raw(unix.IPPROTO_ICMP, to, []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}) }
	echo6 := func(to string) how { return raw(unix.IPPROTO_ICMPV6, to, []byte{128, 0, 0, 0, 0, 0, 0, 0}) }

	stranger := func(a string, h how) how { h.stranger = true; return from(a, h) }

	reset := []error{unix.ECONNREFUSED}
	denied := []error{unix.EPERM}
	source := udp("198.51.100.1:4005")
	source.options = []byte{131, 7, 4, 192, 168, 77, 9, 0}
	mapped := udp("198.51.100.1:4006")
	mapped.mapped = true
	routed := header6("fd77::2", "fd77::9", unix.IPPROTO_ROUTING, append([]byte{unix.IPPROTO_UDP, 2, 0, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, datagram(4007)...))
	later := udp("198.51.100.1:4008")
	later.answer = true
	later6 := udp("[2001:db8:1::1]:4008")
	later6.answer = true

	return []kind{
		{"UDP, IPv4", udp("198.51.100.1:4000"), false, never, denied},
		{"UDP, IPv6", udp("[2001:db8:1::1]:4000"), false, never, denied},
		{"TCP, IPv4", tcp("198.51.100.1:443"), false, never, reset},
		{"TCP, IPv6", tcp("[2001:db8:1::1]:443"), false, never, reset},
		{"echo, IPv4", echo4("198.51.100.1"), false, never, denied},
		{"echo, IPv6", echo6("2001:db8:1::1"), false, never, denied},
		{"IPv4 by a socket of IPv6", mapped, false, never, denied},
		{"names by UDP, IPv4", udp("198.51.100.1:53"), false, never, denied},
		{"names by UDP, IPv6", udp("[2001:db8:1::1]:53"), false, never, denied},
		{"names by TCP, IPv4", tcp("198.51.100.1:53"), false, never, reset},
		{"names by TLS, IPv6", tcp("[2001:db8:1::1]:853"), false, never, reset},
		{"names by QUIC, IPv4", udp("198.51.100.1:853"), false, never, denied},

		{"IKE, IPv4", service(udp("192.0.2.1:500")), false, ike, denied},
		{"IKE, IPv6", service(udp("[2001:db8::1]:500")), false, ike, denied},
		{"ESP in UDP, IPv4", service(udp("192.0.2.1:4500")), false, ike, denied},
		{"ESP in UDP, IPv6", service(udp("[2001:db8::1]:4500")), false, ike, denied},
		{"to the gateway without the mark", udp("192.0.2.1:500"), false, never, denied},
		{"to the gateway with another mark", how{to: netip.MustParseAddrPort("192.0.2.1:500"), mark: testMark + 1}, false, never, denied},
		{"to another port of the gateway", service(udp("192.0.2.1:501")), false, never, denied},
		{"to the gateway by TCP", service(tcp("[2001:db8::1]:500")), false, never, reset},
		{"ESP beside UDP, marked", service(raw(unix.IPPROTO_ESP, "192.0.2.1", datagram(1))), false, never, denied},
		{"to another address, marked", service(udp("198.51.100.1:500")), false, never, denied},
		{"to another address of IPv6, marked", service(udp("[2001:db8:1::1]:4500")), false, never, denied},
		{"from the tunnel's address to the gateway", service(by("eth0", from("10.98.0.2:0", udp("192.0.2.1:4500")))), false,
			func(p Policy) bool { return ike(p) && p.Tunnel == nil }, denied},

		{"the gateway's name, IPv4", service(udp("192.0.2.53:53")), false, resolving, denied},
		{"the gateway's name, IPv6", service(udp("[2001:db8::53]:53")), false, resolving, denied},
		{"the gateway's name by TCP", service(tcp("192.0.2.53:53")), false, resolving, reset},
		{"a program's question to that resolver", udp("192.0.2.53:53"), false, never, denied},
		{"a program's question to that resolver by TCP", tcp("[2001:db8::53]:53"), false, never, reset},
		{"the service's question to another", service(udp("198.51.100.1:53")), false, never, denied},
		{"probe, IPv4", service(tcp("192.0.2.80:80")), false, probing, reset},
		{"probe, IPv6", service(tcp("[2001:db8::80]:80")), false, probing, reset},
		{"a program to the probe's server", tcp("192.0.2.80:443"), false, never, reset},
		{"probe by UDP", service(udp("192.0.2.80:443")), false, never, denied},

		{"DHCPv4, looking", by("eth0", from("0.0.0.0:68", udp("255.255.255.255:67"))), false, always, nil},
		{"DHCPv4, renewing", from("192.168.77.2:68", udp("192.168.77.1:67")), false, always, nil},
		{"to the port of DHCP from another", udp("198.51.100.1:67"), false, never, denied},
		{"from the port of DHCP to far away", from("192.168.77.2:68", udp("198.51.100.1:67")), false, never, denied},
		{"DHCPv6", by("eth0", from("[::]:546", udp("[ff02::1:2]:547"))), false, always, nil},
		{"to the port of DHCPv6 elsewhere", from("[fd77::2]:546", udp("[2001:db8:1::1]:547")), false, never, denied},
		{"neighbour solicitation", icmp6(135, 255, "ff02::1:ff00:aaaa"), false, always, nil},
		{"neighbour advertisement", icmp6(136, 255, "ff02::1"), false, always, nil},
		{"router solicitation", icmp6(133, 255, "ff02::2"), false, always, nil},
		{"multicast listener report", icmp6(143, 1, "ff02::16"), false, always, nil},
		{"router solicitation to far away", icmp6(133, 255, "2001:db8:1::1"), false, never, denied},
		{"router advertisement", icmp6(134, 255, "ff02::1:ff00:bbbb"), false, local("ff02::1:ff00:bbbb"), denied},
		{"solicitation from afar", icmp6(135, 64, "ff02::1:ff00:cccc"), false, local("ff02::1:ff00:cccc"), denied},
		{"listener report that travels", icmp6(143, 64, "ff02::1:ff00:dddd"), false, local("ff02::1:ff00:dddd"), denied},
		{"redirect", icmp6(137, 255, "ff02::1:ff00:eeee"), false, local("ff02::1:ff00:eeee"), denied},

		{"local network, IPv4", udp("192.168.77.9:4001"), false, local("192.168.77.9"), denied},
		{"local network, IPv6", udp("[fd77::9]:4001"), false, local("fd77::9"), denied},
		{"local network by TCP", tcp("192.168.77.1:445"), false, local("192.168.77.1"), reset},
		{"echo to the local network", echo6("fd77::9"), false, local("fd77::9"), denied},
		{"names of the local network", udp("192.168.77.1:53"), false, never, denied},
		{"names of the local network by TLS", tcp("[fd77::1]:853"), false, never, reset},
		{"multicast DNS, IPv4", by("eth0", udp("224.0.0.251:5353")), false, local("224.0.0.251"), denied},
		{"multicast DNS, IPv6", by("eth0", udp("[ff02::fb]:5353")), false, local("ff02::fb"), denied},
		{"SSDP", by("eth0", udp("239.255.255.250:1900")), false, local("239.255.255.250"), denied},
		{"multicast from afar", by("eth0", udp("232.1.1.1:1900")), false, never, denied},
		{"broadcast", by("eth0", udp("255.255.255.255:9")), false, local("255.255.255.255"), denied},
		{"from the tunnel's address to the local network", by("eth0", from("10.98.0.2:0", udp("192.168.77.9:4002"))), false,
			func(p Policy) bool { return local("192.168.77.9")(p) && p.Tunnel == nil }, denied},
		{"from the tunnel's address of IPv6", by("eth0", from("[fd98::2]:0", udp("[fd77::9]:4002"))), false,
			func(p Policy) bool { return local("fd77::9")(p) && p.Tunnel == nil }, denied},
		{"source route by the local network", source, false, never, denied},
		{"routing header by the local network", raw(unix.IPPROTO_RAW, "fd77::9", routed), false, never, denied},

		{"from an address of nobody's", stranger("203.0.113.77:4011", udp("198.51.100.1:4011")), false, never, denied},
		{"from an address of nobody's, IPv6", stranger("[2001:db8:77::7]:4011", udp("[2001:db8:1::1]:4011")), false, never, denied},
		{"from an address of nobody's to the gateway", stranger("203.0.113.77:4012", udp("192.0.2.1:4500")), false, never, denied},
		{"IGMP", by("eth0", raw(unix.IPPROTO_IGMP, "224.0.0.22", []byte{0x22, 0, 0xdd, 0xfd, 0, 0, 0, 0})), false, local("224.0.0.22"), denied},
		{"IPv4 in IPv4", raw(unix.IPPROTO_IPIP, "198.51.100.1", header4("192.0.2.1", udpNumber, 0, datagram(500))), false, never, denied},
		{"IPv6 in IPv4, marked", service(raw(unix.IPPROTO_IPV6, "192.0.2.1", header6("fd77::2", "2001:db8::1", udpNumber, datagram(500)))), false, never, denied},
		{"IPv4 in IPv6", raw(unix.IPPROTO_IPIP, "2001:db8:1::1", header4("192.0.2.1", udpNumber, 0, datagram(500))), false, never, denied},
		{"ESP", raw(unix.IPPROTO_ESP, "192.0.2.1", datagram(1)), false, never, denied},
		{"AH", raw(unix.IPPROTO_AH, "192.0.2.1", datagram(1)), false, never, denied},
		{"DCCP", raw(unix.IPPROTO_DCCP, "198.51.100.1", datagram(500)), false, never, denied},
		{"SCTP", raw(unix.IPPROTO_SCTP, "198.51.100.1", datagram(500)), false, never, denied},
		{"SCTP to the gateway, marked", service(raw(unix.IPPROTO_SCTP, "2001:db8::1", datagram(4500))), false, never, denied},
		{"UDP-Lite to the gateway, marked", service(raw(unix.IPPROTO_UDPLITE, "192.0.2.1", datagram(500))), false, never, denied},
		{"no protocol at all", raw(unix.IPPROTO_NONE, "2001:db8:1::1", datagram(1)), false, never, denied},
		{"options in front, IPv6", raw(unix.IPPROTO_RAW, "2001:db8:1::1", header6("fd77::2", "2001:db8:1::1", unix.IPPROTO_DSTOPTS, behindOptions(udpNumber, datagram(4013)))), false, never, denied},
		{"hop by hop in front, IPv6", raw(unix.IPPROTO_RAW, "2001:db8:1::1", header6("fd77::2", "2001:db8:1::1", unix.IPPROTO_HOPOPTS, behindOptions(udpNumber, datagram(4014)))), false, never, denied},
		{"names behind options, through the tunnel", raw(unix.IPPROTO_RAW, "2001:db8:99::1", header6("fd98::2", "2001:db8:99::1", unix.IPPROTO_DSTOPTS, behindOptions(udpNumber, datagram(53)))), false, never, denied},
		{"solicitation behind options from afar", raw(unix.IPPROTO_RAW, "2001:db8:1::1", header6("fd77::2", "2001:db8:1::1", unix.IPPROTO_DSTOPTS, behindOptions(unix.IPPROTO_ICMPV6, []byte{135, 0, 0, 0, 0, 0, 0, 0}))), false, never, denied},
		{"a fragment that is all, IPv6", raw(unix.IPPROTO_RAW, "2001:db8:1::1", header6("fd77::2", "2001:db8:1::1", unix.IPPROTO_FRAGMENT, append([]byte{unix.IPPROTO_UDP, 0, 0, 0, 0, 0, 0, 7}, datagram(4015)...))), false, never, denied},
		{"a first fragment, IPv6", raw(unix.IPPROTO_RAW, "2001:db8:1::1", header6("fd77::2", "2001:db8:1::1", unix.IPPROTO_FRAGMENT, append([]byte{unix.IPPROTO_UDP, 0, 0, 1, 0, 0, 0, 8}, datagram(4016)...))), false, never, nil}, // kept for the rest of it
		{"a later fragment, IPv6", raw(unix.IPPROTO_RAW, "2001:db8:1::1", header6("fd77::2", "2001:db8:1::1", unix.IPPROTO_FRAGMENT, append([]byte{unix.IPPROTO_UDP, 0, 0, 0x51, 0, 0, 0, 9}, datagram(4017)...))), false, never, nil},
		{"raw, another protocol", raw(47, "198.51.100.1", datagram(1)), false, never, denied},
		{"raw, header and all", raw(unix.IPPROTO_RAW, "198.51.100.1", header4("198.51.100.1", 17, 0, datagram(4003))), false, never, denied},
		{"raw, a later fragment", raw(unix.IPPROTO_RAW, "198.51.100.1", header4("198.51.100.1", 17, 100, datagram(4004))), false, never, nil}, // kept for the rest of it

		{"through the tunnel, IPv4", udp("203.0.113.1:4000"), false, carried4, denied},
		{"through the tunnel, IPv6", udp("[2001:db8:99::1]:4000"), false, carried6, denied},
		{"through the tunnel by TCP, IPv4", tcp("203.0.113.1:443"), false, carried4, reset},
		{"through the tunnel by TCP, IPv6", tcp("[2001:db8:99::1]:443"), false, carried6, reset},
		{"echo through the tunnel", echo4("203.0.113.1"), false, carried4, denied},
		{"the tunnel's names, IPv4", udp("10.98.0.53:53"), false, names4, denied},
		{"the tunnel's names, IPv6", udp("[fd98::53]:53"), false, names6, denied},
		{"the tunnel's names by TLS", tcp("10.98.0.53:853"), false, names4, reset},
		{"other names through the tunnel", udp("203.0.113.1:53"), false, never, denied},
		{"other names through the tunnel by TLS", tcp("[2001:db8:99::1]:853"), false, never, reset},
		{"the tunnel's names beside the tunnel", by("eth0", udp("10.98.0.53:53")), false, never, denied},

		{"a container by TCP, IPv4", tcp("198.51.100.1:443"), true, never, reset},
		{"a container by TCP, IPv6", tcp("[2001:db8:1::1]:443"), true, never, reset},
		{"a container by UDP, IPv4", later, true, never, []error{unix.EHOSTUNREACH}},
		{"a container by UDP, IPv6", later6, true, never, []error{unix.EACCES}},
		{"a container's question", tcp("192.0.2.53:53"), true, never, reset},
		{"a container to the gateway, marked", service(udp("192.0.2.1:500")), true, never, nil},
		{"a container through the tunnel, IPv4", udp("203.0.113.1:4000"), true, carried4, nil},
		{"a container through the tunnel, IPv6", udp("[2001:db8:99::1]:4000"), true, carried6, nil},
		{"a container through the tunnel by TCP", tcp("203.0.113.1:443"), true, carried4, reset},
		{"a container's question to the tunnel's resolver", udp("10.98.0.53:53"), true, names4, nil},
		{"a container's question to another through the tunnel", tcp("203.0.113.1:53"), true, never, reset},
		{"a container to the local network", udp("192.168.77.9:4001"), true, local("192.168.77.9"), nil},
	}
}

// is tells whether a packet seen outside is of this kind.
func (k kind) is(p packet) bool {
	h := k.how
	to := h.to.Addr()
	if h.options != nil {
		to, _ = netip.AddrFromSlice(h.options[3:7])
	}
	switch {
	case p.to != to || h.from.IsValid() && !h.from.Addr().IsUnspecified() && p.from != h.from.Addr():
		return false
	case h.protocol == unix.IPPROTO_ICMP || h.protocol == unix.IPPROTO_ICMPV6:
		return int(p.protocol) == h.protocol && p.kind == h.raw[0]
	case h.protocol == unix.IPPROTO_RAW:
		return p.protocol == unix.IPPROTO_UDP || p.protocol == unix.IPPROTO_ICMPV6
	case h.protocol == unix.IPPROTO_TCP || h.protocol == 0:
		return p.port == h.to.Port()
	}
	return int(p.protocol) == h.protocol
}

// TestPackets sends each kind of packet in each state against the real kernel,
// and looks for it on the other side. Each row of the kill switch's table is here.
func TestPackets(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	s := newSwitch(t)
	all := kinds()
	// Without a policy each of them leaves: else the test would see nothing.
	for _, k := range all {
		w.try(t, "no policy", k, true)
	}
	tried := 0
	for _, name := range slices.Sorted(maps.Keys(states())) {
		p := states()[name]
		if p.Portal != nil {
			continue
		}
		setPolicy(t, s, p)
		for _, k := range all {
			w.try(t, name, k, k.leaves(p))
			tried++
		}
	}
	t.Logf("%d cells", tried)
}

// quick is far below what a program waits where nobody answers.
const quick = 3 * time.Second

func (w *world) try(t *testing.T, state string, k kind, leaves bool) {
	t.Helper()
	where := w.machine
	if k.guest {
		where = w.guest
		if k.how.device != "" {
			t.Fatal("a container has devices of its own")
		}
	}
	what := fmt.Sprintf("%s: %s", state, k.name)
	var told error
	var took time.Duration
	where.do(func() {
		began := time.Now()
		told = k.how.send()
		took = time.Since(began)
	})
	left := 0
	for _, f := range w.seen() {
		if p, ok := decode(f); ok && k.is(p) {
			left++
		}
	}
	switch {
	case leaves && left == 0:
		t.Errorf("%s does not leave (the program hears: %v)", what, told)
	case !leaves && left > 0:
		t.Errorf("%s leaves", what)
	case !leaves && k.told != nil && !slices.ContainsFunc(k.told, func(e error) bool { return errors.Is(told, e) }):
		t.Errorf("%s: the program hears %v, want %v", what, told, k.told)
	case !leaves && took > quick:
		t.Errorf("%s: the program waits %v for its answer", what, took)
	}
}

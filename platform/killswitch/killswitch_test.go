package killswitch

import (
	"net/netip"
	"slices"
	"strings"
)

const testMark = 0x484d

// states are the rows of the kill switch's table, as policies: what Set is given
// in each state of a connection.
func states() map[string]Policy {
	gateways := endpointsOf("192.0.2.1:500 192.0.2.1:4500 [2001:db8::1]:500 [2001:db8::1]:4500")
	tunnel := Tunnel{
		Interface: "homeward0", Addresses: networksOf("10.98.0.2/32 fd98::2/64"),
		DNS: addressesOf("10.98.0.53 fd98::53"), IPv4: true, IPv6: true,
	}
	only4, only6, mute := tunnel, tunnel, tunnel
	only4.IPv6, only6.IPv4, mute.DNS = false, false, nil
	connecting := Policy{Mark: testMark, Gateways: gateways}
	with := func(change func(*Policy)) Policy {
		p := connecting
		change(&p)
		return p
	}
	return map[string]Policy{
		"blocked":                 {},
		"resolving":               {Mark: testMark, Resolvers: endpointsOf("192.0.2.53:53 [2001:db8::53]:53")},
		"connecting":              connecting,
		"probing":                 with(func(p *Policy) { p.Probes = endpointsOf("192.0.2.80:80 192.0.2.80:443 [2001:db8::80]:80") }),
		"connected":               with(func(p *Policy) { p.Tunnel = &tunnel }),
		"connected, IPv4 carried": with(func(p *Policy) { p.Tunnel = &only4 }),
		"connected, IPv6 carried": with(func(p *Policy) { p.Tunnel = &only6 }),
		"connected, no resolvers": with(func(p *Policy) { p.Tunnel = &mute }),
		"connected, local network": with(func(p *Policy) {
			p.Tunnel = &tunnel
			p.LocalNetworks = networksOf("192.168.77.0/24 fd77::/64 fe80::/10 ff02::fb/128 224.0.0.251/32 255.255.255.255/32")
		}),
		"blocked, local network": {LocalNetworks: CommonLocalNetworks()},
		"portal": with(func(p *Policy) {
			p.Portal = &Portal{Cgroup: "homeward/portal", Resolvers: addressesOf("192.0.2.53 2001:db8::53")}
		}),
	}
}

func endpointsOf(list string) (out []netip.AddrPort) {
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParseAddrPort(s))
	}
	return out
}

func addressesOf(list string) (out []netip.Addr) {
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func networksOf(list string) (out []netip.Prefix) {
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// Groups of states.
var (
	connectedStates = []string{"connected", "connected, IPv4 carried", "connected, IPv6 carried", "connected, no resolvers", "connected, local network"}
	localStates     = []string{"connected, local network", "blocked, local network"}
	withGateways    = append([]string{"connecting", "probing", "portal"}, connectedStates...)
	allStates       = append([]string{"blocked", "resolving", "blocked, local network"}, withGateways...)
)

func without(all []string, some ...string) (out []string) {
	for _, s := range all {
		if !slices.Contains(some, s) {
			out = append(out, s)
		}
	}
	return out
}

package killswitch

import (
	"net/netip"
	"slices"
)

// flow is one that the kernel remembers: between which addresses its packets
// really travel, after every rewriting.
type flow struct {
	protocol uint8
	asked    end // who began, as seen from outside
	answers  end // who answers
}

type end struct {
	addr netip.Addr
	port uint16
}

// keeps says whether a policy may still allow a flow. Marks, devices and control
// groups are not part of a flow, so it is generous: the rules decide about each
// packet anyhow.
func (p Policy) keeps(f flow) bool {
	a, b := f.asked.addr, f.answers.addr
	switch {
	case a == b || a.IsLoopback() && b.IsLoopback():
		return true // stays on the machine
	case f.protocol == udp && (f.answers.port == 67 || f.answers.port == 547):
		return true // DHCP
	case p.hole(f):
		return true
	case p.Tunnel.holds(a) || p.Tunnel.holds(b):
		return p.Tunnel.carries(b) && (!f.forNames() || slices.Contains(p.Tunnel.DNS, b))
	case f.forNames():
		return false
	}
	return p.near(a) && p.near(b)
}

// near says whether an address is in a local network; the machine's own one is.
func (p Policy) near(a netip.Addr) bool {
	return slices.ContainsFunc(p.LocalNetworks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// hole says whether a flow is one of the service's own.
func (p Policy) hole(f flow) bool {
	to := netip.AddrPortFrom(f.answers.addr, f.answers.port)
	switch f.protocol {
	case udp:
		return slices.Contains(p.Gateways, to) || slices.Contains(p.Resolvers, to)
	case tcp:
		return slices.Contains(p.Resolvers, to) || slices.Contains(p.Probes, to)
	}
	return false
}

func (f flow) forNames() bool {
	return (f.protocol == udp || f.protocol == tcp) && (f.answers.port == 53 || f.answers.port == 853)
}

// holds says whether an address is the tunnel's.
func (t *Tunnel) holds(a netip.Addr) bool {
	return t != nil && slices.ContainsFunc(t.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
}

func (t *Tunnel) carries(a netip.Addr) bool { return a.Is4() && t.IPv4 || a.Is6() && t.IPv6 }

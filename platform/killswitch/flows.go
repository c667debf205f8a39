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

// keeper says which flows a policy may still allow. Marks, devices and control
// groups are not part of a flow, so it is generous: the rules decide about each
// packet anyhow.
type keeper struct {
	Policy
	gateways, resolvers, probes map[netip.AddrPort]bool
}

// newKeeper makes one of a checked policy.
func newKeeper(p Policy) *keeper {
	return &keeper{Policy: p, gateways: setOf(p.Gateways), resolvers: setOf(p.Resolvers), probes: setOf(p.Probes)}
}

func setOf[T comparable](all []T) map[T]bool {
	out := make(map[T]bool, len(all))
	for _, a := range all {
		out[a] = true
	}
	return out
}

func (k *keeper) keeps(f flow) bool {
	a, b := f.asked.addr, f.answers.addr
	switch {
	case a == b || a.IsLoopback() && b.IsLoopback():
		return true // stays on the machine
	case f.protocol == udp && (f.answers.port == 67 || f.answers.port == 547):
		return true // DHCP
	case k.hole(f):
		return true
	case k.Tunnel.holds(a) || k.Tunnel.holds(b):
		return k.Tunnel.carries(b) && (!f.forNames() || slices.Contains(k.Tunnel.DNS, b))
	case f.forNames():
		return false
	}
	return k.near(a) && k.near(b)
}

// near says whether an address is in a local network; the machine's own one is.
// The networks are sorted, and none holds another.
func (k *keeper) near(a netip.Addr) bool {
	_, ok := k.around(a)
	return ok
}

// around is the local network that holds an address.
func (k *keeper) around(a netip.Addr) (netip.Prefix, bool) {
	i, found := slices.BinarySearchFunc(k.LocalNetworks, a, func(n netip.Prefix, a netip.Addr) int { return n.Addr().Compare(a) })
	if !found {
		i--
	}
	if i < 0 || !k.LocalNetworks[i].Contains(a) {
		return netip.Prefix{}, false
	}
	return k.LocalNetworks[i], true
}

// hole says whether a flow is one of the service's own.
func (k *keeper) hole(f flow) bool {
	to := netip.AddrPortFrom(f.answers.addr, f.answers.port)
	switch f.protocol {
	case udp:
		return k.gateways[to] || k.resolvers[to]
	case tcp:
		return k.resolvers[to] || k.probes[to]
	}
	return false
}

// keepsAll says whether a policy keeps all that another one kept, so that there
// is nothing to cut. Where that is not plain, it says no.
func (k *keeper) keepsAll(other Policy) bool {
	every := func(all []netip.AddrPort, in map[netip.AddrPort]bool) bool {
		return !slices.ContainsFunc(all, func(e netip.AddrPort) bool { return !in[e] })
	}
	return every(other.Gateways, k.gateways) && every(other.Resolvers, k.resolvers) && every(other.Probes, k.probes) &&
		!slices.ContainsFunc(other.LocalNetworks, func(n netip.Prefix) bool { return !k.covers(n) }) &&
		k.keepsWay(other.Tunnel) && other.Portal == nil
}

// covers says whether a network is within one of the local ones: between two of them
// there may be others.
func (k *keeper) covers(n netip.Prefix) bool {
	around, ok := k.around(n.Addr())
	return ok && around.Bits() <= n.Bits()
}

// keepsWay says whether what another tunnel let through goes on. A tunnel that
// is new takes flows from nobody but those who had its addresses.
func (k *keeper) keepsWay(o *Tunnel) bool {
	t := k.Tunnel
	switch {
	case t == nil || o == nil && !slices.ContainsFunc(t.Addresses, func(p netip.Prefix) bool { return k.near(p.Addr()) }):
		return o == nil
	case o == nil:
		return false
	}
	return t.Interface == o.Interface && t.IPv4 == o.IPv4 && t.IPv6 == o.IPv6 &&
		slices.Equal(t.Addresses, o.Addresses) && slices.Equal(t.DNS, o.DNS)
}

func (f flow) forNames() bool {
	return (f.protocol == udp || f.protocol == tcp) && (f.answers.port == 53 || f.answers.port == 853)
}

// holds says whether an address is the tunnel's.
func (t *Tunnel) holds(a netip.Addr) bool {
	return t != nil && slices.ContainsFunc(t.Addresses, func(p netip.Prefix) bool { return p.Addr() == a })
}

func (t *Tunnel) carries(a netip.Addr) bool { return a.Is4() && t.IPv4 || a.Is6() && t.IPv6 }

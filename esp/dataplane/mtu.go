package dataplane

import (
	"net/netip"

	"github.com/homeward-vpn/homeward/esp"
)

// Sizes of paths and headers in octets.
const (
	DefaultPathMTU = 1500
	MinPathMTU     = 576 // every IPv4 host takes this much (RFC 791 3.1)

	udpHeaderLen  = 8
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	// ipv6MinMTU is what every IPv6 link carries (RFC 8200 5). Packets up to
	// this size are never refused; where the path is too small, the outer
	// packet is fragmented.
	ipv6MinMTU = 1280
	// worstOverhead is ESP with AES-CBC and HMAC-SHA-512, used before an SA
	// is known: SPI and number 8, IV 16, padding 15, trailer 2, ICV 32.
	worstOverhead = 73
)

func outerHeaders(peer netip.AddrPort) int {
	if peer.Addr().Is6() {
		return ipv6HeaderLen + udpHeaderLen
	}
	return ipv4HeaderLen + udpHeaderLen
}

// innerMTU is the longest inner packet that fits an outer IP packet of the
// given size, UDP encapsulation included.
func innerMTU(out *esp.Outbound, outer int, peer netip.AddrPort) int {
	return out.MaxInner(outer - outerHeaders(peer))
}

// innerFor is the limit that holds for every active SA over a path of that MTU.
func (t *table) innerFor(outer int) int {
	if len(t.outbound) == 0 {
		return outer - outerHeaders(t.peer) - worstOverhead
	}
	smallest := outer
	for i := range t.outbound {
		smallest = min(smallest, innerMTU(t.outbound[i].out, outer, t.peer))
	}
	return smallest
}

// InnerMTU is the longest inner packet that every active SA can carry to the
// current peer over a path of the given MTU; without an active SA, what any
// suite could carry. It is the right MTU for the TUN.
func (p *Plane) InnerMTU(outer int) int {
	return p.table.Load().innerFor(max(outer, MinPathMTU))
}

// pathKnower is a Transport that knows what the system has learnt about paths.
type pathKnower interface {
	// PathMTU is the largest IP packet towards an address; 0: not known.
	PathMTU(to netip.AddrPort) int
}

// learnPathMTU lowers the path MTU after the system has refused a packet for
// its length, where the transport can tell to what.
func (p *Plane) learnPathMTU(peer netip.AddrPort) {
	k, ok := p.transport.(pathKnower)
	if !ok {
		return
	}
	mtu := k.PathMTU(peer)
	if mtu <= 0 || mtu >= p.table.Load().pathMTU {
		return
	}
	p.logger.Info("path MTU lowered", "mtu", mtu)
	p.SetPathMTU(mtu)
}

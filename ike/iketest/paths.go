package iketest

import (
	"net/netip"
	"slices"

	"github.com/homeward-vpn/homeward/ike"
)

// Paths: where the ends are, which NATs stand between, and what gets through.

// Further addresses of a Pair's world (RFC 5737, RFC 3849): a second network of
// the client's, and IPv6 at both ends.
var (
	ClientMobile   = netip.MustParseAddr("192.0.2.77")
	ClientPublic6  = netip.MustParseAddr("2001:db8:1::7")
	GatewayPublic6 = netip.MustParseAddr("2001:db8:2::5")
	GatewaySecond  = netip.MustParseAddr("203.0.113.6")
	// NATMobile hides the client in its second network.
	NATMobile = netip.MustParseAddr("192.0.2.200")
)

// IsGateway tells whether an address is one of the gateway's.
func (n *Network) IsGateway(a netip.Addr) bool {
	return a == n.Gateway || slices.Contains(n.Gateways, a)
}

// Cut makes the path between an address of the client's, as the client has it,
// and one of the gateway's swallow everything, or carry again.
func (n *Network) Cut(client, gateway netip.Addr, on bool) {
	n.black[[2]netip.Addr{client, gateway}] = on
}

// isCut tells whether a packet's path is cut. Its addresses are translated.
func (n *Network) isCut(p Packet) bool {
	client, gateway := p.From, p.To.Addr()
	if n.IsGateway(p.From.Addr()) || p.From.Addr() == n.GatewayNAT {
		client, gateway = p.To, p.From.Addr()
	}
	if private, ok := n.private(client); ok {
		client = private
	}
	return n.black[[2]netip.Addr{client.Addr(), gateway}]
}

// natOf is the public address that hides a client's; invalid: none.
func (n *Network) natOf(client netip.Addr) netip.Addr {
	if nat, ok := n.NATs[client]; ok {
		return nat
	}
	if n.ClientNAT.IsValid() && client.Is4() == n.ClientNAT.Is4() {
		return n.ClientNAT
	}
	return netip.Addr{}
}

// isNAT tells whether an address is that of a NAT of the client's.
func (n *Network) isNAT(a netip.Addr) bool {
	if a == n.ClientNAT {
		return true
	}
	for _, nat := range n.NATs {
		if a == nat {
			return true
		}
	}
	return false
}

// public gives a client's end as the gateway sees it. A mapping is made where it
// is missing; one serves all destinations (RFC 4787 4.1).
func (n *Network) public(private netip.AddrPort) netip.AddrPort {
	nat := n.natOf(private.Addr())
	if !nat.IsValid() {
		return private
	}
	mapped, ok := n.mappings[private]
	if !ok || mapped.Addr() != nat {
		mapped = netip.AddrPortFrom(nat, n.nextPort)
		n.nextPort++
		n.mappings[private] = mapped
	}
	return mapped
}

// private finds the client's end behind a mapping.
func (n *Network) private(public netip.AddrPort) (netip.AddrPort, bool) {
	for private, mapped := range n.mappings {
		if mapped == public {
			return private, true
		}
	}
	return netip.AddrPort{}, false
}

// Local is the client's end of the path in use by default.
func (p *Pair) Local() netip.AddrPort { return p.local }

// Rehome gives the client other addresses, the first of which it sends from by
// default. What is on its way to one that it has no more finds nobody.
func (p *Pair) Rehome(first netip.Addr, others ...netip.Addr) {
	p.Trace.Add(p.Now, "client is at %v %v", first, others)
	p.local = netip.AddrPortFrom(first, p.local.Port())
	p.locals = others
}

// MoveTo rehomes the client and tells it so, as its owner would.
func (p *Pair) MoveTo(first netip.Addr, gateway netip.Addr) error {
	p.Rehome(first)
	m := ike.Move{Local: p.local}
	if gateway.IsValid() {
		m.Remote = netip.AddrPortFrom(gateway, 0)
	}
	return p.Do(m)
}

// owns tells whether an end is one of the client's now.
func (p *Pair) owns(a netip.AddrPort) bool {
	return a == p.local || a.Port() == p.local.Port() && slices.Contains(p.locals, a.Addr())
}

// source is where a datagram of the client's leaves from: where the Session
// wants it to, as far as there is such an address, else as a system would choose.
func (p *Pair) source(d ike.Datagram) netip.AddrPort {
	if p.owns(d.Local) {
		return d.Local
	}
	for _, a := range p.locals {
		if a.Is4() == d.Remote.Addr().Is4() && p.local.Addr().Is4() != a.Is4() {
			return netip.AddrPortFrom(a, p.local.Port())
		}
	}
	return p.local
}

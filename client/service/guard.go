package service

import (
	"github.com/homeward-vpn/homeward/client/supervisor"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// apply has the kill switch hold back what the supervisor has ordered.
func (s *Service) apply(p supervisor.Policy) error {
	if !p.Restrains() {
		return s.cfg.KillSwitch.Clear()
	}
	var out Policy
	if l := s.line(p.Tunnel); l != nil && p.Allow == supervisor.AllowTunnel {
		out.Tunnel = carriedBy(l.network())
	}
	return s.cfg.KillSwitch.Set(out)
}

// carriedBy is what a policy says of a tunnel's device.
func carriedBy(n tunnel.Network) *PolicyTunnel {
	t := &PolicyTunnel{Interface: n.Interface, Addresses: n.Addresses, DNS: n.DNS}
	for _, a := range n.Addresses {
		t.IPv4 = t.IPv4 || a.Addr().Is4()
		t.IPv6 = t.IPv6 || a.Addr().Is6()
	}
	return t
}

package service

import (
	"errors"
	"net/netip"
)

// The kill switch opens for a moment for what the service itself must ask of the
// network that this computer is in. Its packets are marked; nobody else's pass by
// these ways. While nothing is held back, opening one does nothing.

// OpenResolvers lets the service ask these servers for names until shut is called.
func (s *Service) OpenResolvers(servers []netip.AddrPort) (shut func(), err error) {
	return s.guard.open(hole{resolvers: servers})
}

// OpenProbes lets the service speak TCP with these addresses until shut is called.
func (s *Service) OpenProbes(servers []netip.AddrPort) (shut func(), err error) {
	return s.guard.open(hole{probes: servers})
}

// OpenPortal lets one control group sign in to the network, besides everything else
// that may leave; nil: no longer. A system that cannot do that holds everything back
// as before.
func (s *Service) OpenPortal(p *PolicyPortal) error {
	err := s.guard.change(func() { s.guard.portal = p })
	if err == nil || p == nil {
		return s.guard.told(err)
	}
	return errors.Join(err, s.guard.told(s.guard.change(func() { s.guard.portal = nil })))
}

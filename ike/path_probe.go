package ike

import (
	"net/netip"
	"slices"
	"time"
)

// How a path that works is found, and how soon it is known that one does not.
//
//	a request that wants to know soon (after a change of the path, or a resume):
//	  four tries in about two seconds -> PeerSilent -> the usual patience
//	any request that was not answered three times, or twice when it is urgent:
//	  every further try also goes out on the other paths, the same octets
//	  (where a smaller cut of it may get through, that is tried first, here)
//	  -> the first answer shows a path that works -> it is moved to (RFC 4555 3.5)
//
// The window has room for one request, so that the one under way is the probe:
// an INFORMATIONAL without UPDATE_SA_ADDRESSES changes nothing at the gateway
// (RFC 4555 3.8), nor does any other request. As it went out to several
// addresses, its answer proves none of them (3.7): UPDATE_SA_ADDRESSES follows,
// with a COOKIE2 where that is needed.

const (
	probeAfter       = 3 // tries without an answer before other paths are tried
	probeAfterUrgent = 2
	maxPaths         = 8 // that a try goes out on beside the one in use
)

// probe sends a request that stays unanswered on the other paths, too.
func (s *Session) probe(sa *ikeSA, t *transmission) {
	after := probeAfter
	if t.pace == urgent {
		after = probeAfterUrgent
	}
	if sa != s.current || !s.mobility.on || t.tries <= after && !t.probed {
		return
	}
	for _, p := range s.otherPaths() {
		t.probed = true
		s.send(p, t.packets)
	}
}

// settlePath moves to the path on which a probe was answered. The request was
// sent there, and the gateway answers to where it came from. An UPDATE_SA_ADDRESSES
// or a list of addresses that went out from several of them has told the gateway
// any one, so that another must follow in any case (RFC 4555 3.6).
func (s *Session) settlePath(now time.Time, sa *ikeSA, t *transmission, e exchange, d Datagram) error {
	if t == nil || !t.probed || sa != s.current || !d.Remote.IsValid() {
		return nil
	}
	i := slices.IndexFunc(s.otherPaths(), func(p path) bool {
		return sameEnd(p.remote, d.Remote) && (!d.Local.IsValid() || !p.local.IsValid() || sameEnd(p.local, d.Local))
	})
	inUse := sameEnd(s.path.remote, d.Remote) && (!d.Local.IsValid() || sameEnd(s.path.local, d.Local))
	if _, ok := e.(*tellAddresses); ok {
		s.mobility.retell = true
	}
	if inUse || i < 0 {
		if _, ok := e.(*updateAddresses); ok {
			s.mobility.moves++
			s.oweUpdate()
		}
		s.tellAddresses()
		return nil
	}
	return s.setPath(now, s.otherPaths()[i])
}

// sameEnd compares address and port.
func sameEnd(a, b netip.AddrPort) bool { return sameHost(a, b) && a.Port() == b.Port() }

// otherPaths lists the paths that could be tried instead of the one in use: from
// each address of ours to each of the gateway's of that family. Those that it was
// seen at stay among them, whatever it says: where a message came from is not
// authentic, so that somebody who is faster than the gateway can have us believe in
// an address that is not its own (RFC 4555 3.7).
func (s *Session) otherPaths() []path {
	m := &s.mobility
	var out []path
	hosts := withFirst(s.path.remote.Addr(), slices.Concat(m.theirs, m.known, m.proven))
	inUse := s.path.remote.Addr().Unmap()
	for _, host := range hosts {
		if host.IsPrivate() && !inUse.IsPrivate() {
			continue // behind the gateway, and where we are somebody else's
		}
		for _, local := range s.localsFor(host) {
			p := path{local: local, remote: netip.AddrPortFrom(host, s.path.remote.Port()), encap: true}
			if p != s.path && !slices.Contains(m.refused, p) && len(out) < maxPaths {
				out = append(out, p)
			}
		}
	}
	return out
}

// localsFor lists our ends for a host of the gateway's. Where the owner has not
// said which there are, the one in use serves its family, and the system chooses
// for the other.
func (s *Session) localsFor(host netip.Addr) []netip.AddrPort {
	if s.mobility.ours == nil {
		return []netip.AddrPort{s.localFor(host)}
	}
	var out []netip.AddrPort
	for _, a := range s.mobility.ours {
		if a.Is4() == host.Is4() {
			out = append(out, netip.AddrPortFrom(a, s.path.local.Port()))
		}
	}
	return out
}

// localFor is one end of ours for a host of the gateway's; invalid: not known.
func (s *Session) localFor(host netip.Addr) netip.AddrPort {
	if s.path.local.Addr().Unmap().Is4() == host.Unmap().Is4() {
		return s.path.local
	}
	for _, a := range s.mobility.ours {
		if a.Is4() == host.Unmap().Is4() {
			return netip.AddrPortFrom(a, s.path.local.Port())
		}
	}
	return netip.AddrPort{}
}

// pause holds everything that would be sent: there is no network. Nothing is
// lost by waiting, and nobody is told anything by sending.
func (s *Session) pause() {
	s.paused = true
	for _, sa := range s.sas {
		s.timers.stop(timerRetransmit, sa.id)
	}
	s.timers.stop(timerLiveness, 0)
	s.timers.stop(timerNATKeepalive, 0)
}

// resume lets requests under way out again, on the path in use and with a short
// schedule, and ends a pause.
func (s *Session) resume(now time.Time) error {
	if s.paused {
		s.paused = false
		s.armLiveness(now)
		s.armKeepalive(now)
	}
	for _, sa := range slices.Clone(s.sas) {
		t := sa.window.request
		if t == nil {
			continue
		}
		if check, ok := sa.window.exchange.(*pathCheck); ok {
			check.lost = true // its answer speaks of no path in particular
		}
		if _, ok := sa.window.exchange.(*tellAddresses); ok && t.path != s.path {
			s.mobility.retell = true
		}
		t.path, t.probed = s.path, false
		if sa == s.current || sa == s.heldFor {
			t.restart(urgent)
		} else if _, armed := s.timers.at(timerRetransmit, sa.id); armed {
			continue // a farewell, which each move would give another life
		}
		if err := s.retransmit(now, sa.id); err != nil {
			return err
		}
	}
	return nil
}

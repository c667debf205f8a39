package ike

import "time"

// NAT keepalives (RFC 3948 4): one octet, when nothing else has been sent on the
// path for as long as the profile says. IKE messages count, and so do ESP packets,
// of which the owner tells (OutboundTraffic).

// armKeepalive starts the watch over the NAT's mapping.
func (s *Session) armKeepalive(now time.Time) {
	if s.cfg.NATKeepalive > 0 {
		s.timers.set(timerNATKeepalive, 0, now.Add(s.cfg.NATKeepalive))
	}
}

// keepAlive sends a keepalive if one is due, and looks again when the next is.
func (s *Session) keepAlive(now time.Time) {
	if due := s.lastSent.Add(s.cfg.NATKeepalive); due.After(now) {
		s.timers.set(timerNATKeepalive, 0, due)
		return
	}
	s.counters.Sent++
	s.out = append(s.out, output{datagram: Datagram{Local: s.path.local, Remote: s.path.remote, Keepalive: true}})
	s.timers.set(timerNATKeepalive, 0, now.Add(s.cfg.NATKeepalive))
}

// noteSent takes word of a packet to the gateway; one from the future is from now.
func (s *Session) noteSent(now, at time.Time) {
	if at.After(now) {
		at = now
	}
	if at.After(s.lastSent) {
		s.lastSent = at
	}
}

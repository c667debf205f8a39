package ike

import "time"

// Port 500 and port 4500 (RFC 7296 2, 2.23). A handshake begins on 500, and goes
// on on 4500, where ESP has to get through as well. An IKE_SA_INIT may be sent to
// 4500 too, behind the non-ESP marker: that is how a session begins whose
// configuration says so, or whose gateway has a port of its own, and how it goes
// on when port 500 stays silent, as it does in networks that let only known
// services out. Nothing is lost by leaving 500: a gateway that cannot be reached
// on 4500 could not be used anyway.

// plainTries is how often IKE_SA_INIT goes to port 500 before it goes to 4500.
const plainTries = 3

// firstPath is where the first message goes.
func (c *Config) firstPath() path {
	p := path{local: c.Local, remote: c.Remote, encap: c.Encap || c.Remote.Port() != ikePort}
	if c.Encap {
		p.remote = replacePort(c.Remote, c.NATTPort)
	}
	return p
}

// plainIsSilent says whether port 500 has been asked often enough. An answer
// without proof that would end the attempt is a sign that it is not blocked.
func (in *initiation) plainIsSilent() bool {
	return !in.sent.path.encap && in.hint == nil &&
		in.sent.tries >= min(plainTries, in.sent.pace.Tries-1) && in.sent.tries > 0
}

// leavePlain begins IKE_SA_INIT anew on port 4500. It is another request, not a
// repetition of the one before, so SPI, nonce and private value are new; how often
// and how long there is left to try stays as it is, and so do the bounds of what
// unauthenticated answers can make us do.
func (s *Session) leavePlain(now time.Time) error {
	was := s.init
	next, err := s.newInitiation(was.id)
	if err != nil {
		return err
	}
	next.cookies, next.groups, next.seen = was.cookies, was.groups, was.seen
	s.init = next
	s.path.remote, s.path.encap = replacePort(s.path.remote, s.cfg.NATTPort), true
	s.timers.stop(timerCookie, 0)
	s.log.Info("port 500 is silent, so the handshake begins on the port for UDP encapsulation", "gateway", s.path.remote)
	if err := s.drawGroup(was.kx.Group()); err != nil {
		return err
	}
	s.composeInit()
	next.sent.tries, next.sent.wait = was.sent.tries, was.sent.wait
	return s.retransmitInit(now)
}

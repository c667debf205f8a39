package ike

import (
	"math"
	"time"
)

// When a request goes out again (RFC 7296 2.1, 2.4): the waits grow by a factor
// up to a longest one, each cut by chance, for a bounded number of tries. What
// the network says about the peer without proof (an unprotected message, ICMP)
// changes none of that: it is answered with a question to the peer itself.

// waitJitter is the part of a wait that may be cut off at random: the clients of
// a gateway that was away for a while do not all come back at one moment. It is
// so small that the waits still grow, since the factor is larger than what two
// of them can differ by.
const (
	waitJitter = 0.2
	minFactor  = 1.3
)

// suspectPause is the least time between two questions that unprotected hints
// cause (RFC 7296 2.4: such messages are hints, and rate limited).
const suspectPause = 10 * time.Second

// urgent is the schedule after something has happened to the path: four tries,
// and the word after about two seconds. A network that has just changed may well
// need longer, so that the usual patience follows.
var urgent = Retransmit{First: 250 * time.Millisecond, Factor: 1.5, Max: time.Second, Tries: 4}

// paced is an exchange with a schedule of its own.
type paced interface {
	pace(usual Retransmit) Retransmit
}

// paceOf is the schedule of an exchange.
func (s *Session) paceOf(e exchange) Retransmit {
	if p, ok := e.(paced); ok {
		return p.pace(s.cfg.Retransmit)
	}
	return s.cfg.Retransmit
}

// nextWait draws the wait after the next try of a transmission; false: there
// have been enough.
func (s *Session) nextWait(t *transmission) (time.Duration, bool, error) {
	wait, ok := t.backoff()
	if !ok {
		return 0, false, nil
	}
	b, err := s.random(2)
	if err != nil {
		return 0, false, err
	}
	part := float64(uint16(b[0])<<8|uint16(b[1])) / (math.MaxUint16 + 1)
	return wait - time.Duration(float64(wait)*waitJitter*part), true, nil
}

// backoff gives the longest wait after the next transmission and whether there
// is one.
func (t *transmission) backoff() (time.Duration, bool) {
	if t.tries >= t.pace.Tries {
		return 0, false
	}
	t.tries++
	if t.wait == 0 {
		t.wait = t.pace.First
	} else {
		t.wait = min(time.Duration(float64(t.wait)*t.pace.Factor), t.pace.Max)
	}
	return t.wait, true
}

// hurry puts what is under way on the urgent schedule and sends it again at once,
// or asks for a sign of life where there is nothing: the peer answers within about
// two seconds, or PeerSilent says that it does not. The octets stay as they are.
func (s *Session) hurry(now time.Time) error {
	if s.current.window.request == nil {
		s.current.enqueueFirst(&liveness{urgent: true})
	}
	if old := s.unsure(); old != nil && old.window.request == nil {
		old.enqueueFirst(&liveness{urgent: true})
	}
	return s.resume(now)
}

// nextTry gives the wait after the next try of a request of an IKE SA, and whether
// there is one. After the urgent schedule comes the usual one, and that again on an
// IKE SA that the peer may not know yet: it is heard of on the one before.
func (s *Session) nextTry(sa *ikeSA, t *transmission) (time.Duration, bool, error) {
	wait, ok, err := s.nextWait(t)
	unknown := s.holds(sa) && !sa.initiator
	if ok || err != nil || t.pace != urgent && !unknown {
		return wait, ok, err
	}
	soon := t.pace == urgent
	t.restart(s.cfg.Retransmit)
	if soon && sa == s.current && s.phase == phaseEstablished && !(unknown && s.heldFor.idle()) {
		s.silent = true
		s.emit(PeerSilent{Since: s.lastHeard})
	}
	return s.nextWait(t)
}

// restart begins the tries of a transmission anew; its octets stay.
func (t *transmission) restart(pace Retransmit) {
	t.pace, t.tries, t.wait, t.cut.before = pace, 0, 0, 0
}

// suspect takes an unprotected hint that an established peer may be gone, and
// asks the peer itself, seldom enough that nobody can make much of that
// (RFC 7296 2.4).
func (s *Session) suspect(now time.Time) {
	if s.phase != phaseEstablished || !s.lastSuspect.IsZero() && now.Sub(s.lastSuspect) < suspectPause {
		return
	}
	s.lastSuspect = now
	s.askLiveness()
}

package ike

import (
	"slices"
	"time"
)

// Both sides rekey the IKE SA, and either of the two may need additional key
// exchanges (RFC 7296 2.8.2, RFC 9370 2.2.4). As for Child SAs (crossing_child.go)
// the nonces decide as soon as they are known, and a redundant rekey that is not
// finished goes no further.

// ikeCrossing is the peer's half of a simultaneous rekey of the IKE SA.
type ikeCrossing struct {
	sa     *ikeSA // nil: it lacks additional key exchanges
	lowest []byte
	won    bool // it has been decided that the peer's stands, once it is finished
}

// takeCrossing ends the simultaneous rekey of an IKE SA and gives the peer's
// half; nil where there is none, where it is not finished, or where the peer has
// deleted its IKE SA.
func (s *Session) takeCrossing(sa *ikeSA) *ikeCrossing {
	x := sa.crossing
	sa.crossing = nil
	if x == nil || x.sa == nil || s.saByID(x.sa.id) != x.sa {
		return nil
	}
	return x
}

// crossIKE notes a rekey of the IKE SA by the peer that we are about to answer,
// while ours may be under way. lowest is the lower nonce of the peer's exchange.
// The result says that ours has won already.
func (sa *ikeSA) crossIKE(lowest []byte) (redundant bool) {
	e, ours := creating(sa.window.exchange).(*rekeyIKE)
	switch {
	case ours && e.responders == nil:
		sa.crossing = &ikeCrossing{lowest: slices.Clone(lowest)}
	case ours && !lower(e.lowest(), lowest):
		return true
	case ours:
		e.lost = true
		sa.crossing = &ikeCrossing{lowest: slices.Clone(lowest), won: true}
	}
	return false
}

// takeOverIKE takes the IKE SA of the peer's rekey, which is finished. What it
// returns follows the answer.
func (s *Session) takeOverIKE(now time.Time, sa, theirs *ikeSA, redundant bool) func() error {
	switch x := sa.crossing; {
	case redundant:
		s.leaveIKE(now, theirs)
		return nil
	case x != nil && !x.won:
		x.sa = theirs // the answer to ours will tell
		return nil
	}
	sa.crossing = nil
	return func() error {
		s.timers.set(timerForgetIKE, sa.id, now.Add(forgetAfter))
		return s.replaceIKE(now, sa, theirs, nil)
	}
}

// leaveIKE leaves a redundant IKE SA of the peer's making to the peer.
func (s *Session) leaveIKE(now time.Time, theirs *ikeSA) {
	theirs.state = ikeReplaced
	s.timers.set(timerForgetIKE, theirs.id, now.Add(forgetAfter))
}

// settleIKE takes our rekeyed IKE SA into use, or out again if the peer's
// simultaneous rekey wins.
func (s *Session) settleIKE(now time.Time, sa, mine *ikeSA, lowest []byte) error {
	x := sa.crossing
	if x != nil && x.sa == nil && lower(lowest, x.lowest) {
		mine.state = ikeReplaced
		s.retireIKE(mine)
		x.won = true
		s.reclaimUnlessComing(sa)
		return nil
	}
	if x = s.takeCrossing(sa); x != nil && lower(lowest, x.lowest) { // the peer deletes the old one
		s.timers.set(timerForgetIKE, sa.id, now.Add(forgetAfter))
		return s.replaceIKE(now, sa, x.sa, mine)
	}
	sa.forgetRekeyOf(sa)
	if x != nil {
		s.leaveIKE(now, x.sa)
	}
	return s.replaceIKE(now, sa, mine, sa)
}

// superseded says whether our rekey, just answered, needs no additional key
// exchanges any more, because the peer's has won.
func (e *rekeyIKE) superseded(s *Session, sa *ikeSA, now time.Time) (bool, error) {
	x := sa.crossing
	if x == nil {
		return false, nil
	}
	if lower(e.lowest(), x.lowest) {
		e.lost = true
		if x.sa == nil || s.saByID(x.sa.id) != x.sa {
			x.won = true
			s.reclaimUnlessComing(sa)
			return true, nil
		}
		sa.crossing = nil
		s.timers.set(timerForgetIKE, sa.id, now.Add(forgetAfter))
		return true, s.replaceIKE(now, sa, x.sa, nil)
	}
	sa.forgetRekeyOf(sa)
	if x = s.takeCrossing(sa); x != nil {
		s.leaveIKE(now, x.sa)
	}
	return false, nil
}

// reclaimUnlessComing puts an IKE SA back into our care whose rekey by the peer
// has won and is not under way any more.
func (s *Session) reclaimUnlessComing(sa *ikeSA) {
	if sa.rekeyOf(sa) == nil {
		s.reclaimIKE(sa)
	}
}

// reclaimIKE is reclaim for an IKE SA.
func (s *Session) reclaimIKE(sa *ikeSA) {
	if sa != s.current || sa.state != ikeLive {
		return
	}
	if sa.crossing != nil && !sa.crossing.won {
		sa.crossing = nil // our own rekey goes on
		return
	}
	sa.crossing, sa.rekeying = nil, false
	s.timers.set(timerRekeyIKE, sa.id, sa.rekeyAt)
}

package ike

import (
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// Both sides rekey one Child SA, and either of the two may need additional key
// exchanges (RFC 7296 2.8.1, RFC 9370 2.2.4). The nonces of both CREATE_CHILD_SA
// exchanges decide as soon as they are known:
//
//	                       the peer's is finished     the peer's lacks key exchanges
//	ours is the redundant  old SA waits for a Delete  old SA waits for the key exchanges
//	the peer's is          it waits for a Delete      it is forgotten
//
// Ours, where it is redundant, is deleted if it was finished, and else goes no further.

// crossed says whether the peer has finished a rekey of c while ours is under way.
func (c *child) crossed() bool { return c.crossing != nil && c.crossing.successor != nil }

// crossChild notes a rekey of old by the peer that we are about to answer, while
// ours may be under way. lowest is the lower nonce of the peer's exchange. The
// result says that ours has won already.
func (s *Session) crossChild(sa *ikeSA, old *child, lowest []byte) (redundant bool) {
	if old.state != childRekeying {
		return false
	}
	e, ours := sa.createUnderWay()
	switch {
	case !ours || e.old != old: // ours has been given up for an earlier one
		old.crossing = &childCrossing{lowest: slices.Clone(lowest), won: true}
	case e.made == nil:
		old.crossing = &childCrossing{lowest: slices.Clone(lowest)}
	case lower(e.lowest(), lowest):
		e.lost = true
		old.crossing = &childCrossing{lowest: slices.Clone(lowest), won: true}
	default:
		return true
	}
	return false
}

// takeOver takes the Child SA of the peer's making, which is finished; old is the
// one that it rekeys, or nil. What it returns follows the answer.
func (s *Session) takeOver(now time.Time, old, c *child, keys suite.ChildKeys, redundant bool) func() error {
	if old == nil {
		s.addChild(c, keys, 0)
		return func() error {
			s.activate(c) // once the answer is on its way that lets the peer receive
			return nil
		}
	}
	s.addChild(c, keys, old.inbound)
	switch x := old.crossing; {
	case redundant:
		c.predecessor = nil
		s.awaitDelete(now, c)
	case x != nil && !x.won:
		x.successor = c // the answer to ours will tell
	default:
		old.crossing = nil
		s.awaitDelete(now, old)
	}
	return nil
}

// superseded says whether our rekey, just answered, needs no additional key
// exchanges any more: the old SA is gone, or the peer's rekey has won.
func (e *createChild) superseded(s *Session, now time.Time) bool {
	if e.old == nil {
		return false
	}
	stands := s.childByInbound(e.old.inbound) == e.old
	x := e.old.crossing
	switch {
	case x == nil:
		return !stands
	case !lower(e.lowest(), x.lowest):
		s.dismiss(now, e.old)
		return false
	}
	e.lost = true
	if stands {
		s.concede(now, e.old)
	}
	return true
}

// concede leaves the old SA to the peer's rekey, which has won.
func (s *Session) concede(now time.Time, old *child) {
	x := old.crossing
	switch {
	case x.successor != nil:
		old.crossing = nil
		s.yield(now, old, x.successor)
	case s.current.rekeyOf(old) != nil:
		x.won = true
	default:
		x.won = true
		s.reclaim(old)
	}
}

// dismiss leaves the peer's half of a simultaneous rekey that ours has won to
// the peer, if there is one.
func (s *Session) dismiss(now time.Time, old *child) {
	s.current.forgetRekeyOf(old)
	x := old.crossing
	old.crossing = nil
	if x != nil && x.successor != nil && s.childByInbound(x.successor.inbound) == x.successor {
		x.successor.predecessor = nil
		s.awaitDelete(now, x.successor)
	}
}

// standsAgainst says whether the peer's rekey of old stands when ours has been
// refused, and if so leaves old to it.
func (s *Session) standsAgainst(now time.Time, old *child) bool {
	x := old.crossing
	switch {
	case x == nil:
		return false
	case x.successor == nil && s.current.rekeyOf(old) != nil:
		x.won = true
		return true
	}
	old.crossing = nil
	if x.successor == nil || s.childByInbound(x.successor.inbound) != x.successor {
		return false
	}
	s.awaitDelete(now, old)
	return true
}

// reclaim puts an SA that the peer has not replaced in the end back into our
// care: it is rekeyed when its own time comes, or at once where that is over.
func (s *Session) reclaim(old *child) {
	if s.childByInbound(old.inbound) != old || old.state == childDeleting {
		return
	}
	if old.crossing != nil && !old.crossing.won {
		old.crossing = nil // our own rekey goes on
		return
	}
	old.crossing, old.state = nil, childLive
	s.timers.set(timerRekeyChild, uint64(old.inbound), old.rekeyAt)
}

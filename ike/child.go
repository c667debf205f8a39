package ike

import (
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// How long the data plane and we wait around the end of a Child SA.
const (
	linger = 5 * time.Second // packets still under way after a Delete
	// forgetAfter is how long a Delete is awaited that the peer owes us. A peer
	// that lacks our answer repeats its request first, and seldom towards the end:
	// strongSwan lets up to 76 seconds pass between two tries.
	forgetAfter = 90 * time.Second
)

// childState says what is going on with a Child SA.
type childState uint8

const (
	childLive     childState = iota // in use, or about to be
	childRekeying                   // our rekey of it is under way
	childReplaced                   // another has taken over; the peer is to delete it
	childDeleting                   // our Delete of it is queued or under way
)

// child is one pair of ESP SAs (RFC 7296 1.3, 2.8). Its keys are with the data
// plane only.
type child struct {
	inbound, outbound uint32
	suite             suite.Proposal
	localTS, remoteTS []wire.TrafficSelector
	initiated         bool // our request made it
	state             childState
	active            bool           // ChildActive has been emitted
	queued            bool           // a rekey waits for the window
	deleteSent        bool           // childDeleting: our request is under way
	unwanted          bool           // childDeleting: on the owner's wish
	rekeyAt           time.Time      // soft lifetime
	expires           time.Time      // hard lifetime: no refused rekey is tried again beyond it
	putOff            postponement   // of its rekey, by the peer
	predecessor       *child         // the SA that it takes over from, by the peer's rekey
	crossing          *childCrossing // the peer's rekey of it, while ours was under way
}

// childCrossing is the peer's half of a simultaneous rekey (RFC 7296 2.8.1).
type childCrossing struct {
	successor *child // nil: it lacks additional key exchanges (RFC 9370)
	lowest    []byte // the lower nonce of the peer's exchange
	won       bool   // it has been decided that the peer's stands, once it is finished
}

func (s *Session) childByInbound(spi uint32) *child {
	return s.findChild(func(c *child) bool { return c.inbound == spi })
}

func (s *Session) childByOutbound(spi uint32) *child {
	return s.findChild(func(c *child) bool { return c.outbound == spi })
}

func (s *Session) findChild(f func(*child) bool) *child {
	if i := slices.IndexFunc(s.children, f); i >= 0 {
		return s.children[i]
	}
	return nil
}

// age sets the soft and the hard lifetime of a new Child SA.
func (s *Session) age(now time.Time, c *child) (err error) {
	c.expires = now.Add(s.cfg.ChildLifetime)
	c.rekeyAt, err = s.soften(now, s.cfg.ChildLifetime)
	return err
}

// addChild hands a new Child SA to the owner and arms its soft lifetime.
func (s *Session) addChild(c *child, keys suite.ChildKeys, replaces uint32) {
	s.children = append(s.children, c)
	s.timers.set(timerRekeyChild, uint64(c.inbound), c.rekeyAt)
	s.timers.set(timerEndChild, uint64(c.inbound), s.endOf(c.rekeyAt, c.expires))
	esn := len(c.suite.ESN) > 0 && c.suite.ESN[0] == suite.ESNYes
	s.emit(ChildAdded{
		SA: ChildSA{
			InboundSPI: c.inbound, OutboundSPI: c.outbound, Suite: c.suite, ESN: esn,
			Keys: keys, Initiated: c.initiated,
			LocalTS: c.localTS, RemoteTS: c.remoteTS, RekeyAt: c.rekeyAt,
		},
		Replaces: replaces,
	})
}

// activate turns outbound traffic to a Child SA.
func (s *Session) activate(c *child) {
	if c.active || s.childByInbound(c.inbound) != c {
		return
	}
	c.active = true
	s.emit(ChildActive{InboundSPI: c.inbound})
}

// removeChild says that a Child SA is gone, and lets the one take over that the
// peer made for it: the delete of the old one is the sign that the peer is ready
// for traffic on the new (RFC 7296 2.8).
func (s *Session) removeChild(c *child) {
	s.children = slices.DeleteFunc(s.children, func(o *child) bool { return o == c })
	for _, k := range []timerKind{timerRekeyChild, timerForgetChild, timerEndChild} {
		s.timers.stop(k, uint64(c.inbound))
	}
	s.current.forgetRekeyOf(c)
	s.yieldToHeir(c)
	s.emit(ChildRemoved{InboundSPI: c.inbound, Linger: linger})
}

// yieldToHeir moves outbound traffic to the SA that the peer made for c.
func (s *Session) yieldToHeir(c *child) {
	heir := s.findChild(func(o *child) bool { return o.predecessor == c && o.state != childDeleting })
	if heir != nil && c.active {
		heir.predecessor = nil
		s.activate(heir)
	}
}

// retire queues our Delete of a Child SA.
func (s *Session) retire(c *child) {
	if c.state == childDeleting {
		return
	}
	c.state = childDeleting
	s.timers.stop(timerRekeyChild, uint64(c.inbound))
	s.timers.stop(timerForgetChild, uint64(c.inbound))
	s.current.enqueue(&deleteChild{c: c})
}

// deleteUnwanted deletes a Child SA on the owner's wish.
func (s *Session) deleteUnwanted(inbound uint32) error {
	c := s.childByInbound(inbound)
	if c == nil || c.state != childLive {
		return ErrUnknownSA
	}
	c.unwanted = true
	s.retire(c)
	return nil
}

// awaitDelete leaves the Delete of a Child SA to the peer, and does it
// ourselves when the peer forgets.
func (s *Session) awaitDelete(now time.Time, c *child) {
	c.state = childReplaced
	s.timers.stop(timerRekeyChild, uint64(c.inbound))
	s.expectDelete(now, c)
}

// expectDelete gives the peer its time for a Delete, and no more than the SA is
// good for.
func (s *Session) expectDelete(now time.Time, c *child) {
	at := now.Add(forgetAfter)
	if c.expires.Before(at) {
		at = c.expires
	}
	s.timers.set(timerForgetChild, uint64(c.inbound), at)
}

// forgetChild deletes what the peer should have deleted. The peer drops the SA
// when our Delete arrives, so that traffic moves before that.
func (s *Session) forgetChild(inbound uint32) error {
	if c := s.childByInbound(inbound); c != nil && c.state == childReplaced {
		s.yieldToHeir(c)
		s.retire(c)
	}
	return nil
}

// childless says whether nothing carries traffic, or is about to: every Child
// SA is on its way out and no exchange would bring one. One that the owner does
// not want still counts, since its end is not the peer's doing.
func (s *Session) childless() bool {
	if s.findChild(func(c *child) bool { return c.unwanted || c.stays() }) != nil {
		return false
	}
	if len(s.postponed) > 0 {
		return false
	}
	creates := func(e exchange) bool { _, ok := creating(e).(*createChild); return ok }
	return !creates(s.current.window.exchange) && !slices.ContainsFunc(s.current.queue, creates)
}

// deleteChild is our Delete of a Child SA (RFC 7296 1.4.1):
//
//	--> INFORMATIONAL { D(ESP, our inbound SPI) }
//	<-- INFORMATIONAL { D(ESP, the peer's inbound SPI) }
type deleteChild struct {
	c        *child
	outlived bool // it was too old, and is gone here
}

func (*deleteChild) kind() wire.ExchangeType { return wire.ExchangeInformational }

func (e *deleteChild) build(s *Session, _ *ikeSA, _ time.Time) ([]wire.Payload, error) {
	if s.childByInbound(e.c.inbound) != e.c && !e.outlived {
		return nil, nil // the peer was faster
	}
	e.c.deleteSent = true
	return []wire.Payload{&wire.DeletePayload{
		Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(e.c.inbound)},
	}}, nil
}

func (e *deleteChild) handle(s *Session, _ *ikeSA, now time.Time, _ []wire.Payload) error {
	if s.childByInbound(e.c.inbound) == e.c {
		s.removeChild(e.c)
		if e.c.unwanted && s.childless() {
			s.close(now, nil)
			return nil
		}
	}
	return s.checkChildless()
}

// checkChildless ends the Session when its last Child SA is gone: there is
// nothing left to carry.
func (s *Session) checkChildless() error {
	if s.phase == phaseEstablished && s.childless() {
		return &Failure{Cause: CauseClosedByGateway, Err: errNoChildLeft}
	}
	return nil
}

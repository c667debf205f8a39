package ike

import "slices"

// What was under way on an IKE SA that ends, while another goes on, is not lost with
// it: the Child SAs and the path belong to the Session (RFC 7296 2.18). An answer
// that can come no more is asked for again on the current IKE SA.

// takeBack puts everything that an IKE SA has begun, or was to do, in the care of the
// current one. The IKE SA is dropped next.
func (s *Session) takeBack(sa *ikeSA) {
	if s.current == nil || s.current == sa {
		return
	}
	for _, u := range slices.Clone(sa.unfinished) {
		s.giveUp(sa, u)
	}
	s.takeBackExchange(sa.window.exchange)
	for _, e := range sa.queue {
		s.takeBackExchange(e)
	}
}

func (s *Session) takeBackExchange(e exchange) {
	switch e := creating(e).(type) {
	case *pathCheck:
		s.current.enqueue(&pathCheck{size: e.size})
	case *updateAddresses:
		s.oweUpdate()
	case *tellAddresses:
		s.retellAddresses()
	case *deleteChild:
		e.c.deleteSent = false
		s.current.enqueue(e)
	case *createChild:
		s.takeBackChild(e)
	}
}

// takeBackChild is takeBackExchange for a Child SA: it is asked for again, unless the
// peer has rekeyed the old one meanwhile, which then makes room.
func (s *Session) takeBackChild(e *createChild) {
	if e.old == nil {
		s.current.enqueue(e.again())
		return
	}
	x := e.old.crossing
	e.old.crossing, e.old.queued = nil, false
	if x != nil && x.successor != nil && s.childByInbound(x.successor.inbound) == x.successor {
		s.yieldToHeir(e.old)
		s.retire(e.old)
		return
	}
	s.reclaim(e.old)
	if s.childByInbound(e.old.inbound) == e.old && e.old.state == childLive {
		e.old.queued = true
		s.current.enqueue(&createChild{old: e.old})
	}
}

// giveUp forgets what the peer has begun and will not finish. What it was to replace
// is rekeyed by us again when its own time comes.
func (s *Session) giveUp(sa *ikeSA, u *unfinished) {
	sa.dropUnfinished(u)
	if s.phase != phaseEstablished {
		return
	}
	switch old := u.replaces.(type) {
	case *child:
		s.reclaim(old)
	case *ikeSA:
		s.reclaimIKE(old)
	}
}

// discard wipes what an exchange holds that will not go on.
func discard(e exchange) {
	if f, ok := e.(*followUp); ok {
		f.clear()
	}
}

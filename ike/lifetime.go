package ike

import "time"

// The end of an SA (RFC 7296 2.8). Rekeys begin early enough to be through before
// it, and a peer that refuses them, or does not answer, ends the Session sooner.
// What is left are a machine that slept and a network that was away: then an SA is
// found to be too old, and is not used any more.
//
//	Child SA   deleted, and another asked for
//	IKE SA     the Session ends: what could be said under it nobody may say

// endOf is until when an SA may be used: its lifetime, or the time that its rekey
// may take where the lifetime leaves less.
func (s *Session) endOf(rekeyAt, expires time.Time) time.Time {
	end := rekeyAt
	t := transmission{pace: s.cfg.Retransmit}
	for wait, ok := t.backoff(); ok; wait, ok = t.backoff() {
		end = end.Add(wait)
	}
	if end.Before(expires) {
		return expires
	}
	return end
}

// endChild takes a Child SA out of use that is too old. Where its rekey is under
// way, the answer brings the next; one that is on its way out is left to that.
func (s *Session) endChild(inbound uint32) {
	c := s.childByInbound(inbound)
	if c == nil || !c.stays() {
		return
	}
	if e, ok := s.current.createUnderWay(); !ok || e.old != c {
		s.current.enqueueFirst(&createChild{want: s.recovery(c)})
	}
	s.current.enqueueFirst(&deleteChild{c: c, outlived: true})
	s.removeChild(c)
}

package ike

import (
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// The bounds of reassembly. A message of 64 KiB in fragments for the smallest
// IPv6 path needs fewer than 60. What is not whole after a time is forgotten: a
// peer repeats a request for about as long, and our own request is given up sooner.
const (
	maxFragments      = 64
	maxReassembledLen = wire.MaxMessageLen
	reassemblyTime    = 90 * time.Second
)

// reassembly collects the fragments of one message in one direction
// (RFC 7383 2.6). Only authenticated fragments come in, so its memory is spent
// on the peer alone, and never on more than one message.
type reassembly struct {
	id    uint32
	total uint16
	first wire.PayloadType
	parts [][]byte // plaintexts, by number - 1; nil: missing
	have  int
	size  int
	since time.Time // of the first fragment
}

// wants says whether a fragment can be of use, from its unauthenticated header
// alone, so that repeated ones cost no decryption. A larger total replaces what
// was collected: the peer has found a smaller path and cut the message anew; a
// smaller total is a late one of an older cut (RFC 7383 2.6).
func (r *reassembly) wants(id uint32, f *wire.EncryptedFragment) bool {
	if f.Number == 0 || f.Number > f.Total || f.Total > maxFragments {
		return false
	}
	if r.parts == nil || r.id != id || f.Total > r.total {
		return true
	}
	return f.Total == r.total && r.parts[f.Number-1] == nil
}

// add stores an authenticated fragment's plaintext, which it keeps. When the
// message is complete it returns the first payload's type and the whole chain.
func (r *reassembly) add(id uint32, f *wire.EncryptedFragment, plain []byte) (wire.PayloadType, []byte, bool) {
	if !r.wants(id, f) {
		return 0, nil, false
	}
	if r.parts == nil || r.id != id || f.Total > r.total {
		*r = reassembly{id: id, total: f.Total, parts: make([][]byte, f.Total)}
	}
	if r.size+len(plain) > maxReassembledLen {
		r.reset()
		return 0, nil, false
	}
	if f.Number == 1 {
		r.first = f.First
	}
	if plain == nil {
		plain = []byte{}
	}
	r.parts[f.Number-1] = plain
	r.have++
	r.size += len(plain)
	if r.have < int(r.total) {
		return 0, nil, false
	}
	whole := make([]byte, 0, r.size)
	for _, p := range r.parts {
		whole = append(whole, p...)
	}
	first := r.first
	r.reset()
	return first, whole, true
}

// reset forgets everything.
func (r *reassembly) reset() { *r = reassembly{} }

// boundReassembly arms the timer that forgets half a message.
func (s *Session) boundReassembly(now time.Time, sa *ikeSA) {
	for _, r := range []*reassembly{&sa.window.requests, &sa.window.responses} {
		if r.parts != nil && r.since.IsZero() {
			r.since = now
		}
	}
	if _, armed := s.timers.at(timerFragments, sa.id); !armed {
		s.timers.set(timerFragments, sa.id, now.Add(reassemblyTime))
	}
}

// forgetFragments drops what has been half there for too long.
func (s *Session) forgetFragments(now time.Time, id uint64) {
	sa := s.saByID(id)
	if sa == nil {
		return
	}
	var next time.Time
	for _, r := range []*reassembly{&sa.window.requests, &sa.window.responses} {
		switch end := r.since.Add(reassemblyTime); {
		case r.parts == nil:
		case !end.After(now):
			r.reset()
		case next.IsZero() || end.Before(next):
			next = end
		}
	}
	if !next.IsZero() {
		s.timers.set(timerFragments, id, next)
	}
}

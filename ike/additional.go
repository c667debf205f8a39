package ike

import (
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Child SAs beside the first (RFC 7296 1.3.1, 2.9). A gateway may narrow what we
// ask for to a part, and carry the rest in Child SAs of its own:
//
//	asked for              answered             then asked for
//	one range              a part, with         the range without that part
//	                       ADDITIONAL_TS_POSSIBLE
//	a list of ranges       some of them         those that were left out
//	more than one pair     TS_UNACCEPTABLE or   each pair by itself
//	                       SINGLE_PAIR_REQUIRED
//
// That goes on until all is carried, the gateway refuses, or maxChildren stand.
// What it refuses is told with ChildRefused, and the line goes on with what it has.
// It may make such Child SAs of its own accord, too, within our selectors.

// defaultMaxChildren bounds the Child SAs that carry traffic at a time.
const defaultMaxChildren = 16

// CreateChild asks for one more Child SA (RFC 7296 1.3.1). ChildAdded and
// ChildActive, or ChildRefused, are the answer. Nil RemoteTS: the configured ones;
// nil LocalTS: our addresses. ErrCarried where it would be the duplicate of a
// Child SA that stands or is asked for, ErrTooManyChildren beyond
// Config.MaxChildren, ErrNoSelectors where we have no address of that family.
type CreateChild struct{ LocalTS, RemoteTS []wire.TrafficSelector }

func (CreateChild) command() {}

// ChildRefused says that the gateway has not made an additional Child SA. What
// the others carry goes on.
type ChildRefused struct {
	LocalTS, RemoteTS []wire.TrafficSelector
	Notify            wire.NotifyType
}

func (ChildRefused) event() {}

// pair is what one Child SA is asked to carry.
type pair struct{ local, remote []wire.TrafficSelector }

func (p pair) empty() bool { return len(p.local) == 0 || len(p.remote) == 0 }

// wish is what a Child SA from scratch may carry to these destinations: from our
// addresses, and of the families that have one.
func (s *Session) wish(remote []wire.TrafficSelector) pair {
	own := s.ownSelectors()
	p := pair{}
	for _, r := range remote {
		if slices.ContainsFunc(own, func(l wire.TrafficSelector) bool { return sameFamily(l, r) }) {
			p.remote = append(p.remote, r)
		}
	}
	for _, l := range own {
		if slices.ContainsFunc(p.remote, func(r wire.TrafficSelector) bool { return sameFamily(l, r) }) {
			p.local = append(p.local, l)
		}
	}
	return p
}

// ownSelectors is our side of every Child SA: the configured selectors, as far as
// they are addresses that the gateway gave us.
func (s *Session) ownSelectors() []wire.TrafficSelector {
	var hosts []wire.TrafficSelector
	for _, a := range s.addresses {
		hosts = append(hosts, wire.TrafficSelector{EndPort: 65535, Start: a, End: a})
	}
	if own := intersect(s.cfg.LocalTS, hosts); len(own) > 0 {
		return own
	}
	return s.cfg.LocalTS
}

// each gives every pair of one selector of ours with one of the peer's.
func (p pair) each() []pair {
	var out []pair
	for _, l := range p.local {
		for _, r := range p.remote {
			if sameFamily(l, r) {
				out = append(out, pair{[]wire.TrafficSelector{l}, []wire.TrafficSelector{r}})
			}
		}
	}
	return out
}

// carries says whether a Child SA that stays carries all of a pair.
func (s *Session) carries(p pair) bool {
	return s.findChild(func(c *child) bool { return c.stays() && p.within(c.localTS, c.remoteTS) }) != nil
}

// within says whether all of a pair is in these selectors.
func (p pair) within(local, remote []wire.TrafficSelector) bool {
	outside := func(list []wire.TrafficSelector) func(wire.TrafficSelector) bool {
		return func(t wire.TrafficSelector) bool { return !containedIn(t, list) }
	}
	return !slices.ContainsFunc(p.local, outside(local)) && !slices.ContainsFunc(p.remote, outside(remote))
}

// stays says that nobody is about to delete a Child SA.
func (c *child) stays() bool { return c.state == childLive || c.state == childRekeying }

// standing counts the Child SAs that stay, and those that are asked for, by either end.
func (s *Session) standing() int {
	n := len(s.postponed)
	for _, u := range s.current.unfinished {
		if u.replaces == nil {
			n++
		}
	}
	for _, c := range s.children {
		if c.stays() {
			n++
		}
	}
	for e := range s.creating() {
		if e.old == nil {
			n++
		}
	}
	return n
}

// creating yields our requests for Child SAs, under way and queued.
func (s *Session) creating() func(func(*createChild) bool) {
	return func(yield func(*createChild) bool) {
		if e, ok := s.current.createUnderWay(); ok && !yield(e) {
			return
		}
		for _, q := range s.current.queue {
			if e, ok := q.(*createChild); ok && !yield(e) {
				return
			}
		}
	}
}

// createMore performs CreateChild. What is carried, or asked for, already is
// never asked for again.
func (s *Session) createMore(c CreateChild) error {
	want := s.wish(c.RemoteTS)
	if len(c.RemoteTS) == 0 {
		want = s.wish(s.cfg.RemoteTS)
	}
	if len(c.LocalTS) > 0 {
		want.local = slices.Clone(c.LocalTS)
	}
	if want.empty() {
		return ErrNoSelectors
	}
	if s.standing() >= s.cfg.MaxChildren {
		return ErrTooManyChildren
	}
	covered := s.carries(want)
	for e := range s.creating() {
		covered = covered || e.old == nil && want.within(e.want.local, e.want.remote)
	}
	for _, e := range s.postponed {
		covered = covered || want.within(e.want.local, e.want.remote)
	}
	if covered {
		return ErrCarried
	}
	s.current.enqueue(&createChild{want: want})
	return nil
}

// askRest asks for what an answer left out of a request. ps are the answer's
// payloads. It comes to an end even where the gateway deletes what it has made, and
// gives one address at a time.
func (s *Session) askRest(e *createChild, ps []wire.Payload) {
	_, possible := wire.Notify(ps, wire.NotifyAdditionalTSPossible)
	if s.noMoreChildren || s.standing() >= s.cfg.MaxChildren || e.told && !possible || e.rests == s.cfg.MaxChildren {
		return
	}
	rest := e.want.remote
	for _, c := range s.children {
		if !c.stays() {
			continue
		}
		if possible {
			rest = without(rest, c.remoteTS)
		} else {
			rest = untouched(rest, c.remoteTS)
		}
	}
	want := s.wish(rest)
	if want.empty() || len(want.remote) > maxSelectors {
		return
	}
	s.current.enqueue(&createChild{want: want, told: possible, rests: e.rests + 1})
}

// asPieces asks again for a refused request, pair by pair, as far as there is room,
// and says whether there is more than one pair, and the error one that a smaller
// request may avoid.
func (s *Session) asPieces(first bool, asked pair, why wire.NotifyType) bool {
	if why != wire.NotifyTSUnacceptable && why != wire.NotifySinglePairRequired {
		return false
	}
	pieces := pair{intersect(asked.local, s.ownSelectors()), s.wish(asked.remote).remote}.each()
	pieces = pieces[:min(len(pieces), max(0, s.cfg.MaxChildren-s.standing()))]
	if len(asked.each()) < 2 || len(pieces) == 0 {
		return false
	}
	for _, p := range pieces {
		s.current.enqueue(&createChild{want: p, first: first})
	}
	return true
}

// unmade decides what the refusal of a Child SA from scratch means: for the line
// when nothing else carries traffic, else for what it would have carried only.
func (e *createChild) unmade(s *Session, now time.Time, n *wire.NotifyPayload) error {
	if n.NotifyType == wire.NotifyTemporaryFailure {
		return e.later(s, now, n.NotifyType)
	}
	if s.asPieces(e.first, e.want, n.NotifyType) {
		return nil
	}
	if n.NotifyType == wire.NotifyNoAdditionalSAs {
		s.noMoreChildren = true
	}
	switch {
	case !s.childless():
		s.tellRefused(e.want, n.NotifyType)
		return nil
	case e.first:
		return failureOf(n)
	default:
		return e.later(s, now, n.NotifyType)
	}
}

func (s *Session) tellRefused(p pair, why wire.NotifyType) {
	s.emit(ChildRefused{LocalTS: p.local, RemoteTS: p.remote, Notify: why})
}

// others says whether traffic goes on without a Child SA.
func (s *Session) others(than *child) bool {
	return s.findChild(func(c *child) bool { return c != than && c.stays() }) != nil
}

// recovery is what to ask for in place of a Child SA that the peer has lost: the
// same where others carry the rest, else everything.
func (s *Session) recovery(lost *child) pair {
	if s.others(lost) {
		return pair{lost.localTS, lost.remoteTS}
	}
	return s.wish(s.cfg.RemoteTS)
}

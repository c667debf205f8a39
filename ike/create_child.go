package ike

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// CREATE_CHILD_SA for Child SAs, as its initiator (RFC 7296 1.3.1, 1.3.3):
//
//	--> CREATE_CHILD_SA { [N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr }
//	<-- CREATE_CHILD_SA { SA, Nr, [KEr,] TSi, TSr }
//
// A rekey goes on with: ChildAdded, ChildActive, Delete of the old one,
// ChildRemoved. What the peer's own rekeys do to it is in rekey_child.go.

// The bounds of rekeying and of creating anew.
const (
	maxRefusals   = 4 // INVALID_KE_PAYLOAD and the like, followed at once
	maxRekeyTries = 10
	refusedLong   = 3 * time.Minute // and not before so long (RFC 7296 2.25)
	retryFirst    = 5 * time.Second
	retryMost     = time.Minute
	retryLeast    = time.Second / 4
)

// createChild rekeys a Child SA, or makes one where there is none any more.
type createChild struct {
	old      *child       // nil: from scratch
	want     pair         // from scratch: what to ask for
	first    bool         // of a childless start: without it there is no line
	told     bool         // on the gateway's word that there is more to carry
	rests    int          // how many requests before it were not given all
	putOff   postponement // from scratch: by the peer
	group    uint16       // that the peer asked for; 0: our choice
	noPFS    bool
	refusals int

	spi           uint32
	nonce         []byte
	kx            suite.KeyExchange // nil: without
	offer         []suite.Proposal
	local, remote []wire.TrafficSelector
	deleted       []uint32 // outbound SPIs that the peer deleted before we knew them

	answer     []wire.Payload
	made       *child // as the answer has it; nil: not answered yet
	responders []byte // Nr
	lost       bool   // to the peer's rekey, while additional key exchanges were under way
}

// createUnderWay is our request for a Child SA that waits for its answer.
func (sa *ikeSA) createUnderWay() (*createChild, bool) {
	if sa == nil {
		return nil, false
	}
	e, ok := creating(sa.window.exchange).(*createChild)
	return e, ok
}

func (*createChild) kind() wire.ExchangeType { return wire.ExchangeCreateChildSA }

// startChildRekey queues the rekey of a Child SA, at the end of its soft
// lifetime or on command.
func (s *Session) startChildRekey(inbound uint32) error {
	c := s.childByInbound(inbound)
	if c == nil || c.state != childLive || c.queued || s.current.rekeyOf(c) != nil {
		return nil
	}
	c.queued = true
	s.current.enqueue(&createChild{old: c})
	return nil
}

// startCreateChild queues the Child SAs from scratch that were put off.
func (s *Session) startCreateChild() error {
	for _, e := range s.postponed {
		s.current.enqueue(e)
	}
	s.postponed = nil
	return nil
}

// again is the same request for another try.
func (e *createChild) again() *createChild {
	return &createChild{old: e.old, want: e.want, first: e.first, told: e.told, rests: e.rests, putOff: e.putOff, refusals: e.refusals + 1}
}

// build implements exchange. A Child SA that the peer has rekeyed or deleted
// while this waited for the window needs it no more, nor does one that the peer
// has made meanwhile.
func (e *createChild) build(s *Session, sa *ikeSA, _ time.Time) ([]wire.Payload, error) {
	e.local, e.remote = e.want.local, e.want.remote
	if e.old == nil && s.carries(e.want) {
		return nil, nil
	}
	if e.old != nil {
		e.old.queued = false
		if s.childByInbound(e.old.inbound) != e.old || e.old.state != childLive || sa.rekeyOf(e.old) != nil {
			return nil, nil
		}
		e.local, e.remote = e.old.localTS, e.old.remoteTS
	}
	if err := e.prepare(s, sa); err != nil {
		return nil, err
	}
	var ps []wire.Payload
	if e.old != nil {
		e.old.state = childRekeying
		ps = append(ps, &wire.NotifyPayload{
			Protocol: wire.ProtocolESP, SPI: spiBytes(e.old.inbound), NotifyType: wire.NotifyRekeySA,
		})
	}
	ps = append(ps,
		&wire.SAPayload{Proposals: suite.ToWire(e.offer, wire.ProtocolESP, spiBytes(e.spi))},
		&wire.NoncePayload{Data: e.nonce})
	if e.kx != nil {
		ps = append(ps, &wire.KEPayload{Group: e.kx.Group(), Data: e.kx.Public()})
	}
	return append(ps,
		&wire.TSPayload{Selectors: e.local},
		&wire.TSPayload{Responder: true, Selectors: e.remote}), nil
}

// prepare draws SPI, nonce and private value. The group is the one that the
// peer asked for, else that of the IKE SA, which it is known to have.
func (e *createChild) prepare(s *Session, sa *ikeSA) error {
	var err error
	if e.spi, err = s.newESPSPI(); err != nil {
		return err
	}
	if e.nonce, err = s.newNonce(); err != nil {
		return err
	}
	groups := offeredGroups(s.cfg.ChildProposals)
	e.noPFS = e.noPFS || s.bends(QuirkRekeyWithoutPFS) && mayDropPFS(s.cfg.ChildProposals)
	if e.noPFS || len(groups) == 0 {
		e.offer = withoutGroups(s.cfg.ChildProposals)
		return nil
	}
	group := groups[0]
	switch {
	case e.group != 0:
		group = e.group
	case slices.Contains(groups, sa.suite.Group[0]):
		group = sa.suite.Group[0]
	}
	if e.kx, err = suite.NewKeyExchange(group, s.cfg.Rand); err != nil {
		return internal(err)
	}
	e.offer = suite.PreferGroup(s.cfg.ChildProposals, group)
	return nil
}

// handle implements exchange.
func (e *createChild) handle(s *Session, sa *ikeSA, now time.Time, ps []wire.Payload) error {
	answer, ok := wire.Find[*wire.SAPayload](ps)
	if !ok {
		if n, isError := wire.FirstError(ps); isError {
			return e.refused(s, sa, now, n)
		}
		return broken(errors.New("CREATE_CHILD_SA answered without an SA payload"))
	}
	c := &child{inbound: e.spi, initiated: true}
	if err := c.choose(e.offer, answer); err != nil {
		return broken(err)
	}
	if err := c.narrowTo(e.local, e.remote, ps); err != nil {
		return broken(err)
	}
	if e.noPFS {
		s.recognise(QuirkRekeyWithoutPFS)
	}
	nonce, ok := wire.Find[*wire.NoncePayload](ps)
	if !ok {
		return broken(errors.New("CREATE_CHILD_SA answered without a nonce"))
	}
	shared, err := e.exchangeKeys(sa, c, nonce.Data, ps)
	if err != nil {
		return broken(err)
	}
	e.answer, e.made, e.responders = ps, c, slices.Clone(nonce.Data)
	methods := c.suite.Additional()
	if len(methods) > 0 && e.superseded(s, now) {
		shared.Clear()
		return s.checkChildless()
	}
	return s.goOn(sa, now, e, methods, []suite.Secret{shared}, ps)
}

// exchangeKeys checks the nonce and computes the first shared secret; nil where
// there is no key exchange.
func (e *createChild) exchangeKeys(sa *ikeSA, c *child, nonce []byte, ps []wire.Payload) (suite.Secret, error) {
	if err := checkNonce(nonce, sa.suite.PRF[0]); err != nil {
		return nil, err
	}
	if len(c.suite.Group) == 0 {
		return nil, nil
	}
	ke, ok := wire.Find[*wire.KEPayload](ps)
	if !ok || e.kx == nil || ke.Group != e.kx.Group() || ke.Group != c.suite.Group[0] {
		return nil, errors.New("key exchange of another group than chosen")
	}
	return e.kx.Shared(ke.Data)
}

// lowest is the lower nonce of the exchange, once it has been answered.
func (e *createChild) lowest() []byte { return lowerOf(e.nonce, e.responders) }

// abandoned implements creation.
func (e *createChild) abandoned() bool { return e.lost }

// complete implements creation: it derives the keys of the new Child SA
// (RFC 7296 2.17) and takes it into use.
func (e *createChild) complete(s *Session, sa *ikeSA, now time.Time, secrets []suite.Secret) error {
	c := e.made
	keys, err := suite.DeriveChild(sa.suite, sa.keys.SK_d, secrets[0], e.nonce, e.responders, c.suite, secrets[1:]...)
	if err != nil {
		return broken(err)
	}
	if err := s.age(now, c); err != nil {
		return err
	}
	if e.lost {
		s.addChild(c, keys, 0) // the peer has it: the last request was on its way
		s.retire(c)
		return nil
	}
	s.settleChild(now, e, c, keys, e.lowest())
	if e.old == nil && s.childByInbound(c.inbound) == c {
		s.askRest(e, e.answer)
	}
	return s.checkChildless()
}

// refused decides what follows an error notification (RFC 7296 2.25).
func (e *createChild) refused(s *Session, _ *ikeSA, now time.Time, n *wire.NotifyPayload) error {
	if n.NotifyType == wire.NotifyAuthenticationFailed || n.NotifyType == wire.NotifyInvalidSyntax {
		return &Failure{Cause: CauseProtocol, Notify: n.NotifyType}
	}
	if n.NotifyType == wire.NotifyTemporaryFailure {
		s.extendPatience(now) // it is busy, perhaps with what we wait for
	}
	if e.old != nil {
		if s.childByInbound(e.old.inbound) != e.old {
			return s.checkChildless() // the peer deleted it meanwhile
		}
		if s.standsAgainst(now, e.old) {
			return nil // the peer's rekey stands, ours is forgotten
		}
		e.old.state = childLive
	}
	switch {
	case n.NotifyType == wire.NotifyChildSANotFound && e.old != nil:
		s.current.enqueueFirst(&createChild{want: s.recovery(e.old)})
		s.removeChild(e.old)
		return nil
	case e.refusals >= maxRefusals:
	case n.NotifyType == wire.NotifyInvalidKEPayload:
		if next := e.otherGroup(s, n.Data); next != nil {
			s.current.enqueueFirst(next)
			return nil
		}
	case n.NotifyType == wire.NotifyNoProposalChosen && e.kx != nil && mayDropPFS(s.cfg.ChildProposals):
		next := e.again()
		next.noPFS = true
		s.current.enqueueFirst(next)
		return nil
	}
	if e.old == nil {
		return e.unmade(s, now, n)
	}
	return e.later(s, now, n.NotifyType)
}

// otherGroup is the next try with the group that the peer named, if it was
// offered and is not the one just refused; else without a key exchange, if the
// configuration allows that (RFC 7296 1.3).
func (e *createChild) otherGroup(s *Session, data []byte) *createChild {
	next := e.again()
	if len(data) == 2 && e.kx != nil {
		group := binary.BigEndian.Uint16(data)
		if group != e.kx.Group() && slices.Contains(offeredGroups(s.cfg.ChildProposals), group) {
			next.group = group
			return next
		}
	}
	if e.kx == nil || !mayDropPFS(s.cfg.ChildProposals) {
		return nil
	}
	next.noPFS = true
	return next
}

// mayDropPFS says whether any proposal is content without a key exchange.
func mayDropPFS(ps []suite.Proposal) bool {
	return slices.ContainsFunc(ps, suite.Proposal.GroupOptional)
}

// later tries again after a growing pause. A peer that refuses for minutes on
// end will not come round: the IKE SA is closed (RFC 7296 2.25), unless it is one
// of several Child SAs that the peer will not have; then that one goes.
func (e *createChild) later(s *Session, now time.Time, why wire.NotifyType) error {
	putOff, expires := &e.putOff, time.Time{}
	if e.old != nil {
		putOff, expires = &e.old.putOff, e.old.expires
	}
	at, err := s.retryAt(now, putOff, expires, why)
	switch {
	case err == nil && e.old != nil:
		s.timers.set(timerRekeyChild, uint64(e.old.inbound), at)
		return nil
	case err == nil:
		s.postponed = append(s.postponed, &createChild{want: e.want, first: e.first, told: e.told, rests: e.rests, putOff: e.putOff})
		s.timers.set(timerCreateChild, 0, at)
		return nil
	case e.old == nil && !s.childless():
		s.tellRefused(e.want, why)
		return nil
	case e.old != nil && why != wire.NotifyTemporaryFailure && s.others(e.old):
		s.retire(e.old)
		return nil
	}
	return err
}

// postponement is how often, and since when, the peer has put off the same thing.
type postponement struct {
	tries int
	since time.Time
}

// retryAt counts a refused rekey and says when to try again: sooner towards the
// end of the SA's hard lifetime, and never beyond it. The owner's commands are
// counted too, so that the number alone is no sign of a peer that will not come
// round: minutes must have passed. expires zero: there is none.
func (s *Session) retryAt(now time.Time, r *postponement, expires time.Time, why wire.NotifyType) (time.Time, error) {
	if r.tries++; r.tries == 1 {
		r.since = now
	}
	pause := min(retryFirst<<min(r.tries-1, maxRekeyTries), retryMost)
	if !expires.IsZero() {
		pause = min(pause, expires.Sub(now)/2)
	}
	if r.tries > maxRekeyTries && now.Sub(r.since) >= refusedLong || pause < retryLeast {
		return time.Time{}, &Failure{
			Cause: CauseProtocol, Notify: why,
			Err: fmt.Errorf("gateway refused to rekey %d times", r.tries),
		}
	}
	return s.jitter(now, pause, pause/4)
}

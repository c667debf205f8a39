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

// Rekeying the IKE SA (RFC 7296 1.3.2, 2.8, 2.18):
//
//	--> CREATE_CHILD_SA { SA (with a new SPI), Ni, KEi }
//	<-- CREATE_CHILD_SA { SA (with a new SPI), Nr, KEr }
//
// The Child SAs go over to the new IKE SA, whose message IDs begin at 0. Who
// asked for the rekey deletes the old IKE SA; until then both are answered. In a
// simultaneous rekey the nonces decide as they do for Child SAs (2.8.2).

// holdMost is how long requests on a new IKE SA of ours wait for the answer to
// the Delete of the old.
const holdMost = 3 * time.Second

// rekeyIKE is our rekey of the IKE SA.
type rekeyIKE struct {
	group    uint16 // that the peer asked for; 0: that of the old IKE SA
	refusals int

	spi   wire.SPI
	nonce []byte
	kx    suite.KeyExchange
	offer []suite.Proposal

	chosen     suite.Proposal // from here on: as the answer has it
	remote     []byte         // the peer's new SPI
	responders []byte         // Nr; nil: not answered yet
	lost       bool           // to the peer's rekey, while additional key exchanges were under way
}

func (*rekeyIKE) kind() wire.ExchangeType { return wire.ExchangeCreateChildSA }

// startIKERekey queues the rekey of the current IKE SA.
func (s *Session) startIKERekey(id uint64) error {
	sa := s.saByID(id)
	if sa == nil || sa != s.current || sa.rekeying || sa.state != ikeLive || sa.rekeyOf(sa) != nil {
		return nil
	}
	sa.rekeying = true
	sa.enqueue(&rekeyIKE{})
	return nil
}

// rekeyUnderWay says whether our rekey request for the IKE SA waits for its answer.
func (sa *ikeSA) rekeyUnderWay() bool {
	_, ok := creating(sa.window.exchange).(*rekeyIKE)
	return ok
}

// childUnderWay says whether a request of ours that makes or deletes a Child SA
// waits for its answer.
func (sa *ikeSA) childUnderWay() bool {
	switch creating(sa.window.exchange).(type) {
	case *createChild, *deleteChild:
		return true
	}
	return false
}

// build implements exchange.
func (e *rekeyIKE) build(s *Session, sa *ikeSA, _ time.Time) ([]wire.Payload, error) {
	if sa != s.current || sa.state != ikeLive {
		return nil, nil // the peer was faster
	}
	if sa.rekeyOf(sa) != nil {
		sa.rekeying = false
		return nil, nil
	}
	group := e.group
	if group == 0 {
		group = sa.suite.Group[0]
	}
	var err error
	if e.spi, err = s.newIKESPI(); err != nil {
		return nil, err
	}
	if e.nonce, err = s.newNonce(); err != nil {
		return nil, err
	}
	if e.kx, err = suite.NewKeyExchange(group, s.cfg.Rand); err != nil {
		return nil, internal(err)
	}
	e.offer = suite.PreferPRF(suite.PreferGroup(s.cfg.IKEProposals, group), sa.suite.PRF[0])
	spi := binary.BigEndian.AppendUint64(nil, uint64(e.spi))
	return []wire.Payload{
		&wire.SAPayload{Proposals: suite.ToWire(e.offer, wire.ProtocolIKE, spi)},
		&wire.NoncePayload{Data: e.nonce},
		&wire.KEPayload{Group: group, Data: e.kx.Public()},
	}, nil
}

// handle implements exchange.
func (e *rekeyIKE) handle(s *Session, sa *ikeSA, now time.Time, ps []wire.Payload) error {
	answer, ok := wire.Find[*wire.SAPayload](ps)
	if !ok {
		if n, isError := wire.FirstError(ps); isError {
			return e.refused(s, sa, now, n)
		}
		return broken(errors.New("rekey of the ike sa answered without an SA payload"))
	}
	shared, err := e.take(answer, ps)
	if err != nil {
		return broken(err)
	}
	methods := e.chosen.Additional()
	if len(methods) > 0 {
		if over, err := e.superseded(s, sa, now); over {
			shared.Clear()
			return err
		}
	}
	return s.goOn(sa, now, e, methods, []suite.Secret{shared}, ps)
}

// take keeps what the answer says and computes the first shared secret.
func (e *rekeyIKE) take(answer *wire.SAPayload, ps []wire.Payload) (suite.Secret, error) {
	var err error
	if e.chosen, e.remote, err = suite.Choose(e.offer, answer.Proposals, wire.ProtocolIKE); err != nil {
		return nil, err
	}
	ke, hasKE := wire.Find[*wire.KEPayload](ps)
	nonce, hasNonce := wire.Find[*wire.NoncePayload](ps)
	if !hasKE || !hasNonce || ke.Group != e.kx.Group() || ke.Group != e.chosen.Group[0] {
		return nil, errors.New("rekey of the ike sa answered with another key exchange")
	}
	if err := checkNonce(nonce.Data, e.chosen.PRF[0]); err != nil {
		return nil, err
	}
	e.responders = slices.Clone(nonce.Data)
	return e.kx.Shared(ke.Data)
}

// lowest is the lower nonce of the exchange, once it has been answered.
func (e *rekeyIKE) lowest() []byte { return lowerOf(e.nonce, e.responders) }

// abandoned implements creation.
func (e *rekeyIKE) abandoned() bool { return e.lost }

// complete implements creation.
func (e *rekeyIKE) complete(s *Session, sa *ikeSA, now time.Time, secrets []suite.Secret) error {
	mine := &ikeSA{localSPI: e.spi, initiator: true, suite: e.chosen}
	err := s.succeed(sa, mine, e.remote, func(remote wire.SPI) (*suite.Keys, error) {
		return suite.DeriveRekeyed(e.chosen, sa.suite.PRF[0], sa.keys.SK_d, secrets[0], e.nonce, e.responders, e.spi, remote, secrets[1:]...)
	})
	if err != nil {
		return broken(err)
	}
	if e.lost {
		mine.state = ikeReplaced // the peer has it: the last request was on its way
		s.retireIKE(mine)
		return nil
	}
	return s.settleIKE(now, sa, mine, e.lowest())
}

// succeed completes an IKE SA that comes from a rekey and lets it receive.
func (s *Session) succeed(old, sa *ikeSA, spi []byte, derive func(remote wire.SPI) (*suite.Keys, error)) error {
	if len(spi) != 8 || binary.BigEndian.Uint64(spi) == 0 {
		return fmt.Errorf("ike spi of the gateway %x", spi)
	}
	sa.remoteSPI, sa.state, sa.fragments = wire.SPI(binary.BigEndian.Uint64(spi)), ikeLive, old.fragments
	sa.syncs = old.syncs
	var err error
	if sa.keys, err = derive(sa.remoteSPI); err != nil {
		return err
	}
	return s.addSA(sa)
}

// replaceIKE makes heir the current IKE SA instead of old. What waits in the
// queue goes over. retire is the one that we delete; nil: the peer deletes.
func (s *Session) replaceIKE(now time.Time, old, heir, retire *ikeSA) error {
	at, err := s.soften(now, s.cfg.IKELifetime)
	if err != nil {
		return err
	}
	for _, e := range old.queue {
		if _, ok := e.(*rekeyIKE); !ok {
			heir.enqueue(e)
		}
	}
	old.queue = nil
	old.state, old.rekeying = ikeReplaced, false
	s.timers.stop(timerRekeyIKE, old.id)
	s.current, heir.state, heir.rekeyAt, heir.expires = heir, ikeLive, at, now.Add(s.cfg.IKELifetime)
	s.timers.set(timerRekeyIKE, heir.id, at)
	s.timers.set(timerEndIKE, 0, s.endOf(at, heir.expires))
	s.emit(IKERekeyed{Suite: heir.suite, RekeyAt: at})
	s.log.Debug("ike sa rekeyed", "sa", heir)
	if retire != nil {
		s.retireIKE(retire)
	}
	s.hold(now, old, heir)
	return nil
}

// retireIKE queues our Delete of an IKE SA that another has replaced.
func (s *Session) retireIKE(sa *ikeSA) {
	if sa.state != ikeClosing {
		sa.state = ikeClosing
		sa.enqueue(&deleteIKE{})
	}
}

// hold lets requests on a new IKE SA wait for the end of the one before, for a
// while. A peer that rekeys at the same time, and whose request we never saw,
// knows which IKE SA has the Child SAs only when our Delete of the old arrives;
// and one that asked for the new IKE SA knows it only when our answer arrives,
// so that to be heard on it is as good a sign.
func (s *Session) hold(now time.Time, old, heir *ikeSA) {
	wait := forgetAfter
	if heir.initiator {
		wait = holdMost
	}
	if heir.heard || s.saByID(old.id) != old {
		return
	}
	s.heldFor = old
	s.timers.set(timerHold, 0, now.Add(wait))
}

// holds says whether hold is in force for an IKE SA.
func (s *Session) holds(sa *ikeSA) bool {
	_, armed := s.timers.at(timerHold, 0)
	return armed && sa == s.current
}

// idle says that no request of ours waits for an answer, or to be sent.
func (sa *ikeSA) idle() bool { return sa.window.request == nil && len(sa.queue) == 0 }

// unsure is the IKE SA that the peer may still take for the current one, because it
// has not been heard on the one of its own rekey; nil: there is none.
func (s *Session) unsure() *ikeSA {
	if s.heldFor == nil || s.current.initiator || s.current.heard {
		return nil
	}
	return s.saByID(s.heldFor.id)
}

// release ends the wait of hold.
func (s *Session) release() {
	s.heldFor = nil
	s.timers.stop(timerHold, 0)
}

// forgetIKE deletes what the peer should have deleted. A peer that asked for
// the new IKE SA and was never heard on it may lack our answer still: it is
// asked there, and the old one stays until it has spoken.
func (s *Session) forgetIKE(now time.Time, id uint64) error {
	sa := s.saByID(id)
	if sa == nil || sa == s.current || sa.state != ikeReplaced {
		return nil
	}
	if !s.current.initiator && !s.current.heard {
		s.timers.set(timerForgetIKE, id, now.Add(forgetAfter))
		s.askLiveness()
		return nil
	}
	s.retireIKE(sa)
	return nil
}

// refused decides what follows an error notification (RFC 7296 2.25.2).
func (e *rekeyIKE) refused(s *Session, sa *ikeSA, now time.Time, n *wire.NotifyPayload) error {
	if n.NotifyType == wire.NotifyAuthenticationFailed || n.NotifyType == wire.NotifyInvalidSyntax {
		return &Failure{Cause: CauseProtocol, Notify: n.NotifyType}
	}
	if n.NotifyType == wire.NotifyTemporaryFailure {
		s.extendPatience(now) // it is busy, perhaps with what we wait for
	}
	if x := sa.crossing; x != nil && x.sa == nil && sa.rekeyOf(sa) != nil {
		x.won = true // and is waited for
		return nil
	}
	if x := s.takeCrossing(sa); x != nil {
		s.timers.set(timerForgetIKE, sa.id, now.Add(forgetAfter))
		return s.replaceIKE(now, sa, x.sa, nil) // the peer's rekey stands, ours is forgotten
	}
	if n.NotifyType == wire.NotifyInvalidKEPayload && len(n.Data) == 2 && e.refusals < maxRefusals {
		group := binary.BigEndian.Uint16(n.Data)
		if group != e.kx.Group() && slices.Contains(offeredGroups(s.cfg.IKEProposals), group) {
			sa.enqueueFirst(&rekeyIKE{group: group, refusals: e.refusals + 1})
			return nil
		}
	}
	sa.rekeying = false
	at, err := s.retryAt(now, &sa.putOff, sa.expires, n.NotifyType)
	if err != nil {
		return err
	}
	s.timers.set(timerRekeyIKE, sa.id, at)
	return nil
}

// answerIKERekey serves the peer's rekey of the IKE SA. It must wait while a
// Child SA is being made or deleted by us (RFC 7296 2.25.2).
func (s *Session) answerIKERekey(now time.Time, sa *ikeSA, offer *wire.SAPayload, ni []byte, ps []wire.Payload) ([]wire.Payload, func() error) {
	ni = slices.Clone(ni)
	if sa.childUnderWay() || sa.crossing != nil && sa.crossing.sa != nil || !s.mayRekey(now) {
		return refuse(wire.NotifyTemporaryFailure, nil)
	}
	// Gateways are about that derive the new keys with the old PRF, against
	// RFC 7296 2.18; with the same one it makes no difference.
	policy := suite.PreferPRF(s.cfg.IKEProposals, sa.suite.PRF[0])
	k, refused := s.acceptKeyExchange(policy, offer, wire.ProtocolIKE, ps)
	if refused != nil {
		return refused, nil
	}
	if k.ke == nil || len(k.spi) != 8 || binary.BigEndian.Uint64(k.spi) == 0 || checkNonce(ni, k.chosen.PRF[0]) != nil {
		return refuse(wire.NotifyInvalidSyntax, nil)
	}
	spi, err := s.newIKESPI()
	if err != nil {
		return failing(err)
	}
	nr, err := s.newNonce()
	if err != nil {
		return failing(err)
	}
	theirs := &ikeSA{localSPI: spi, suite: k.chosen}
	u := &unfinished{replaces: sa, redundant: sa.crossIKE(lowerOf(ni, nr))}
	u.complete = func(now time.Time, secrets []suite.Secret) (func() error, error) {
		err := s.succeed(sa, theirs, k.spi, func(remote wire.SPI) (*suite.Keys, error) {
			return suite.DeriveRekeyed(k.chosen, sa.suite.PRF[0], sa.keys.SK_d, secrets[0], ni, nr, remote, spi, secrets[1:]...)
		})
		if err != nil {
			return nil, internal(err)
		}
		return s.takeOverIKE(now, sa, theirs, u.redundant), nil
	}
	return s.finishOrWait(now, sa, &k, u, []wire.Payload{
		k.answer(wire.ProtocolIKE, binary.BigEndian.AppendUint64(nil, uint64(spi))),
		&wire.NoncePayload{Data: nr},
		k.ke,
	})
}

// deleteIKE is our Delete of an IKE SA (RFC 7296 1.4.1): the current one at the
// end of the Session, or one that has been replaced.
type deleteIKE struct{}

func (*deleteIKE) kind() wire.ExchangeType { return wire.ExchangeInformational }

func (*deleteIKE) build(*Session, *ikeSA, time.Time) ([]wire.Payload, error) {
	return []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}}, nil
}

func (*deleteIKE) handle(s *Session, sa *ikeSA, _ time.Time, _ []wire.Payload) error {
	if sa == s.current {
		s.finish(s.failure)
		return nil
	}
	s.dropSA(sa)
	return nil
}

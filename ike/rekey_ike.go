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

// ikeCrossing is the peer's half of a simultaneous rekey of the IKE SA.
type ikeCrossing struct {
	sa     *ikeSA
	lowest []byte
}

// takeCrossing ends the simultaneous rekey of an IKE SA and gives the peer's
// half; nil where there is none, or where the peer has deleted its IKE SA.
func (s *Session) takeCrossing(sa *ikeSA) *ikeCrossing {
	x := sa.crossing
	sa.crossing = nil
	if x == nil || s.saByID(x.sa.id) != x.sa {
		return nil
	}
	return x
}

// rekeyIKE is our rekey of the IKE SA.
type rekeyIKE struct {
	group    uint16 // that the peer asked for; 0: that of the old IKE SA
	refusals int

	spi   wire.SPI
	nonce []byte
	kx    suite.KeyExchange
	offer []suite.Proposal
}

func (*rekeyIKE) kind() wire.ExchangeType { return wire.ExchangeCreateChildSA }

// startIKERekey queues the rekey of the current IKE SA.
func (s *Session) startIKERekey(id uint64) error {
	sa := s.saByID(id)
	if sa == nil || sa != s.current || sa.rekeying || sa.state != ikeLive {
		return nil
	}
	sa.rekeying = true
	sa.enqueue(&rekeyIKE{})
	return nil
}

// rekeyUnderWay says whether our rekey request for the IKE SA waits for its answer.
func (sa *ikeSA) rekeyUnderWay() bool {
	_, ok := sa.window.exchange.(*rekeyIKE)
	return ok
}

// childUnderWay says whether a request of ours that makes or deletes a Child SA
// waits for its answer.
func (sa *ikeSA) childUnderWay() bool {
	switch sa.window.exchange.(type) {
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
	e.offer = suite.PreferGroup(s.cfg.IKEProposals, group)
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
	mine, lowest, err := e.derive(s, sa, answer, ps)
	if err != nil {
		return broken(err)
	}
	x := s.takeCrossing(sa)
	if x == nil {
		return s.replaceIKE(now, sa, mine, sa)
	}
	if lower(lowest, x.lowest) { // ours is redundant; the peer deletes the old one
		s.timers.set(timerForgetIKE, sa.id, now.Add(forgetAfter))
		return s.replaceIKE(now, sa, x.sa, mine)
	}
	x.sa.state = ikeReplaced
	s.timers.set(timerForgetIKE, x.sa.id, now.Add(forgetAfter))
	return s.replaceIKE(now, sa, mine, sa)
}

// derive makes the new IKE SA from the answer. lowest is the lower nonce.
func (e *rekeyIKE) derive(s *Session, sa *ikeSA, answer *wire.SAPayload, ps []wire.Payload) (mine *ikeSA, lowest []byte, err error) {
	chosen, spi, err := suite.Choose(e.offer, answer.Proposals, wire.ProtocolIKE)
	if err != nil {
		return nil, nil, err
	}
	ke, hasKE := wire.Find[*wire.KEPayload](ps)
	nonce, hasNonce := wire.Find[*wire.NoncePayload](ps)
	if !hasKE || !hasNonce || ke.Group != e.kx.Group() || ke.Group != chosen.Group[0] {
		return nil, nil, errors.New("rekey of the ike sa answered with another key exchange")
	}
	if err := checkNonce(nonce.Data, chosen.PRF[0]); err != nil {
		return nil, nil, err
	}
	shared, err := e.kx.Shared(ke.Data)
	if err != nil {
		return nil, nil, err
	}
	defer shared.Clear()
	mine = &ikeSA{localSPI: e.spi, initiator: true, suite: chosen}
	err = s.succeed(sa, mine, spi, func(remote wire.SPI) (*suite.Keys, error) {
		return suite.DeriveRekeyed(chosen, sa.suite.PRF[0], sa.keys.SK_d, shared, e.nonce, nonce.Data, e.spi, remote)
	})
	return mine, slices.Clone(lowerOf(e.nonce, nonce.Data)), err
}

// succeed completes an IKE SA that comes from a rekey and lets it receive.
func (s *Session) succeed(old, sa *ikeSA, spi []byte, derive func(remote wire.SPI) (*suite.Keys, error)) error {
	if len(spi) != 8 || binary.BigEndian.Uint64(spi) == 0 {
		return fmt.Errorf("ike spi of the gateway %x", spi)
	}
	sa.remoteSPI, sa.state, sa.fragments = wire.SPI(binary.BigEndian.Uint64(spi)), ikeLive, old.fragments
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
	at, err := s.retryAt(now, &sa.rekeyTries, sa.expires, n.NotifyType)
	if err != nil {
		return err
	}
	s.timers.set(timerRekeyIKE, sa.id, at)
	return nil
}

// answerIKERekey serves the peer's rekey of the IKE SA. It must wait while a
// Child SA is being made or deleted by us (RFC 7296 2.25.2).
func (s *Session) answerIKERekey(now time.Time, sa *ikeSA, offer *wire.SAPayload, ni []byte, ps []wire.Payload) ([]wire.Payload, func() error) {
	if sa.childUnderWay() || sa.crossing != nil || !s.peerRekeys.take(now) {
		return refuse(wire.NotifyTemporaryFailure, nil)
	}
	k, refused := s.acceptKeyExchange(s.cfg.IKEProposals, offer, wire.ProtocolIKE, ps)
	if refused != nil {
		return refused, nil
	}
	defer k.shared.Clear()
	if k.kx == nil || len(k.spi) != 8 || binary.BigEndian.Uint64(k.spi) == 0 || checkNonce(ni, k.chosen.PRF[0]) != nil {
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
	err = s.succeed(sa, theirs, k.spi, func(remote wire.SPI) (*suite.Keys, error) {
		return suite.DeriveRekeyed(k.chosen, sa.suite.PRF[0], sa.keys.SK_d, k.shared, ni, nr, remote, spi)
	})
	if err != nil {
		return failing(internal(err))
	}
	answer := []wire.Payload{
		k.answer(wire.ProtocolIKE, binary.BigEndian.AppendUint64(nil, uint64(spi))),
		&wire.NoncePayload{Data: nr},
		&wire.KEPayload{Group: k.kx.Group(), Data: k.kx.Public()},
	}
	if sa.rekeyUnderWay() {
		sa.crossing = &ikeCrossing{sa: theirs, lowest: slices.Clone(lowerOf(ni, nr))}
		return answer, nil
	}
	return answer, func() error {
		s.timers.set(timerForgetIKE, sa.id, now.Add(forgetAfter))
		return s.replaceIKE(now, sa, theirs, nil)
	}
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

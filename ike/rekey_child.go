package ike

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The peer's rekey of a Child SA, and what happens when both sides rekey one at
// a time (RFC 7296 2.8, 2.8.1, 2.25):
//
//	state of the old SA          answer
//	live                         the new SA; outbound traffic moves when the peer deletes the old
//	our rekey of it under way    the new SA; when our answer comes, the nonces decide
//	our Delete of it under way   TEMPORARY_FAILURE
//	replaced before              TEMPORARY_FAILURE
//	unknown                      CHILD_SA_NOT_FOUND
//	IKE SA being rekeyed         TEMPORARY_FAILURE
//	too many in too short a time TEMPORARY_FAILURE
//
// Of the two new SAs of a simultaneous rekey the one with the lowest of the four
// nonces is redundant. Who made it deletes it; who made the other deletes the old.

// settleChild takes our new Child SA into use, or out again if the peer's
// simultaneous rekey wins. One that the peer has deleted before its answer came
// is never brought up, and changes nothing of what happens to the others.
func (s *Session) settleChild(now time.Time, e *createChild, mine *child, keys suite.ChildKeys, lowest []byte) {
	oldStands := e.old != nil && s.childByInbound(e.old.inbound) == e.old
	replaces := uint32(0)
	if oldStands {
		replaces = e.old.inbound
	}
	stillborn := slices.Contains(e.deleted, mine.outbound)
	if stillborn {
		keys.Clear()
	} else {
		s.addChild(mine, keys, replaces)
	}
	if e.old == nil {
		s.activate(mine)
		return
	}
	if x := e.old.crossing; x != nil && lower(lowest, x.lowest) {
		if !stillborn {
			s.retire(mine)
		}
		if oldStands {
			s.concede(now, e.old)
		}
		return
	}
	s.dismiss(now, e.old)
	s.activate(mine)
	if oldStands {
		e.old.active = false
		s.retire(e.old)
	}
}

// yield leaves the old SA to the peer, which deletes it and so moves the traffic
// to the SA that it made. Where the peer has deleted that one already, the old
// SA stays in use and is rekeyed again.
func (s *Session) yield(now time.Time, old, successor *child) {
	if s.childByInbound(successor.inbound) == successor {
		s.awaitDelete(now, old)
		return
	}
	old.state = childLive
	s.timers.set(timerRekeyChild, uint64(old.inbound), now.Add(retryFirst))
}

// answerCreateChild serves CREATE_CHILD_SA: the peer rekeys the IKE SA or a
// Child SA, or makes one more Child SA.
func (s *Session) answerCreateChild(now time.Time, sa *ikeSA, ps []wire.Payload) ([]wire.Payload, func() error) {
	if s.phase != phaseEstablished || sa != s.current || sa.state != ikeLive {
		return refuse(wire.NotifyTemporaryFailure, nil)
	}
	offer, hasSA := wire.Find[*wire.SAPayload](ps)
	nonce, hasNonce := wire.Find[*wire.NoncePayload](ps)
	if !hasSA || !hasNonce || len(offer.Proposals) == 0 || checkNonce(nonce.Data, sa.suite.PRF[0]) != nil {
		return refuse(wire.NotifyInvalidSyntax, nil)
	}
	if offer.Proposals[0].Protocol == wire.ProtocolIKE {
		return s.answerIKERekey(now, sa, offer, nonce.Data, ps)
	}
	if sa.rekeyUnderWay() {
		return refuse(wire.NotifyTemporaryFailure, nil)
	}
	n, rekeys := wire.Notify(ps, wire.NotifyRekeySA)
	if !rekeys {
		return s.answerNewChild(now, sa, offer, nonce.Data, ps)
	}
	var old *child
	if n.Protocol == wire.ProtocolESP && len(n.SPI) == 4 {
		old = s.childByOutbound(binary.BigEndian.Uint32(n.SPI))
	}
	if old == nil {
		lost := &wire.NotifyPayload{SPI: slices.Clone(n.SPI), NotifyType: wire.NotifyChildSANotFound}
		if len(n.SPI) > 0 { // RFC 7296 3.10
			lost.Protocol = n.Protocol
		}
		return []wire.Payload{lost}, nil
	}
	if old.state == childDeleting || old.state == childReplaced || old.crossed() || !s.mayRekey(now) {
		return refuse(wire.NotifyTemporaryFailure, nil)
	}
	return s.answerChild(now, sa, old, offer, nonce.Data, ps)
}

// answerNewChild makes a Child SA of the peer's own accord (RFC 7296 1.3.1).
func (s *Session) answerNewChild(now time.Time, sa *ikeSA, offer *wire.SAPayload, ni []byte, ps []wire.Payload) ([]wire.Payload, func() error) {
	switch {
	case s.standing() >= s.cfg.MaxChildren:
		return refuse(wire.NotifyNoAdditionalSAs, nil)
	case !s.mayRekey(now):
		return refuse(wire.NotifyTemporaryFailure, nil)
	}
	return s.answerChild(now, sa, nil, offer, ni, ps)
}

// answerChild makes the peer's new Child SA, in place of an old one or, where that
// is nil, beside the others.
func (s *Session) answerChild(now time.Time, sa *ikeSA, old *child, offer *wire.SAPayload, ni []byte, ps []wire.Payload) ([]wire.Payload, func() error) {
	ni = slices.Clone(ni)
	k, refused := s.acceptKeyExchange(s.cfg.ChildProposals, offer, wire.ProtocolESP, ps)
	if refused != nil {
		return refused, nil
	}
	kept := false
	defer func() {
		if !kept {
			k.shared.Clear()
		}
	}()
	tsi, tsr := tsPayloads(ps)
	if tsi == nil || tsr == nil {
		return refuse(wire.NotifyInvalidSyntax, nil)
	}
	c := &child{predecessor: old}
	if old != nil {
		c.remoteTS, c.localTS = narrow(old.remoteTS, tsi.Selectors), narrow(old.localTS, tsr.Selectors)
	} else {
		c.remoteTS, c.localTS = intersect(tsi.Selectors, s.cfg.RemoteTS), intersect(tsr.Selectors, s.ownSelectors())
	}
	if len(c.remoteTS) == 0 || len(c.localTS) == 0 {
		return refuse(wire.NotifyTSUnacceptable, nil)
	}
	if c.take(k.chosen, k.spi) != nil || s.childByOutbound(c.outbound) != nil {
		return refuse(wire.NotifyInvalidSyntax, nil)
	}
	nr, err := s.completeChild(now, c)
	if err != nil {
		return failing(err)
	}
	u := &unfinished{}
	if old != nil {
		u.replaces, u.redundant = old, s.crossChild(sa, old, lowerOf(ni, nr))
	}
	u.complete = func(now time.Time, secrets []suite.Secret) (func() error, error) {
		keys, err := suite.DeriveChild(sa.suite, sa.keys.SK_d, secrets[0], ni, nr, c.suite, secrets[1:]...)
		if err != nil {
			return nil, internal(err)
		}
		return s.takeOver(now, old, c, keys, u.redundant), nil
	}
	answer := []wire.Payload{k.answer(wire.ProtocolESP, spiBytes(c.inbound)), &wire.NoncePayload{Data: nr}}
	if k.ke != nil {
		answer = append(answer, k.ke)
	}
	answer = append(answer,
		&wire.TSPayload{Selectors: c.remoteTS},
		&wire.TSPayload{Responder: true, Selectors: c.localTS})
	kept = true
	return s.finishOrWait(now, sa, &k, u, answer)
}

// completeChild draws what a Child SA of the peer's making needs from us.
func (s *Session) completeChild(now time.Time, c *child) (nonce []byte, err error) {
	if c.inbound, err = s.newESPSPI(); err != nil {
		return nil, err
	}
	if err := s.age(now, c); err != nil {
		return nil, err
	}
	return s.newNonce()
}

// accepted is the outcome of a negotiation in which we are the responder.
type accepted struct {
	chosen suite.Proposal
	number uint8
	spi    []byte
	ke     *wire.KEPayload // our half of the first key exchange; nil: without
	shared suite.Secret
}

// answer is the SA payload that says what was chosen.
func (k *accepted) answer(proto wire.ProtocolID, spi []byte) *wire.SAPayload {
	ps := suite.ToWire([]suite.Proposal{k.chosen}, proto, spi)
	ps[0].Number = k.number
	return &wire.SAPayload{Proposals: ps}
}

// acceptKeyExchange chooses from the peer's offer, with the group of its KE
// payload where that is possible, and computes the shared secret. refused is the
// answer where nothing can be chosen (RFC 7296 1.3, 2.7).
func (s *Session) acceptKeyExchange(policy []suite.Proposal, offer *wire.SAPayload, proto wire.ProtocolID, ps []wire.Payload) (k accepted, refused []wire.Payload) {
	ke, hasKE := wire.Find[*wire.KEPayload](ps)
	if hasKE {
		policy = suite.PreferGroup(policy, ke.Group)
	}
	var err error
	k.chosen, k.number, k.spi, err = suite.Select(policy, offer.Proposals, proto)
	if err != nil {
		refused, _ = refuse(wire.NotifyNoProposalChosen, nil)
		return k, refused
	}
	if len(k.chosen.Group) == 0 {
		return k, nil
	}
	group := k.chosen.Group[0]
	if !hasKE || ke.Group != group {
		refused, _ = refuse(wire.NotifyInvalidKEPayload, binary.BigEndian.AppendUint16(nil, group))
		return k, refused
	}
	var public []byte
	if public, k.shared, err = suite.AnswerKeyExchange(group, ke.Data, s.cfg.Rand); err != nil {
		refused, _ = refuse(wire.NotifyInvalidSyntax, nil)
		return k, refused
	}
	k.ke = &wire.KEPayload{Group: group, Data: public}
	return k, nil
}

// refuse answers a request with an error notification.
func refuse(t wire.NotifyType, data []byte) ([]wire.Payload, func() error) {
	return []wire.Payload{errorNotify(t, data)}, nil
}

// failing answers a request that our own side cannot serve, and ends the Session.
func failing(err error) ([]wire.Payload, func() error) {
	return []wire.Payload{errorNotify(wire.NotifyTemporaryFailure, nil)}, func() error { return err }
}

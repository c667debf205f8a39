package iketest

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// createChild answers CREATE_CHILD_SA (RFC 7296 1.3): an IKE SA is rekeyed, a
// Child SA is rekeyed, or one more is made.
func (sa *ikeSA) createChild(now time.Time, request []wire.Payload) ([]wire.Payload, func()) {
	sap, ok1 := wire.Find[*wire.SAPayload](request)
	ni, ok2 := wire.Find[*wire.NoncePayload](request)
	if !ok1 || !ok2 {
		sa.r.complain(now, "CREATE_CHILD_SA without SA or Ni (RFC 7296 1.3)")
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	if sap.Proposals[0].Protocol == wire.ProtocolIKE {
		return sa.answerIKERekey(now, request, sap, ni)
	}
	if sa.closing || sa.replaced || sa.rekey != nil {
		return []wire.Payload{notify(wire.NotifyTemporaryFailure)}, nil // RFC 7296 2.25.2
	}
	return sa.answerChild(now, request, sap, ni)
}

// answerChild makes a Child SA, new or in place of another:
//
//	--> [N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr
//	<-- SA, Nr, [KEr,] TSi, TSr
func (sa *ikeSA) answerChild(now time.Time, request []wire.Payload, sap *wire.SAPayload, ni *wire.NoncePayload) ([]wire.Payload, func()) {
	tsi, ok1 := wire.FindType[*wire.TSPayload](request, wire.PayloadTSi)
	tsr, ok2 := wire.FindType[*wire.TSPayload](request, wire.PayloadTSr)
	if !ok1 || !ok2 {
		sa.r.complain(now, "CREATE_CHILD_SA without TSi or TSr (RFC 7296 1.3)")
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	q := childRequest{
		offer: sap.Proposals, tsi: tsi.Selectors, tsr: tsr.Selectors,
		allowI: []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}, allowR: sa.r.cfg.LocalTS,
		ni: bytes.Clone(ni.Data), nr: octets(sa.r.cfg.Rand, 32),
	}
	q.ke, _ = wire.Find[*wire.KEPayload](request)
	if len(sa.r.given) > 0 {
		q.allowI = sa.r.given
	}

	var old *Child
	if n, ok := wire.Notify(request, wire.NotifyRekeySA); ok {
		old = sa.bySPI(n.SPI)
		switch {
		case n.Protocol != wire.ProtocolESP || len(n.SPI) != 4:
			sa.r.complain(now, "REKEY_SA does not name an ESP SPI (RFC 7296 1.3.3)")
			return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
		case old == nil:
			return []wire.Payload{&wire.NotifyPayload{
				Protocol: wire.ProtocolESP, SPI: n.SPI, NotifyType: wire.NotifyChildSANotFound,
			}}, nil
		case old.deleting:
			return []wire.Payload{notify(wire.NotifyTemporaryFailure)}, nil // RFC 7296 2.25.1
		}
		q.allowI, q.allowR, q.rekeys, q.old = old.RemoteTS, old.LocalTS, true, old
	} else {
		sa.watchDuplicates(now, q.tsi, q.tsr)
	}
	child, payloads, refused := sa.makeChild(now, q)
	switch {
	case refused == wire.NotifyInvalidKEPayload:
		return []wire.Payload{notify(refused, binary.BigEndian.AppendUint16(nil, sa.wantGroup)...)}, nil
	case refused != 0:
		return []wire.Payload{notify(refused)}, nil
	}
	if old != nil {
		old.peer = &peerRekeyed{child: child, ni: q.ni, nr: q.nr}
		sa.crossed(old, q)
	}
	return slices.Insert(payloads, 1, wire.Payload(&wire.NoncePayload{Data: q.nr})), nil
}

// answerIKERekey makes the IKE SA that takes over (RFC 7296 1.3.2, 2.18):
//
//	--> SA, Ni, KEi
//	<-- SA, Nr, KEr
func (sa *ikeSA) answerIKERekey(now time.Time, request []wire.Payload, sap *wire.SAPayload, ni *wire.NoncePayload) ([]wire.Payload, func()) {
	if sa.closing || sa.replaced || sa.childBusy() {
		return []wire.Payload{notify(wire.NotifyTemporaryFailure)}, nil // RFC 7296 2.25.2
	}
	ke, ok := wire.Find[*wire.KEPayload](request)
	if !ok {
		sa.r.complain(now, "rekey of the IKE SA without KE (RFC 7296 1.3.2)")
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	chosen, number, spi, err := suite.Select(suite.PreferGroup(sa.r.cfg.IKE, ke.Group), sap.Proposals, wire.ProtocolIKE)
	if err != nil {
		return []wire.Payload{notify(wire.NotifyNoProposalChosen)}, nil
	}
	if len(spi) != 8 {
		sa.r.complain(now, "rekey of the IKE SA without an SPI in the proposal (RFC 7296 3.3.1)")
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	if chosen.Group[0] != ke.Group {
		return []wire.Payload{notify(wire.NotifyInvalidKEPayload, binary.BigEndian.AppendUint16(nil, chosen.Group[0])...)}, nil
	}
	public, shared, err := sa.r.exchangeKeys(ke)
	if err != nil {
		sa.r.complain(now, "%v", err)
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	nr := octets(sa.r.cfg.Rand, 32)
	local, clientNonce := sa.r.newSPI(), bytes.Clone(ni.Data)
	finished := sa.clientRekeys(clientNonce, nr)
	answer := suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolIKE, binary.BigEndian.AppendUint64(nil, uint64(local)))
	answer[0].Number = number
	sap = &wire.SAPayload{Proposals: answer}
	link, err := sa.whenKeyed(now, sap, nil, func(now time.Time, more []suite.Secret) error {
		fresh, err := sa.successor(chosen, shared, clientNonce, nr, wire.SPI(binary.BigEndian.Uint64(spi)), local, false, more...)
		if err == nil {
			finished(now, fresh)
		}
		return err
	})
	if err != nil {
		sa.r.complain(now, "%v", err)
		return []wire.Payload{notify(wire.NotifyNoProposalChosen)}, nil
	}
	return append([]wire.Payload{sap, &wire.NoncePayload{Data: nr}, &wire.KEPayload{Group: ke.Group, Data: public}}, link...), nil
}

// successor makes an IKE SA from this one's SK_d. peer is the other side's
// new SPI, local ours.
func (sa *ikeSA) successor(p suite.Proposal, shared suite.Secret, ni, nr []byte, peer, local wire.SPI, initiator bool, more ...suite.Secret) (*ikeSA, error) {
	fresh := &ikeSA{
		r: sa.r, serial: sa.r.serial(), local: local, remote: peer, initiator: initiator,
		proposal: p, fragments: sa.fragments, path: sa.path, mobike: sa.mobike, established: true,
	}
	keys, err := suite.DeriveRekeyed(p, sa.prf(), sa.keys.SK_d, shared, ni, nr, fresh.spiI(), fresh.spiR(), more...)
	if err != nil {
		return nil, err
	}
	if err := fresh.setKeys(keys); err != nil {
		return nil, err
	}
	sa.r.sas[local] = fresh
	return fresh, nil
}

// handOver moves all Child SAs, and what waits to be asked about them, to the
// IKE SA that takes over (RFC 7296 2.8).
func (sa *ikeSA) handOver(now time.Time, to *ikeSA) {
	sa.replaced, sa.heir = true, to
	for to.heir != nil { // rekeyed itself meanwhile, by a client that was faster
		to = to.heir
	}
	for _, c := range sa.r.children {
		if c.sa == sa {
			c.sa = to
		}
	}
	sa.r.trace(now, "   gateway's IKE SA is now %v/%v", to.spiI(), to.spiR())
	var stay []*ownRequest
	for _, q := range sa.queue {
		if q.stays {
			stay = append(stay, q)
		} else {
			to.queue = append(to.queue, q)
		}
	}
	sa.queue = stay
	to.start(now)
}

// childBusy tells whether we are creating, rekeying or deleting a Child SA.
func (sa *ikeSA) childBusy() bool {
	if sa.request != nil && sa.request.exchange == wire.ExchangeCreateChildSA && sa.rekey == nil {
		return true // of a Child SA that is gone meanwhile
	}
	for _, c := range sa.r.children {
		if c.sa == sa && (c.deleting || c.rekey != nil) {
			return true
		}
	}
	return false
}

// inform answers INFORMATIONAL (RFC 7296 1.4): Deletes, or nothing at all.
func (sa *ikeSA) inform(now time.Time, request []wire.Payload) ([]wire.Payload, func()) {
	var answer []wire.Payload
	var after func()
	if _, ok := wire.Notify(request, wire.NotifyAuthenticationFailed); ok && !sa.established {
		// The client was not convinced by the gateway (RFC 7296 2.21.2).
		sa.r.Distrusted++
		return nil, sa.drop
	}
	for _, p := range request {
		d, ok := p.(*wire.DeletePayload)
		if !ok {
			continue
		}
		if d.Protocol == wire.ProtocolIKE {
			if len(d.SPIs) != 0 {
				sa.r.complain(now, "Delete of the IKE SA with SPIs (RFC 7296 3.11)")
			}
			return nil, func() { sa.deleted(now) }
		}
		var ours [][]byte
		for _, spi := range d.SPIs {
			c := sa.bySPI(spi)
			if c == nil {
				sa.r.noteEarlyDelete(sa, spi)
				continue // RFC 7296 2.25.1: nothing to say about what is not here
			}
			if !c.deleting {
				ours = append(ours, spiBytes(c.InboundSPI))
			}
			sa.r.remove(now, c)
		}
		if ours != nil {
			answer = append(answer, &wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: ours})
		}
	}
	return answer, after
}

// deleted ends an IKE SA that the client deleted. If our rekey of it was under
// way and the client's rekey had been answered, the client's one stands.
func (sa *ikeSA) deleted(now time.Time) {
	sa.r.trace(now, "   client deleted IKE SA %v/%v", sa.spiI(), sa.spiR())
	sa.r.Deleted++
	if sa.rekey != nil && sa.rekey.peer != nil && sa.rekey.peer.sa != nil {
		sa.handOver(now, sa.rekey.peer.sa)
	}
	sa.drop()
}

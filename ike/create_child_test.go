package ike

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// rekeyRequest lists the payloads with which the peer rekeys a Child SA.
func (p *script) rekeyRequest(outbound, spi uint32, nonce []byte) []wire.Payload {
	return []wire.Payload{
		&wire.NotifyPayload{Protocol: wire.ProtocolESP, SPI: spiBytes(outbound), NotifyType: wire.NotifyRekeySA},
		&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{p.s.cfg.ChildProposals[0].WithoutGroup()}, wire.ProtocolESP, spiBytes(spi))},
		&wire.NoncePayload{Data: nonce},
		&wire.TSPayload{Selectors: []wire.TrafficSelector{wire.AnyIPv4()}},
		&wire.TSPayload{Responder: true, Selectors: []wire.TrafficSelector{wire.AnyIPv4()}},
	}
}

// ikeRekeyRequest lists the payloads with which the peer rekeys the IKE SA.
func (p *script) ikeRekeyRequest(group uint16) []wire.Payload {
	kx, err := suite.NewKeyExchange(group, p.rand)
	if err != nil {
		p.t.Fatal(err)
	}
	return []wire.Payload{
		&wire.SAPayload{Proposals: suite.ToWire(p.s.cfg.IKEProposals, wire.ProtocolIKE, p.octets(8))},
		&wire.NoncePayload{Data: p.octets(32)},
		&wire.KEPayload{Group: group, Data: kx.Public()},
	}
}

// childReply lists the payloads of a good answer to our rekey, with a nonce.
func (p *script) childReply(request []wire.Payload, spi uint32, nonce []byte) []wire.Payload {
	p.t.Helper()
	ke, ok := wire.Find[*wire.KEPayload](request)
	if !ok {
		p.t.Fatal("our rekey has no KE payload, though the proposal has groups")
	}
	kx, err := suite.NewKeyExchange(ke.Group, p.rand)
	if err != nil {
		p.t.Fatal(err)
	}
	chosen := p.s.cfg.ChildProposals[0]
	chosen.Group = []uint16{ke.Group}
	tsi, tsr := tsPayloads(request)
	return []wire.Payload{
		&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolESP, spiBytes(spi))},
		&wire.NoncePayload{Data: nonce},
		&wire.KEPayload{Group: ke.Group, Data: kx.Public()},
		&wire.TSPayload{Selectors: tsi.Selectors},
		&wire.TSPayload{Responder: true, Selectors: tsr.Selectors},
	}
}

// startRekey rekeys the first Child SA and gives it and our request.
func (p *script) startRekey() (old ChildSA, request []wire.Payload) {
	p.t.Helper()
	a, ok := event[ChildAdded](p)
	if !ok {
		p.t.Fatal("no Child SA")
	}
	p.do(RekeyChild{InboundSPI: a.SA.InboundSPI})
	_, request = p.open(p.last())
	return a.SA, request
}

// RFC 7296 2.25: what the peer is answered in which state.
func TestAnswersToCreateChild(t *testing.T) {
	t.Parallel()
	const unknown = 0x0badcafe
	deleteChildNow := func(p *script) {
		p.s.retire(p.s.children[0])
		if err := p.s.pump(p.now); err != nil {
			p.t.Fatal(err)
		}
		p.drain()
	}
	child := func(p *script) []wire.Payload { return p.rekeyRequest(p.childSPI, 0x55667788, p.octets(32)) }
	ikeSA := func(p *script) []wire.Payload { return p.ikeRekeyRequest(suite.GroupX25519) }
	for _, c := range []struct {
		name  string
		state func(p *script)
		ask   func(p *script) []wire.Payload
		want  wire.NotifyType // 0: as usual
	}{
		{"rekey child", nil, child, 0},
		{"rekey child that we rekey", func(p *script) { p.startRekey() }, child, 0},
		{"rekey child that we delete", deleteChildNow, child, wire.NotifyTemporaryFailure},
		{"rekey child that the peer has rekeyed", func(p *script) {
			if _, err := p.ask(wire.ExchangeCreateChildSA, child(p)...); err != nil {
				p.t.Fatal(err)
			}
		}, child, wire.NotifyTemporaryFailure},
		{"rekey unknown child", nil, func(p *script) []wire.Payload {
			return p.rekeyRequest(unknown, 0x55667788, p.octets(32))
		}, wire.NotifyChildSANotFound},
		{"rekey child while we rekey the ike sa", func(p *script) { p.do(RekeyIKE{}) }, child, wire.NotifyTemporaryFailure},
		{"rekey ike sa", nil, ikeSA, 0},
		{"rekey ike sa that we rekey", func(p *script) { p.do(RekeyIKE{}) }, ikeSA, 0},
		{"rekey ike sa while we rekey a child", func(p *script) { p.startRekey() }, ikeSA, wire.NotifyTemporaryFailure},
		{"rekey ike sa while we delete a child", deleteChildNow, ikeSA, wire.NotifyTemporaryFailure},
		{"rekey ike sa while we close it", func(p *script) { p.do(Delete{}) }, ikeSA, wire.NotifyTemporaryFailure},
		{"rekey ike sa that the peer has rekeyed", func(p *script) {
			if _, err := p.ask(wire.ExchangeCreateChildSA, ikeSA(p)...); err != nil {
				p.t.Fatal(err)
			}
		}, ikeSA, wire.NotifyTemporaryFailure},
		{"create child while the ike sa is closed", func(p *script) { p.do(Delete{}) }, child, wire.NotifyTemporaryFailure},
		{"one child more", nil, func(p *script) []wire.Payload { return child(p)[1:] }, 0},
		{"no SA payload", nil, func(p *script) []wire.Payload { return append(child(p)[:1:1], child(p)[2:]...) }, wire.NotifyInvalidSyntax},
		{"no nonce", nil, func(p *script) []wire.Payload { return append(child(p)[:2:2], child(p)[3:]...) }, wire.NotifyInvalidSyntax},
		{"no selectors", nil, func(p *script) []wire.Payload { return child(p)[:3] }, wire.NotifyInvalidSyntax},
		{"other selectors", nil, func(p *script) []wire.Payload {
			ps := child(p)
			ps[3] = &wire.TSPayload{Selectors: selectors("10.0.0.0/8")}
			return ps
		}, wire.NotifyTSUnacceptable},
		{"other algorithms", nil, func(p *script) []wire.Payload {
			ps := child(p)
			ps[1].(*wire.SAPayload).Proposals[0].Transforms[0].KeyLen = 192
			return ps
		}, wire.NotifyNoProposalChosen},
		{"a reserved SPI", nil, func(p *script) []wire.Payload { return p.rekeyRequest(p.childSPI, 255, p.octets(32)) }, wire.NotifyInvalidSyntax},
		{"the SPI of the old one", nil, func(p *script) []wire.Payload {
			return p.rekeyRequest(p.childSPI, p.childSPI, p.octets(32))
		}, wire.NotifyInvalidSyntax},
		{"ike sa with a value of another group", nil, func(p *script) []wire.Payload {
			ps := p.ikeRekeyRequest(suite.GroupX25519)
			ps[2].(*wire.KEPayload).Group = suite.Group2048
			return ps
		}, wire.NotifyInvalidKEPayload},
		{"ike sa with a value that is none", nil, func(p *script) []wire.Payload {
			ps := p.ikeRekeyRequest(suite.GroupX25519)
			clear(ps[2].(*wire.KEPayload).Data)
			return ps
		}, wire.NotifyInvalidSyntax},
		{"ike sa with an SPI of zero", nil, func(p *script) []wire.Payload {
			ps := p.ikeRekeyRequest(suite.GroupX25519)
			clear(ps[0].(*wire.SAPayload).Proposals[0].SPI)
			return ps
		}, wire.NotifyInvalidSyntax},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := established(t, scriptConfig(1))
			if c.state != nil {
				c.state(p)
			}
			added := count[ChildAdded](p)
			answer, err := p.ask(wire.ExchangeCreateChildSA, c.ask(p)...)
			if c.want == 0 {
				if _, ok := wire.Find[*wire.SAPayload](answer); err != nil || !ok {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			wantTold(t, err, c.want)
			if count[ChildAdded](p) != added {
				t.Error("a refused request made a Child SA")
			}
			n, _ := wire.FirstError(answer)
			if c.want == wire.NotifyChildSANotFound && !bytes.Equal(n.SPI, spiBytes(unknown)) {
				t.Errorf("the SPI is not copied but %x (RFC 7296 2.25)", n.SPI)
			}
			if c.want == wire.NotifyInvalidKEPayload && !bytes.Equal(n.Data, []byte{0, byte(suite.GroupX25519)}) {
				t.Errorf("the wanted group is not named but %x (RFC 7296 1.3)", n.Data)
			}
			if p.s.Counters().Told != 1 && c.name != "rekey child that the peer has rekeyed" {
				t.Errorf("told %d times", p.s.Counters().Told)
			}
		})
	}
}

// RFC 7296 2.8: our rekey brings the new SA up, moves the traffic, deletes the
// old and only then lets go of it.
func TestOwnChildRekey(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	old, request := p.startRekey()
	n, ok := wire.Notify(request, wire.NotifyRekeySA)
	if !ok || n.Protocol != wire.ProtocolESP || !bytes.Equal(n.SPI, spiBytes(old.InboundSPI)) {
		t.Fatalf("REKEY_SA does not name our inbound SPI: %+v", n)
	}
	p.events = nil
	if err := p.reply(p.childReply(request, 0x55667788, p.octets(32))...); err != nil {
		t.Fatal(err)
	}
	a, _ := event[ChildAdded](p)
	active, _ := event[ChildActive](p)
	if a.Replaces != old.InboundSPI || active.InboundSPI != a.SA.InboundSPI || count[ChildRemoved](p) != 0 {
		t.Fatalf("events %+v", p.events)
	}
	_, farewell := p.open(p.last())
	d, ok := wire.Find[*wire.DeletePayload](farewell)
	if !ok || len(d.SPIs) != 1 || !bytes.Equal(d.SPIs[0], spiBytes(old.InboundSPI)) {
		t.Fatalf("no Delete of the old SA, but %s", wire.Describe(farewell))
	}
	if err := p.reply(&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(p.childSPI)}}); err != nil {
		t.Fatal(err)
	}
	r, ok := event[ChildRemoved](p)
	if !ok || r.InboundSPI != old.InboundSPI || r.Linger != linger || len(p.s.children) != 1 {
		t.Errorf("removed %+v, %d left", r, len(p.s.children))
	}
}

// RFC 7296 2.8: after the peer's rekey traffic moves when the peer deletes the old SA.
func TestPeerChildRekey(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	old, _ := event[ChildAdded](p)
	p.events = nil
	if _, err := p.ask(wire.ExchangeCreateChildSA, p.rekeyRequest(p.childSPI, 0x55667788, p.octets(32))...); err != nil {
		t.Fatal(err)
	}
	a, ok := event[ChildAdded](p)
	if !ok || a.Replaces != old.SA.InboundSPI || a.SA.Initiated || count[ChildActive](p) != 0 {
		t.Fatalf("events %+v", p.events)
	}
	if err := p.s.startChildRekey(old.SA.InboundSPI); err != nil || p.s.children[0].queued {
		t.Error("we rekey what the peer has rekeyed")
	}
	answer, err := p.ask(wire.ExchangeInformational, &wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(p.childSPI)}})
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := wire.Find[*wire.DeletePayload](answer); !ok || !bytes.Equal(d.SPIs[0], spiBytes(old.SA.InboundSPI)) {
		t.Errorf("the answer is %s", wire.Describe(answer))
	}
	active, _ := event[ChildActive](p)
	removed, _ := event[ChildRemoved](p)
	if active.InboundSPI != a.SA.InboundSPI || removed.InboundSPI != old.SA.InboundSPI {
		t.Errorf("events %+v", p.events)
	}
}

// A peer that forgets to delete the old SA is helped after a while.
func TestPeerForgetsDelete(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	old, _ := event[ChildAdded](p)
	if _, err := p.ask(wire.ExchangeCreateChildSA, p.rekeyRequest(p.childSPI, 0x55667788, p.octets(32))...); err != nil {
		t.Fatal(err)
	}
	if err := p.pass(forgetAfter); err != nil {
		t.Fatal(err)
	}
	_, ps := p.open(p.last())
	d, ok := wire.Find[*wire.DeletePayload](ps)
	if !ok || !bytes.Equal(d.SPIs[0], spiBytes(old.SA.InboundSPI)) {
		t.Fatalf("we send %s", wire.Describe(ps))
	}
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
	active, _ := event[ChildActive](p)
	if len(p.s.children) != 1 || active.InboundSPI != p.s.children[0].inbound {
		t.Errorf("%d Child SAs, active %08x", len(p.s.children), active.InboundSPI)
	}
}

// RFC 7296 2.8.1: of two rekeys at a time the SA with the lowest of the four
// nonces goes. The position of the lowest is varied over all four.
func TestChildRekeyCollision(t *testing.T) {
	t.Parallel()
	lowest, high := bytes.Repeat([]byte{0}, 32), bytes.Repeat([]byte{0xff}, 32)
	for _, c := range []struct {
		name   string
		peerNi []byte
		peerNr []byte // in the answer to our rekey
		ours   bool   // our SA stays
	}{
		{"peer's Ni is the lowest", lowest, high, true},
		{"peer's Nr is the lowest", high, lowest, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := established(t, scriptConfig(1))
			old, request := p.startRekey()
			mine := p.last()
			p.events = nil
			if _, err := p.ask(wire.ExchangeCreateChildSA, p.rekeyRequest(p.childSPI, 0x0000aaaa, c.peerNi)...); err != nil {
				t.Fatal(err)
			}
			theirs, _ := event[ChildAdded](p)
			if count[ChildActive](p) != 0 {
				t.Fatal("traffic moves before the collision is settled")
			}
			h, _ := wire.ParseHeader(mine.Data)
			reply := p.seal(h.Exchange, h.MessageID, true, p.childReply(request, 0x0000bbbb, c.peerNr)...)
			if err := p.deliver(reply); err != nil {
				t.Fatal(err)
			}
			own, _ := event[ChildAdded](p)
			_, ps := p.open(p.last())
			d, ok := wire.Find[*wire.DeletePayload](ps)
			if !ok {
				t.Fatalf("we send %s", wire.Describe(ps))
			}
			if c.ours {
				if !bytes.Equal(d.SPIs[0], spiBytes(old.InboundSPI)) {
					t.Error("the winner does not delete the old SA")
				}
			} else if !bytes.Equal(d.SPIs[0], spiBytes(own.SA.InboundSPI)) {
				t.Error("the loser does not delete its own SA")
			}
			if err := p.reply(); err != nil {
				t.Fatal(err)
			}
			// The peer deletes its own redundant SA, or the old one.
			gone, left := spiBytes(p.childSPI), theirs.SA.InboundSPI
			if c.ours {
				gone, left = spiBytes(0x0000aaaa), own.SA.InboundSPI
			}
			if _, err := p.ask(wire.ExchangeInformational, &wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{gone}}); err != nil {
				t.Fatal(err)
			}
			active, _ := event[ChildActive](p)
			if len(p.s.children) != 1 || p.s.children[0].inbound != left || active.InboundSPI != left || count[ChildActive](p) != 1 {
				t.Errorf("%d Child SAs, active %08x, want %08x", len(p.s.children), active.InboundSPI, left)
			}
		})
	}
}

// A prefix is the lower nonce (RFC 7296 2.8.1).
func TestNonceOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b []byte
		want bool
	}{
		{[]byte{1}, []byte{2}, true},
		{[]byte{1, 255}, []byte{2}, true},
		{[]byte{1}, []byte{1, 0}, true},
		{[]byte{1, 0}, []byte{1}, false},
		{[]byte{1}, []byte{1}, false},
	} {
		if got := lower(c.a, c.b); got != c.want {
			t.Errorf("%x < %x: %v", c.a, c.b, got)
		}
		if low := lowerOf(c.a, c.b); lower(c.b, low) || lower(c.a, low) {
			t.Errorf("lower of %x and %x is %x", c.a, c.b, low)
		}
	}
}

// RFC 7296 2.25: what a refused rekey of ours leads to.
func TestRefusedChildRekey(t *testing.T) {
	t.Parallel()
	group := func(g uint16) *wire.NotifyPayload {
		return errorNotify(wire.NotifyInvalidKEPayload, binary.BigEndian.AppendUint16(nil, g))
	}
	t.Run("another group that was offered", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.startRekey()
		if err := p.reply(group(suite.GroupP256)); err != nil {
			t.Fatal(err)
		}
		_, next := p.open(p.last())
		if ke, ok := wire.Find[*wire.KEPayload](next); !ok || ke.Group != suite.GroupP256 {
			t.Errorf("we send %s", wire.Describe(next))
		}
	})
	for name, refusal := range map[string]*wire.NotifyPayload{
		"another group that was not offered": group(suite.Group2048),
		"no group named":                     errorNotify(wire.NotifyInvalidKEPayload, nil),
		"no proposal chosen":                 errorNotify(wire.NotifyNoProposalChosen, nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := established(t, scriptConfig(1))
			p.startRekey()
			if err := p.reply(refusal); err != nil {
				t.Fatal(err)
			}
			_, next := p.open(p.last())
			if _, ok := wire.Find[*wire.KEPayload](next); ok {
				t.Error("still with a key exchange")
			}
			if _, ok := wire.Notify(next, wire.NotifyRekeySA); !ok {
				t.Error("no second try")
			}
		})
	}
	t.Run("no way without a key exchange", func(t *testing.T) {
		t.Parallel()
		cfg := scriptConfig(1)
		cfg.ChildProposals[0].Group = []uint16{suite.GroupX25519}
		p := newScript(t, cfg)
		p.establish()
		p.startRekey()
		sent := len(p.sent)
		if err := p.reply(errorNotify(wire.NotifyNoProposalChosen, nil)); err != nil {
			t.Fatal(err)
		}
		if len(p.sent) != sent || p.s.children[0].state != childLive {
			t.Error("a second try at once, or the SA is not live any more")
		}
	})
	t.Run("unknown to the peer", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		old, _ := p.startRekey()
		if err := p.reply(errorNotify(wire.NotifyChildSANotFound, nil)); err != nil {
			t.Fatal(err)
		}
		r, ok := event[ChildRemoved](p)
		if !ok || r.InboundSPI != old.InboundSPI {
			t.Error("the lost SA stays")
		}
		_, next := p.open(p.last())
		if _, ok := wire.Notify(next, wire.NotifyRekeySA); ok {
			t.Error("what is lost is rekeyed")
		}
		if err := p.reply(p.childReply(next, 0x0000bbbb, p.octets(32))...); err != nil {
			t.Fatal(err)
		}
		a, _ := event[ChildAdded](p)
		if active, _ := event[ChildActive](p); a.Replaces != 0 || active.InboundSPI != a.SA.InboundSPI {
			t.Errorf("events %+v", p.events)
		}
	})
}

// RFC 7296 2.25: TEMPORARY_FAILURE is not answered with a retry at once; retries
// get rarer, and after minutes of it the IKE SA is closed.
func TestTemporaryFailurePersists(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	p.startRekey()
	start, tries := p.now, 1
	var err error
	for err == nil {
		sent := len(p.sent)
		if err = p.reply(errorNotify(wire.NotifyTemporaryFailure, nil)); err != nil {
			break
		}
		if len(p.sent) != sent {
			t.Fatal("a retry at once")
		}
		at := p.s.NextTimeout()
		if wait := at.Sub(p.now); wait < retryFirst || wait > retryMost*5/4 {
			t.Fatalf("retry after %v", wait)
		}
		if err := p.pass(at.Sub(p.now)); err != nil {
			t.Fatal(err)
		}
		tries++
	}
	if took := p.now.Sub(start); tries < 5 || took < 3*time.Minute || took > 15*time.Minute {
		t.Errorf("closed after %d tries and %v", tries, took)
	}
	var f *Failure
	if !errors.As(err, &f) || f.Notify != wire.NotifyTemporaryFailure {
		t.Errorf("%v does not name the notification", err)
	}
	wantFatal(t, p, err, CauseProtocol)
}

// A Delete that overtakes the answer which makes its Child SA: the SA must not stay.
func TestDeleteOvertakesAnswer(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	_, request := p.startRekey()
	mine := p.last()
	answer, err := p.ask(wire.ExchangeInformational, &wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(0x0000bbbb)}})
	if err != nil || len(answer) != 0 {
		t.Fatalf("%s, %v", wire.Describe(answer), err)
	}
	h, _ := wire.ParseHeader(mine.Data)
	err = p.deliver(p.seal(h.Exchange, h.MessageID, true, p.childReply(request, 0x0000bbbb, p.octets(32))...))
	if p.s.childByOutbound(0x0000bbbb) != nil {
		t.Error("the new SA stays, though the peer has deleted it")
	}
	wantFatal(t, p, err, CauseClosedByGateway)
}

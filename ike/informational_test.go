package ike

import (
	"bytes"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

func deleteESP(spis ...uint32) *wire.DeletePayload {
	d := &wire.DeletePayload{Protocol: wire.ProtocolESP}
	for _, spi := range spis {
		d.SPIs = append(d.SPIs, spiBytes(spi))
	}
	return d
}

// RFC 7296 1.4, 3.10.1: what the peer asks and tells is answered, and what is
// not known is tolerated.
func TestInformationalRequests(t *testing.T) {
	t.Parallel()
	for name, ps := range map[string][]wire.Payload{
		"nothing":              nil,
		"an unknown status":    {&wire.NotifyPayload{NotifyType: 40000, Data: []byte("?")}},
		"an unknown error":     {&wire.NotifyPayload{NotifyType: 8000}},
		"a vendor's own":       {&wire.VendorIDPayload{Data: []byte("vendor")}},
		"an unknown payload":   {&wire.Unknown{PayloadType: 200, Body: []byte{1}}},
		"more addresses":       {&wire.NotifyPayload{NotifyType: wire.NotifyAdditionalIP4Address, Data: []byte{192, 0, 2, 1}}},
		"Delete of an unknown": {deleteESP(0x0badcafe)},
		"Delete of AH":         {&wire.DeletePayload{Protocol: wire.ProtocolAH, SPIs: [][]byte{{1, 2, 3, 4}}}},
		"Delete of no ESP SPI": {&wire.DeletePayload{Protocol: wire.ProtocolESP}},
		"a reply":              {&wire.CPPayload{CFGType: wire.CFGReply}},
	} {
		p := established(t, scriptConfig(1))
		events := len(p.events)
		answer, err := p.ask(wire.ExchangeInformational, ps...)
		if err != nil || len(answer) != 0 {
			t.Errorf("%s: %s, %v", name, wire.Describe(answer), err)
		}
		if len(p.events) != events {
			t.Errorf("%s: events %v", name, p.events[events:])
		}
	}
}

// RFC 7296 2.5, 2.21: what an authentic request of the peer can do wrong.
func TestMisbuiltRequests(t *testing.T) {
	t.Parallel()
	t.Run("critical payload", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		answer, err := p.ask(wire.ExchangeInformational, &wire.Unknown{PayloadType: 200, Critical: true, Body: []byte{1}})
		wantTold(t, err, wire.NotifyUnsupportedCriticalPayload)
		if n, ok := wire.FirstError(answer); !ok || !bytes.Equal(n.Data, []byte{200}) {
			t.Errorf("the type is not named: %s", wire.Describe(answer))
		}
		if _, err := p.ask(wire.ExchangeInformational); err != nil {
			t.Errorf("the next request: %v", err)
		}
	})
	t.Run("broken inside", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		answer, err := p.ask(wire.ExchangeInformational, &wire.Unknown{PayloadType: wire.PayloadNotify, Body: []byte{1}})
		if n, ok := wire.FirstError(answer); !ok || n.NotifyType != wire.NotifyInvalidSyntax {
			t.Errorf("answer %s", wire.Describe(answer))
		}
		wantFatal(t, p, err, CauseProtocol)
	})
	t.Run("IKE_AUTH", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		_, err := p.ask(wire.ExchangeIKEAuth)
		wantTold(t, err, wire.NotifyInvalidSyntax)
	})
	t.Run("broken answer", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.do(CheckLiveness{})
		wantFatal(t, p, p.reply(&wire.Unknown{PayloadType: wire.PayloadNotify, Body: []byte{1}}), CauseProtocol)
	})
}

// RFC 7296 1.4.1, 2.25: Delete from the peer, in every state of the SA.
func TestDeleteFromPeer(t *testing.T) {
	t.Parallel()
	t.Run("last child", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		a, _ := event[ChildAdded](p)
		answer, err := p.ask(wire.ExchangeInformational, deleteESP(p.childSPI))
		if d, ok := wire.Find[*wire.DeletePayload](answer); !ok || !bytes.Equal(d.SPIs[0], spiBytes(a.SA.InboundSPI)) {
			t.Errorf("answer %s", wire.Describe(answer))
		}
		wantFatal(t, p, err, CauseClosedByGateway)
	})
	t.Run("child that we delete", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.s.retire(p.s.children[0])
		if err := p.s.pump(p.now); err != nil {
			t.Fatal(err)
		}
		p.drain()
		answer, err := p.ask(wire.ExchangeInformational, deleteESP(p.childSPI))
		if len(answer) != 0 {
			t.Errorf("answer %s, want none inside", wire.Describe(answer))
		}
		wantFatal(t, p, err, CauseClosedByGateway)
		if count[ChildRemoved](p) != 1 {
			t.Errorf("removed %d times", count[ChildRemoved](p))
		}
	})
	t.Run("child that we rekey", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		_, request := p.startRekey()
		mine := p.last()
		if _, err := p.ask(wire.ExchangeInformational, deleteESP(p.childSPI)); err != nil {
			t.Fatal(err)
		}
		h, _ := wire.ParseHeader(mine.Data)
		reply := p.seal(h.Exchange, h.MessageID, true, p.childReply(request, 0x0000bbbb, p.octets(32))...)
		if err := p.deliver(reply); err != nil {
			t.Fatal(err)
		}
		a, _ := event[ChildAdded](p)
		if active, _ := event[ChildActive](p); active.InboundSPI != a.SA.InboundSPI || a.Replaces != 0 {
			t.Errorf("the rekey is not finished: %+v", p.events)
		}
	})
	t.Run("child that we rekey in vain", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.startRekey()
		mine := p.last()
		if _, err := p.ask(wire.ExchangeInformational, deleteESP(p.childSPI)); err != nil {
			t.Fatal(err)
		}
		h, _ := wire.ParseHeader(mine.Data)
		err := p.deliver(p.seal(h.Exchange, h.MessageID, true, errorNotify(wire.NotifyChildSANotFound, nil)))
		wantFatal(t, p, err, CauseClosedByGateway)
	})
	for name, state := range map[string]func(p *script){
		"ike sa":                func(*script) {},
		"ike sa that we rekey":  func(p *script) { p.do(RekeyIKE{}) },
		"ike sa during a rekey": func(p *script) { p.startRekey() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := established(t, scriptConfig(1))
			state(p)
			answer, err := p.ask(wire.ExchangeInformational, &wire.DeletePayload{Protocol: wire.ProtocolIKE})
			if len(answer) != 0 {
				t.Errorf("answer %s", wire.Describe(answer))
			}
			wantFatal(t, p, err, CauseClosedByGateway)
		})
	}
	t.Run("ike sa that we delete", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.do(Delete{})
		if _, err := p.ask(wire.ExchangeInformational, &wire.DeletePayload{Protocol: wire.ProtocolIKE}); err != nil {
			t.Fatal(err)
		}
		if c, ok := event[Closed](p); !ok || c.Failure != nil {
			t.Errorf("%+v, %v", c, ok)
		}
	})
	t.Run("ike sa, turned away after all", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		_, err := p.ask(wire.ExchangeInformational, errorNotify(wire.NotifyAuthenticationFailed, nil))
		wantFatal(t, p, err, CauseRejected)
	})
}

// Our own Delete: answered, or given up after a short while; and one at a time
// when something else is under way (RFC 7296 2.3).
func TestOwnDelete(t *testing.T) {
	t.Parallel()
	t.Run("answered", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.do(Delete{})
		if _, ok := event[Closed](p); ok {
			t.Fatal("closed before the answer")
		}
		if err := p.reply(); err != nil {
			t.Fatal(err)
		}
		if c, ok := event[Closed](p); !ok || c.Failure != nil {
			t.Errorf("%+v, %v", c, ok)
		}
	})
	t.Run("not answered", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.do(Delete{})
		if err := p.pass(closeWait - time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if _, ok := event[Closed](p); ok {
			t.Error("closed too soon")
		}
		if err := p.pass(time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if c, ok := event[Closed](p); !ok || c.Failure != nil || !p.s.NextTimeout().IsZero() {
			t.Errorf("%+v, %v", c, ok)
		}
	})
	t.Run("behind another request", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		p.startRekey()
		rekey := p.last()
		p.do(Delete{})
		if !bytes.Equal(p.last().Data, rekey.Data) {
			t.Fatal("two requests at a time")
		}
		if err := p.reply(errorNotify(wire.NotifyTemporaryFailure, nil)); err != nil {
			t.Fatal(err)
		}
		_, ps := p.open(p.last())
		if d, ok := wire.Find[*wire.DeletePayload](ps); !ok || d.Protocol != wire.ProtocolIKE {
			t.Errorf("we send %s", wire.Describe(ps))
		}
	})
	t.Run("before anything stands", func(t *testing.T) {
		t.Parallel()
		p := newScript(t, scriptConfig(1))
		p.do(Delete{})
		if c, ok := event[Closed](p); !ok || c.Failure != nil {
			t.Errorf("%+v, %v", c, ok)
		}
	})
}

// RFC 7296 2.4: a peer that was heard is not asked; one that was not, is.
func TestLiveness(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.Liveness = time.Minute
	p := established(t, cfg)
	p.sent = nil
	quiet := func(d time.Duration) {
		t.Helper()
		if err := p.pass(d); err != nil {
			t.Fatal(err)
		}
		if len(p.sent) != 0 {
			t.Fatalf("asked at %v", p.now.Sub(epoch))
		}
	}
	quiet(50 * time.Second)
	p.do(InboundTraffic{})
	quiet(59 * time.Second)
	if _, err := p.ask(wire.ExchangeInformational); err != nil {
		t.Fatal(err)
	}
	p.sent = nil
	quiet(59 * time.Second)
	if err := p.pass(time.Second); err != nil {
		t.Fatal(err)
	}
	h, ps := p.open(p.last())
	if h.Exchange != wire.ExchangeInformational || h.Response() || len(ps) != 0 {
		t.Errorf("%v with %s", h.Exchange, wire.Describe(ps))
	}
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
}

// RFC 7296 2.4: an unprotected error is a hint, followed by one question to the
// peer itself and then by a pause.
func TestUnprotectedError(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	p.sent = nil
	forge := func(id uint32, response bool) []byte {
		m := wire.Message{Header: p.header(wire.ExchangeInformational, id, response), Payloads: []wire.Payload{errorNotify(wire.NotifyInvalidIKESPI, nil)}}
		return m.Marshal()
	}
	wantDrop(t, p.deliver(forge(0, false)), DropUnprotected)
	if len(p.sent) != 1 {
		t.Fatalf("%d questions", len(p.sent))
	}
	wantDrop(t, p.deliver(forge(2, true)), DropUnprotected) // looks like the answer, and is none
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
	wantDrop(t, p.deliver(forge(0, false)), DropUnprotected)
	if len(p.sent) != 1 {
		t.Error("asked again without a pause")
	}
	if err := p.pass(suspectPause); err != nil {
		t.Fatal(err)
	}
	wantDrop(t, p.deliver(forge(0, false)), DropUnprotected)
	if len(p.sent) != 2 {
		t.Error("not asked after the pause")
	}
}

// RFC 3948 2.3: keepalives at the configured pace, to the port for UDP encapsulation.
func TestNATKeepalive(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.NATKeepalive = 20 * time.Second
	p := established(t, cfg)
	p.sent = nil
	if err := p.pass(time.Minute); err != nil {
		t.Fatal(err)
	}
	if len(p.sent) != 3 {
		t.Fatalf("%d datagrams in a minute", len(p.sent))
	}
	for _, d := range p.sent {
		if !d.Keepalive || len(d.Data) != 0 || d.Remote != replacePort(serverAddr, 4500) {
			t.Errorf("%+v", d)
		}
	}
}

// RFC 7296 2.8, 2.18: after a rekey of the IKE SA message IDs begin anew, the
// old one is deleted by who asked, and both answer until then.
func TestOwnIKERekey(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	p.do(RekeyIKE{})
	_, request := p.open(p.last())
	offer, _ := wire.Find[*wire.SAPayload](request)
	ke, _ := wire.Find[*wire.KEPayload](request)
	nonce, _ := wire.Find[*wire.NoncePayload](request)
	kx, err := suite.NewKeyExchange(ke.Group, p.rand)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := kx.Shared(ke.Data)
	if err != nil {
		t.Fatal(err)
	}
	chosen := p.suite
	chosen.Group = []uint16{ke.Group}
	spi, nr := p.octets(8), p.octets(32)
	if err := p.reply(
		&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolIKE, spi)},
		&wire.NoncePayload{Data: nr},
		&wire.KEPayload{Group: ke.Group, Data: kx.Public()},
	); err != nil {
		t.Fatal(err)
	}
	if count[IKERekeyed](p) != 1 || len(p.s.sas) != 2 {
		t.Fatalf("%d IKE SAs, events %+v", len(p.s.sas), p.events)
	}
	h, ps := p.open(p.last())
	if d, ok := wire.Find[*wire.DeletePayload](ps); !ok || d.Protocol != wire.ProtocolIKE || h.MessageID != 3 {
		t.Fatalf("on the old IKE SA we send %s as message %d", wire.Describe(ps), h.MessageID)
	}
	farewell := p.last()
	if _, err := p.ask(wire.ExchangeInformational); err != nil {
		t.Errorf("a request on the old IKE SA: %v", err)
	}
	old := *p
	p.become(chosen, shared, nonce.Data, nr, offer.Proposals[0].SPI, spi)
	if _, err := p.ask(wire.ExchangeInformational); err != nil {
		t.Errorf("a request on the new IKE SA: %v", err)
	}
	sent := len(p.sent)
	p.do(CheckLiveness{})
	if len(p.sent) != sent {
		t.Error("a request on the new IKE SA does not wait for the end of the old")
	}
	h, _ = wire.ParseHeader(farewell.Data)
	if err := p.deliver(old.seal(h.Exchange, h.MessageID, true)); err != nil {
		t.Fatal(err)
	}
	if h, _ := p.open(p.last()); h.MessageID != 0 {
		t.Errorf("the first request on the new IKE SA is message %d", h.MessageID)
	}
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
	if len(p.s.sas) != 1 || len(p.s.children) != 1 || count[ChildRemoved](p) != 0 {
		t.Errorf("%d IKE SAs, %d Child SAs", len(p.s.sas), len(p.s.children))
	}
	wantDrop(t, p.deliver(old.seal(wire.ExchangeInformational, 9, false)), DropUnknownSPI)
}

// become makes the script the peer on a rekeyed IKE SA: one that we asked for, unless
// it began it.
func (p *script) become(chosen suite.Proposal, shared suite.Secret, ni, nr, spiI, spiR []byte) {
	p.t.Helper()
	oldPRF, oldKey := p.suite.PRF[0], p.keys.SK_d
	p.suite, p.nextID = chosen, 0
	p.spiI, p.spiR = spiFrom(spiI), spiFrom(spiR)
	var err error
	if p.keys, err = suite.DeriveRekeyed(chosen, oldPRF, oldKey, shared, ni, nr, p.spiI, p.spiR); err != nil {
		p.t.Fatal(err)
	}
	if p.protector, err = suite.NewProtector(chosen, p.keys, p.began, p.rand); err != nil {
		p.t.Fatal(err)
	}
}

func spiFrom(b []byte) (spi wire.SPI) {
	for _, o := range b {
		spi = spi<<8 | wire.SPI(o)
	}
	return spi
}

package ike

import (
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The bounds of doc.go against a gateway that is authentic and means no good.

// RFC 9370 2.2.4: a Child SA of the gateway's making that still lacks key exchanges
// counts as one that stands, so that several at a time are not more than there may be.
func TestUnfinishedChildrenCount(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.ChildProposals = []suite.Proposal{{
		Encryption: cfg.ChildProposals[0].Encryption, ESN: cfg.ChildProposals[0].ESN,
		Group: []uint16{suite.GroupX25519}, AddKE: [suite.MaxAddKE][]uint16{{suite.GroupP256}},
	}}
	cfg.MaxChildren = 3 // the first one is one of them
	p := established(t, cfg)
	for i := range 4 {
		kx, err := suite.NewKeyExchange(suite.GroupX25519, p.rand)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := p.ask(wire.ExchangeCreateChildSA,
			&wire.SAPayload{Proposals: suite.ToWire(cfg.ChildProposals, wire.ProtocolESP, spiBytes(0x1000+uint32(i)))},
			&wire.NoncePayload{Data: p.octets(32)},
			&wire.KEPayload{Group: suite.GroupX25519, Data: kx.Public()},
			&wire.TSPayload{Selectors: cfg.RemoteTS},
			&wire.TSPayload{Responder: true, Selectors: cfg.LocalTS})
		_, more := wire.Notify(answer, wire.NotifyAdditionalKeyExchange)
		if _, full := wire.Notify(answer, wire.NotifyNoAdditionalSAs); more == full || full != (i >= 2) {
			t.Errorf("request %d: %v (%v)", i+1, wire.Describe(answer), err)
		}
	}
}

// RFC 7296 2.9: a gateway that gives one address at a time, says that there is more,
// and deletes what it has made is not asked without end.
func TestRestIsNotAskedForWithoutEnd(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(2)
	cfg.MaxChildren = 5
	p := newScript(t, cfg)
	p.toAuth()
	one := wire.AnyIPv4()
	one.End = one.Start
	first := p.authReply()
	first[len(first)-1] = &wire.TSPayload{Responder: true, Selectors: []wire.TrafficSelector{one}}
	first = append(first, &wire.NotifyPayload{NotifyType: wire.NotifyAdditionalTSPossible})
	if err := p.reply(first...); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for spi := uint32(0x2000); asked < 100; spi++ {
		sent := len(p.sent)
		h, request := p.open(p.last())
		if h.Response() || h.Exchange != wire.ExchangeCreateChildSA {
			break
		}
		asked++
		answer := p.childReply(request, spi, p.octets(32))
		_, tsr := tsPayloads(request)
		part := tsr.Selectors[0]
		part.End = part.Start
		answer[len(answer)-1] = &wire.TSPayload{Responder: true, Selectors: []wire.TrafficSelector{part}}
		if err := p.reply(append(answer, &wire.NotifyPayload{NotifyType: wire.NotifyAdditionalTSPossible})...); err != nil {
			t.Fatal(err)
		}
		next := p.sent[sent:]
		if _, err := p.ask(wire.ExchangeInformational, deleteESP(spi)); err != nil {
			t.Fatal(err)
		}
		p.sent = append(p.sent, next...) // so that it comes after the answer to the Delete
	}
	if asked == 0 || asked > cfg.MaxChildren {
		t.Errorf("%d requests, at most %d Child SAs are wanted", asked, cfg.MaxChildren)
	}
}

// RFC 7296 2.9: a refused request is asked for in pieces only as far as there is room.
func TestPiecesWithinTheBound(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(3)
	cfg.MaxChildren = 3
	cfg.RemoteTS = selectors("10.0.0.0/8")
	p := established(t, cfg)
	p.do(CreateChild{RemoteTS: selectors("192.0.2.0/28", "192.0.2.32/28", "192.0.2.64/28", "192.0.2.96/28")})
	if err := p.reply(errorNotify(wire.NotifySinglePairRequired, nil)); err != nil {
		t.Fatal(err)
	}
	if n := p.s.standing(); n != cfg.MaxChildren {
		t.Errorf("%d Child SAs stand or are asked for, want %d", n, cfg.MaxChildren)
	}
}

// The secrets of a series of key exchanges that goes no further are wiped, wherever
// it stands (RFC 7296 2.12: nothing that a key was made from is kept).
func TestSecretsOfABrokenSeriesAreWiped(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(4)
	cfg.ChildProposals = []suite.Proposal{{
		Encryption: cfg.ChildProposals[0].Encryption, ESN: cfg.ChildProposals[0].ESN,
		Group: []uint16{suite.GroupX25519}, AddKE: [suite.MaxAddKE][]uint16{{suite.GroupP256}},
	}}
	for name, end := range map[string]func(p *script){
		"answered while the session closes": func(p *script) {
			asked := p.last()
			p.do(Delete{})
			h, err := wire.ParseHeader(asked.Data)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.deliver(p.seal(h.Exchange, h.MessageID, true, errorNotify(wire.NotifyTemporaryFailure, nil))); err != nil {
				t.Fatal(err)
			}
		},
		"waiting while the session closes": func(p *script) {
			e := p.s.current.window.finish()
			p.s.current.enqueueFirst(e)
			p.s.close(p.now, nil)
		},
		"waiting on an IKE SA that is dropped": func(p *script) {
			e := p.s.current.window.finish()
			p.s.current.enqueueFirst(e)
			p.s.current.clear()
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := established(t, cfg)
			_, request := p.startRekey()
			answer := p.childReply(request, 0x3000, p.octets(32))
			link := &wire.NotifyPayload{NotifyType: wire.NotifyAdditionalKeyExchange, Data: []byte("link")}
			if err := p.reply(append(answer, link)...); err != nil {
				t.Fatal(err)
			}
			f, ok := p.s.current.window.exchange.(*followUp)
			if !ok || len(f.secrets) != 1 {
				t.Fatalf("under way is %T", p.s.current.window.exchange)
			}
			end(p)
			for _, octet := range f.secrets[0] {
				if octet != 0 {
					t.Fatal("the shared secret is still there")
				}
			}
		})
	}
}

package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Child SAs that come up while something else goes on, and gateways that start
// again. Scenarios 33, 46 and 47 stand where Child SAs are made:
// twopeer_children_test.go and twopeer_childless_test.go.

// partly leaves both ends something to ask for: at first the gateway protects one
// of four networks only.
var partly = both(asking("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"), iketest.PairConfig{
	Gateway: func(r *iketest.ResponderConfig) { r.LocalTS = nets("10.1.0.0/16") },
})

// whole makes the gateway protect all of them.
func whole(w *collision) {
	w.p.Gateway.Reconfigure(func(r *iketest.ResponderConfig) { r.LocalTS = []wire.TrafficSelector{wire.AnyIPv4()} })
}

// creates has a side make a Child SA beside the first.
func (w *collision) creates(s iketest.Side, prefix string) {
	w.t.Helper()
	whole(w)
	// The client may use a Child SA of the gateway's making as soon as it has
	// answered (RFC 7296 2.8): for what nothing carried before, nothing is lost by it.
	w.lossy = w.lossy || s == iketest.TheGateway
	w.asks(s, func() error {
		if s == iketest.TheClient {
			return w.p.Do(ike.CreateChild{RemoteTS: nets(prefix)})
		}
		return w.p.Tell(func(now time.Time) error {
			return w.p.Gateway.CreateChild(now, nets(prefix), []wire.TrafficSelector{wire.AnyIPv4()})
		})
	})
}

// 29. RFC 7296 2.25.2: a Child SA that comes up against the IKE SA's rekey. Both
// are turned down, and both are tried again later.
func TestCollision29ChildCreateAgainstIKERekey(t *testing.T) {
	t.Parallel()
	for name, createFirst := range map[string]bool{"create first": true, "rekey first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.most = 2
				w.creates(w.a, "10.2.0.0/16")
				w.rekeysIKE(w.b)
				if createFirst {
					w.ask(w.a, "create child")
					w.ask(w.b, "rekey ike")
				} else {
					w.ask(w.b, "rekey ike")
					w.ask(w.a, "create child")
				}
				w.answer(w.b, "TEMPORARY_FAILURE")
				w.answer(w.a, "TEMPORARY_FAILURE")
				w.p.Drive(4 * time.Second)
				w.silent() // not at once
				w.p.Drive(3 * time.Second)
				if w.wire.Next(iketest.TheClient, false) == nil {
					w.t.Fatal("the client does not try again")
				}
				w.wire.Free()
				w.p.Drive(time.Second)
				if w.a == iketest.TheGateway {
					w.creates(w.a, "10.2.0.0/16")
				} else {
					w.rekeysIKE(w.b)
				}
				w.p.Drive(time.Minute)
				mustCarry(w.t, w.p, "10.1.0.0/16", "10.2.0.0/16")
				if got := w.heard(); got.ikeRekeyed != 1 || got.down != 0 {
					w.t.Errorf("the owner heard %+v", got)
				}
				mustSettle(w.t, w.p, 15*time.Minute, 2)
			}, partly)
		})
	}
}

// RFC 7296 2.25.2: a Child SA that comes up against the end of the IKE SA.
func TestCollisionChildCreateAgainstIKEDelete(t *testing.T) {
	t.Parallel()
	for name, createFirst := range map[string]bool{"create first": true, "Delete first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.creates(w.a, "10.2.0.0/16")
				w.deletesIKE(w.b)
				if createFirst {
					w.ask(w.a, "create child")
					w.answer(w.b, "TEMPORARY_FAILURE")
					w.ask(w.b, "delete ike old")
				} else {
					w.ask(w.b, "delete ike old")
					w.ask(w.a, "create child")
					w.answer(w.b, "TEMPORARY_FAILURE")
				}
				w.answer(w.a, "empty")
				w.ends(told{closed: true})
			}, partly)
		})
	}
}

// RFC 7296 2.3: a second Child SA is wanted, and the gateway makes a third, while
// the first of them is under way: each has its turn.
func TestCollisionSecondChildWhileOneIsUnderWay(t *testing.T) {
	t.Parallel()
	w := collide(t, iketest.TheClient, 0, partly)
	w.most = 4
	w.creates(w.a, "10.2.0.0/16")
	w.creates(w.a, "10.3.0.0/16")
	w.creates(w.b, "10.4.0.0/16")
	w.ask(w.a, "create child")
	if w.wire.Next(w.a, false) != nil {
		t.Error("the client's second request does not wait for the first")
	}
	w.ask(w.b, "create child")
	w.answer(w.b, "accepted")
	w.ask(w.a, "create child")
	w.answer(w.a, "accepted")
	w.answer(w.b, "accepted")
	w.silent()
	mustCarry(t, w.p, "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16")
	w.wire.Free()
	mustSettle(t, w.p, 15*time.Minute, 4)
}

// RFC 7296 2.25.1, as scenarios 22, 24, 25 and 30, where another Child SA stays: the
// line goes on, and nobody tries again.
func TestCollisionChildDeleteWhereAnotherStays(t *testing.T) {
	t.Parallel()
	for name, cross := range map[string]func(w *collision){
		"22, rekey against delete": func(w *collision) {
			w.ask(w.a, "rekey child")
			w.ask(w.b, "delete child old")
			w.answer(w.b, "TEMPORARY_FAILURE")
			w.answer(w.a, "deleted old")
		},
		"24, the Delete is late": func(w *collision) {
			late := w.keepAsk(w.b, "delete child old")
			w.ask(w.a, "rekey child")
			w.answer(w.b, "TEMPORARY_FAILURE")
			w.deliver(late)
			w.answer(w.a, "deleted old")
		},
		"25, the rekey is late": func(w *collision) {
			late := w.keepAsk(w.a, "rekey child")
			w.ask(w.b, "delete child old")
			w.answer(w.a, "deleted old")
			w.deliver(late)
			w.answer(w.b, "CHILD_SA_NOT_FOUND")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				other := beside(w)
				w.rekeysOld(w.a)
				w.deletes(w.b, "old")
				cross(w)
				w.staysWith(other)
			}, partly)
		})
	}
	t.Run("30, delete against delete", func(t *testing.T) {
		t.Parallel()
		eitherSide(t, func(w *collision) {
			other := beside(w)
			w.deletes(w.a, "old")
			w.deletes(w.b, "old")
			w.ask(w.a, "delete child old")
			w.ask(w.b, "delete child old")
			w.answer(w.b, "empty")
			w.answer(w.a, "empty")
			w.staysWith(other)
		}, partly)
	})
}

// beside brings up another Child SA and gives the client's inbound SPI of it.
func beside(w *collision) uint32 {
	w.t.Helper()
	w.creates(iketest.TheClient, "10.2.0.0/16")
	w.ask(iketest.TheClient, "create child")
	w.answer(iketest.TheGateway, "accepted")
	w.silent()
	w.before = len(w.p.Events)
	w.lossy = true // on the one that goes
	return w.p.Active().InboundSPI
}

// rekeysOld has a side rekey the first Child SA.
func (w *collision) rekeysOld(s iketest.Side) {
	w.t.Helper()
	w.asks(s, func() error {
		if s == iketest.TheClient {
			return w.p.Do(ike.RekeyChild{InboundSPI: w.old[iketest.TheClient]})
		}
		return w.p.Tell(func(now time.Time) error { return w.p.Gateway.RekeyChild(now, w.old[iketest.TheGateway]) })
	})
}

// staysWith wants that nothing follows, the old Child SA went once, and this one is
// left alone.
func (w *collision) staysWith(spi uint32) {
	w.t.Helper()
	w.silent()
	sent, events := len(w.p.Sent), w.p.Events[w.before:]
	if len(events) != 1 || events[0] != (ike.ChildRemoved{InboundSPI: w.old[iketest.TheClient], Linger: 5 * time.Second}) {
		w.t.Errorf("the owner heard %+v", events)
	}
	w.wire.Free()
	mustSettle(w.t, w.p, 15*time.Minute, 1)
	if n := len(w.p.Sent) - sent; n != 0 {
		w.t.Errorf("the client sends %d messages when all is done", n)
	}
	if w.p.Active() == nil || w.p.Active().InboundSPI != spi {
		w.t.Error("the other Child SA is not the one in use")
	}
}

// RFC 7296 2.4, 2.6: the gateway starts again in the middle of the handshake. As
// long as nothing authentic was heard, the client begins with it anew.
func TestCollisionGatewayRestartsDuringHandshake(t *testing.T) {
	t.Parallel()
	t.Run("between its cookie and its answer", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.Cookie = true }})
		restartBefore(t, p, wire.ExchangeIKESAInit, 2)
		connect(t, p)
		mustUp(t, p)
	})
	t.Run("between IKE_SA_INIT and IKE_AUTH", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, iketest.PairConfig{})
		restartBefore(t, p, wire.ExchangeIKEAuth, 1)
		connect(t, p)
		mustUp(t, p)
		if n := p.Gateway.IKESAs(); n != 1 {
			t.Errorf("the gateway has %d IKE SAs", n)
		}
	})
	t.Run("in the middle of IKE_AUTH", func(t *testing.T) {
		t.Parallel()
		p := newPair(t, iketest.PairConfig{})
		restartBefore(t, p, wire.ExchangeIKEAuth, 3)
		connect(t, p)
		start := p.Now
		mustFail(t, p, ike.CauseSignInSilent)
		if took := p.Now.Sub(start); took > 2*time.Minute {
			t.Errorf("given up after %v", took)
		}
		if p.Established != nil || len(p.SAs) != 0 {
			t.Error("something was established")
		}
	})
	t.Run("after it", func(t *testing.T) {
		t.Parallel()
		p := connected(t, iketest.PairConfig{})
		p.Gateway.Restart()
		clientRekeysChild(t, p)
		mustFail(t, p, ike.CausePeerDead)
	})
}

// restartBefore restarts the gateway just before the nth different request of a
// kind reaches it.
func restartBefore(t *testing.T, p *iketest.Pair, kind wire.ExchangeType, nth int) {
	t.Helper()
	seen := map[string]bool{}
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		if q.Keepalive || q.From.Addr() == iketest.GatewayPublic || header(t, q.Data).Exchange != kind || seen[string(q.Data)] {
			return 0, false
		}
		seen[string(q.Data)] = true
		if len(seen) == nth {
			p.Gateway.Restart()
		}
		return 0, false
	}
}

// RFC 7296 1.2: both ends begin at once. A client takes no IKE_SA_INIT request, and
// its own goes on.
func TestCollisionBothBegin(t *testing.T) {
	t.Parallel()
	for name, encap := range map[string]bool{"on port 500": false, "on port 4500": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 30 * time.Millisecond}})
			ke := keyExchangeRequest(t)
			theirs := wire.Message{
				Header: wire.Header{InitiatorSPI: 0x1122334455667788, Version: wire.Version2, Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagInitiator},
				Payloads: []wire.Payload{
					&wire.SAPayload{Proposals: suite.ToWire(suite.DefaultIKE(), wire.ProtocolIKE, nil)}, ke, ruleNonce(),
				},
			}
			connect(t, p)
			for i := range 20 {
				p.After(time.Duration(i)*10*time.Millisecond, func() {
					err := p.Client.HandleDatagram(p.Now, ike.Datagram{
						Local: p.Sent[0].From, Remote: p.Sent[0].To, Encap: encap, Data: theirs.Marshal(),
					})
					if err == nil {
						t.Error("an IKE_SA_INIT request is not dropped")
					}
				})
			}
			mustUp(t, p)
		})
	}
}

// RFC 7296 2.8: every lifetime of both ends is over at one moment, again and again.
// Neither waits for the other for ever, and nothing is lost.
func TestCollisionEveryTimerAtOnce(t *testing.T) {
	t.Parallel()
	const life = 10 * time.Minute
	p := connected(t, both(byPSK(), iketest.PairConfig{
		Conditions: iketest.Conditions{Delay: 20 * time.Millisecond},
		Client:     func(c *ike.Config) { c.IKELifetime, c.ChildLifetime = life, life },
	}))
	gap := func(err error) {
		if err != nil {
			t.Errorf("at %v a packet is lost: %v", p.Now.Sub(iketest.Epoch), err)
		}
	}
	p.OnStep = func() {
		gap(p.ClientToGateway())
		gap(p.GatewayToClient())
	}
	for range 40 {
		// All at the moment of the client's own next rekey.
		at := p.Active().RekeyAt
		for _, e := range p.Events {
			if r, ok := e.(ike.IKERekeyed); ok && r.RekeyAt.After(p.Now) && r.RekeyAt.Before(at) {
				at = r.RekeyAt
			}
		}
		p.Drive(at.Sub(p.Now) - time.Millisecond)
		for _, do := range []act{gatewayRekeysChild, gatewayRekeysIKE, clientRekeysChild, clientRekeysIKE} {
			do(t, p)
		}
		p.Drive(time.Minute)
		if p.Closed != nil {
			t.Fatalf("closed: %v", p.Closed.Failure)
		}
	}
	mustSettle(t, p, time.Minute, 1)
	if n, m := iketest.Count[ike.IKERekeyed](p), iketest.Count[ike.ChildAdded](p); n < 40 || m < 40 {
		t.Errorf("%d rekeys of the IKE SA and %d Child SAs in 40 rounds", n, m)
	}
}

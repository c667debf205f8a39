package ike_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// act is something that one end does.
type act func(t *testing.T, p *iketest.Pair)

func clientRekeysChild(t *testing.T, p *iketest.Pair) {
	t.Helper()
	// ErrUnknownSA: the gateway is replacing it already, which is as good.
	if err := p.Do(ike.RekeyChild{InboundSPI: p.Active().InboundSPI}); err != nil && !errors.Is(err, ike.ErrUnknownSA) {
		t.Fatal(err)
	}
}

func clientRekeysIKE(t *testing.T, p *iketest.Pair) {
	t.Helper()
	if err := p.Do(ike.RekeyIKE{}); err != nil {
		t.Fatal(err)
	}
}

func gatewayRekeysChild(t *testing.T, p *iketest.Pair) {
	t.Helper()
	spi := p.Active().OutboundSPI
	if err := p.Tell(func(now time.Time) error { return p.Gateway.RekeyChild(now, spi) }); err != nil {
		t.Fatal(err)
	}
}

func gatewayRekeysIKE(t *testing.T, p *iketest.Pair) {
	t.Helper()
	if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
		t.Fatal(err)
	}
}

// RFC 7296 1.3.3, 2.8: the client rekeys. The new SA is there before the old
// one goes, traffic moves to it, and it says what it replaces.
//
//	--> CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, KEi, TSi, TSr }
//	<-- CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr }
//	--> INFORMATIONAL { D(ESP) }  <-- INFORMATIONAL { D(ESP) }
func TestTwoPeerClientRekeysChild(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 25 * time.Millisecond}})
	old := p.Active().InboundSPI
	p.OnStep = func() { carries(t, p) }
	clientRekeysChild(t, p)
	mustSettle(t, p, 10*time.Second, 1)
	fresh := p.Active()
	if fresh.InboundSPI == old || fresh.Replaces != old || !fresh.Initiated {
		t.Errorf("new SA %08x in place of %08x, initiated %v", fresh.InboundSPI, fresh.Replaces, fresh.Initiated)
	}
	if len(fresh.Suite.Group) != 1 {
		t.Error("the rekey had no key exchange of its own, though both sides have groups")
	}
	if n := p.Gateway.Received[wire.ExchangeCreateChildSA]; n != 1 {
		t.Errorf("%d CREATE_CHILD_SA exchanges", n)
	}
	for _, e := range p.Events {
		if r, ok := e.(ike.ChildRemoved); ok && r.Linger <= 0 {
			t.Error("the old SA does not linger for packets under way")
		}
	}
}

// RFC 7296 2.8: the gateway rekeys, and the client follows.
func TestTwoPeerGatewayRekeysChild(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 25 * time.Millisecond}})
	old := p.Active().InboundSPI
	gatewayRekeysChild(t, p)
	mustSettle(t, p, 10*time.Second, 1)
	if fresh := p.Active(); fresh.InboundSPI == old || fresh.Replaces != old || fresh.Initiated {
		t.Errorf("new SA %08x in place of %08x, initiated %v", fresh.InboundSPI, fresh.Replaces, fresh.Initiated)
	}
}

// RFC 7296 1.3.2, 2.18: message IDs start at zero, the Child SAs move over, and
// the old IKE SA goes.
//
//	--> CREATE_CHILD_SA { SA, Ni, KEi }  <-- CREATE_CHILD_SA { SA, Nr, KEr }
//	--> INFORMATIONAL { D(IKE) }         <-- INFORMATIONAL { }
func TestTwoPeerIKERekeys(t *testing.T) {
	t.Parallel()
	for name, rekey := range map[string]act{"client": clientRekeysIKE, "gateway": gatewayRekeysIKE} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connected(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 25 * time.Millisecond}})
			child := p.Active().InboundSPI
			for range 3 {
				rekey(t, p)
				mustSettle(t, p, 10*time.Second, 1)
			}
			if n := iketest.Count[ike.IKERekeyed](p); n != 3 {
				t.Errorf("%d rekeys told, want 3", n)
			}
			if p.Active().InboundSPI != child || iketest.Count[ike.ChildAdded](p) != 1 {
				t.Error("the rekey of the IKE SA touched the Child SA")
			}
			// The new IKE SA works both ways, for everything.
			clientRekeysChild(t, p)
			mustSettle(t, p, 10*time.Second, 1)
			gatewayRekeysChild(t, p)
			mustSettle(t, p, 10*time.Second, 1)
			if err := p.Do(ike.CheckLiveness{}); err != nil {
				t.Fatal(err)
			}
			mustSettle(t, p, 10*time.Second, 1)
		})
	}
}

// RFC 7296 1.3, 2.7: the peer wants another group at the rekey, and gets it.
//
//	--> N(REKEY_SA), SA, Ni, KE(a)  <-- N(INVALID_KE_PAYLOAD, b)
//	--> N(REKEY_SA), SA, Ni, KE(b)  <-- SA, Nr, KE(b)
func TestTwoPeerRekeyWithOtherGroup(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.ESP = suite.DefaultESP()
		for i := range r.ESP {
			r.ESP[i].Group = []uint16{suite.GroupP521}
		}
	}})
	clientRekeysChild(t, p)
	mustSettle(t, p, 10*time.Second, 1)
	if g := p.Active().Suite.Group; len(g) != 1 || g[0] != suite.GroupP521 {
		t.Errorf("group %v", g)
	}
	if n := p.Gateway.Received[wire.ExchangeCreateChildSA]; n != 2 {
		t.Errorf("%d CREATE_CHILD_SA exchanges, want 2", n)
	}
}

// A gateway without PFS (and strongSwan's default ESP proposals are such) is
// rekeyed without a key exchange.
func TestTwoPeerRekeyWithoutPFS(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.ESP = suite.DefaultESP()
		for i := range r.ESP {
			r.ESP[i].Group = nil
		}
	}})
	clientRekeysChild(t, p)
	mustSettle(t, p, 30*time.Second, 1)
	gatewayRekeysChild(t, p)
	mustSettle(t, p, 30*time.Second, 1)
	if n := iketest.Count[ike.ChildAdded](p); n != 3 {
		t.Errorf("%d child SAs in all, want 3", n)
	}
}

// RFC 7296 2.25: a gateway that is busy is asked again later, not at once; one
// that refuses for ever loses the line, and no SA is used beyond its time.
func TestTwoPeerRekeyRefused(t *testing.T) {
	t.Parallel()
	t.Run("three times", func(t *testing.T) {
		t.Parallel()
		p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeCreateChildSA: wire.NotifyTemporaryFailure}
			r.RefuseTimes = 3
		}})
		start := p.Now
		clientRekeysChild(t, p)
		if !p.Until(20*time.Minute, func() bool { return iketest.Count[ike.ChildAdded](p) == 2 }) {
			t.Fatal("never rekeyed")
		}
		if took := p.Now.Sub(start); took < 3*time.Second {
			t.Errorf("three refusals took %v: they were repeated at once", took)
		}
		mustSettle(t, p, 10*time.Second, 1)
	})
	t.Run("for ever", func(t *testing.T) {
		t.Parallel()
		p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeCreateChildSA: wire.NotifyTemporaryFailure}
		}})
		clientRekeysChild(t, p)
		if !p.Down(time.Hour) {
			t.Fatal("the client still asks")
		}
		if p.Cause() != ike.CauseProtocol || p.Closed.Failure.Notify != wire.NotifyTemporaryFailure {
			t.Errorf("%v", p.Closed.Failure)
		}
	})
}

// RFC 7296 2.25.1: the gateway has lost the Child SA; the client makes a new
// one from scratch and drops the old.
//
//	--> N(REKEY_SA), SA, Ni, TS  <-- N(CHILD_SA_NOT_FOUND)
//	--> SA, Ni, TS               <-- SA, Nr, TS
func TestTwoPeerChildNotFound(t *testing.T) {
	t.Parallel()
	first := true
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.OnReply = func(x *iketest.Exchange) {
			n, ok := wire.Notify(x.Request, wire.NotifyRekeySA)
			if ok && first {
				first = false
				x.Response = []wire.Payload{&wire.NotifyPayload{
					Protocol: wire.ProtocolESP, SPI: n.SPI, NotifyType: wire.NotifyChildSANotFound,
				}}
			}
		}
	}})
	old := p.Active().InboundSPI
	clientRekeysChild(t, p)
	p.Drive(10 * time.Second)
	if p.Closed != nil {
		t.Fatalf("closed: %v", p.Closed.Failure)
	}
	if a := p.Active(); a == nil || a.InboundSPI == old {
		t.Fatal("no new SA")
	}
	if _, ok := p.SAs[old]; ok || len(p.SAs) != 1 {
		t.Errorf("%d SAs, the old one among them: %v", len(p.SAs), ok)
	}
	for _, c := range p.Complaints {
		t.Error(c)
	}
}

// RFC 7296 2.8.1, 2.8.2, 2.25: both ends act at once, for many moments between
// the two and so for each of the four nonces being the lowest, on a good line
// and on a bad one. In the end one IKE SA and one Child SA are left, the same
// at both ends.
func TestTwoPeerCollisions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		client, gateway act
	}{
		{"both rekey the Child SA", clientRekeysChild, gatewayRekeysChild},
		{"both rekey the IKE SA", clientRekeysIKE, gatewayRekeysIKE},
		{"client the Child SA, gateway the IKE SA", clientRekeysChild, gatewayRekeysIKE},
		{"client the IKE SA, gateway the Child SA", clientRekeysIKE, gatewayRekeysChild},
	} {
		for _, conditions := range []iketest.Conditions{
			{Delay: 20 * time.Millisecond},
			{Delay: 20 * time.Millisecond, Jitter: 100 * time.Millisecond},
			{Delay: 20 * time.Millisecond, Jitter: 100 * time.Millisecond, Loss: 0.2, Duplicate: 0.2},
		} {
			for seed := range uint64(16) {
				t.Run(fmt.Sprintf("%s, loss %v, jitter %v, seed %d", c.name, conditions.Loss, conditions.Jitter, seed), func(t *testing.T) {
					t.Parallel()
					p := connected(t, iketest.PairConfig{Seed: seed, Client: patient})
					p.Network.Conditions = conditions
					first, second := c.client, c.gateway
					if seed%2 == 1 {
						first, second = second, first
					}
					first(t, p)
					p.Drive(time.Duration(seed/2) * 5 * time.Millisecond)
					second(t, p)
					p.Drive(4 * time.Minute)
					p.Network.Conditions.Loss = 0
					mustSettle(t, p, 10*time.Minute, 1)
				})
			}
		}
	}
}

// RFC 7296 2.8.1, 2.8.2: over some seeds each side wins, and the loser deletes
// what it made: the survivor is not always the same side's.
func TestTwoPeerEitherSideWins(t *testing.T) {
	t.Parallel()
	children, ikes := map[bool]int{}, map[bool]int{}
	for seed := range uint64(24) {
		line := iketest.Conditions{Delay: 20 * time.Millisecond}
		p := connected(t, iketest.PairConfig{Seed: seed, Conditions: line})
		gatewayRekeysChild(t, p)
		clientRekeysChild(t, p)
		mustSettle(t, p, 10*time.Second, 1)
		if n := iketest.Count[ike.ChildAdded](p); n != 3 {
			t.Fatalf("seed %d: %d child SAs in all, want 3: there was no collision", seed, n)
		}
		children[p.Active().Initiated]++

		gatewayRekeysIKE(t, p)
		clientRekeysIKE(t, p)
		mustSettle(t, p, 10*time.Second, 1)
		// Who began the IKE SA that is left shows in the next request.
		before := len(p.Sent)
		if err := p.Do(ike.CheckLiveness{}); err != nil {
			t.Fatal(err)
		}
		ikes[header(t, p.Sent[before].Data).Flags.Has(wire.FlagInitiator)]++
		mustSettle(t, p, 10*time.Second, 1)
	}
	if children[true] == 0 || children[false] == 0 {
		t.Errorf("Child SAs: the client won %d times, the gateway %d times", children[true], children[false])
	}
	if ikes[true] == 0 || ikes[false] == 0 {
		t.Errorf("IKE SAs: the client won %d times, the gateway %d times", ikes[true], ikes[false])
	}
}

// RFC 7296 2.25: a rekey crosses a Delete.
func TestTwoPeerRekeyCrossesDelete(t *testing.T) {
	t.Parallel()
	line := iketest.Conditions{Delay: 20 * time.Millisecond}
	t.Run("client rekeys, gateway deletes the Child SA", func(t *testing.T) {
		t.Parallel()
		p := connected(t, iketest.PairConfig{Conditions: line})
		spi := p.Active().OutboundSPI
		clientRekeysChild(t, p)
		if err := p.Tell(func(now time.Time) error { return p.Gateway.DeleteChild(now, spi) }); err != nil {
			t.Fatal(err)
		}
		p.Drive(5 * time.Minute)
		ended(t, p)
	})
	t.Run("client rekeys, gateway deletes the IKE SA", func(t *testing.T) {
		t.Parallel()
		p := connected(t, iketest.PairConfig{Conditions: line})
		clientRekeysIKE(t, p)
		if err := p.Tell(p.Gateway.DeleteIKE); err != nil {
			t.Fatal(err)
		}
		mustFail(t, p, ike.CauseClosedByGateway)
		ended(t, p)
	})
	t.Run("gateway rekeys, client deletes", func(t *testing.T) {
		t.Parallel()
		for _, rekey := range []act{gatewayRekeysChild, gatewayRekeysIKE} {
			p := connected(t, iketest.PairConfig{Conditions: line})
			rekey(t, p)
			if err := p.Do(ike.Delete{}); err != nil {
				t.Fatal(err)
			}
			if !p.Down(10*time.Second) || p.Closed.Failure != nil {
				t.Fatalf("closed: %+v", p.Closed)
			}
			ended(t, p)
		}
	})
}

// ended wants the ends to agree, whether the line still stands or not.
func ended(t *testing.T, p *iketest.Pair) {
	t.Helper()
	p.Drive(5 * time.Minute)
	if p.Closed == nil {
		mustSettle(t, p, time.Minute, 1)
		return
	}
	if n := len(p.Gateway.Children()); n != 0 {
		t.Errorf("the gateway still holds %d child SAs", n)
	}
	mustBehave(t, p)
}

// RFC 7296 2.8: the gateway rekeys and does not hear our answer for long. As
// long as it asks, it cannot know the new SA, and the old one is not taken away.
//
//	<-- CREATE_CHILD_SA { ... }, again and again  --> (lost)
func TestTwoPeerAnswerToRekeyIsLostForLong(t *testing.T) {
	t.Parallel()
	for name, rekey := range map[string]act{"Child SA": gatewayRekeysChild, "IKE SA": gatewayRekeysIKE} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connected(t, iketest.PairConfig{Client: patient})
			end := p.Now.Add(70 * time.Second)
			p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
				if q.Keepalive || p.Now.After(end) {
					return 0, false
				}
				h := header(t, q.Data)
				return 0, h.Exchange == wire.ExchangeCreateChildSA && h.Response()
			}
			p.OnStep = func() { carries(t, p) }
			rekey(t, p)
			mustSettle(t, p, 5*time.Minute, 1)
		})
	}
}

package ike_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

var threeNets = []string{"10.1.0.0/16", "10.2.0.0/16", "192.168.7.0/24"}

// several brings up three Child SAs.
func several(t *testing.T, more iketest.PairConfig) *iketest.Pair {
	t.Helper()
	p := connected(t, both(protects(iketest.NarrowTelling), more))
	mustSettle(t, p, 10*time.Second, 3)
	mustCarry(t, p, threeNets...)
	return p
}

// RFC 7296 2.8: each Child SA is rekeyed by itself, in place of itself alone,
// whoever asks, and a rekey of the IKE SA takes all of them along.
func TestTwoPeerEachChildRekeysByItself(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"client", "gateway"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			p := several(t, iketest.PairConfig{})
			for _, n := range threeNets {
				before := make(map[string]uint32)
				for _, o := range threeNets {
					before[o] = carrier(t, p, o).InboundSPI
				}
				old := carrier(t, p, n)
				do := func(now time.Time) error { return p.Gateway.RekeyChild(now, old.OutboundSPI) }
				if who == "client" {
					do = func(time.Time) error { return p.Do(ike.RekeyChild{InboundSPI: old.InboundSPI}) }
				}
				if err := p.Tell(do); err != nil {
					t.Fatal(err)
				}
				mustSettle(t, p, 10*time.Second, 3)
				mustCarry(t, p, threeNets...)
				for _, o := range threeNets {
					if changed := carrier(t, p, o).InboundSPI != before[o]; changed != (o == n) {
						t.Errorf("rekey of %s: %s changed %v", n, o, changed)
					}
				}
				if got := carrier(t, p, n).Replaces; got != old.InboundSPI {
					t.Errorf("it replaces %08x, want %08x", got, old.InboundSPI)
				}
			}
			clientRekeysIKE(t, p)
			mustSettle(t, p, 10*time.Second, 3)
			gatewayRekeysIKE(t, p)
			mustSettle(t, p, 10*time.Second, 3)
			mustCarry(t, p, threeNets...)
		})
	}
}

// RFC 7296 2.8: a working day with three Child SAs and a bad line, in which the
// lifetimes of all of them end again and again: at every moment each network is carried.
func TestTwoPeerSeveralChildrenForADay(t *testing.T) {
	t.Parallel()
	p := several(t, iketest.PairConfig{Client: patient})
	p.Network.Conditions = iketest.Conditions{Delay: 30 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.1, Duplicate: 0.05}
	p.OnStep = func() {
		for _, n := range threeNets {
			if !slices.ContainsFunc(p.Carriers(), func(sa *iketest.ClientSA) bool { return slices.Equal(sa.RemoteTS, nets(n)) }) {
				t.Errorf("at %v nothing carries %s", p.Now.Sub(iketest.Epoch), n)
			}
		}
		for _, sa := range p.Carriers() {
			held := slices.ContainsFunc(p.Gateway.Children(), func(c *iketest.Child) bool { return c.InboundSPI == sa.OutboundSPI })
			if !held && !t.Failed() {
				t.Errorf("at %v the client sends on %08x, which the gateway does not hold", p.Now.Sub(iketest.Epoch), sa.OutboundSPI)
			}
		}
	}
	p.Drive(9 * time.Hour)
	p.OnStep = nil
	mustSettle(t, p, 2*time.Minute, 3)
	mustCarry(t, p, threeNets...)
	if n := iketest.Count[ike.ChildAdded](p); n < 27 {
		t.Errorf("%d child SAs in nine hours", n)
	}
}

// RFC 7296 1.4.1: the gateway deletes one of several, and only that one goes;
// with the last one the line goes.
//
//	<-- INFORMATIONAL { D(ESP) }  --> INFORMATIONAL { D(ESP) }
func TestTwoPeerGatewayDeletesOneOfSeveral(t *testing.T) {
	t.Parallel()
	p := several(t, iketest.PairConfig{})
	for i, n := range threeNets {
		spi := carrier(t, p, n).OutboundSPI
		if err := p.Tell(func(now time.Time) error { return p.Gateway.DeleteChild(now, spi) }); err != nil {
			t.Fatal(err)
		}
		if i == len(threeNets)-1 {
			break
		}
		mustSettle(t, p, time.Minute, 2-i)
		mustCarry(t, p, threeNets[i+1:]...)
	}
	mustFail(t, p, ike.CauseClosedByGateway)
}

// RFC 7296 2.25.1: the gateway has lost one of several. Only that is made anew,
// for the same selectors.
//
//	--> N(REKEY_SA), SA, Ni, KE, TS  <-- N(CHILD_SA_NOT_FOUND)
//	--> SA, Ni, KE, TS               <-- SA, Nr, KE, TS
func TestTwoPeerOneOfSeveralNotFound(t *testing.T) {
	t.Parallel()
	lost := false
	p := several(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.OnReply = func(x *iketest.Exchange) {
			if n, ok := wire.Notify(x.Request, wire.NotifyRekeySA); ok && !lost {
				lost = true
				x.Response = []wire.Payload{&wire.NotifyPayload{
					Protocol: wire.ProtocolESP, SPI: n.SPI, NotifyType: wire.NotifyChildSANotFound,
				}}
			}
		}
	}})
	old, kept := carrier(t, p, threeNets[1]).InboundSPI, carrier(t, p, threeNets[0]).InboundSPI
	if err := p.Do(ike.RekeyChild{InboundSPI: old}); err != nil {
		t.Fatal(err)
	}
	p.Drive(10 * time.Second)
	mustCarry(t, p, threeNets...)
	if fresh := carrier(t, p, threeNets[1]); fresh.InboundSPI == old || fresh.Replaces != 0 {
		t.Errorf("%08x in place of %08x", fresh.InboundSPI, fresh.Replaces)
	}
	if carrier(t, p, threeNets[0]).InboundSPI != kept {
		t.Error("another one was touched")
	}
}

// RFC 7296 2.25: one of several that the gateway will not rekey goes at its end,
// and the others stay; where all of the gateway says "later" for minutes, the IKE
// SA is closed.
func TestTwoPeerOneOfSeveralIsNotRekeyed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why  wire.NotifyType
		left int
	}{{wire.NotifyNoProposalChosen, 2}, {wire.NotifyTemporaryFailure, 0}} {
		t.Run(c.why.String(), func(t *testing.T) {
			t.Parallel()
			var one []byte
			p := several(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					if n, ok := wire.Notify(x.Request, wire.NotifyRekeySA); ok && string(n.SPI) == string(one) {
						x.Response = []wire.Payload{&wire.NotifyPayload{NotifyType: c.why}}
					}
				}
			}})
			sa := carrier(t, p, threeNets[1])
			one = []byte{byte(sa.InboundSPI >> 24), byte(sa.InboundSPI >> 16), byte(sa.InboundSPI >> 8), byte(sa.InboundSPI)}
			if err := p.Do(ike.RekeyChild{InboundSPI: sa.InboundSPI}); err != nil {
				t.Fatal(err)
			}
			p.Drive(15 * time.Minute)
			if c.left == 0 {
				if p.Cause() != ike.CauseProtocol {
					t.Errorf("cause %q", p.Cause())
				}
				return
			}
			if p.Closed != nil {
				t.Fatalf("closed: %v", p.Closed.Failure)
			}
			mustCarry(t, p, threeNets[0], threeNets[2])
		})
	}
}

// RFC 7296 1.3.1, 2.9: the gateway makes Child SAs of its own accord. They are
// taken for our addresses and for what was asked for at all, narrowed where they
// go beyond that, and not for ever.
func TestTwoPeerGatewayCreatesChildren(t *testing.T) {
	t.Parallel()
	c := both(protects(iketest.NarrowAtOnce), asking("10.0.0.0/8"))
	inner := c.Client
	c.Client = func(cfg *ike.Config) {
		inner(cfg)
		cfg.MaxChildren = 4
	}
	outer := c.Gateway
	c.Gateway = func(r *iketest.ResponderConfig) {
		outer(r)
		r.LocalTS = nets("10.1.0.0/16")
	}
	p := connected(t, c)
	gatewayCreates(t, p, "10.2.0.0/16")
	mustSettle(t, p, 10*time.Second, 2)
	mustCarry(t, p, "10.1.0.0/16", "10.2.0.0/16")
	own := carrier(t, p, "10.2.0.0/16")
	if own.Initiated || len(own.LocalTS) != 1 || own.LocalTS[0].Start != own.LocalTS[0].End {
		t.Errorf("initiated %v, our selectors %v", own.Initiated, own.LocalTS)
	}
	if len(own.Suite.Group) != 1 {
		t.Error("no key exchange of its own, though both sides have groups")
	}
	gatewayCreates(t, p, "192.168.7.0/24") // was never asked for
	mustSettle(t, p, 10*time.Second, 2)
	for i := range 4 {
		gatewayCreates(t, p, fmt.Sprintf("10.%d.0.0/16", 3+i))
	}
	mustSettle(t, p, 10*time.Second, 4)
	want := []wire.NotifyType{wire.NotifyTSUnacceptable, wire.NotifyNoAdditionalSAs, wire.NotifyNoAdditionalSAs}
	if !slices.Equal(p.Gateway.ChildRefusals, want) {
		t.Errorf("refused with %v, want %v", p.Gateway.ChildRefusals, want)
	}
	// They live like others: either end rekeys them, and either may go.
	for _, rekey := range []act{clientRekeysChild, gatewayRekeysChild, clientRekeysIKE} {
		rekey(t, p)
		mustSettle(t, p, 10*time.Second, 4)
	}
	spi := carrier(t, p, "10.2.0.0/16").OutboundSPI
	if err := p.Tell(func(now time.Time) error { return p.Gateway.DeleteChild(now, spi) }); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 10*time.Second, 3)
}

// RFC 7296 2.3, 2.25: both ends make a Child SA at a time, or one makes one while
// the other does something else; scenario 29 among them.
func TestTwoPeerCreateCrosses(t *testing.T) {
	t.Parallel()
	clientCreates := func(t *testing.T, p *iketest.Pair) {
		if err := p.Do(ike.CreateChild{RemoteTS: nets("10.2.0.0/16")}); err != nil {
			t.Fatal(err)
		}
	}
	gatewayMakes := func(t *testing.T, p *iketest.Pair) { gatewayCreates(t, p, "192.168.7.0/24") }
	for _, c := range []struct {
		name            string
		client, gateway act
		carried         []string
	}{
		{"both create", clientCreates, gatewayMakes, threeNets},
		{"client creates, gateway rekeys the Child SA", clientCreates, gatewayRekeysChild, threeNets[:2]},
		{"client rekeys the Child SA, gateway creates", clientRekeysChild, gatewayMakes, []string{threeNets[0], threeNets[2]}},
		{"client creates, gateway rekeys the IKE SA", clientCreates, gatewayRekeysIKE, threeNets[:2]},
		{"client rekeys the IKE SA, gateway creates", clientRekeysIKE, gatewayMakes, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for offset := -60 * time.Millisecond; offset <= 60*time.Millisecond; offset += 10 * time.Millisecond {
				pair := protects(iketest.NarrowToOne)
				pair.Seed = uint64(offset + time.Second)
				p := connected(t, pair)
				cross(t, p, c.client, c.gateway, offset)
				if c.carried == nil {
					// The gateway of these tests does not ask again after TEMPORARY_FAILURE.
					mustSettle(t, p, 3*time.Minute, 2-len(p.Gateway.ChildRefusals))
					continue
				}
				mustSettle(t, p, 3*time.Minute, len(c.carried))
				mustCarry(t, p, c.carried...)
			}
		})
	}
}

// cross lets both ends act, the gateway earlier or later by an offset.
func cross(t *testing.T, p *iketest.Pair, client, gateway act, offset time.Duration) {
	t.Helper()
	p.After(max(0, -offset), func() { client(t, p) })
	p.After(max(0, offset), func() { gateway(t, p) })
	p.Drive(time.Second)
}

package ike_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// TestMOBIKETravel: a thousand moves over a network that loses, doubles and
// reorders, with rekeys, liveness checks and waits without a network in between.
// The ends agree at every rest, and the line that came up is the one that stands
// (RFC 4555 3.5).
func TestMOBIKETravel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			travel(t, seed, 1000)
		})
	}
}

func travel(t *testing.T, seed uint64, moves int) {
	t.Helper()
	r := rand.New(rand.NewPCG(4555, seed))
	p := mobile(t, func(c *iketest.PairConfig, _ *iketest.MOBIKE) {
		c.Seed = seed
		c.Conditions = iketest.Conditions{Delay: 15 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.2, Duplicate: 0.1}
		c.Client = func(cc *ike.Config) {
			patient(cc)
			cc.IKELifetime, cc.ChildLifetime = time.Hour, 10*time.Minute
		}
	}, iketest.GatewayPublic6, iketest.GatewaySecond)
	for n := range moves {
		client := netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + r.IntN(250))})
		gateways := []netip.Addr{iketest.GatewayPublic, iketest.GatewaySecond}
		gateway := gateways[r.IntN(2)]
		if r.IntN(3) == 0 {
			client, gateway = netip.MustParseAddr("2001:db8:1::1").Next(), iketest.GatewayPublic6
		}
		switch r.IntN(6) {
		case 0:
			if err := p.Do(ike.RekeyChild{InboundSPI: p.Active().InboundSPI}); err != nil && err != ike.ErrUnknownSA {
				t.Fatal(err)
			}
		case 1:
			if err := p.Do(ike.NoPath{}); err != nil {
				t.Fatal(err)
			}
			p.Drive(time.Duration(r.IntN(100)) * time.Second)
		case 2:
			if err := p.Do(ike.CheckLiveness{Urgent: r.IntN(2) == 0}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.MoveTo(client, gateway); err != nil {
			t.Fatal(err)
		}
		if r.IntN(4) == 0 {
			continue // and on, before anybody has answered
		}
		p.Drive(time.Duration(1+r.IntN(20)) * time.Second)
		if p.Closed != nil {
			t.Fatalf("closed after %d moves: %v", n+1, p.Closed.Failure)
		}
		// What is recorded would be all there is to wade through.
		p.Events, p.Sent = p.Events[:0], p.Sent[:0]
	}
	if n := p.Gateway.Updates; n < moves/2 {
		t.Errorf("the gateway has followed %d of %d moves", n, moves)
	}
	before := iketest.Count[ike.Moved](p)
	p.Network.Conditions.Loss = 0
	if err := p.Do(ike.Move{}); err != nil {
		t.Fatal(err)
	}
	mustHaveMoved(t, p, before, time.Minute)
	mustSettle(t, p, 2*time.Minute, 1)
}

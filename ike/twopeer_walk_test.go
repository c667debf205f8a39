package ike_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// walk lets both ends do random things at random moments on a random network,
// then heals the network and wants one IKE SA and one Child SA that are the
// same at both ends (RFC 7296 2.8, 2.25).
func walk(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2025))
	p := connected(t, iketest.PairConfig{
		Seed: seed, ClientNAT: r.IntN(2) == 0, Client: patient,
		Gateway: func(c *iketest.ResponderConfig) { c.FragmentSize = 200 + r.IntN(1100) },
	})
	p.Network.Conditions = iketest.Conditions{
		Delay: time.Duration(1+r.IntN(200)) * time.Millisecond, Jitter: time.Duration(r.IntN(500)) * time.Millisecond,
		Loss: r.Float64() * 0.2, Duplicate: r.Float64() * 0.3,
	}
	p.OnStep = func() {
		if p.Closed == nil && p.Active() == nil {
			t.Fatalf("at %v nothing carries traffic", p.Now.Sub(iketest.Epoch))
		}
	}
	for range 40 {
		switch r.IntN(6) {
		case 0:
			clientRekeysChild(t, p)
		case 1:
			clientRekeysIKE(t, p)
		case 2:
			// The gateway may have dropped what the client still sends on.
			spi := p.Active().OutboundSPI
			if err := p.Tell(func(now time.Time) error { return p.Gateway.RekeyChild(now, spi) }); err != nil && !errors.Is(err, iketest.ErrNoSA) {
				t.Fatal(err)
			}
		case 3:
			gatewayRekeysIKE(t, p)
		case 4:
			if err := p.Do(ike.CheckLiveness{}); err != nil {
				t.Fatal(err)
			}
		case 5:
			if err := p.Tell(func(now time.Time) error { return p.Gateway.CheckLiveness(now, nil) }); err != nil {
				t.Fatal(err)
			}
		}
		p.Drive(time.Duration(r.IntN(1500)) * time.Millisecond)
		if p.Closed != nil {
			t.Fatalf("closed: %v", p.Closed.Failure)
		}
	}
	p.Drive(3 * time.Minute)
	p.Network.Conditions.Loss = 0
	mustSettle(t, p, 10*time.Minute, 1)
}

func TestTwoPeerRandomWalks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			walk(t, seed)
		})
	}
}

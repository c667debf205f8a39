package ike_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7296 2.8: the lifetimes of the configuration, whatever a gateway's are: each
// SA is rekeyed when 80 to 90 percent of its own are over, drawn for each anew, so
// that the clients of a gateway do not come together.
func TestTwoPeerLifetimesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for _, hours := range []time.Duration{3, 8, 10} {
		t.Run(fmt.Sprintf("%d hours", hours), func(t *testing.T) {
			t.Parallel()
			lifetime, child := hours*time.Hour, hours*time.Hour/3
			moments := map[time.Duration]bool{}
			for seed := range uint64(6) {
				p := connected(t, iketest.PairConfig{Seed: seed, Client: func(c *ike.Config) {
					c.IKELifetime, c.ChildLifetime = lifetime, child
				}})
				start := p.Now
				within := func(what string, at time.Time, of time.Duration) {
					t.Helper()
					if d := at.Sub(start); d < of*8/10 || d > of*9/10 {
						t.Errorf("seed %d: %s is rekeyed after %v of %v", seed, what, d, of)
					}
				}
				within("the IKE SA", p.Established.RekeyAt, lifetime)
				within("the Child SA", p.Active().RekeyAt, child)
				moments[p.Established.RekeyAt.Sub(start)] = true
				first := p.Active().InboundSPI
				if !p.Until(child, func() bool { return p.Active().InboundSPI != first }) {
					t.Fatal("the Child SA is not rekeyed")
				}
				within("the Child SA, as it came", p.Now, child)
				if !p.Until(lifetime, func() bool { return iketest.Count[ike.IKERekeyed](p) == 1 }) {
					t.Fatal("the IKE SA is not rekeyed")
				}
				within("the IKE SA, as it came", p.Now, lifetime)
				mustSettle(t, p, time.Minute, 1)
			}
			if len(moments) != 6 {
				t.Errorf("%d different moments of 6 clients", len(moments))
			}
		})
	}
}

// RFC 7296 2.8: a rekey that fails to the end ends the SA. A gateway that refuses is
// left before the hard lifetime; one that is silent counts as gone when the last
// repetition of the rekey has not been answered, and in no case does an SA outlive
// both.
func TestTwoPeerNoSAOutlivesItsLifetime(t *testing.T) {
	t.Parallel()
	const lifetime, patience = 30 * time.Minute, 31 * time.Second
	refusing := func(p *iketest.Pair) {}
	silent := func(p *iketest.Pair) { p.Gateway.Silence(true) }
	for name, tt := range map[string]struct {
		ikeLife, childLife time.Duration
		gateway            func(*iketest.Pair)
		cause              ike.Cause
	}{
		"child, refused":  {24 * time.Hour, lifetime, refusing, ike.CauseProtocol},
		"IKE SA, refused": {lifetime, 24 * time.Hour, refusing, ike.CauseProtocol},
		"child, silent":   {24 * time.Hour, lifetime, silent, ike.CausePeerDead},
		"IKE SA, silent":  {lifetime, 24 * time.Hour, silent, ike.CausePeerDead},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(5) {
				p := connected(t, iketest.PairConfig{
					Seed: seed,
					Client: func(c *ike.Config) {
						c.IKELifetime, c.ChildLifetime, c.Liveness = tt.ikeLife, tt.childLife, -1
					},
					Gateway: func(r *iketest.ResponderConfig) {
						r.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeCreateChildSA: wire.NotifyTemporaryFailure}
					},
				})
				end := p.Now.Add(lifetime)
				tt.gateway(p)
				if !p.Down(2 * lifetime) {
					t.Fatalf("seed %d: the SA is used on", seed)
				}
				if p.Cause() != tt.cause {
					t.Errorf("seed %d: %v", seed, p.Closed.Failure)
				}
				if tt.cause == ike.CausePeerDead {
					end = end.Add(patience - lifetime/10)
				} else if p.Now.Before(end.Add(-lifetime / 4)) {
					t.Errorf("seed %d: given up %v before the end", seed, end.Sub(p.Now))
				}
				if p.Now.After(end) {
					t.Errorf("seed %d: used for %v beyond its lifetime", seed, p.Now.Sub(end))
				}
			}
		})
	}
}

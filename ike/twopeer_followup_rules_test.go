package ike_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The rules of IKE_FOLLOWUP_KE beside collisions (RFC 9370 2.2.4).

// RFC 9370 2.2.4: the gateway has lost the state. The whole rekey is a failure,
// and is tried again after a pause, with the same end as any other refusal.
//
//	--> IKE_FOLLOWUP_KE { ... }  <-- { N(STATE_NOT_FOUND) }
//	... a pause                  --> CREATE_CHILD_SA { ... }
func TestFollowUpStateNotFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config iketest.PairConfig
		rekey  act
	}{
		"Child SA": {additionalChild(t, twoMore), clientRekeysChild},
		"IKE SA":   {hybrid(t, twoMore), clientRekeysIKE},
	} {
		t.Run(name+", once", func(t *testing.T) {
			t.Parallel()
			p := connected(t, c.config)
			forgetful := true
			p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
				if forgetful && !q.Keepalive && header(t, q.Data).Exchange == wire.ExchangeFollowupKE {
					forgetful = false
					p.Gateway.ForgetFollowups()
				}
				return 0, false
			}
			creations := p.Gateway.Received[wire.ExchangeCreateChildSA]
			c.rekey(t, p)
			p.Drive(3 * time.Second)
			if n := p.Gateway.Received[wire.ExchangeCreateChildSA] - creations; n != 1 {
				t.Errorf("%d tries at once", n)
			}
			mustSettle(t, p, time.Minute, 1)
			if n := p.Gateway.Received[wire.ExchangeCreateChildSA] - creations; n != 2 {
				t.Errorf("%d tries in all, want 2", n)
			}
			if n := iketest.Count[ike.IKERekeyed](p) + iketest.Count[ike.ChildAdded](p); n != 2 {
				t.Errorf("%d SAs in all, want 2", n)
			}
		})
		t.Run(name+", for ever", func(t *testing.T) {
			t.Parallel()
			p := connected(t, c.config)
			p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
				if !q.Keepalive && header(t, q.Data).Exchange == wire.ExchangeFollowupKE {
					p.Gateway.ForgetFollowups()
				}
				return 0, false
			}
			c.rekey(t, p)
			if !p.Down(3 * time.Hour) {
				t.Fatal("the client still asks")
			}
			if f := p.Closed.Failure; f == nil || f.Notify != wire.NotifyStateNotFound {
				t.Errorf("%v", f)
			}
			if n := p.Gateway.IKESAs(); n != 0 {
				t.Errorf("the gateway is left with %d IKE SAs: there was no Delete", n)
			}
		})
	}
}

// RFC 9370 2.2.4: a gateway that leaves the link out, gives none, changes the
// method, or sends a value of a wrong length has broken the rules.
func TestFollowUpAnswersRefused(t *testing.T) {
	t.Parallel()
	drop := func(ps []wire.Payload) []wire.Payload {
		return slices.DeleteFunc(ps, func(p wire.Payload) bool {
			n, ok := p.(*wire.NotifyPayload)
			return ok && n.NotifyType == wire.NotifyAdditionalKeyExchange
		})
	}
	set := func(ps []wire.Payload, data []byte) []wire.Payload {
		return append(drop(ps), &wire.NotifyPayload{NotifyType: wire.NotifyAdditionalKeyExchange, Data: data})
	}
	for name, change := range map[string]struct {
		in  wire.ExchangeType
		how func([]wire.Payload) []wire.Payload
	}{
		"no link":         {wire.ExchangeCreateChildSA, drop},
		"no second link":  {wire.ExchangeFollowupKE, drop},
		"an empty link":   {wire.ExchangeCreateChildSA, func(ps []wire.Payload) []wire.Payload { return set(ps, nil) }},
		"an endless link": {wire.ExchangeCreateChildSA, func(ps []wire.Payload) []wire.Payload { return set(ps, make([]byte, 257)) }},
		"no value": {wire.ExchangeFollowupKE, func(ps []wire.Payload) []wire.Payload {
			return slices.DeleteFunc(ps, func(p wire.Payload) bool { return p.Type() == wire.PayloadKE })
		}},
		"another method": {wire.ExchangeFollowupKE, func(ps []wire.Payload) []wire.Payload {
			ps[0] = &wire.KEPayload{Group: suite.GroupX25519, Data: make([]byte, 32)}
			return ps
		}},
		"a short value": {wire.ExchangeFollowupKE, func(ps []wire.Payload) []wire.Payload {
			ps[0] = &wire.KEPayload{Group: suite.GroupMLKEM768, Data: make([]byte, 1087)}
			return ps
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connected(t, both(additionalChild(t, twoMore), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					if x.Header.Exchange == change.in {
						x.Response = change.how(x.Response)
					}
				}
			}}))
			clientRekeysChild(t, p)
			mustFail(t, p, ike.CauseProtocol)
			if n := iketest.Count[ike.ChildAdded](p); n != 1 {
				t.Errorf("%d Child SAs were made", n)
			}
		})
	}
}

// RFC 9370 2.2.4: only the link that was given last leads on, and only for a
// while. What the gateway has begun and not finished is forgotten, and the client
// rekeys when its own time comes.
func TestFollowUpOnlyByItsLink(t *testing.T) {
	t.Parallel()
	for name, rekey := range map[string]struct {
		config iketest.PairConfig
		act    act
	}{
		"Child SA": {additionalChild(t, oneMore), gatewayRekeysChild},
		"IKE SA":   {hybrid(t, oneMore), gatewayRekeysIKE},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connected(t, both(rekey.config, both(unsplit, iketest.PairConfig{Client: func(c *ike.Config) { c.Liveness = -1 }})))
			w := iketest.Steer(p)
			rekey.act(t, p)
			w.Deliver(w.Next(iketest.TheGateway, false))
			w.Deliver(w.Next(iketest.TheClient, true))
			late := w.Next(iketest.TheGateway, false)
			if got := w.Meaning(late); got != "follow up" {
				t.Fatalf("the gateway says %q", got)
			}
			w.Take(late)
			w.Keep = func(m *iketest.Held) bool { return m.From == iketest.TheGateway && !m.Header.Response() }
			p.Drive(31 * time.Second)
			w.Keep = nil
			w.Deliver(late)
			if got := w.Meaning(w.Next(iketest.TheClient, true)); got != "STATE_NOT_FOUND" {
				t.Errorf("the client answers %q", got)
			}
			w.Free()
			mustSettle(t, p, 5*time.Minute, 1)
			if n := iketest.Count[ike.ChildAdded](p) + iketest.Count[ike.IKERekeyed](p); n != 1 {
				t.Errorf("%d SAs were made", n)
			}
			p.Drive(4 * time.Hour) // the client's own lifetimes
			mustSettle(t, p, time.Minute, 1)
			if iketest.Count[ike.IKERekeyed](p) == 0 || iketest.Count[ike.ChildAdded](p) < 2 {
				t.Error("the client does not rekey any more")
			}
		})
	}
}

// RFC 9370 2.2.4, on bad lines and with both ends acting at any moment: one IKE
// SA and one Child SA are left, the same at both ends.
func TestFollowUpCollisionsOnBadLines(t *testing.T) {
	t.Parallel()
	hybrids := both(additionalChild(t, oneMore), hybrid(t, oneMore))
	for name, c := range map[string]struct{ client, gateway act }{
		"both the Child SA":                       {clientRekeysChild, gatewayRekeysChild},
		"both the IKE SA":                         {clientRekeysIKE, gatewayRekeysIKE},
		"client the Child SA, gateway the IKE SA": {clientRekeysChild, gatewayRekeysIKE},
		"client the IKE SA, gateway the Child SA": {clientRekeysIKE, gatewayRekeysChild},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(16) {
				t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
					t.Parallel()
					config := both(hybrids, iketest.PairConfig{Client: patient})
					config.Seed = seed
					p := connected(t, config)
					p.Network.Conditions = iketest.Conditions{Delay: 20 * time.Millisecond, Jitter: 100 * time.Millisecond}
					if seed%4 > 1 {
						p.Network.Conditions.Loss, p.Network.Conditions.Duplicate = 0.2, 0.2
					}
					first, second := c.client, c.gateway
					if seed%2 == 1 {
						first, second = second, first
					}
					first(t, p)
					p.Drive(time.Duration(seed) * 10 * time.Millisecond)
					second(t, p)
					p.Drive(4 * time.Minute)
					p.Network.Conditions.Loss = 0
					mustSettle(t, p, 10*time.Minute, 1)
				})
			}
		})
	}
}

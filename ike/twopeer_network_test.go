package ike_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// faults are the networks that everything must survive.
var faults = map[string]iketest.Conditions{
	"loss 10%":       {Delay: 20 * time.Millisecond, Loss: 0.1},
	"loss 30%":       {Delay: 20 * time.Millisecond, Loss: 0.3},
	"duplication":    {Delay: 20 * time.Millisecond, Duplicate: 0.3},
	"reordering":     {Delay: 20 * time.Millisecond, Jitter: 400 * time.Millisecond},
	"all of them":    {Delay: 50 * time.Millisecond, Jitter: 600 * time.Millisecond, Loss: 0.2, Duplicate: 0.2},
	"a slow line":    {Delay: 1500 * time.Millisecond, Jitter: 200 * time.Millisecond},
	"slow and lossy": {Delay: 400 * time.Millisecond, Jitter: 800 * time.Millisecond, Loss: 0.1, Duplicate: 0.1},
}

// patient gives a client that outlasts 30% loss with near certainty.
func patient(c *ike.Config) { c.Retransmit.Tries = 14 }

// RFC 7296 2.1: requests are repeated until they are answered, with the same
// octets, and a repeated request gets the same answer. The gateway complains
// about every repetition that differs.
func TestTwoPeerFaultyNetworks(t *testing.T) {
	t.Parallel()
	for name, conditions := range faults {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("%s, seed %d", name, seed), func(t *testing.T) {
				t.Parallel()
				c := iketest.PairConfig{
					Seed: seed, ClientNAT: seed%2 == 0, Conditions: conditions, Client: patient,
					Gateway: func(r *iketest.ResponderConfig) { r.Cookie = seed%3 == 0; r.FragmentSize = 600 },
				}
				p := connected(t, c)
				// Rekeys of both kinds from both sides, liveness and the end.
				for round := range 3 {
					if err := p.Do(ike.RekeyChild{InboundSPI: p.Active().InboundSPI}); err != nil {
						t.Fatalf("round %d: %v", round, err)
					}
					mustSettle(t, p, 5*time.Minute, 1)
					if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
						t.Fatal(err)
					}
					mustSettle(t, p, 5*time.Minute, 1)
					spi := p.Active().OutboundSPI
					if err := p.Tell(func(now time.Time) error { return p.Gateway.RekeyChild(now, spi) }); err != nil {
						t.Fatal(err)
					}
					mustSettle(t, p, 5*time.Minute, 1)
					if err := p.Do(ike.RekeyIKE{}); err != nil {
						t.Fatal(err)
					}
					mustSettle(t, p, 5*time.Minute, 1)
				}
				if err := p.Do(ike.Delete{}); err != nil {
					t.Fatal(err)
				}
				if !p.Down(10*time.Second) || p.Closed.Failure != nil {
					t.Errorf("closed: %+v", p.Closed)
				}
				mustBehave(t, p)
			})
		}
	}
}

// RFC 7296 2.1: a retransmission is bit-identical, in every exchange; the wait
// grows, and the tries end.
func TestTwoPeerRetransmissionsAreIdentical(t *testing.T) {
	t.Parallel()
	for _, at := range []wire.ExchangeType{wire.ExchangeIKESAInit, wire.ExchangeIKEAuth, wire.ExchangeCreateChildSA, wire.ExchangeInformational} {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			p := newPair(t, iketest.PairConfig{})
			if at != wire.ExchangeIKESAInit && at != wire.ExchangeIKEAuth {
				connect(t, p)
				mustUp(t, p)
			}
			var seen [][]byte
			var times []time.Time
			p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
				if q.Keepalive {
					return 0, true
				}
				if h := header(t, q.Data); h.Exchange == at && !h.Response() {
					seen, times = append(seen, bytes.Clone(q.Data)), append(times, p.Now)
					return 0, true
				}
				return 0, false
			}
			switch at {
			case wire.ExchangeCreateChildSA:
				if err := p.Do(ike.RekeyIKE{}); err != nil {
					t.Fatal(err)
				}
			case wire.ExchangeInformational:
				if err := p.Do(ike.CheckLiveness{}); err != nil {
					t.Fatal(err)
				}
			default:
				connect(t, p)
			}
			want := ike.CausePeerDead
			if p.Established == nil {
				want = ike.CauseNoAnswer
			}
			mustFail(t, p, want)
			if len(seen) != 7 {
				t.Fatalf("%d transmissions, want 7", len(seen))
			}
			for i := 1; i < len(seen); i++ {
				first := 0
				if at == wire.ExchangeIKESAInit && i >= 3 {
					first = 3 // another request, to the other port
				}
				if !bytes.Equal(seen[i], seen[first]) {
					t.Errorf("transmission %d differs from the first", i+1)
				}
				if i > 1 && times[i].Sub(times[i-1]) < times[i-1].Sub(times[i-2]) {
					t.Errorf("wait %d is shorter than the one before", i)
				}
			}
		})
	}
}

// RFC 7296 2.1: a repeated request gets the bit-identical answer, and is not
// performed twice.
func TestTwoPeerRepeatedRequestGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	var request iketest.Packet
	var answers [][]byte
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		if q.Keepalive {
			return 0, false
		}
		switch h := header(t, q.Data); {
		case h.Exchange != wire.ExchangeCreateChildSA:
		case h.Response():
			answers = append(answers, bytes.Clone(q.Data))
		case request.Data == nil:
			request = *q
			request.Data = bytes.Clone(q.Data)
		}
		return 0, false
	}
	// <-- CREATE_CHILD_SA { N(REKEY_SA), SA, Ni, KEi, TSi, TSr }
	// --> CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr }
	spi := p.Active().OutboundSPI
	if err := p.Tell(func(now time.Time) error { return p.Gateway.RekeyChild(now, spi) }); err != nil {
		t.Fatal(err)
	}
	p.Until(time.Second, func() bool { return len(answers) == 1 })
	for range 5 {
		p.Network.Inject(p.Now, request)
	}
	p.Until(0, func() bool { return len(answers) == 6 })
	if len(answers) < 2 {
		t.Fatalf("%d answers", len(answers))
	}
	for i, a := range answers {
		if !bytes.Equal(a, answers[0]) {
			t.Errorf("answer %d differs", i+1)
		}
	}
	mustSettle(t, p, 10*time.Second, 1)
	if n := iketest.Count[ike.ChildAdded](p); n != 2 {
		t.Errorf("%d child SAs were made in all, want 2", n)
	}
}

// RFC 7383: messages that do not fit are cut by whoever sends them, and put
// together again, lost and swapped fragments included.
//
//	<-- IKE_AUTH { SKF 1/n } ... { SKF n/n }
func TestTwoPeerFragmentation(t *testing.T) {
	t.Parallel()
	for _, conditions := range []iketest.Conditions{{}, {Delay: 10 * time.Millisecond, Jitter: 200 * time.Millisecond, Loss: 0.15, Duplicate: 0.15}} {
		for _, suites := range [][4]string{{"aes256gcm16", "", "sha256", "ecp256"}, {"aes256", "sha512", "sha512", "ecp256"}} {
			c := oneSuite(t, suites, [3]string{"aes256gcm16", "", "ecp256"})
			c.Conditions, c.Seed = conditions, 5
			inner := c.Client
			c.Client = func(cfg *ike.Config) { inner(cfg); patient(cfg); cfg.FragmentSize = 576 }
			innerGateway := c.Gateway
			c.Gateway = func(r *iketest.ResponderConfig) { innerGateway(r); r.FragmentSize = 400 }
			c.Leaf = func(l *iketest.Leaf) { l.Kind = iketest.RSA2048 }
			p := byCertificate(t, c, iketest.RSA2048)
			connect(t, p)
			mustUp(t, p)
			if !p.Established.PeerFragments {
				t.Error("the client does not know that the gateway takes fragments")
			}
			fragments := 0
			for _, s := range p.Sent {
				if len(s.Data) > 576-20-8-4 {
					t.Errorf("a message of %d octets does not fit a datagram of 576", len(s.Data))
				}
				if m, err := wire.ParseMessage(s.Data); err == nil {
					if _, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); ok {
						fragments++
					}
				}
			}
			if fragments < 2 {
				t.Errorf("%d fragments sent", fragments)
			}
		}
	}
}

// RFC 7383 2.3: without the gateway's word nothing is cut.
func TestTwoPeerNoFragmentationUnlessAgreed(t *testing.T) {
	t.Parallel()
	c := iketest.PairConfig{
		Client:  func(cfg *ike.Config) { cfg.FragmentSize = 576 },
		Gateway: func(r *iketest.ResponderConfig) { r.Fragments = false },
		Leaf:    func(l *iketest.Leaf) { l.Kind = iketest.RSA2048 },
	}
	p := byCertificate(t, c, iketest.RSA2048)
	connect(t, p)
	mustUp(t, p)
	if p.Established.PeerFragments {
		t.Error("the client thinks that the gateway takes fragments")
	}
	for _, s := range p.Sent {
		if m, err := wire.ParseMessage(s.Data); err == nil {
			if _, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); ok {
				t.Fatal("a fragment was sent")
			}
		}
	}
}

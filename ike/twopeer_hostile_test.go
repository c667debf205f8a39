package ike_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// recorded keeps everything that the gateway sent.
func recorded(p *iketest.Pair) *[]iketest.Packet {
	var all []iketest.Packet
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		if q.From.Addr() == p.Network.Gateway {
			c := *q
			c.Data = bytes.Clone(q.Data)
			all = append(all, c)
		}
		return 0, false
	}
	return &all
}

// RFC 7296 2.2: what was answered once is not answered anew, however often it
// is replayed and in whatever order; the state does not move.
func TestTwoPeerReplays(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{})
	all := recorded(p)
	connect(t, p)
	mustUp(t, p)
	for _, do := range []act{clientRekeysChild, gatewayRekeysChild, clientRekeysIKE, gatewayRekeysIKE} {
		do(t, p)
		mustSettle(t, p, 5*time.Second, 1)
	}
	events, active := len(p.Events), p.Active().InboundSPI
	replay := *all
	r := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		r.Shuffle(len(replay), func(i, j int) { replay[i], replay[j] = replay[j], replay[i] })
		for _, q := range replay {
			p.Network.Inject(p.Now, q)
		}
		p.Drive(time.Second)
	}
	if len(p.Events) != events || p.Active().InboundSPI != active {
		t.Errorf("%d events from replays", len(p.Events)-events)
	}
	mustSettle(t, p, 5*time.Second, 1)
}

// Every message of the gateway with one bit wrong, each before the right one:
// after keys exist nothing that does not authenticate does anything, and before
// it ends nothing (RFC 7296 2.21).
func TestTwoPeerBitFlips(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 3))
		p := newPair(t, iketest.PairConfig{Seed: seed, Conditions: iketest.Conditions{Delay: 10 * time.Millisecond}})
		p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
			if q.From.Addr() != p.Network.Gateway || len(q.Data) == 0 {
				return 0, false
			}
			if header(t, q.Data).Exchange == wire.ExchangeIKESAInit {
				return 0, false // a flipped nonce or key is a message of its own; see TestTwoPeerForgedFullAnswer
			}
			for range 5 {
				bad := *q
				bad.Data = bytes.Clone(q.Data)
				bad.Data[r.IntN(len(bad.Data))] ^= 1 << r.IntN(8)
				p.Network.Inject(p.Now, bad)
			}
			return 0, false
		}
		connect(t, p)
		mustUp(t, p)
		for _, do := range []act{clientRekeysChild, gatewayRekeysChild, clientRekeysIKE, gatewayRekeysIKE} {
			do(t, p)
			mustSettle(t, p, 5*time.Second, 1)
		}
	}
}

// Random octets, and random octets behind a right header, from the first moment
// to the last.
func TestTwoPeerNoise(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	p := newPair(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 10 * time.Millisecond}})
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		if len(q.Data) < wire.HeaderLen {
			return 0, false
		}
		back := *q
		if q.From.Addr() != p.Network.Gateway {
			back.From, back.To = q.To, q.From
		}
		for i := range 12 {
			n := r.IntN(200)
			b := make([]byte, n)
			for j := range b {
				b[j] = byte(r.Uint32())
			}
			if i%2 == 0 {
				h := header(t, q.Data)
				h.NextPayload, h.Length = wire.PayloadType(33+r.IntN(21)), uint32(wire.HeaderLen+n)
				h.Flags ^= wire.FlagResponse | wire.FlagInitiator
				b = append(h.AppendTo(nil), b...)
			}
			noise := back
			noise.Data = b
			p.Network.Inject(p.Now, noise)
		}
		return 0, false
	}
	connect(t, p)
	mustUp(t, p)
	for _, do := range []act{clientRekeysChild, gatewayRekeysChild, clientRekeysIKE, gatewayRekeysIKE} {
		do(t, p)
		mustSettle(t, p, 5*time.Second, 1)
	}
}

// RFC 7296 2.4, 1.5: an unprotected error for a line that stands is a hint at
// most: the gateway itself is asked, seldom, and nothing ends.
//
//	<-- INFORMATIONAL { N(INVALID_IKE_SPI) }, forged
//	--> INFORMATIONAL { SK {} }  <-- INFORMATIONAL { SK {} }
func TestTwoPeerUnprotectedErrors(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	last := p.Sent[len(p.Sent)-1]
	h := header(t, last.Data)
	for i := range 300 {
		m := wire.Message{
			Header: wire.Header{
				InitiatorSPI: h.InitiatorSPI, ResponderSPI: h.ResponderSPI, Exchange: wire.ExchangeInformational,
				Flags: wire.FlagResponse, MessageID: h.MessageID + uint32(i%3),
			},
			Payloads: []wire.Payload{&wire.NotifyPayload{NotifyType: []wire.NotifyType{
				wire.NotifyInvalidIKESPI, wire.NotifyAuthenticationFailed, wire.NotifyInvalidSyntax,
			}[i%3]}},
		}
		if i%2 == 0 {
			m.Flags, m.MessageID = 0, 0
		}
		p.Network.Inject(p.Now, iketest.Packet{From: last.To, To: last.From, Encap: true, Data: m.Marshal()})
		p.Drive(100 * time.Millisecond)
	}
	mustSettle(t, p, 5*time.Second, 1)
	if n := p.Gateway.Received[wire.ExchangeInformational]; n > 5 {
		t.Errorf("%d liveness checks in 30 s of forged errors", n)
	}
}

// A gateway that rekeys the IKE SA without a pause is made to wait, and served
// again afterwards.
func TestTwoPeerRekeyStorm(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	for range 400 {
		gatewayRekeysIKE(t, p)
		p.Drive(20 * time.Millisecond)
	}
	if n := iketest.Count[ike.IKERekeyed](p); n > 16+8+1 {
		t.Errorf("%d rekeys in 8 seconds", n)
	}
	mustSettle(t, p, time.Minute, 1)
	before := iketest.Count[ike.IKERekeyed](p)
	gatewayRekeysIKE(t, p)
	mustSettle(t, p, time.Minute, 1)
	if iketest.Count[ike.IKERekeyed](p) != before+1 {
		t.Error("not served after a pause")
	}
}

// The gateway restarts and knows nothing any more: the line is found dead.
func TestTwoPeerGatewayForgets(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		if len(q.Data) < wire.HeaderLen || q.From.Addr() == p.Network.Gateway {
			return 0, true
		}
		h := header(t, q.Data)
		m := wire.Message{
			Header: wire.Header{
				InitiatorSPI: h.InitiatorSPI, ResponderSPI: h.ResponderSPI, Exchange: h.Exchange,
				Flags: wire.FlagResponse, MessageID: h.MessageID,
			},
			Payloads: []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyInvalidIKESPI}},
		}
		p.Network.Inject(p.Now, iketest.Packet{From: q.To, To: q.From, Encap: q.Encap, Data: m.Marshal()})
		return 0, true
	}
	mustFail(t, p, ike.CausePeerDead)
}

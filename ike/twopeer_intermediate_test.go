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

// hybrid gives both ends one proposal for IKE SAs with these key exchanges.
func hybrid(t *testing.T, words string) iketest.PairConfig {
	t.Helper()
	return iketest.PairConfig{
		Client:  func(c *ike.Config) { c.IKEProposals = ikeWords(t, words) },
		Gateway: func(r *iketest.ResponderConfig) { r.IKE = ikeWords(t, words) },
	}
}

// RFC 9370 2.2.2, RFC 9242 3: the keys of the IKE SA come from all key exchanges,
// and AUTH covers them, with each way to authenticate, in one message and in
// fragments, on a bad line, and the SAs are rekeyed afterwards.
//
//	--> IKE_SA_INIT { ..., N(INTERMEDIATE_EXCHANGE_SUPPORTED) }  <-- the same
//	--> IKE_INTERMEDIATE { KEi(1) }                              <-- { KEr(1) }
//	--> IKE_AUTH { ... }                                         <-- { ... }
func TestIntermediateKeyExchanges(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"x25519-ke1_mlkem768", "ecp256-ke1_mlkem1024", "ecp384-ke3_x25519-ke6_mlkem768", "modp2048-ke1_ecp521-ke2_modp3072-ke7_mlkem768",
		"mlkem768-ke1_x25519",
	} {
		for _, size := range []int{1280, 4000} {
			t.Run(fmt.Sprintf("%s, %d octets", words, size), func(t *testing.T) {
				t.Parallel()
				sized := iketest.PairConfig{
					Client:  func(c *ike.Config) { c.FragmentSize = size },
					Gateway: func(r *iketest.ResponderConfig) { r.FragmentSize = size },
				}
				p := byCertificate(t, both(hybrid(t, words), sized), iketest.P256)
				connect(t, p)
				mustUp(t, p)
				want := ikeWords(t, words)[0]
				if got := p.Established.Suite.Keyword(); got != want.Keyword() {
					t.Errorf("established with %s", got)
				}
				if n := p.Gateway.Received[wire.ExchangeIntermediate]; n != len(want.Additional()) {
					t.Errorf("%d IKE_INTERMEDIATE exchanges, want %d", n, len(want.Additional()))
				}
				for _, rekey := range []act{clientRekeysIKE, gatewayRekeysIKE, clientRekeysChild, gatewayRekeysChild} {
					rekey(t, p)
					mustSettle(t, p, 10*time.Second, 1)
				}
			})
		}
	}
	for name, c := range map[string]iketest.PairConfig{"PSK": byPSK(), "EAP": {}} {
		t.Run(name+", on a bad line", func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(8) {
				c := both(both(c, hybrid(t, "x25519-ke1_mlkem768-ke2_ecp256")), iketest.PairConfig{Client: patient})
				c.Seed = seed
				c.Conditions = iketest.Conditions{Delay: 20 * time.Millisecond, Jitter: 50 * time.Millisecond, Loss: 0.15, Duplicate: 0.2}
				connected(t, c)
			}
		})
	}
}

// RFC 9242 3.1: the exchange is announced only by who may want it, and
// IKE_SA_INIT stays small.
func TestIntermediateIsAnnounced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config iketest.PairConfig
		want   bool
	}{"with additional key exchanges": {hybrid(t, "x25519-ke1_mlkem768-ke1_none"), true}, "without": {iketest.PairConfig{}, false}} {
		p := connected(t, c.config)
		m, err := wire.ParseMessage(p.Sent[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := wire.Notify(m.Payloads, wire.NotifyIntermediateExchangeSupport); got != c.want {
			t.Errorf("%s: announced: %v", name, got)
		}
		if n := len(p.Sent[0].Data); n > 600 {
			t.Errorf("%s: IKE_SA_INIT has %d octets", name, n)
		}
	}
}

// RFC 9370 2.2.1: a gateway that knows nothing of additional key exchanges takes
// the proposal without them, where there is one, and one that does may leave out
// what can be left out.
func TestIntermediateWithoutAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for name, offer := range map[string][]suite.Proposal{
		"another proposal": append(ikeWords(t, oneMore), ikeWords(t, noneAtAll)...),
		"none is fine":     ikeWords(t, perhaps),
	} {
		p := connected(t, iketest.PairConfig{
			Client:  func(c *ike.Config) { c.IKEProposals = offer },
			Gateway: func(r *iketest.ResponderConfig) { r.IKE = ikeWords(t, noneAtAll) },
		})
		if n := p.Gateway.Received[wire.ExchangeIntermediate]; n != 0 || len(p.Established.Suite.Additional()) != 0 {
			t.Errorf("%s: %d exchanges, suite %v", name, n, p.Established.Suite)
		}
	}
}

// RFC 9370 2.2.1: without IKE_INTERMEDIATE a choice of additional key exchanges
// cannot be followed.
func TestIntermediateNotSupportedByGateway(t *testing.T) {
	t.Parallel()
	p := newPair(t, both(hybrid(t, oneMore), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
		r.OnReply = func(x *iketest.Exchange) {
			x.Response = slices.DeleteFunc(x.Response, func(q wire.Payload) bool {
				n, ok := q.(*wire.NotifyPayload)
				return ok && n.NotifyType == wire.NotifyIntermediateExchangeSupport
			})
		}
	}}))
	connect(t, p)
	mustFail(t, p, ike.CauseNoProposal)
}

// RFC 9242 3.3.2: AUTH covers the exchanges. A gateway whose AUTH does not is not
// believed.
func TestIntermediateIsAuthenticated(t *testing.T) {
	t.Parallel()
	p := newPair(t, both(hybrid(t, oneMore), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.Uncovered = true }}))
	connect(t, p)
	mustFail(t, p, ike.CauseGatewayAuth)
}

// RFC 9242 3.3.2: AUTH covers the message as it was sent, with payloads that the
// client does not know, in one piece and in fragments.
func TestIntermediateCoversUnknownPayloads(t *testing.T) {
	t.Parallel()
	for _, size := range []int{600, 4000} {
		p := newPair(t, both(hybrid(t, oneMore), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.FragmentSize = size
			r.OnReply = func(x *iketest.Exchange) {
				if x.Header.Exchange == wire.ExchangeIntermediate {
					x.Response = append(x.Response,
						&wire.Unknown{PayloadType: 200, Body: []byte("what is this?")},
						&wire.NotifyPayload{NotifyType: 50000, Data: []byte{1}})
				}
			}
		}}))
		connect(t, p)
		mustUp(t, p)
	}
}

// RFC 9242 3.2, RFC 9370 2.2.2: what a gateway must not answer.
func TestIntermediateAnswersRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer []wire.Payload
		cause  ike.Cause
	}{
		"an error":       {[]wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyNoProposalChosen}}, ike.CauseNoProposal},
		"nothing":        {[]wire.Payload{}, ike.CauseProtocol},
		"another method": {[]wire.Payload{&wire.KEPayload{Group: suite.GroupX25519, Data: make([]byte, 32)}}, ike.CauseProtocol},
		"a short value":  {[]wire.Payload{&wire.KEPayload{Group: suite.GroupMLKEM768, Data: make([]byte, 1087)}}, ike.CauseProtocol},
		// Any value of the right length gives some secret (FIPS 203 7.3), and then
		// nobody understands the other.
		"a false value": {[]wire.Payload{&wire.KEPayload{Group: suite.GroupMLKEM768, Data: make([]byte, 1088)}}, ike.CauseNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, both(hybrid(t, oneMore), iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.OnReply = func(x *iketest.Exchange) {
					if x.Header.Exchange == wire.ExchangeIntermediate {
						x.Response = c.answer
					}
				}
			}}))
			connect(t, p)
			mustFail(t, p, c.cause)
		})
	}
}

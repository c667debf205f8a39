package ike_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// childless makes both ends start as they are told.
func childless(client ike.Childless, gateway iketest.Childless) iketest.PairConfig {
	return iketest.PairConfig{
		Client:  func(c *ike.Config) { c.Childless = client },
		Gateway: func(r *iketest.ResponderConfig) { r.Childless = gateway },
	}
}

// RFC 6023 3, scenario 46: IKE_AUTH without a Child SA, which follows by itself
// with a key exchange of its own.
//
//	<-- IKE_SA_INIT { SA, KE, Nr, N(CHILDLESS_IKEV2_SUPPORTED) }
//	--> IKE_AUTH { IDi, CP }                       <-- IKE_AUTH { IDr, CERT, AUTH, EAP } ... { AUTH, CP }
//	--> CREATE_CHILD_SA { SA, Ni, KE, TSi, TSr }   <-- CREATE_CHILD_SA { SA, Nr, KE, TSi, TSr }
func TestTwoPeerChildlessStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pair iketest.PairConfig
		want bool
	}{
		"offered to one that offers":    {childless(ike.ChildlessOffered, iketest.ChildlessOffered), true},
		"offered to one that insists":   {childless(ike.ChildlessOffered, iketest.ChildlessRequired), true},
		"required of one that offers":   {childless(ike.ChildlessRequired, iketest.ChildlessOffered), true},
		"with a shared key":             {both(childless(ike.ChildlessRequired, iketest.ChildlessRequired), byPSK()), true},
		"offered to one without":        {childless(ike.ChildlessOffered, iketest.ChildlessUnknown), false},
		"not wanted by one that offers": {childless(ike.ChildlessNever, iketest.ChildlessOffered), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.pair.Conditions = iketest.Conditions{Delay: 20 * time.Millisecond}
			p := connected(t, c.pair)
			if p.Gateway.Childless != c.want {
				t.Errorf("childless start %v, want %v", p.Gateway.Childless, c.want)
			}
			created := p.Gateway.Received[wire.ExchangeCreateChildSA]
			if group := p.Active().Suite.Group; c.want != (created == 1) || c.want != (len(group) == 1) {
				t.Errorf("%d CREATE_CHILD_SA, key exchange %v", created, group)
			}
			if got := p.Established.Configuration.Addresses; len(got) != 1 {
				t.Errorf("addresses %v", got)
			}
			if own := p.Active().LocalTS; len(own) != 1 || own[0].Start != own[0].End {
				t.Errorf("our selectors %v", own)
			}
			// The line is like any other.
			clientRekeysChild(t, p)
			mustSettle(t, p, 10*time.Second, 1)
			gatewayRekeysIKE(t, p)
			mustSettle(t, p, 10*time.Second, 1)
		})
	}
}

// RFC 6023 3, scenario 47: the client wants it and the gateway does not announce
// it, or the gateway takes nothing else and the client does not.
func TestTwoPeerChildlessAtOddsFails(t *testing.T) {
	t.Parallel()
	t.Run("the gateway does not announce it", func(t *testing.T) {
		t.Parallel()
		p, _ := failure(t, childless(ike.ChildlessRequired, iketest.ChildlessUnknown), ike.CauseChildless)
		if n := p.Gateway.Received[wire.ExchangeIKEAuth]; n != 0 {
			t.Errorf("%d IKE_AUTH requests went out all the same", n)
		}
	})
	t.Run("the gateway insists", func(t *testing.T) {
		t.Parallel()
		_, f := failure(t, childless(ike.ChildlessNever, iketest.ChildlessRequired), ike.CauseChildless)
		if f.Notify != wire.NotifyInvalidSyntax {
			t.Errorf("notify %v", f.Notify)
		}
	})
}

// RFC 7296 2.21.1, RFC 6023 3: a forged answer without the announcement does not
// end the attempt: the gateway's own comes after it.
func TestTwoPeerForgedAnswerWithoutChildless(t *testing.T) {
	t.Parallel()
	p := newPair(t, childless(ike.ChildlessRequired, iketest.ChildlessOffered))
	forged := false
	p.Network.Intercept = func(q *iketest.Packet) (time.Duration, bool) {
		m, err := wire.ParseMessage(q.Data)
		if err != nil || forged || !m.Response() || m.Exchange != wire.ExchangeIKESAInit {
			return 0, false
		}
		forged = true
		var rest []wire.Payload
		for _, payload := range m.Payloads {
			if n, ok := payload.(*wire.NotifyPayload); !ok || n.NotifyType != wire.NotifyChildlessIKEv2Supported {
				rest = append(rest, payload)
			}
		}
		fake := wire.Message{Header: m.Header, Payloads: rest}
		fake.ResponderSPI ^= 1
		p.Network.Inject(p.Now, iketest.Packet{From: q.From, To: q.To, Data: fake.Marshal()})
		return 300 * time.Millisecond, false
	}
	connect(t, p)
	mustUp(t, p)
	if !forged || !p.Gateway.Childless {
		t.Errorf("forged %v, childless %v", forged, p.Gateway.Childless)
	}
}

// RFC 6023, RFC 7296 1.3.1, 2.25: what the refusal of the first Child SA after a
// childless start means.
func TestTwoPeerChildlessFirstChildRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		why   wire.NotifyType
		times int
		want  ike.Cause // "": it comes up all the same
	}{
		"for good":         {wire.NotifyNoProposalChosen, 0, ike.CauseNoProposal},
		"its selectors":    {wire.NotifyTSUnacceptable, 0, ike.CauseSelectors},
		"any":              {wire.NotifyNoAdditionalSAs, 0, ike.CauseNoChild},
		"for a while":      {wire.NotifyTemporaryFailure, 3, ""},
		"for minutes":      {wire.NotifyTemporaryFailure, 0, ike.CauseProtocol},
		"for its key once": {wire.NotifyNoProposalChosen, 1, ""}, // then without a key exchange of its own
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := childless(ike.ChildlessRequired, iketest.ChildlessOffered)
			config.Gateway = func(r *iketest.ResponderConfig) {
				r.Childless = iketest.ChildlessOffered
				r.Refuse = map[wire.ExchangeType]wire.NotifyType{wire.ExchangeCreateChildSA: c.why}
				r.RefuseTimes = c.times
			}
			p := newPair(t, config)
			connect(t, p)
			if c.want == "" {
				mustUp(t, p)
				return
			}
			if !p.Down(20 * time.Minute) {
				t.Fatal("still up")
			}
			if p.Cause() != c.want {
				t.Errorf("cause %q, want %q", p.Cause(), c.want)
			}
			p.Drive(10 * time.Second)
			if n := p.Gateway.IKESAs(); n != 0 {
				t.Errorf("the gateway still has %d IKE SAs", n)
			}
			mustBehave(t, p)
		})
	}
}

// RFC 6023 3: INVALID_KE_PAYLOAD is followed for the first Child SA, too.
func TestTwoPeerChildlessWithOtherGroup(t *testing.T) {
	t.Parallel()
	c := childless(ike.ChildlessRequired, iketest.ChildlessOffered)
	c.Gateway = func(r *iketest.ResponderConfig) {
		r.Childless = iketest.ChildlessOffered
		r.ESP = suite.DefaultESP()
		for i := range r.ESP {
			r.ESP[i].Group = []uint16{suite.GroupP521}
		}
	}
	p := connected(t, c)
	if g := p.Active().Suite.Group; len(g) != 1 || g[0] != suite.GroupP521 {
		t.Errorf("group %v", g)
	}
}

// RFC 6023 3: a gateway that makes a Child SA where none was asked for breaks the rules.
func TestTwoPeerChildNotAskedFor(t *testing.T) {
	t.Parallel()
	c := both(childless(ike.ChildlessRequired, iketest.ChildlessOffered), byPSK())
	inner := c.Gateway
	c.Gateway = func(r *iketest.ResponderConfig) {
		inner(r)
		r.OnReply = func(x *iketest.Exchange) {
			if x.Header.Exchange == wire.ExchangeIKEAuth {
				x.Response = append(x.Response, &wire.SAPayload{
					Proposals: suite.ToWire(suite.DefaultESP()[:1], wire.ProtocolESP, []byte{1, 2, 3, 4}),
				})
			}
		}
	}
	p := newPair(t, c)
	connect(t, p)
	mustFail(t, p, ike.CauseProtocol)
}

// RFC 6023 3, 4: a client with both families asks for what it was given only.
func TestTwoPeerChildlessAsksForItsAddresses(t *testing.T) {
	t.Parallel()
	c := childless(ike.ChildlessOffered, iketest.ChildlessOffered)
	inner := c.Client
	c.Client = func(cfg *ike.Config) {
		inner(cfg)
		cfg.RequestIPv6 = true
		cfg.LocalTS = []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
		cfg.RemoteTS = cfg.LocalTS
	}
	var asked []wire.Payload
	gateway := c.Gateway
	c.Gateway = func(r *iketest.ResponderConfig) {
		gateway(r)
		r.OnRequest = func(x *iketest.Exchange) bool {
			if x.Header.Exchange == wire.ExchangeCreateChildSA {
				asked = x.Request
			}
			return true
		}
	}
	connected(t, c)
	tsi, _ := wire.FindType[*wire.TSPayload](asked, wire.PayloadTSi)
	tsr, _ := wire.FindType[*wire.TSPayload](asked, wire.PayloadTSr)
	host := netip.MustParseAddr("10.99.0.5")
	if len(tsi.Selectors) != 1 || tsi.Selectors[0].Start != host || tsi.Selectors[0].End != host {
		t.Errorf("TSi %v", tsi.Selectors)
	}
	if len(tsr.Selectors) != 1 || tsr.Selectors[0] != wire.AnyIPv4() {
		t.Errorf("TSr %v", tsr.Selectors)
	}
}

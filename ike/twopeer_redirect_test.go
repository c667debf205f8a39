package ike_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// gateways are one of each kind that a redirect can name (RFC 5685 9.2).
var gateways = []string{"203.0.113.77", "2001:db8::77", "vpn2.example.com"}

// mustTurn wants the handshake to end with the name of another gateway.
func mustTurn(t *testing.T, p *iketest.Pair, to string) {
	t.Helper()
	if !p.Down(time.Minute) || p.Cause() != ike.CauseRedirected {
		t.Fatalf("the handshake ended with %q, want %q", p.Cause(), ike.CauseRedirected)
	}
	if got := p.Closed.Failure.RedirectTo; got != ike.GatewayAt(to) {
		t.Errorf("redirected to %v, want %s", got, to)
	}
	if n := p.Gateway.IKESAs(); n != 0 {
		t.Errorf("the gateway keeps %d IKE SAs", n)
	}
	mustBehave(t, p)
}

// RFC 5685 3, 9.2:
//
//	--> IKE_SA_INIT { SA, KE, Ni, N(REDIRECT_SUPPORTED) }  <-- IKE_SA_INIT { N(REDIRECT, Ni) }
func TestRedirectInInit(t *testing.T) {
	t.Parallel()
	for _, to := range gateways {
		p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.RedirectInit = to }})
		connect(t, p)
		began := p.Now
		mustTurn(t, p, to)
		if took := p.Now.Sub(began); took > time.Second {
			t.Errorf("%s: followed after %v", to, took)
		}
		if p.Gateway.Received[wire.ExchangeIKEAuth] != 0 {
			t.Error("IKE_AUTH was begun all the same")
		}
	}
}

// RFC 5685 3: REDIRECTED_FROM tells the new gateway who sent us, by whatever the
// client knows that one.
func TestRedirectedFrom(t *testing.T) {
	t.Parallel()
	for _, from := range gateways {
		id := ike.GatewayAt(from)
		p := connected(t, iketest.PairConfig{Client: func(c *ike.Config) { c.RedirectedFrom = &id }})
		if p.Gateway.RedirectedFrom != from || !p.Gateway.FollowsRedirects {
			t.Errorf("the gateway heard of %q, want %q", p.Gateway.RedirectedFrom, from)
		}
	}
	p := connected(t, iketest.PairConfig{})
	if p.Gateway.RedirectedFrom != "" || !p.Gateway.FollowsRedirects {
		t.Error("without a redirect there is one told of, or none is followed")
	}
}

// RFC 5685 3: a redirect without our nonce, one that makes no sense, and any at
// all where they are not followed, are dropped, and the handshake goes on.
func TestRedirectNotFollowed(t *testing.T) {
	t.Parallel()
	forge := func(data func(nonce []byte) []byte) func(p *iketest.Pair) {
		return func(p *iketest.Pair) {
			m, err := wire.ParseMessage(p.Sent[0].Data)
			if err != nil {
				panic(err)
			}
			nonce, _ := wire.Find[*wire.NoncePayload](m.Payloads)
			answer := wire.Message{
				Header: wire.Header{InitiatorSPI: m.InitiatorSPI, Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagResponse},
				Payloads: []wire.Payload{&wire.NotifyPayload{
					NotifyType: wire.NotifyRedirect, Data: data(nonce.Data),
				}},
			}
			p.Network.Inject(p.Now, iketest.Packet{From: p.Sent[0].To, To: p.Sent[0].From, Data: answer.Marshal()})
		}
	}
	ip4 := []byte{1, 4, 203, 0, 113, 77}
	for name, c := range map[string]struct {
		data   func(nonce []byte) []byte
		refuse bool
	}{
		"no nonce":            {func([]byte) []byte { return ip4 }, false},
		"another nonce":       {func(n []byte) []byte { return append(bytes.Clone(ip4), bytes.Repeat([]byte{7}, len(n))...) }, false},
		"half a nonce":        {func(n []byte) []byte { return append(bytes.Clone(ip4), n[:16]...) }, false},
		"nothing":             {func([]byte) []byte { return nil }, false},
		"longer than it is":   {func(n []byte) []byte { return append([]byte{1, 255, 1, 2, 3, 4}, n...) }, false},
		"an unknown kind":     {func(n []byte) []byte { return append([]byte{4, 4, 203, 0, 113, 77}, n...) }, false},
		"an address too long": {func(n []byte) []byte { return append([]byte{1, 5, 203, 0, 113, 77, 1}, n...) }, false},
		"to everybody":        {func(n []byte) []byte { return append([]byte{1, 4, 255, 255, 255, 255}, n...) }, false},
		"to this machine":     {func(n []byte) []byte { return append([]byte{1, 4, 127, 0, 0, 1}, n...) }, false},
		"an empty name":       {func(n []byte) []byte { return append([]byte{3, 0}, n...) }, false},
		"a name that is none": {func(n []byte) []byte { return append(append([]byte{3, 7}, "a b;c.d"...), n...) }, false},
		"refused by profile":  {func(n []byte) []byte { return append(bytes.Clone(ip4), n...) }, true},
		"before the real one": {func(n []byte) []byte { return append(bytes.Clone(ip4), n...) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, iketest.PairConfig{
				Conditions: iketest.Conditions{Delay: 50 * time.Millisecond},
				Client:     func(cc *ike.Config) { cc.NoRedirect = c.refuse },
			})
			connect(t, p)
			forge(c.data)(p)
			mustUp(t, p)
			if p.Gateway.FollowsRedirects == c.refuse {
				t.Errorf("REDIRECT_SUPPORTED was sent: %v (RFC 5685 3)", p.Gateway.FollowsRedirects)
			}
		})
	}
}

// A listener on the way names another gateway. It is one hint among others: a
// forged error does not stand in its way, nor does it in that of an answer.
func TestRedirectAndForgedError(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{
		Conditions: iketest.Conditions{Delay: 100 * time.Millisecond},
		Gateway:    func(r *iketest.ResponderConfig) { r.RedirectInit = gateways[0] },
	})
	connect(t, p)
	m, err := wire.ParseMessage(p.Sent[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	lie := wire.Message{
		Header:   wire.Header{InitiatorSPI: m.InitiatorSPI, Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagResponse},
		Payloads: []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyNoProposalChosen}},
	}
	p.Network.Inject(p.Now, iketest.Packet{From: p.Sent[0].To, To: p.Sent[0].From, Data: lie.Marshal()})
	mustTurn(t, p, gateways[0])
}

// RFC 5685 6: in IKE_AUTH the redirect counts once the gateway has proven who it
// is, and the IKE SA is deleted.
//
//	--> IKE_AUTH { IDi, ... }  <-- IKE_AUTH { IDr, AUTH, N(REDIRECT) }  --> INFORMATIONAL { D }
func TestRedirectInAuth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gateway func(*iketest.ResponderConfig)
		client  func(*ike.Config)
	}{
		"EAP, at once": {func(r *iketest.ResponderConfig) { r.RedirectAuth = gateways[2] }, nil},
		"EAP, at last": {func(r *iketest.ResponderConfig) { r.RedirectLast = gateways[2] }, nil},
		"PSK, one step": {func(r *iketest.ResponderConfig) {
			r.RedirectAuth = gateways[2]
			r.Client = iketest.ClientByPSK
			r.Certificate = nil
		}, func(c *ike.Config) { c.Client, c.Gateway = ike.ClientPSK, ike.GatewayPSK }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, iketest.PairConfig{Gateway: c.gateway, Client: c.client})
			connect(t, p)
			mustTurn(t, p, gateways[2])
			p.Drive(time.Second)
			if p.Gateway.Deleted != 1 {
				t.Errorf("%d IKE SAs were deleted, want the one that is left", p.Gateway.Deleted)
			}
		})
	}
}

// RFC 5685 6: a redirect in IKE_AUTH without AUTH, or with one that does not
// verify, or of a gateway whose certificate nobody trusts, leads nowhere.
func TestRedirectInAuthUnproven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(x *iketest.Exchange)
		other *iketest.Authority
		want  ike.Cause
	}{
		"no AUTH": {spoil: func(x *iketest.Exchange) {
			n, _ := wire.Notify(x.Response, wire.NotifyRedirect)
			x.Response = []wire.Payload{n}
		}, want: ike.CauseGatewayAuth},
		"a wrong AUTH": {spoil: func(x *iketest.Exchange) {
			a, _ := wire.Find[*wire.AuthPayload](x.Response)
			a.Data[len(a.Data)-1] ^= 1
		}, want: ike.CauseGatewayAuth},
		"an untrusted chain": {other: iketest.NewAuthority("Other CA", iketest.P256), want: ike.CauseGatewayCert},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
				r.RedirectAuth = gateways[0]
				if c.other != nil {
					r.Certificate = c.other.Issue(iketest.Leaf{DNSNames: []string{iketest.GatewayName}})
				}
				r.OnReply = func(x *iketest.Exchange) {
					if x.Header.Exchange == wire.ExchangeIKEAuth && c.spoil != nil {
						c.spoil(x)
					}
				}
			}})
			connect(t, p)
			if !p.Down(time.Minute) || p.Cause() != c.want {
				t.Errorf("ended with %q, want %q", p.Cause(), c.want)
			}
		})
	}
}

// RFC 5685 5: a gateway names another later on. The request is answered with
// nothing, the owner is told, and the Session goes on.
//
//	<-- INFORMATIONAL { N(REDIRECT) }  --> INFORMATIONAL { }
func TestRedirectLater(t *testing.T) {
	t.Parallel()
	for _, to := range gateways {
		p := connected(t, iketest.PairConfig{})
		if err := p.Tell(func(now time.Time) error { return p.Gateway.Redirect(now, to) }); err != nil {
			t.Fatal(err)
		}
		p.Drive(time.Second)
		e, ok := p.Events[len(p.Events)-1].(ike.Redirect)
		if !ok || e.To != ike.GatewayAt(to) {
			t.Errorf("the owner was told %v, want a redirect to %s", p.Events[len(p.Events)-1], to)
		}
		mustAgree(t, p)
	}
	p := connected(t, iketest.PairConfig{Client: func(c *ike.Config) { c.NoRedirect = true }})
	if err := p.Tell(func(now time.Time) error { return p.Gateway.Redirect(now, gateways[0]) }); err != nil {
		t.Fatal(err)
	}
	p.Drive(time.Second)
	if iketest.Count[ike.Redirect](p) != 0 {
		t.Error("a redirect is told of though the profile refuses it")
	}
	mustAgree(t, p)
}

// RFC 5685 3: with NoRedirect a REDIRECT in IKE_AUTH is not followed either; the
// gateway made no Child SA, so the end has another cause.
func TestRedirectInAuthRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{
		Client: func(c *ike.Config) { c.NoRedirect, c.Client, c.Gateway = true, ike.ClientPSK, ike.GatewayPSK },
		Gateway: func(r *iketest.ResponderConfig) {
			r.Client, r.Certificate = iketest.ClientByPSK, nil
			r.OnReply = func(x *iketest.Exchange) {
				if x.Header.Exchange == wire.ExchangeIKEAuth {
					to := append([]byte{1, 4}, netip.MustParseAddr(gateways[0]).AsSlice()...)
					x.Response = append(x.Response[:2:2], &wire.NotifyPayload{NotifyType: wire.NotifyRedirect, Data: to})
				}
			}
		},
	})
	connect(t, p)
	if !p.Down(time.Minute) || p.Cause() != ike.CauseNoChild {
		t.Errorf("ended with %q, want %q", p.Cause(), ike.CauseNoChild)
	}
}

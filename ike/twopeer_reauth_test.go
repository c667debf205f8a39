package ike_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// until gives what the owner was told of the sign-in's end, in order.
func until(p *iketest.Pair) (out []ike.Reauthenticate) {
	for _, e := range p.Events {
		if r, ok := e.(ike.Reauthenticate); ok {
			out = append(out, r)
		}
	}
	return out
}

// RFC 4478 2:
//
//	<-- IKE_AUTH { AUTH, CP, SA, TSi, TSr, N(AUTH_LIFETIME) }
//	<-- INFORMATIONAL { N(AUTH_LIFETIME) }  --> INFORMATIONAL { }
func TestAuthLifetime(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.AuthLifetime = time.Hour }})
	connect(t, p)
	mustUp(t, p)
	if got := until(p); len(got) != 1 || got[0] != (ike.Reauthenticate{Lifetime: time.Hour, By: p.Now.Add(time.Hour)}) {
		t.Fatalf("told %v", got)
	}
	p.Drive(10 * time.Minute)
	if err := p.Tell(func(now time.Time) error { return p.Gateway.LimitAuthentication(now, 5*time.Minute) }); err != nil {
		t.Fatal(err)
	}
	asked := p.Now
	p.Drive(time.Second)
	if got := until(p); len(got) != 2 || got[1].By.Sub(asked) != 5*time.Minute {
		t.Errorf("told %v", got)
	}
	mustAgree(t, p)
}

// RFC 4478 2: a rekey of the IKE SA does not prolong the sign-in, so the Session
// says nothing new after one.
func TestAuthLifetimeOverRekey(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.AuthLifetime = time.Hour }})
	if err := p.Do(ike.RekeyIKE{}); err != nil {
		t.Fatal(err)
	}
	p.Drive(5 * time.Second)
	if iketest.Count[ike.IKERekeyed](p) != 1 || len(until(p)) != 1 {
		t.Errorf("%d rekeys, told %v", iketest.Count[ike.IKERekeyed](p), until(p))
	}
	mustAgree(t, p)
}

// RFC 4478 3: a lifetime is four octets; anything else says nothing, and the
// request is answered all the same.
func TestAuthLifetimeOfAWrongLength(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{nil, {1}, {0, 0, 1}, {0, 0, 0, 0, 1}} {
		p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.OnReply = func(x *iketest.Exchange) {
				if x.Header.Exchange == wire.ExchangeIKEAuth {
					x.Response = append(x.Response, &wire.NotifyPayload{NotifyType: wire.NotifyAuthLifetime, Data: data})
				}
			}
		}})
		connect(t, p)
		mustUp(t, p)
		if got := until(p); len(got) != 0 {
			t.Errorf("%d octets: told %v", len(data), got)
		}
	}
}

// RFC 4478 2, RFC 7296 2.4: a second session of the same client stands beside the
// first where it does not say INITIAL_CONTACT, and is given the same address.
func TestSecondSessionBesideTheFirst(t *testing.T) {
	t.Parallel()
	held := []netip.Addr{netip.MustParseAddr("10.99.0.5"), netip.MustParseAddr("fd99::5")}
	p := connected(t, iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.InitialContact, c.RequestIPv6, c.RequestAddresses = false, true, held
			c.LocalTS, c.RemoteTS = nil, nil
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Addresses = []netip.Prefix{netip.PrefixFrom(held[0], 32), netip.PrefixFrom(held[1], 128)}
		},
	})
	if p.Gateway.InitialContacts != 0 {
		t.Error("INITIAL_CONTACT was sent, which ends the other session")
	}
	if !slices.Equal(p.Gateway.Asked, held) {
		t.Errorf("asked for %v, want %v (RFC 7296 2.19)", p.Gateway.Asked, held)
	}
}

// RFC 7296 2.19, 2.20, 3.15: what a gateway asks for, or sets, later on.
//
//	<-- INFORMATIONAL { CP(CFG_REQUEST) }  --> INFORMATIONAL { CP(CFG_REPLY) }
//	<-- INFORMATIONAL { CP(CFG_SET) }      --> INFORMATIONAL { CP(CFG_ACK) }
func TestGatewayConfiguresClient(t *testing.T) {
	t.Parallel()
	type attrs = []wire.ConfigAttribute
	for name, c := range map[string]struct {
		request wire.CPPayload
		want    *wire.CPPayload
	}{
		"version": {
			wire.CPPayload{CFGType: wire.CFGRequest, Attributes: attrs{{Type: wire.ApplicationVersion}}},
			&wire.CPPayload{CFGType: wire.CFGReply, Attributes: attrs{{Type: wire.ApplicationVersion}}},
		},
		"supported attributes": {
			wire.CPPayload{CFGType: wire.CFGRequest, Attributes: attrs{{Type: wire.SupportedAttributes}}},
			&wire.CPPayload{CFGType: wire.CFGReply, Attributes: attrs{{Type: wire.SupportedAttributes, Value: []byte{0, 7, 0, 14}}}},
		},
		"unknown, and twice the same": {
			wire.CPPayload{CFGType: wire.CFGRequest, Attributes: attrs{{Type: 30000}, {Type: 7}, {Type: 7}, {Type: wire.InternalIP4Address}}},
			&wire.CPPayload{CFGType: wire.CFGReply, Attributes: attrs{{Type: wire.ApplicationVersion}}},
		},
		"a set": {
			wire.CPPayload{CFGType: wire.CFGSet, Attributes: attrs{{Type: wire.InternalIP4DNS, Value: []byte{6, 6, 6, 6}}}},
			&wire.CPPayload{CFGType: wire.CFGAck},
		},
		"an answer to nothing": {wire.CPPayload{CFGType: wire.CFGReply}, nil},
		"an unknown type":      {wire.CPPayload{CFGType: 200}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := connected(t, iketest.PairConfig{})
			events := len(p.Events)
			if err := p.Tell(func(now time.Time) error { return p.Gateway.Configure(now, &c.request) }); err != nil {
				t.Fatal(err)
			}
			p.Drive(time.Second)
			got := p.Gateway.Configured
			if c.want == nil {
				if len(got) != 0 {
					t.Errorf("answered %v", got[0])
				}
			} else if len(got) != 1 || !bytesEqual(got[0], c.want) {
				t.Errorf("answered %v, want %v", got, c.want)
			}
			if len(p.Events) != events {
				t.Errorf("the owner was told %v", p.Events[events:])
			}
			mustAgree(t, p)
		})
	}
}

func bytesEqual(a, b wire.Payload) bool {
	return string(a.AppendBody(nil)) == string(b.AppendBody(nil))
}

// RFC 7296 2.20: the gateway's version is asked for, cut to a length, and cleaned.
func TestApplicationVersion(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.Version = "office 7\x1b[2J" }})
	if got := p.Established.Configuration.Version; got != "office 7[2J" {
		t.Errorf("version %q", got)
	}
}

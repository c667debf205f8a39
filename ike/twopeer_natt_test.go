package ike_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// blockPort makes the network lose everything to and from a port of the gateway.
func blockPort(p *iketest.Pair, port uint16) {
	p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
		return 0, x.To.Port() == port && x.To.Addr() == iketest.GatewayPublic ||
			x.From.Port() == port && x.From.Addr() == iketest.GatewayPublic
	}
}

// RFC 7296 2.23: where port 500 is blocked, IKE_SA_INIT begins anew on 4500,
// behind the marker, and everything after it stays there.
//
//	--> :500  IKE_SA_INIT   lost, three times
//	--> :4500 IKE_SA_INIT { other SPI, Ni, KEi }   <-- IKE_SA_INIT
func TestTwoPeerPort500Blocked(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		c        iketest.PairConfig
		plain    int // tries on port 500
		longest  time.Duration
		requests int // different ones that the gateway sees
	}{
		"seven tries": {iketest.PairConfig{}, 3, 3100 * time.Millisecond, 1},
		"three tries, for there is another address": {iketest.PairConfig{
			Client: func(c *ike.Config) { c.Retransmit.InitTries = 3 }}, 2, 1500 * time.Millisecond, 1},
		"a gateway with cookies": {iketest.PairConfig{
			Gateway: func(r *iketest.ResponderConfig) { r.Cookie = true }}, 3, 3500 * time.Millisecond, 2},
		"behind a NAT": {iketest.PairConfig{ClientNAT: true}, 3, 3100 * time.Millisecond, 1},
		"by the profile": {iketest.PairConfig{
			Client: func(c *ike.Config) { c.Encap = true }}, 0, 100 * time.Millisecond, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, tt.c)
			blockPort(p, 500)
			connect(t, p)
			mustUp(t, p)
			if d := p.Now.Sub(iketest.Epoch); d > tt.longest {
				t.Errorf("connected after %v, want at most %v", d, tt.longest)
			}
			plain, spis := 0, map[wire.SPI]bool{}
			for _, s := range p.Sent {
				h := header(t, s.Data)
				if s.To.Port() == 500 {
					plain++
					spis[h.InitiatorSPI] = true
				} else if spis[h.InitiatorSPI] {
					t.Error("the request on 4500 has the SPI of the one on 500")
				}
				if s.Encap != (s.To.Port() == 4500) {
					t.Errorf("a message to %v, encapsulated %v", s.To, s.Encap)
				}
			}
			if plain != tt.plain {
				t.Errorf("%d tries on port 500, want %d", plain, tt.plain)
			}
			if init, _ := exchanges(p); init != tt.requests {
				t.Errorf("the gateway saw %d requests, want %d", init, tt.requests)
			}
			if !p.Gateway.ClientBehindNAT || p.Gateway.BehindNAT {
				t.Errorf("NAT detection told the gateway client %v, itself %v", p.Gateway.ClientBehindNAT, p.Gateway.BehindNAT)
			}
			mustSettle(t, p, time.Minute, 1)
		})
	}
}

// RFC 7296 2.21.1, 2.23: a gateway that answers on port 500 is not left for 4500,
// however slow it is to answer in full; and where both are blocked the tries of
// the configuration are all there are.
func TestTwoPeerPort500NotLeftWithoutNeed(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 600 * time.Millisecond}})
	if p.Sent[0].To.Port() != 500 {
		t.Errorf("IKE_SA_INIT went to %v", p.Sent[0].To)
	}
	for _, s := range p.Sent {
		if s.To.Port() == 4500 && header(t, s.Data).Exchange == wire.ExchangeIKESAInit {
			t.Error("IKE_SA_INIT went to 4500 though 500 answers")
		}
	}

	p = newPair(t, iketest.PairConfig{})
	p.Gateway.Silence(true)
	connect(t, p)
	mustFail(t, p, ike.CauseNoAnswer)
	if len(p.Sent) != 7 {
		t.Errorf("%d tries on both ports together, want 7", len(p.Sent))
	}
	if d := p.Now.Sub(iketest.Epoch); d > 31*time.Second {
		t.Errorf("the attempt took %v", d)
	}
}

// RFC 3948 4: a keepalive goes out when nothing else was sent for the interval,
// ESP packets included, and not otherwise; by the profile never.
func TestTwoPeerKeepaliveOnlyInSilence(t *testing.T) {
	t.Parallel()
	quiet := func(keepalive time.Duration) iketest.PairConfig {
		return iketest.PairConfig{Client: func(c *ike.Config) { c.NATKeepalive, c.Liveness = keepalive, -1 }}
	}
	p := connected(t, quiet(25*time.Second))
	p.Drive(101 * time.Second)
	if n := p.Gateway.Keepalives; n != 4 {
		t.Errorf("%d keepalives in 101 s of silence, want 4", n)
	}
	for range 20 { // a busy line
		p.Drive(10 * time.Second)
		if err := p.Do(ike.OutboundTraffic{At: p.Now.Add(-time.Second)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Gateway.Keepalives; n != 4 {
		t.Errorf("%d keepalives while ESP was sent", n-4)
	}
	last := p.Now.Add(-time.Second)
	if !p.Until(time.Minute, func() bool { return p.Gateway.Keepalives == 5 }) || p.Now.Sub(last) != 25*time.Second {
		t.Errorf("the next keepalive %v after the last packet, want 25s", p.Now.Sub(last))
	}
	if err := p.Do(ike.OutboundTraffic{At: p.Now.Add(time.Hour)}); err != nil { // a clock that was set back
		t.Fatal(err)
	}
	if !p.Until(26*time.Second, func() bool { return p.Gateway.Keepalives == 6 }) {
		t.Error("a packet from the future keeps the mapping for longer than one from now")
	}
	for range 5 { // IKE messages are packets too
		p.Drive(20 * time.Second)
		if err := p.Do(ike.CheckLiveness{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Gateway.Keepalives; n != 6 {
		t.Errorf("%d keepalives while IKE messages were sent", n-6)
	}

	p = connected(t, quiet(-1))
	p.Drive(10 * time.Minute)
	if n := p.Gateway.Keepalives; n != 0 {
		t.Errorf("%d keepalives, want none by the profile", n)
	}
}

// RFC 7296 2.11, 2.23: an initiator behind a NAT does not follow its peer to
// another address because a message came from there, not even an authentic one.
// It is answered to where it came from, and that is all.
func TestTwoPeerGatewaySourceIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := netip.MustParseAddrPort("192.0.2.66:4501")
	p := connected(t, iketest.PairConfig{ClientNAT: true})
	var caught []iketest.Packet
	p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
		if x.From.Addr() != iketest.GatewayPublic {
			return 0, false
		}
		caught = append(caught, *x)
		return 0, true
	}
	sent := len(p.Sent)
	if err := p.Tell(func(now time.Time) error { return p.Gateway.CheckLiveness(now, func() {}) }); err != nil {
		t.Fatal(err)
	}
	if len(caught) != 1 {
		t.Fatalf("%d messages of the gateway", len(caught))
	}
	moved := caught[0]
	moved.From, moved.To = elsewhere, netip.AddrPortFrom(iketest.ClientPrivate, 500)
	p.Network.Inject(p.Now, moved)
	p.Drive(time.Millisecond)
	if len(p.Sent) != sent+1 || p.Sent[sent].To != elsewhere {
		t.Fatalf("the answer: %+v", p.Sent[sent:])
	}
	p.Network.Intercept = nil
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	if to := p.Sent[len(p.Sent)-1].To; to != netip.AddrPortFrom(iketest.GatewayPublic, 4500) {
		t.Errorf("the next request goes to %v", to)
	}
	if iketest.Count[ike.Closed](p) != 0 {
		t.Error("closed")
	}
}

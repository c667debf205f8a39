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

// RFC 7296 2.4: a quiet peer is asked for a sign of life, from either side.
//
//	--> INFORMATIONAL { }  <-- INFORMATIONAL { }
func TestTwoPeerLiveness(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	p.Drive(5*time.Minute + time.Second)
	if n := p.Gateway.Received[wire.ExchangeInformational]; n < 4 || n > 5 {
		t.Errorf("%d checks in 5 minutes of silence, want one a minute", n)
	}
	answered := false
	if err := p.Tell(func(now time.Time) error { return p.Gateway.CheckLiveness(now, func() { answered = true }) }); err != nil {
		t.Fatal(err)
	}
	p.Drive(time.Second)
	if !answered {
		t.Error("the gateway's check was not answered")
	}
	mustAgree(t, p)
}

// RFC 7296 2.4: ESP that arrives is a sign of life, so nothing is asked.
func TestTwoPeerTrafficKeepsLivenessQuiet(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	for range 30 {
		p.Drive(20 * time.Second)
		if err := p.Do(ike.InboundTraffic{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Gateway.Received[wire.ExchangeInformational]; n != 0 {
		t.Errorf("%d checks in spite of traffic", n)
	}
}

// RFC 7296 2.4: an established peer that stays silent is dead after the last try.
func TestTwoPeerDeadGateway(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	died := p.Now
	p.Gateway.Silence(true)
	mustFail(t, p, ike.CausePeerDead)
	if took := p.Now.Sub(died); took < time.Minute || took > 2*time.Minute {
		t.Errorf("noticed after %v", took)
	}
}

// A gateway that is away for less than all tries take is not given up.
func TestTwoPeerGatewayComesBack(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	p.Gateway.Silence(true)
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	p.Drive(15 * time.Second)
	p.Gateway.Silence(false)
	mustSettle(t, p, time.Minute, 1)
}

// RFC 7296 1.4.1: the client closes, and the gateway holds nothing more.
//
//	--> INFORMATIONAL { D(IKE) }  <-- INFORMATIONAL { }
func TestTwoPeerClientDeletes(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 30 * time.Millisecond}})
	if err := p.Do(ike.Delete{}); err != nil {
		t.Fatal(err)
	}
	if !p.Down(10*time.Second) || p.Closed.Failure != nil {
		t.Fatalf("closed: %+v", p.Closed)
	}
	if p.Gateway.IKESAs() != 0 || len(p.Gateway.Children()) != 0 {
		t.Error("the gateway still holds SAs")
	}
	mustBehave(t, p)
}

// An unreachable gateway holds up a disconnect for two seconds at most.
func TestTwoPeerDeleteIsBounded(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	p.Gateway.Silence(true)
	start := p.Now
	if err := p.Do(ike.Delete{}); err != nil {
		t.Fatal(err)
	}
	if !p.Down(time.Minute) || p.Closed.Failure != nil {
		t.Fatalf("closed: %+v", p.Closed)
	}
	if took := p.Now.Sub(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// RFC 7296 1.4.1: the gateway closes.
//
//	<-- INFORMATIONAL { D(IKE) }  --> INFORMATIONAL { }
func TestTwoPeerGatewayDeletes(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	if err := p.Tell(p.Gateway.DeleteIKE); err != nil {
		t.Fatal(err)
	}
	mustFail(t, p, ike.CauseClosedByGateway)
	p.Drive(5 * time.Second)
	if p.Gateway.IKESAs() != 0 {
		t.Error("the gateway did not get its answer")
	}
	mustBehave(t, p)
}

// RFC 7296 1.4.1: the gateway deletes the only Child SA; an IKE SA without one
// carries nothing, so the line is closed.
//
//	<-- INFORMATIONAL { D(ESP) }  --> INFORMATIONAL { D(ESP) }
//	--> INFORMATIONAL { D(IKE) }  <-- INFORMATIONAL { }
func TestTwoPeerGatewayDeletesChild(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	spi := p.Active().OutboundSPI
	if err := p.Tell(func(now time.Time) error { return p.Gateway.DeleteChild(now, spi) }); err != nil {
		t.Fatal(err)
	}
	mustFail(t, p, ike.CauseClosedByGateway)
	p.Drive(5 * time.Second)
	if p.Gateway.IKESAs() != 0 || len(p.Gateway.Children()) != 0 {
		t.Error("the gateway still holds SAs")
	}
	if p.Gateway.EmptyDeletes != 0 {
		t.Error("the answer to the Delete does not name the other direction")
	}
	mustBehave(t, p)
}

// Both ends close at once: neither fails (RFC 7296 1.4.1).
func TestTwoPeerDeletesCross(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Conditions: iketest.Conditions{Delay: 50 * time.Millisecond}})
	if err := p.Do(ike.Delete{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Tell(p.Gateway.DeleteIKE); err != nil {
		t.Fatal(err)
	}
	if !p.Down(10*time.Second) || p.Closed.Failure != nil {
		t.Fatalf("closed: %+v", p.Closed)
	}
	mustBehave(t, p)
}

// RFC 7296 2.8: both SAs are rekeyed before their lifetimes end, for a day
// long, without a moment without an SA that both ends hold.
func TestTwoPeerLifetimes(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{
		ClientNAT:  true,
		Conditions: iketest.Conditions{Delay: 30 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.05},
		Client:     patient,
	})
	if left := p.Established.RekeyAt.Sub(p.Now); left <= 3*time.Hour || left >= 4*time.Hour {
		t.Errorf("IKE SA rekey in %v, want some time before 4 h", left)
	}
	if left := p.Active().RekeyAt.Sub(p.Now); left <= 45*time.Minute || left >= time.Hour {
		t.Errorf("Child SA rekey in %v, want some time before 1 h", left)
	}
	p.OnStep = func() { carries(t, p) }
	p.Drive(24 * time.Hour)
	if p.Closed != nil {
		t.Fatalf("closed: %v", p.Closed.Failure)
	}
	mustAgree(t, p)
	if n := iketest.Count[ike.IKERekeyed](p); n < 5 || n > 8 {
		t.Errorf("%d IKE rekeys in a day", n)
	}
	if n := iketest.Count[ike.ChildAdded](p); n < 24 || n > 33 {
		t.Errorf("%d child SAs in a day", n)
	}
}

// carries checks that a packet sent at this moment finds its SA at the other
// end: what the client sends on, the gateway can receive, or has only just
// stopped to; and the client can receive on everything that the gateway holds
// and that it has been told of.
func carries(t *testing.T, p *iketest.Pair) {
	t.Helper()
	a := p.Active()
	if a == nil {
		t.Errorf("at %v the client sends nowhere", p.Now.Sub(iketest.Epoch))
		return
	}
	held := slices.ContainsFunc(p.Gateway.Children(), func(c *iketest.Child) bool { return c.InboundSPI == a.OutboundSPI })
	if !held {
		t.Errorf("at %v the client sends on %08x, which the gateway does not hold", p.Now.Sub(iketest.Epoch), a.OutboundSPI)
	}
}

// RFC 7296 2.19, 3.15, RFC 8598: everything that a gateway hands out arrives.
//
//	--> CP(CFG_REQUEST)  <-- CP(CFG_REPLY)
func TestTwoPeerConfiguration(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.RequestIPv6 = true
			c.LocalTS = []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
			c.RemoteTS = c.LocalTS
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.Addresses = []netip.Prefix{netip.MustParsePrefix("10.99.0.5/24"), netip.MustParsePrefix("2001:db8:99::5/64")}
			r.DNS = []netip.Addr{netip.MustParseAddr("10.99.0.53"), netip.MustParseAddr("2001:db8:99::53")}
			r.Subnets = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
			r.Domains = []string{"corp.example.com", "example.org"}
			r.Version = "gateway 1.0"
		},
	})
	c := p.Established.Configuration
	if !slices.Equal(c.Addresses, []netip.Prefix{netip.MustParsePrefix("10.99.0.5/24"), netip.MustParsePrefix("2001:db8:99::5/64")}) {
		t.Errorf("addresses %v", c.Addresses)
	}
	if !slices.Equal(c.DNS, []netip.Addr{netip.MustParseAddr("10.99.0.53"), netip.MustParseAddr("2001:db8:99::53")}) {
		t.Errorf("DNS %v", c.DNS)
	}
	if !slices.Equal(c.Subnets, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}) {
		t.Errorf("subnets %v", c.Subnets)
	}
	if !slices.Equal(c.Domains, []string{"corp.example.com", "example.org"}) || c.Version != "gateway 1.0" {
		t.Errorf("domains %q, version %q", c.Domains, c.Version)
	}
	if a := p.Active(); len(a.LocalTS) != 2 || len(a.RemoteTS) != 2 {
		t.Errorf("selectors %v and %v", a.LocalTS, a.RemoteTS)
	}
}

// A gateway without IPv6 gives what it has.
func TestTwoPeerOneFamilyOnly(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Client: func(c *ike.Config) {
		c.RequestIPv6 = true
		c.LocalTS = []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
		c.RemoteTS = c.LocalTS
	}})
	if got := p.Established.Configuration.Addresses; len(got) != 1 || !got[0].Addr().Is4() {
		t.Errorf("addresses %v", got)
	}
	if a := p.Active(); len(a.LocalTS) != 1 || a.LocalTS[0].Start != netip.MustParseAddr("10.99.0.5") {
		t.Errorf("our selectors %v", a.LocalTS)
	}
}

// RFC 7296 2.9: the gateway narrows to what it protects, and a rekey keeps it so.
func TestTwoPeerNarrowing(t *testing.T) {
	t.Parallel()
	want := []wire.TrafficSelector{
		wire.SelectorFromPrefix(netip.MustParsePrefix("10.1.0.0/16")), wire.SelectorFromPrefix(netip.MustParsePrefix("172.16.0.0/12")),
	}
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.LocalTS = want }})
	if got := p.Active().RemoteTS; !slices.Equal(got, want) {
		t.Errorf("selectors %v", got)
	}
	if err := p.Do(ike.RekeyChild{InboundSPI: p.Active().InboundSPI}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 10*time.Second, 1)
	if got := p.Active().RemoteTS; !slices.Equal(got, want) {
		t.Errorf("selectors after the rekey %v", got)
	}
}

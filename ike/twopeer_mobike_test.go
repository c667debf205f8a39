package ike_test

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// mobile is a Pair whose gateway speaks MOBIKE and is at two IPv4 addresses and
// one of IPv6, of which the client is told those that others names.
func mobile(t *testing.T, change func(*iketest.PairConfig, *iketest.MOBIKE), others ...netip.Addr) *iketest.Pair {
	t.Helper()
	m := &iketest.MOBIKE{Addresses: others}
	c := iketest.PairConfig{
		Conditions: iketest.Conditions{Delay: 20 * time.Millisecond},
		Gateway:    func(r *iketest.ResponderConfig) { r.MOBIKE = m },
	}
	if change != nil {
		change(&c, m)
	}
	p := newPair(t, c)
	p.Network.Gateways = []netip.Addr{iketest.GatewaySecond, iketest.GatewayPublic6}
	connect(t, p)
	mustUp(t, p)
	return p
}

// tellAddresses says what the client's owner knows of addresses.
func tellAddresses(t *testing.T, p *iketest.Pair, local, remote []netip.Addr) {
	t.Helper()
	if err := p.Do(ike.Addresses{Local: local, Remote: remote}); err != nil {
		t.Fatal(err)
	}
	p.Drive(time.Second)
}

// mustMove moves the client and waits until the gateway has agreed.
func mustMove(t *testing.T, p *iketest.Pair, client, gateway netip.Addr) {
	t.Helper()
	before := iketest.Count[ike.Moved](p)
	if err := p.MoveTo(client, gateway); err != nil {
		t.Fatal(err)
	}
	mustHaveMoved(t, p, before, time.Minute)
}

// mustHaveMoved waits for one more Moved, and wants both ends to mean the same path.
func mustHaveMoved(t *testing.T, p *iketest.Pair, before int, limit time.Duration) ike.Moved {
	t.Helper()
	if !p.Until(limit, func() bool { return iketest.Count[ike.Moved](p) > before || p.Closed != nil }) || p.Closed != nil {
		t.Fatalf("not moved (%v)", p.Cause())
	}
	moved := lastOf[ike.Moved](t, p)
	p.Drive(100 * time.Millisecond)
	at := p.Gateway.Address()
	if at.From != moved.Remote {
		t.Errorf("the gateway speaks from %v, the client moved to %v", at.From, moved.Remote)
	}
	if esp := p.Gateway.ESP(); esp.To != at.To || esp.From != at.From {
		t.Errorf("the gateway's ESP goes from %v to %v, its IKE from %v to %v", esp.From, esp.To, at.From, at.To)
	}
	mustBehave(t, p)
	return moved
}

// lastOf is the newest event of a type.
func lastOf[E ike.Event](t *testing.T, p *iketest.Pair) E {
	t.Helper()
	for i := len(p.Events) - 1; i >= 0; i-- {
		if e, ok := p.Events[i].(E); ok {
			return e
		}
	}
	var none E
	t.Fatalf("no %T", none)
	return none
}

// sentSince lists what the client sent since it had sent n datagrams.
func sentSince(p *iketest.Pair, n int) []iketest.Packet { return p.Sent[n:] }

// requests makes the gateway keep every request of the client's that it takes.
func requests(seen *[][]wire.Payload) func(*iketest.Exchange) bool {
	return func(x *iketest.Exchange) bool {
		*seen = append(*seen, slices.Clone(x.Request))
		return true
	}
}

// has tells whether a notification is among payloads.
func has(ps []wire.Payload, n wire.NotifyType) bool { _, ok := wire.Notify(ps, n); return ok }

// TestMOBIKENegotiation: MOBIKE is used where both ends say so in the messages
// with the SA payload, and nowhere else (RFC 4555 3.2).
func TestMOBIKENegotiation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		gateway, client bool
	}{{"both", true, true}, {"gateway only", true, false}, {"client only", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var seen [][]wire.Payload
			p := connected(t, iketest.PairConfig{
				Client: func(cc *ike.Config) { cc.NoMOBIKE = !c.client },
				Gateway: func(r *iketest.ResponderConfig) {
					r.OnRequest = requests(&seen)
					if c.gateway {
						r.MOBIKE = &iketest.MOBIKE{}
					}
				},
			})
			for _, ps := range seen {
				_, withSA := wire.Find[*wire.SAPayload](ps)
				if got := has(ps, wire.NotifyMOBIKESupported); got != (withSA && c.client) {
					t.Errorf("MOBIKE_SUPPORTED beside an SA payload %v: %v", withSA, got)
				}
			}
			agreed := c.gateway && c.client
			if p.Established.MOBIKE != agreed {
				t.Errorf("Established says %v", p.Established.MOBIKE)
			}
			err := p.MoveTo(iketest.ClientMobile, netip.Addr{})
			if errors.Is(err, ike.ErrNoMOBIKE) == agreed {
				t.Errorf("Move: %v", err)
			}
			p.Drive(2 * time.Second)
			if want := map[bool]int{true: 1}[agreed]; p.Gateway.Updates != want {
				t.Errorf("%d updates, want %d", p.Gateway.Updates, want)
			}
			mustBehave(t, p)
		})
	}
}

// TestMOBIKEMoves: from network to network, from behind a NAT to before it and
// back, from IPv4 to IPv6 and back, with the line's SAs as they were; what
// follows, rekeys included, goes the new way (RFC 4555 3.5).
//
//	--> INFORMATIONAL { N(UPDATE_SA_ADDRESSES), N(NAT_DETECTION_*) }   from the new address
//	<-- INFORMATIONAL { N(NAT_DETECTION_*) }
func TestMOBIKEMoves(t *testing.T) {
	t.Parallel()
	p := mobile(t, func(c *iketest.PairConfig, _ *iketest.MOBIKE) { c.ClientNAT = true }, iketest.GatewayPublic6)
	direct := netip.MustParseAddr("198.51.100.99")
	p.Network.NATs = map[netip.Addr]netip.Addr{
		direct: {}, iketest.ClientMobile: iketest.NATMobile, iketest.ClientPublic6: {},
	}
	first := p.Active().InboundSPI
	for _, step := range []struct {
		client, gateway netip.Addr
		behind          bool
	}{
		{direct, netip.Addr{}, false},
		{iketest.ClientMobile, netip.Addr{}, true},
		{iketest.ClientPublic6, iketest.GatewayPublic6, false},
		{iketest.ClientMobile, iketest.GatewayPublic, true},
		{iketest.ClientPrivate, netip.Addr{}, true},
	} {
		asked := p.Now
		mustMove(t, p, step.client, step.gateway)
		moved := lastOf[ike.Moved](t, p)
		if moved.Local.Addr() != step.client || moved.Behind.Us != step.behind || moved.Remote.Port() != 4500 {
			t.Errorf("moved to %+v, want %+v", moved, step)
		}
		if took := p.Now.Sub(asked); took > 200*time.Millisecond {
			t.Errorf("moving took %v on a wire of 40 ms", took)
		}
		if p.Active().InboundSPI != first {
			t.Error("a move made another Child SA")
		}
	}
	if err := p.Do(ike.RekeyIKE{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Do(ike.RekeyChild{InboundSPI: first}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 3*time.Minute, 1)
	if n := iketest.Count[ike.Moved](p); n != 6 { // five, and the one after the rekey (RFC 4555 3.8)
		t.Errorf("%d moves", n)
	}
}

// TestMOBIKEMoveInFlight: a request under way when the path changes goes out
// again at once on the new one, with the same octets; UPDATE_SA_ADDRESSES waits
// for its answer (RFC 4555 3.5, RFC 7296 2.1, 2.3).
func TestMOBIKEMoveInFlight(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(p *iketest.Pair) ike.Command{
		"a rekey of the Child SA": func(p *iketest.Pair) ike.Command { return ike.RekeyChild{InboundSPI: p.Active().InboundSPI} },
		"a rekey of the IKE SA":   func(*iketest.Pair) ike.Command { return ike.RekeyIKE{} },
		"a liveness check":        func(*iketest.Pair) ike.Command { return ike.CheckLiveness{} },
		"a path check":            func(*iketest.Pair) ike.Command { return ike.CheckPath{Size: 1400} },
	} {
		for family, at := range map[string][2]netip.Addr{
			"IPv4": {iketest.ClientMobile, iketest.GatewayPublic}, "IPv6": {iketest.ClientPublic6, iketest.GatewayPublic6},
		} {
			t.Run(name+" to "+family, func(t *testing.T) {
				t.Parallel()
				moveInFlight(t, begin, at[0], at[1])
			})
		}
	}
}

func moveInFlight(t *testing.T, begin func(p *iketest.Pair) ike.Command, client, gateway netip.Addr) {
	t.Helper()
	p := mobile(t, nil, iketest.GatewayPublic6)
	n := len(p.Sent)
	p.Network.Cut(iketest.ClientPublic, iketest.GatewayPublic, true)
	if err := p.Do(begin(p)); err != nil {
		t.Fatal(err)
	}
	p.Drive(100 * time.Millisecond)
	request := sentSince(p, n)[0]
	n = len(p.Sent)
	mustMove(t, p, client, gateway)
	again := sentSince(p, n)[0]
	if !bytes.Equal(again.Data, request.Data) || again.From.Addr() != client || again.To.Addr() != gateway {
		t.Errorf("the first datagram after the move goes from %v to %v, and the same octets: %v",
			again.From, again.To, bytes.Equal(again.Data, request.Data))
	}
	mustSettle(t, p, time.Minute, 1)
}

// TestMOBIKELatePacket: what arrives late at an address that was left does not
// bring the line back there (RFC 4555 3.8).
func TestMOBIKELatePacket(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	p.Rehome(iketest.ClientMobile, iketest.ClientPublic)
	if err := p.Tell(func(now time.Time) error { return p.Gateway.CheckLiveness(now, nil) }); err != nil {
		t.Fatal(err)
	}
	if err := p.Do(ike.Move{Local: p.Local()}); err != nil {
		t.Fatal(err)
	}
	mustHaveMoved(t, p, 0, time.Second)
	n := len(p.Sent)
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	if at := sentSince(p, n)[0].From.Addr(); at != iketest.ClientMobile {
		t.Errorf("goes on from %v", at)
	}
	mustSettle(t, p, time.Second, 1)
}

// TestMOBIKEMovesCoalesce: however often the path changes while an exchange is
// under way, one UPDATE_SA_ADDRESSES follows, from the last address (RFC 4555 3.5).
func TestMOBIKEMovesCoalesce(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	p.Gateway.Silence(true)
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := p.MoveTo(netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}), netip.Addr{}); err != nil {
			t.Fatal(err)
		}
		p.Drive(10 * time.Millisecond)
	}
	p.Gateway.Silence(false)
	moved := mustHaveMoved(t, p, 0, time.Minute)
	p.Drive(10 * time.Second)
	if moved.Local.Addr() != netip.MustParseAddr("192.0.2.29") || p.Gateway.Updates != 1 || iketest.Count[ike.Moved](p) != 1 {
		t.Errorf("moved to %v with %d updates", moved.Local, p.Gateway.Updates)
	}
}

// TestMOBIKEOutdatedAnswer: the answer to an UPDATE_SA_ADDRESSES that was sent
// before the path changed once more says nothing, and another one follows
// (RFC 4555 3.5).
func TestMOBIKEOutdatedAnswer(t *testing.T) {
	t.Parallel()
	p := mobile(t, func(_ *iketest.PairConfig, m *iketest.MOBIKE) {
		m.Refuse = func(from, _ netip.AddrPort) wire.NotifyType {
			if from.Addr() == iketest.ClientMobile {
				return wire.NotifyUnacceptableAddresses // which must not be held against the third address
			}
			return 0
		}
	})
	if err := p.MoveTo(iketest.ClientMobile, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	p.Drive(30 * time.Millisecond) // the gateway's answer is under way
	third := netip.MustParseAddr("192.0.2.88")
	if err := p.MoveTo(third, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if moved := mustHaveMoved(t, p, 0, time.Minute); moved.Local.Addr() != third {
		t.Errorf("moved to %v", moved.Local)
	}
	p.Drive(10 * time.Second)
	if n := iketest.Count[ike.MoveRefused](p); n != 0 || iketest.Count[ike.Moved](p) != 1 {
		t.Errorf("%d refusals, %d moves", n, iketest.Count[ike.Moved](p))
	}
}

// TestMOBIKECookie2: an address of the gateway's at which it was never seen is
// held to a return routability check; who gives another COOKIE2 back, or none,
// loses the IKE SA (RFC 4555 3.7). An address that has been proven is not
// checked again, nor is the one that IKE_AUTH went to.
func TestMOBIKECookie2(t *testing.T) {
	t.Parallel()
	t.Run("proven once", func(t *testing.T) {
		t.Parallel()
		var seen [][]wire.Payload
		p := mobile(t, func(c *iketest.PairConfig, m *iketest.MOBIKE) {
			c.Gateway = func(r *iketest.ResponderConfig) { r.MOBIKE, r.OnRequest = m, requests(&seen) }
		}, iketest.GatewaySecond)
		for _, step := range []struct {
			gateway netip.Addr
			cookie  bool
		}{{iketest.GatewayPublic, false}, {iketest.GatewaySecond, true}, {iketest.GatewayPublic, false}, {iketest.GatewaySecond, false}} {
			mustMove(t, p, iketest.ClientPublic, step.gateway)
			if got := has(seen[len(seen)-1], wire.NotifyCookie2); got != step.cookie {
				t.Errorf("to %v with COOKIE2: %v, want %v", step.gateway, got, step.cookie)
			}
		}
	})
	for name, bad := range map[string]func(*iketest.MOBIKE){
		"another": func(m *iketest.MOBIKE) { m.ForgeCookie = true },
		"none":    func(m *iketest.MOBIKE) { m.ForgetCookie = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mobile(t, func(_ *iketest.PairConfig, m *iketest.MOBIKE) { bad(m) }, iketest.GatewaySecond)
			if err := p.MoveTo(iketest.ClientPublic, iketest.GatewaySecond); err != nil {
				t.Fatal(err)
			}
			mustFail(t, p, ike.CauseProtocol)
			if iketest.Count[ike.Moved](p) != 0 {
				t.Error("moved to an address that is not proven")
			}
		})
	}
}

// TestMOBIKERoutabilityOfClient: the gateway's COOKIE2 comes back as it was, also
// while the client's own request is under way, and its ESP follows after that
// (RFC 4555 3.5, 3.7).
func TestMOBIKERoutabilityOfClient(t *testing.T) {
	t.Parallel()
	p := mobile(t, func(_ *iketest.PairConfig, m *iketest.MOBIKE) { m.Routability = true })
	mustMove(t, p, iketest.ClientMobile, netip.Addr{})
	answered := 0
	if err := p.Tell(func(now time.Time) error {
		return p.Gateway.CheckRoutability(now, func() { answered++ })
	}); err != nil {
		t.Fatal(err)
	}
	if err := p.Do(ike.RekeyChild{InboundSPI: p.Active().InboundSPI}); err != nil {
		t.Fatal(err)
	}
	mustSettle(t, p, 30*time.Second, 1)
	if answered != 1 {
		t.Errorf("%d checks answered", answered)
	}
}

// TestMOBIKEUnacceptableAddresses: a path that the gateway refuses is given up
// for another one that is known, and where there is none the one before stays
// (RFC 4555 3.5).
func TestMOBIKEUnacceptableAddresses(t *testing.T) {
	t.Parallel()
	refuse := func(_ *iketest.PairConfig, m *iketest.MOBIKE) {
		m.Refuse = func(from, _ netip.AddrPort) wire.NotifyType {
			if from.Addr() == iketest.ClientMobile {
				return wire.NotifyUnacceptableAddresses
			}
			return 0
		}
	}
	t.Run("another is known", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, refuse, iketest.GatewayPublic6)
		tellAddresses(t, p, []netip.Addr{iketest.ClientMobile, iketest.ClientPublic6}, nil)
		p.Rehome(iketest.ClientMobile, iketest.ClientPublic6)
		if err := p.Do(ike.Move{Local: p.Local()}); err != nil {
			t.Fatal(err)
		}
		if moved := mustHaveMoved(t, p, 0, time.Minute); moved.Local.Addr() != iketest.ClientPublic6 {
			t.Errorf("moved to %v", moved)
		}
	})
	t.Run("none is known", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, refuse)
		p.Rehome(iketest.ClientPublic, iketest.ClientMobile)
		if err := p.Do(ike.Move{Local: netip.AddrPortFrom(iketest.ClientMobile, 500)}); err != nil {
			t.Fatal(err)
		}
		p.Drive(5 * time.Second)
		if e := lastOf[ike.MoveRefused](t, p); e.Notify != wire.NotifyUnacceptableAddresses || e.Local.Addr() != iketest.ClientMobile {
			t.Errorf("%+v", e)
		}
		n := len(p.Sent)
		if err := p.Do(ike.CheckLiveness{}); err != nil {
			t.Fatal(err)
		}
		if at := sentSince(p, n)[0].From.Addr(); at != iketest.ClientPublic {
			t.Errorf("goes on from %v", at)
		}
		mustSettle(t, p, 10*time.Second, 1)
	})
}

// TestMOBIKEAdditionalAddresses: each end says where else it is, the whole list
// each time, and NO_ADDITIONAL_ADDRESSES when there is nothing else any more
// (RFC 4555 3.4, 3.6). Addresses that no gateway can have are left out.
func TestMOBIKEAdditionalAddresses(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil, iketest.GatewaySecond, iketest.GatewayPublic6,
		netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("0.0.0.0"))
	want := []netip.Addr{iketest.GatewayPublic, iketest.GatewaySecond, iketest.GatewayPublic6}
	if e := lastOf[ike.PeerAddresses](t, p); !slices.Equal(e.Addresses, want) {
		t.Errorf("the gateway is at %v, want %v", e.Addresses, want)
	}
	for _, list := range [][]netip.Addr{
		{iketest.ClientPublic, iketest.ClientMobile, iketest.ClientPublic6}, // the one in use is not told again
		{iketest.ClientMobile},
		{iketest.ClientPublic},
		{iketest.ClientPublic},
	} {
		tellAddresses(t, p, list, nil)
		told := slices.DeleteFunc(slices.Clone(list), func(a netip.Addr) bool { return a == iketest.ClientPublic })
		if !slices.Equal(p.Gateway.ClientAddresses, told) {
			t.Errorf("the gateway knows %v, want %v", p.Gateway.ClientAddresses, told)
		}
	}
	if n := p.Gateway.Received[wire.ExchangeInformational]; n != 3 {
		t.Errorf("%d requests for three lists", n)
	}
	mustBehave(t, p)
}

// TestMOBIKEGatewayMoves: the gateway says from a new address that the one in
// use is gone; the client answers there and moves to it. Only the list decides,
// not where a request comes from (RFC 4555 3.6, 3.8; RFC 7296 2.11).
func TestMOBIKEGatewayMoves(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil, iketest.GatewaySecond)
	tell := func(at netip.Addr, others []netip.Addr) {
		t.Helper()
		if err := p.Tell(func(now time.Time) error { return p.Gateway.Relocate(now, at, others, nil, nil) }); err != nil {
			t.Fatal(err)
		}
		n := len(p.Sent)
		p.Drive(30 * time.Millisecond)
		if to := sentSince(p, n)[0].To.Addr(); to != at {
			t.Errorf("answered to %v, asked from %v", to, at)
		}
		p.Drive(5 * time.Second)
	}
	tell(iketest.GatewaySecond, []netip.Addr{iketest.GatewayPublic})
	if n := iketest.Count[ike.Moved](p); n != 0 {
		t.Errorf("moved %d times though the address in use stays", n)
	}
	n := len(p.Sent)
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	if to := sentSince(p, n)[0].To.Addr(); to != iketest.GatewayPublic {
		t.Errorf("a request from elsewhere has changed the path to %v", to)
	}
	p.Drive(time.Second)
	tell(iketest.GatewaySecond, nil)
	if moved := lastOf[ike.Moved](t, p); moved.Remote != netip.AddrPortFrom(iketest.GatewaySecond, 4500) {
		t.Errorf("moved to %v", moved.Remote)
	}
	mustSettle(t, p, 10*time.Second, 1)
}

// TestMOBIKENATMapping: a NAT that gives us another place is noticed by the next
// liveness check, and the gateway is told where to send (RFC 4555 3.8).
//
//	--> INFORMATIONAL { N(NAT_DETECTION_*) }   <-- { N(NAT_DETECTION_*) }   another destination
//	--> INFORMATIONAL { N(UPDATE_SA_ADDRESSES), N(NAT_DETECTION_*) }   <-- { N(NAT_DETECTION_*) }
func TestMOBIKENATMapping(t *testing.T) {
	t.Parallel()
	p := mobile(t, func(c *iketest.PairConfig, _ *iketest.MOBIKE) { c.ClientNAT = true })
	p.Drive(5 * time.Minute)
	if n := p.Gateway.Updates; n != 0 {
		t.Fatalf("%d updates while nothing changed", n)
	}
	old := p.Gateway.ESP().To
	p.Network.Rebind()
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	mustHaveMoved(t, p, 0, 2*time.Second)
	if at := p.Gateway.ESP().To; at == old || p.Gateway.Updates != 1 {
		t.Errorf("the gateway sends to %v after %d updates, before to %v", at, p.Gateway.Updates, old)
	}
	p.Drive(5 * time.Minute)
	if n := p.Gateway.Updates; n != 1 {
		t.Errorf("%d updates for one change", n)
	}
}

// TestMOBIKERekeyed: what was agreed on holds for the IKE SAs that follow, whoever
// rekeys (RFC 4555 3.1: MOBIKE is a property that a rekeyed IKE SA keeps).
func TestMOBIKERekeyed(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil, iketest.GatewaySecond)
	for i := range 4 {
		if i%2 == 0 {
			if err := p.Do(ike.RekeyIKE{}); err != nil {
				t.Fatal(err)
			}
		} else if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
			t.Fatal(err)
		}
		p.Drive(10 * time.Second)
		mustMove(t, p, netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), netip.Addr{})
	}
	mustSettle(t, p, time.Minute, 1)
}

// TestMOBIKEMoveWhileIKERekeyed: the gateway rekeys the IKE SA while our
// UPDATE_SA_ADDRESSES is lost on it: the new one carries it (RFC 4555 3.5).
func TestMOBIKEMoveWhileIKERekeyed(t *testing.T) {
	t.Parallel()
	dropped := 0
	p := mobile(t, func(c *iketest.PairConfig, m *iketest.MOBIKE) {
		c.Gateway = func(r *iketest.ResponderConfig) {
			r.MOBIKE = m
			r.OnRequest = func(x *iketest.Exchange) bool {
				if has(x.Request, wire.NotifyUpdateSAAddresses) && dropped < 2 {
					dropped++
					return false
				}
				return true
			}
		}
	})
	p.Rehome(iketest.ClientMobile, iketest.ClientPublic)
	if err := p.Do(ike.Move{Local: p.Local()}); err != nil {
		t.Fatal(err)
	}
	if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
		t.Fatal(err)
	}
	mustHaveMoved(t, p, 0, time.Minute)
	mustSettle(t, p, time.Minute, 1)
}

// TestMOBIKEUpdateByTheGateway: UPDATE_SA_ADDRESSES is the original initiator's to
// send. A gateway that sends it is answered, and nothing changes (RFC 4555 3.5);
// nor does data in MOBIKE_SUPPORTED bother anybody (4.2.1).
func TestMOBIKEUpdateByTheGateway(t *testing.T) {
	t.Parallel()
	p := mobile(t, func(c *iketest.PairConfig, m *iketest.MOBIKE) {
		c.Gateway = func(r *iketest.ResponderConfig) {
			r.MOBIKE = m
			r.OnReply = func(x *iketest.Exchange) {
				if n, ok := wire.Notify(x.Response, wire.NotifyMOBIKESupported); ok {
					n.Data = []byte("from the future")
				}
			}
		}
	}, iketest.GatewaySecond)
	answered := false
	if err := p.Tell(func(now time.Time) error {
		return p.Gateway.Inform(now, iketest.GatewaySecond, []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyUpdateSAAddresses}},
			func([]wire.Payload) { answered = true })
	}); err != nil {
		t.Fatal(err)
	}
	p.Drive(time.Second)
	n := len(p.Sent)
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	if to := sentSince(p, n)[0].To.Addr(); to != iketest.GatewayPublic || !answered || !p.Established.MOBIKE {
		t.Errorf("the path leads to %v; answered: %v; MOBIKE: %v", to, answered, p.Established.MOBIKE)
	}
}

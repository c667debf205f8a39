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

// dual is a client with IPv4 and IPv6 at a gateway with both.
func dual(t *testing.T) *iketest.Pair {
	t.Helper()
	p := mobile(t, nil, iketest.GatewayPublic6)
	p.Rehome(iketest.ClientPublic, iketest.ClientPublic6)
	tellAddresses(t, p, []netip.Addr{iketest.ClientPublic, iketest.ClientPublic6}, nil)
	return p
}

// TestMOBIKEProbing: a path goes black without a word. The request that finds it
// out goes out on the other paths, too, as it is; the gateway's answer changes
// nothing there, and shows the client where to move to (RFC 4555 3.5, 3.8).
func TestMOBIKEProbing(t *testing.T) {
	t.Parallel()
	p := dual(t)
	p.Network.Cut(iketest.ClientPublic, iketest.GatewayPublic, true)
	n := len(p.Sent)
	black := p.Now
	if err := p.Do(ike.CheckLiveness{Urgent: true}); err != nil {
		t.Fatal(err)
	}
	moved := mustHaveMoved(t, p, 0, time.Minute)
	if moved.Local.Addr() != iketest.ClientPublic6 || moved.Remote.Addr() != iketest.GatewayPublic6 {
		t.Errorf("moved to %+v", moved)
	}
	if took := p.Now.Sub(black); took > 2*time.Second {
		t.Errorf("found another path after %v", took)
	}
	for _, x := range sentSince(p, n) {
		if id := x.Data[20:24]; bytes.Equal(id, p.Sent[n].Data[20:24]) && !bytes.Equal(x.Data, p.Sent[n].Data) {
			t.Errorf("a probe with other octets (RFC 7296 2.1)")
		}
	}
	mustSettle(t, p, 10*time.Second, 1)
	// And back, when that one goes black in its turn: the usual check finds it.
	p.Network.Cut(iketest.ClientPublic, iketest.GatewayPublic, false)
	p.Network.Cut(iketest.ClientPublic6, iketest.GatewayPublic6, true)
	if moved := mustHaveMoved(t, p, 1, 3*time.Minute); moved.Local.Addr() != iketest.ClientPublic {
		t.Errorf("moved back to %+v", moved)
	}
	mustSettle(t, p, 10*time.Second, 1)
}

// TestMOBIKEProbeProvesNothing: an answer to a request that went out to several
// addresses does not say that the gateway received it at this one; COOKIE2 in
// UPDATE_SA_ADDRESSES does (RFC 4555 3.7).
func TestMOBIKEProbeProvesNothing(t *testing.T) {
	t.Parallel()
	var update []wire.Payload
	p := mobile(t, func(c *iketest.PairConfig, m *iketest.MOBIKE) {
		c.Gateway = func(r *iketest.ResponderConfig) {
			r.MOBIKE = m
			r.OnRequest = func(x *iketest.Exchange) bool {
				if has(x.Request, wire.NotifyUpdateSAAddresses) {
					update = x.Request
				}
				return true
			}
		}
	}, iketest.GatewaySecond)
	p.Network.Cut(iketest.ClientPublic, iketest.GatewayPublic, true)
	if moved := mustHaveMoved(t, p, 0, 3*time.Minute); moved.Remote.Addr() != iketest.GatewaySecond {
		t.Errorf("moved to %v", moved.Remote)
	}
	if !has(update, wire.NotifyCookie2) {
		t.Errorf("no COOKIE2 in %s", wire.Describe(update))
	}
}

// TestMOBIKEUpdateFromSeveralAddresses: an UPDATE_SA_ADDRESSES that went out on
// several paths may have been taken from any of them, wherever its answer comes
// back; a new one says which it is (RFC 4555 3.5, 3.6).
func TestMOBIKEUpdateFromSeveralAddresses(t *testing.T) {
	t.Parallel()
	p := dual(t)
	n, taken := len(p.Sent), false
	p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
		// Of the first request only the copy by IPv6 arrives, and its answer does
		// not; then IPv4 carries again, and the answer is repeated there.
		switch {
		case x.To.Addr() == iketest.GatewayPublic:
			return 0, !taken
		case x.To.Addr() == iketest.GatewayPublic6:
			taken = true
			return 0, false
		default:
			return 0, x.From.Addr() == iketest.GatewayPublic6
		}
	}
	if err := p.Do(ike.Move{Local: p.Local()}); err != nil {
		t.Fatal(err)
	}
	moved := mustHaveMoved(t, p, 0, time.Minute)
	if moved.Remote.Addr() != iketest.GatewayPublic || p.Gateway.Updates != 2 {
		t.Errorf("moved to %v with %d updates in %d datagrams", moved.Remote, p.Gateway.Updates, len(p.Sent)-n)
	}
	mustSettle(t, p, 10*time.Second, 1)
}

// TestMOBIKEKnownAddresses: where the gateway names no address, those that the
// owner knows from DNS are tried; a private one only where the gateway is reached
// at a private one, for it is somebody else's elsewhere.
func TestMOBIKEKnownAddresses(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	private := netip.MustParseAddr("192.168.5.5")
	tellAddresses(t, p, nil, []netip.Addr{private, iketest.GatewaySecond})
	p.Network.Cut(iketest.ClientPublic, iketest.GatewayPublic, true)
	n := len(p.Sent)
	mustHaveMoved(t, p, 0, 3*time.Minute)
	for _, x := range sentSince(p, n) {
		if x.To.Addr() == private {
			t.Error("the private address was tried")
		}
	}
}

// TestMOBIKEAllPathsDead: when every path is black the gateway counts as dead
// after the usual patience, and what was sent meanwhile is bounded (RFC 7296 2.4).
func TestMOBIKEAllPathsDead(t *testing.T) {
	t.Parallel()
	p := dual(t)
	p.Gateway.Silence(true)
	n := len(p.Sent)
	if err := p.Do(ike.CheckLiveness{}); err != nil {
		t.Fatal(err)
	}
	mustFail(t, p, ike.CausePeerDead)
	if sent := len(p.Sent) - n; sent > 7*2 {
		t.Errorf("%d datagrams to a dead gateway", sent)
	}
}

// TestQuickLiveness: after a change of the network a silent gateway is known in
// about two seconds, and is given the usual patience all the same; without a
// reason to hurry nothing is said early (RFC 7296 2.4).
func TestQuickLiveness(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		begin func(t *testing.T, p *iketest.Pair) error
		quick bool
	}{
		{"resume", func(_ *testing.T, p *iketest.Pair) error { return p.Do(ike.CheckLiveness{Urgent: true}) }, true},
		{"move", func(_ *testing.T, p *iketest.Pair) error { return p.MoveTo(iketest.ClientMobile, netip.Addr{}) }, true},
		{"resume while asking", func(t *testing.T, p *iketest.Pair) error {
			if err := p.Do(ike.CheckLiveness{}); err != nil {
				t.Fatal(err)
			}
			p.Drive(10 * time.Second)
			return p.Do(ike.CheckLiveness{Urgent: true})
		}, true},
		{"patient", func(_ *testing.T, p *iketest.Pair) error { return p.Do(ike.CheckLiveness{}) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := mobile(t, nil)
			p.Gateway.Silence(true)
			if err := c.begin(t, p); err != nil {
				t.Fatal(err)
			}
			asked := p.Now
			silent := func() bool { return iketest.Count[ike.PeerSilent](p) > 0 }
			p.Until(3*time.Minute, func() bool { return silent() || p.Closed != nil })
			took := p.Now.Sub(asked)
			if c.quick && (!silent() || took < 1500*time.Millisecond || took > 2100*time.Millisecond) {
				t.Errorf("silence is known %v after %v", silent(), took)
			}
			if !c.quick && silent() {
				t.Errorf("said to be silent after %v", took)
			}
			mustFail(t, p, ike.CausePeerDead)
			if patience := p.Now.Sub(asked); patience < 15*time.Second || patience > 40*time.Second {
				t.Errorf("given up after %v", patience)
			}
		})
	}
	t.Run("answered", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, nil)
		for range 5 {
			if err := p.Do(ike.CheckLiveness{Urgent: true}); err != nil {
				t.Fatal(err)
			}
			p.Drive(5 * time.Second)
		}
		if n := iketest.Count[ike.PeerSilent](p); n != 0 {
			t.Errorf("silent %d times", n)
		}
		mustSettle(t, p, time.Second, 1)
	})
}

// TestNoPath: without a network nothing is sent and nothing is given up, for
// longer than any patience; the network's return brings everything that was due
// (RFC 7296 2.4 leaves the schedule to us).
func TestNoPath(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]func(p *iketest.Pair) error{
		"another address":  func(p *iketest.Pair) error { return p.MoveTo(iketest.ClientMobile, netip.Addr{}) },
		"the same address": func(p *iketest.Pair) error { return p.Do(ike.CheckLiveness{Urgent: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mobile(t, func(c *iketest.PairConfig, _ *iketest.MOBIKE) {
				c.Client = func(cc *ike.Config) { cc.ChildLifetime = 30 * time.Minute }
			})
			before := p.Active().InboundSPI
			if err := p.Do(ike.CheckLiveness{}); err != nil { // one request is under way
				t.Fatal(err)
			}
			if err := p.Do(ike.NoPath{}); err != nil {
				t.Fatal(err)
			}
			p.Network.Clear()
			sent, kept := len(p.Sent), p.Gateway.Keepalives
			p.Drive(2 * time.Hour)
			if p.Closed != nil || len(p.Sent) != sent || p.Gateway.Keepalives != kept {
				t.Fatalf("closed %v, %d datagrams, %d keepalives without a network", p.Closed, len(p.Sent)-sent, p.Gateway.Keepalives-kept)
			}
			if err := back(p); err != nil {
				t.Fatal(err)
			}
			mustSettle(t, p, 10*time.Second, 1)
			if p.Active().InboundSPI == before {
				t.Error("the rekey that was due did not come")
			}
			kept = p.Gateway.Keepalives
			p.Drive(time.Minute)
			if p.Gateway.Keepalives == kept {
				t.Error("no keepalives any more")
			}
		})
	}
	t.Run("longer than the IKE SA lives", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, nil)
		if err := p.Do(ike.NoPath{}); err != nil {
			t.Fatal(err)
		}
		sent := len(p.Sent)
		if !p.Down(5*time.Hour) || p.Cause() != ike.CausePeerDead || len(p.Sent) != sent {
			t.Errorf("closed for %q, %d datagrams", p.Cause(), len(p.Sent)-sent)
		}
	})
	t.Run("closed by the owner meanwhile", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, nil)
		if err := p.Do(ike.NoPath{}); err != nil {
			t.Fatal(err)
		}
		if err := p.Do(ike.Delete{}); err != nil {
			t.Fatal(err)
		}
		if !p.Down(2*time.Second) || p.Cause() != "" {
			t.Errorf("closed: %v, for %q", p.Closed != nil, p.Cause())
		}
	})
}

// TestMOBIKEKeepalives: keepalives go where the line goes (RFC 4555 3.5, RFC 3948 4).
func TestMOBIKEKeepalives(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil, iketest.GatewayPublic6)
	p.Rehome(iketest.ClientPublic, iketest.ClientPublic6)
	if err := p.Do(ike.Move{Local: netip.AddrPortFrom(iketest.ClientPublic6, 500), Remote: netip.AddrPortFrom(iketest.GatewayPublic6, 0)}); err != nil {
		t.Fatal(err)
	}
	mustHaveMoved(t, p, 0, time.Second)
	astray, there := 0, 0
	p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
		if x.Keepalive && x.To.Addr() == iketest.GatewayPublic6 {
			there++
		} else if x.Keepalive {
			astray++
		}
		return 0, false
	}
	p.Drive(time.Minute)
	if astray != 0 || there == 0 {
		t.Errorf("%d keepalives to the new address, %d to the old", there, astray)
	}
}

// TestMoveRefused: a Move that makes no path is refused and changes nothing.
func TestMoveRefused(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	n := len(p.Sent)
	if err := p.Do(ike.Move{Local: netip.AddrPortFrom(iketest.ClientPublic6, 500)}); err != ike.ErrFamilies {
		t.Errorf("from IPv6 to IPv4: %v", err)
	}
	p.Drive(10 * time.Second)
	if len(p.Sent) != n || iketest.Count[ike.Moved](p) != 0 {
		t.Error("something was sent")
	}
}

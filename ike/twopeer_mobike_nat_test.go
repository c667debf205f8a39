package ike_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// straight is a client that forbids NATs.
func straight(c *iketest.PairConfig, m *iketest.MOBIKE) {
	m.NoNATs = true
	c.Client = func(cc *ike.Config) { cc.NoNATs = true }
}

// TestMOBIKENoNATs: a client that forbids NATs says with which addresses its
// first IKE_AUTH request, its moves and its lists left, and does without a
// gateway that got them otherwise (RFC 4555 3.9).
func TestMOBIKENoNATs(t *testing.T) {
	t.Parallel()
	t.Run("none on the way", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, straight, iketest.GatewayPublic6)
		tellAddresses(t, p, []netip.Addr{iketest.ClientPublic, iketest.ClientPublic6}, nil)
		mustMove(t, p, iketest.ClientMobile, netip.Addr{})
		mustMove(t, p, iketest.ClientPublic6, iketest.GatewayPublic6)
		mustSettle(t, p, time.Minute, 1) // the gateway complains where it is not said
	})
	t.Run("one in the new network", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, straight)
		p.Rehome(iketest.ClientPublic, iketest.ClientMobile)
		p.Network.NATs = map[netip.Addr]netip.Addr{iketest.ClientMobile: iketest.NATMobile}
		before := p.Gateway.Received[wire.ExchangeInformational]
		if err := p.Do(ike.Move{Local: netip.AddrPortFrom(iketest.ClientMobile, 500)}); err != nil {
			t.Fatal(err)
		}
		p.Drive(time.Minute)
		if e := lastOf[ike.MoveRefused](t, p); e.Notify != wire.NotifyUnexpectedNATDetected {
			t.Errorf("%+v", e)
		}
		if n := p.Gateway.Received[wire.ExchangeInformational] - before; n != 5 {
			t.Errorf("asked %d times, want once and four times more", n)
		}
		if p.Gateway.Updates != 0 || iketest.Count[ike.Moved](p) != 0 {
			t.Error("moved through a NAT that is forbidden")
		}
		mustSettle(t, p, time.Minute, 1)
	})
	t.Run("one that is gone again", func(t *testing.T) {
		t.Parallel()
		p := mobile(t, straight)
		p.Network.NATs = map[netip.Addr]netip.Addr{iketest.ClientMobile: iketest.NATMobile}
		p.After(time.Second, func() { p.Network.NATs = nil })
		mustMove(t, p, iketest.ClientMobile, netip.Addr{})
		mustSettle(t, p, time.Minute, 1)
	})
	t.Run("not without our own address", func(t *testing.T) {
		t.Parallel()
		_, err := iketest.NewPair(iketest.PairConfig{Authority: authority(), Client: func(cc *ike.Config) {
			cc.NoNATs, cc.Local = true, netip.MustParseAddrPort("0.0.0.0:500")
		}})
		if err == nil {
			t.Error("NATs are forbidden by who does not know its address")
		}
	})
}

// TestMOBIKENoNATsAtFirst: the answer UNEXPECTED_NAT_DETECTED to IKE_AUTH ends the
// attempt with a cause of its own, so that the owner begins another (RFC 4555 3.9).
func TestMOBIKENoNATsAtFirst(t *testing.T) {
	t.Parallel()
	m := &iketest.MOBIKE{}
	c := iketest.PairConfig{ClientNAT: true, Gateway: func(r *iketest.ResponderConfig) { r.MOBIKE = m }}
	straight(&c, m)
	p := newPair(t, c)
	connect(t, p)
	if f := mustFail(t, p, ike.CauseNAT); f.Notify != wire.NotifyUnexpectedNATDetected {
		t.Errorf("%v", f)
	}
}

// TestMOBIKEGatewayForbidsNATs: the gateway's NO_NATS_ALLOWED is held against the
// packet's addresses. Where they differ it hears UNEXPECTED_NAT_DETECTED, at the
// address that the packet came from, and its list is not used (RFC 4555 3.9).
func TestMOBIKEGatewayForbidsNATs(t *testing.T) {
	t.Parallel()
	pair := func(from, to netip.AddrPort) []byte {
		b := slices.Concat(from.Addr().AsSlice(), to.Addr().AsSlice())
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, from.Port()), to.Port())
	}
	gateway, client := netip.AddrPortFrom(iketest.GatewayPublic, 4500), netip.AddrPortFrom(iketest.ClientPublic, 500)
	for _, c := range []struct {
		name string
		data []byte
		fits bool
	}{
		{"as they are", pair(gateway, client), true},
		{"another sender", pair(netip.AddrPortFrom(iketest.GatewaySecond, 4500), client), false},
		{"another receiver", pair(gateway, netip.AddrPortFrom(iketest.ClientMobile, 500)), false},
		{"another port", pair(gateway, netip.AddrPortFrom(iketest.ClientPublic, 501)), false},
		{"IPv6", pair(netip.AddrPortFrom(iketest.GatewayPublic6, 4500), netip.AddrPortFrom(iketest.ClientPublic6, 500)), false},
		{"too short", []byte{1, 2, 3}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := mobile(t, nil)
			var answer []wire.Payload
			known := iketest.Count[ike.PeerAddresses](p)
			if err := p.Tell(func(now time.Time) error {
				return p.Gateway.Relocate(now, iketest.GatewayPublic, []netip.Addr{iketest.GatewaySecond}, c.data,
					func(ps []wire.Payload) { answer = ps })
			}); err != nil {
				t.Fatal(err)
			}
			n := len(p.Sent)
			p.Drive(time.Second)
			if to := sentSince(p, n)[0].To; to != gateway {
				t.Errorf("answered to %v", to)
			}
			if has(answer, wire.NotifyUnexpectedNATDetected) == c.fits {
				t.Errorf("answer %s", wire.Describe(answer))
			}
			if used := iketest.Count[ike.PeerAddresses](p) > known; used != c.fits {
				t.Errorf("list used: %v", used)
			}
			mustSettle(t, p, time.Second, 1)
		})
	}
}

package ike_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// TestMOBIKEListFromSeveralAddresses: a list of addresses that went out from
// several of them means each time another set, since the sender's own belongs to
// it; a new request says it once more from one address (RFC 4555 3.6).
func TestMOBIKEListFromSeveralAddresses(t *testing.T) {
	t.Parallel()
	third := netip.MustParseAddr("192.0.2.77")
	told := func(ps []wire.Payload) bool {
		return has(ps, wire.NotifyAdditionalIP4Address) || has(ps, wire.NotifyAdditionalIP6Address)
	}
	for name, change := range map[string]func(t *testing.T, p *iketest.Pair){
		// Only the copy by IPv6 arrives, and its answer does not; then IPv4 carries
		// again, and the answer is repeated there.
		"it was a probe": func(_ *testing.T, p *iketest.Pair) {
			p.Drive(time.Minute)
		},
		// The path changes while the request is unanswered.
		"the client moves": func(t *testing.T, p *iketest.Pair) {
			mustMove(t, p, iketest.ClientPublic6, iketest.GatewayPublic6)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lists [][]wire.Payload
			p := mobile(t, func(c *iketest.PairConfig, m *iketest.MOBIKE) {
				c.Gateway = func(r *iketest.ResponderConfig) {
					r.MOBIKE = m
					r.OnRequest = func(x *iketest.Exchange) bool {
						if told(x.Request) {
							lists = append(lists, slices.Clone(x.Request))
						}
						return true
					}
				}
			}, iketest.GatewayPublic6)
			p.Rehome(iketest.ClientPublic, iketest.ClientPublic6)
			taken := false
			p.Network.Intercept = func(x *iketest.Packet) (time.Duration, bool) {
				switch {
				case x.To.Addr() == iketest.GatewayPublic:
					return 0, !taken
				case x.To.Addr() == iketest.GatewayPublic6:
					taken = true
					return 0, false
				default:
					return 0, x.From.Addr() == iketest.GatewayPublic6 && len(lists) == 1 && name == "it was a probe"
				}
			}
			if err := p.Do(ike.Addresses{Local: []netip.Addr{iketest.ClientPublic, iketest.ClientPublic6, third}}); err != nil {
				t.Fatal(err)
			}
			p.Drive(100 * time.Millisecond)
			change(t, p)
			p.Drive(10 * time.Second)
			if len(lists) != 2 {
				t.Fatalf("%d lists, want 2", len(lists))
			}
			want := map[netip.Addr]bool{iketest.ClientPublic: true, iketest.ClientPublic6: true, third: true}
			delete(want, p.Gateway.Address().To.Addr())
			for _, a := range p.Gateway.ClientAddresses {
				if !want[a] {
					t.Errorf("the gateway knows %v beside %v", p.Gateway.ClientAddresses, p.Gateway.Address().To)
				}
				delete(want, a)
			}
			if len(want) != 0 {
				t.Errorf("the gateway does not know %v", want)
			}
			mustSettle(t, p, 10*time.Second, 1)
		})
	}
}

// TestMOBIKECookie2IsRandom: COOKIE2 is another one each time, of a length within
// the bounds, and no part of it is like the one before (RFC 4555 4.2.5).
func TestMOBIKECookie2IsRandom(t *testing.T) {
	t.Parallel()
	var seen [][]byte
	for range 8 {
		var requested [][]wire.Payload
		p := mobile(t, func(c *iketest.PairConfig, m *iketest.MOBIKE) {
			c.Gateway = func(r *iketest.ResponderConfig) { r.MOBIKE, r.OnRequest = m, requests(&requested) }
			c.Seed = uint64(len(seen) + 1)
		}, iketest.GatewaySecond)
		mustMove(t, p, iketest.ClientPublic, iketest.GatewaySecond)
		n, ok := wire.Notify(requested[len(requested)-1], wire.NotifyCookie2)
		if !ok || len(n.Data) < 8 || len(n.Data) > 64 {
			t.Fatalf("COOKIE2 %v", n)
		}
		for _, before := range seen {
			for i := 0; i+8 <= len(n.Data); i++ {
				if bytes.Contains(before, n.Data[i:i+8]) {
					t.Errorf("octets %d to %d of COOKIE2 come again", i, i+8)
				}
			}
		}
		seen = append(seen, bytes.Clone(n.Data))
	}
}

package tunnel

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// fromGateway delivers a packet through the newest Child SA.
func fromGateway(t *testing.T, o *office, inner []byte) {
	t.Helper()
	_, out := farEnd(t, o)
	o.client.Deliver(esptest.Datagram{Peer: netip.AddrPortFrom(gatewayAddr, 4500), Data: seal(t, out, inner)})
}

// TestWornSAIsReplaced: an SA whose sequence numbers come to their end, in
// either direction, is rekeyed long before (RFC 4303 3.3.3), and no packet is
// lost to that.
func TestWornSAIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, nil)
		r := run(t, o.config())
		r.up()
		exchange(t, o)
		before, out := farEnd(t, o)
		if _, n := out.Reserve(esp.WornAt); n != esp.WornAt {
			t.Fatal(n)
		}
		question := udpPair(serverAddr, insideAddr, "the last but a thousand million")
		fromGateway(t, o, question)
		if got := <-o.tun.Written(); !slices.Equal(got, question) {
			t.Errorf("the host got %x", got)
		}
		<-time.After(time.Second)
		if after, _ := farEnd(t, o); after.SPI() == before.SPI() {
			t.Fatal("the SA is not replaced")
		}
		exchange(t, o)
		r.stop()
	})
}

// TestOnlyOwnAddresses: a gateway that leaves our selectors as wide as they were
// asked for reaches the inner address, and no other of this machine.
func TestOnlyOwnAddresses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, func(c *iketest.ResponderConfig) {
			c.OnReply = func(x *iketest.Exchange) {
				if tsi, ok := wire.FindType[*wire.TSPayload](x.Response, wire.PayloadTSi); ok {
					tsi.Selectors = remote("0.0.0.0/0", "::/0")
				}
			}
		})
		r := run(t, o.config())
		r.up()
		fromGateway(t, o, udpPair(serverAddr, clientAddr.Addr(), "to the outer address"))
		o.tun.Inject(udpPair(netip.MustParseAddr("192.168.1.23"), serverAddr, "from another address"))
		if told := <-o.tun.Written(); told[20] != 3 || told[21] != 13 {
			t.Errorf("the host is not told that this is prohibited (RFC 1812 5.2.7.1) but %x", told)
		}
		exchange(t, o)
		if d := r.Stats().Drops; d["selector"] != 1 || d["outside-selectors"] != 1 {
			t.Errorf("drops %v", d)
		}
		r.stop()
	})
}

func TestOwnTraffic(t *testing.T) {
	t.Parallel()
	host := func(a string) wire.TrafficSelector { return remote(a)[0] }
	port := host("10.98.0.7/32")
	port.Protocol, port.StartPort, port.EndPort = 17, 53, 53
	wide := wire.AnyIPv4()
	wide.Protocol, wide.StartPort, wide.EndPort = 17, 53, 53
	own := prefixes("10.98.0.7/24", "fd00:98::7/64")
	for name, row := range map[string]struct{ ts, want []wire.TrafficSelector }{
		"everything":         {remote("0.0.0.0/0", "::/0"), []wire.TrafficSelector{host("10.98.0.7/32"), host("fd00:98::7/128")}},
		"one family":         {remote("0.0.0.0/0"), []wire.TrafficSelector{host("10.98.0.7/32")}},
		"narrowed already":   {remote("10.98.0.7/32", "fd00:98::7/128"), []wire.TrafficSelector{host("10.98.0.7/32"), host("fd00:98::7/128")}},
		"a protocol of it":   {[]wire.TrafficSelector{wide}, []wire.TrafficSelector{port}},
		"somebody else's":    {remote("10.97.0.0/24"), remote("10.97.0.0/24")},
		"ours among others'": {remote("10.97.0.0/24", "10.98.0.0/24"), []wire.TrafficSelector{host("10.98.0.7/32")}},
	} {
		if got := ownTraffic(row.ts, own); !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// TestStrangersDoNotFillTheQueue: IKE messages without an SPI of the session's
// go no further than the plane's goroutine, wherever they say they come from.
func TestStrangersDoNotFillTheQueue(t *testing.T) {
	t.Parallel()
	const first, second = wire.SPI(0x1111111111111111), wire.SPI(0x2222222222222222)
	ike500 := netip.AddrPortFrom(gatewayAddr, 500)
	l := &line{inbound: make(chan ike.Datagram, inboundQueue)}
	message := func(i, r wire.SPI) []byte {
		m := wire.Message{Header: wire.Header{InitiatorSPI: i, ResponderSPI: r, Exchange: wire.ExchangeInformational}}
		return m.Marshal()
	}
	floated := netip.AddrPortFrom(gatewayAddr, 4500)
	if l.receive(dataplane.ControlDatagram{From: floated, Encap: true, Data: message(first, 1)}) {
		t.Error("a message is taken before there is a session")
	}
	l.known.Store(&published{spis: []wire.SPI{first, second}, remotes: []netip.AddrPort{ike500}})
	for range 1000 {
		for _, m := range [][]byte{message(1, 2), message(0, 0), message(first+1, second-1), message(first, second)[:wire.HeaderLen-1], nil} {
			for _, from := range []netip.AddrPort{ike500, floated, clientAddr} {
				for _, encap := range []bool{false, true} {
					if l.receive(dataplane.ControlDatagram{From: from, Encap: encap, Data: m}) {
						t.Fatalf("%x from %v is taken for IKE", m, from)
					}
				}
			}
		}
	}
	if n := len(l.inbound); n != 0 {
		t.Errorf("%d strangers in the queue", n)
	}
	for _, d := range []dataplane.ControlDatagram{
		{From: ike500, Data: message(first, 0)},
		{From: floated, Encap: true, Data: message(first, 7)},
		{From: clientAddr, Encap: true, Data: message(7, second)}, // authentic or not is the session's affair
	} {
		if !l.receive(d) || len(l.inbound) != 1 {
			t.Errorf("%x is not taken", d.Data)
		}
		<-l.inbound
	}
	if l.receive(dataplane.ControlDatagram{From: clientAddr, Data: message(first, 0)}) {
		t.Error("a message without the marker is taken from elsewhere")
	}
}

// TestFollow: what the Child SA carries changes when it is made anew.
func TestFollow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		first, second []string // TSr
		routes        []string // of the second Up; nil: there is none
		dns           int
	}{
		{"the same", []string{"10.99.0.0/24"}, []string{"10.99.0.0/24"}, nil, 0},
		{"less: nothing leaves in clear that did not before", []string{"10.99.0.0/24", "10.97.0.0/24"}, []string{"10.97.0.0/24"}, nil, 0},
		{"more", []string{"10.97.0.0/24"}, []string{"10.97.0.0/24", "10.99.0.0/24"}, []string{"10.97.0.0/24", "10.99.0.0/24"}, 1},
		{"something else", []string{"10.97.0.0/24"}, []string{"10.99.0.0/24"}, []string{"10.97.0.0/24", "10.99.0.0/24"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				o := newOffice(t, func(c *iketest.ResponderConfig) {
					c.OnReply = func(x *iketest.Exchange) {
						tsr, ok := wire.FindType[*wire.TSPayload](x.Response, wire.PayloadTSr)
						switch {
						case x.Header.Exchange == wire.ExchangeCreateChildSA && asked == 0:
							// The gateway has lost the SA: a new one is asked for, from scratch.
							asked++
							x.Response = []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyChildSANotFound}}
						case ok && asked == 0:
							tsr.Selectors = remote(tt.first...)
						case ok:
							tsr.Selectors = remote(tt.second...)
						}
					}
				})
				cfg := o.config()
				cfg.Profile.Traffic.Full = false
				r := run(t, cfg)
				up := r.up()
				if !slices.Equal(up.Network.Routes, prefixes(tt.first...)) {
					t.Fatalf("routes %v", up.Network.Routes)
				}
				<-time.After(time.Hour) // a soft lifetime
				var again *Up
				for len(r.events) > 0 {
					if e, ok := (<-r.events).(Up); ok {
						again = &e
					}
				}
				switch {
				case tt.routes == nil && again != nil:
					t.Errorf("told of %v", again.Network.Routes)
				case tt.routes != nil && again == nil:
					t.Error("not told")
				case again != nil:
					n := again.Network
					if !slices.Equal(n.Routes, prefixes(tt.routes...)) || len(n.DNS) != tt.dns || n.Interface != up.Network.Interface || n.MTU != up.Network.MTU || n.Gateway != up.Network.Gateway {
						t.Errorf("told of %+v", n)
					}
				}
				r.stop()
			})
		})
	}
}

// TestPFSIsInsistedOn: a profile that demands a key exchange at rekey leaves no
// proposal without one, Homeward's own included.
func TestPFSIsInsistedOn(t *testing.T) {
	t.Parallel()
	none := func(ps []suite.Proposal) bool {
		return slices.ContainsFunc(ps, func(p suite.Proposal) bool {
			return len(p.Group) == 0 || slices.Contains(p.Group, suite.GroupNone)
		})
	}
	without := profile.Proposal{Encryption: "aes256gcm16"}
	with := profile.Proposal{Encryption: "aes256gcm16", Group: "ecp256"}
	for name, row := range map[string]struct {
		sa    profile.SA
		count int
		free  bool // some proposal is content without
	}{
		"Homeward's own":                {profile.SA{}, 2, true},
		"Homeward's own, insisting":     {profile.SA{PFS: true}, 2, false},
		"the profile's first":           {profile.SA{Proposals: []profile.Proposal{without}}, 3, true},
		"the profile's first, insisted": {profile.SA{Proposals: []profile.Proposal{without, with}, PFS: true}, 3, false},
		"strict":                        {profile.SA{Proposals: []profile.Proposal{with}, Strict: true, PFS: true}, 1, false},
	} {
		ps, err := proposals(row.sa, false)
		if err != nil || len(ps) != row.count || none(ps) != row.free {
			t.Errorf("%s: %v, %v", name, ps, err)
		}
	}
	if _, err := proposals(profile.SA{Proposals: []profile.Proposal{without}, Strict: true, PFS: true}, false); err == nil {
		t.Error("PFS without a group is taken")
	}
	if ps := suite.DefaultESP(); !none(ps) {
		t.Error("Homeward's own set was changed")
	}
}

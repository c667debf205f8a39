package dataplane_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// area installs an SA between one address and a network, and gives the far end of
// what it sends.
func (r *rig) area(in, out uint32, remote string) *esp.Inbound {
	r.t.Helper()
	s := esptest.Default()
	i, o := between(s, in, out, host4.Addr(), netip.MustParsePrefix(remote))
	if err := r.plane.AddSA(i, o); err != nil {
		r.t.Fatal(err)
	}
	if err := r.plane.Activate(in); err != nil {
		r.t.Fatal(err)
	}
	return esptest.MustInbound(s.Config(out, esptest.Any(), esptest.Any()))
}

func packetTo(addr string) []byte {
	return esptest.UDP(host4, netip.AddrPortFrom(netip.MustParseAddr(addr), 443), []byte(addr))
}

// expectOn wants the next packet sent with one SA.
func (r *rig) expectOn(in *esp.Inbound, packet []byte) {
	r.t.Helper()
	d := next(r.t, "sent packet", r.transport.Sent())
	if spi := binary.BigEndian.Uint32(d.Data); spi != in.SPI() {
		r.t.Errorf("sent on %08x, want %08x", spi, in.SPI())
		return
	}
	if inner, drop := in.Open(d.Data); drop != esp.DropNone || !bytes.Equal(inner, packet) {
		r.t.Errorf("%v: got %x, want %x", drop, inner, packet)
	}
}

// RFC 4301 5.1: a packet goes on the SA whose selectors cover it: on the narrowest
// where one is within another, in whatever order they came into use, else on the
// latest.
func TestOutboundBySelector(t *testing.T) {
	t.Parallel()
	remotes := []string{"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/16"}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}, {2, 1, 0, 3}} {
		r := bare(t)
		r.plane.SetPeer(gateway)
		far := make([]*esp.Inbound, len(remotes))
		for _, i := range order {
			far[i] = r.area(0x1000+uint32(i), 0x2000+uint32(i), remotes[i])
		}
		for addr, want := range map[string]int{"10.1.2.3": 2, "10.2.2.3": 1, "192.168.1.1": 3, "203.0.113.9": 0} {
			r.tun.Inject(packetTo(addr))
			r.expectOn(far[want], packetTo(addr))
		}
		// One batch for all of them.
		r.tun.Inject(packetTo("10.1.0.1"), packetTo("192.168.0.1"), packetTo("192.168.0.2"), packetTo("10.1.0.2"))
		for _, want := range []struct {
			sa   int
			addr string
		}{{2, "10.1.0.1"}, {3, "192.168.0.1"}, {3, "192.168.0.2"}, {2, "10.1.0.2"}} {
			r.expectOn(far[want.sa], packetTo(want.addr))
		}
	}
}

// RFC 7296 2.8: a rekey of one SA among several replaces that one, wherever it stands.
func TestRekeyOfOneAmongSeveral(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.plane.SetPeer(gateway)
	r.area(0x1001, 0x2001, "0.0.0.0/0")
	narrow := r.area(0x1002, 0x2002, "10.1.0.0/16")
	wide2 := r.area(0x1003, 0x2003, "0.0.0.0/0")
	r.plane.RemoveSA(0x1001, 0)
	send := func(addr string, on *esp.Inbound) {
		t.Helper()
		r.tun.Inject(packetTo(addr))
		r.expectOn(on, packetTo(addr))
	}
	send("10.1.0.1", narrow)
	send("10.2.0.1", wide2)
	narrow2 := r.area(0x1004, 0x2004, "10.1.0.0/16")
	send("10.1.0.1", narrow2)
	send("10.2.0.1", wide2)
	r.plane.RemoveSA(0x1002, 0)
	r.plane.RemoveSA(0x1004, 0)
	send("10.1.0.1", wide2) // what covers it, covers it
}

// RFC 4301 6.1.1, RFC 1812 5.2.7.1, RFC 4443 3.1: the sender of a packet that no SA
// carries is told, unless an error may not answer it.
func TestProhibited(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.plane.SetPeer(gateway)
	r.area(0x1001, 0x2001, "10.1.0.0/16")
	outside4, outside6 := packetTo("10.2.0.1"), esptest.UDP(host6, intra6, []byte("six"))
	r.tun.Inject(outside4)
	got := next(t, "ICMP", r.tun.Written())
	if !esptest.ValidChecksum(got) || got[20] != 3 || got[21] != 13 || !bytes.Equal(got[28:], outside4) ||
		!bytes.Equal(got[12:16], outside4[16:20]) || !bytes.Equal(got[16:20], outside4[12:16]) {
		t.Errorf("IPv4: %x", got)
	}
	r.tun.Inject(outside6)
	got = next(t, "ICMPv6", r.tun.Written())
	if !esptest.ValidChecksum(got) || got[40] != 1 || got[41] != 1 || !bytes.Equal(got[48:], outside6) || !bytes.Equal(got[24:40], outside6[8:24]) {
		t.Errorf("IPv6: %x", got)
	}
	group := esptest.UDP(host6, netip.MustParseAddrPort("[ff02::fb]:5353"), nil)
	r.tun.Inject(packetTo("224.0.0.251"), packetTo("255.255.255.255"), group)
	r.settle()
	if n := len(r.tun.Written()); n != 0 {
		t.Errorf("%d errors about packets to groups", n)
	}
	r.expectDrops(map[string]uint64{"outside-selectors": 5})
}

// RFC 1812 4.3.2.8: errors are rate limited.
func TestProhibitedIsRateLimited(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.plane.SetPeer(gateway)
	r.area(0x1001, 0x2001, "10.1.0.0/16")
	for range 50 {
		r.tun.Inject(packetTo("10.2.0.1"), packetTo("10.2.0.2"), packetTo("10.2.0.3"), packetTo("10.2.0.4"))
		r.settle()
		for len(r.tun.Written()) > 0 {
			<-r.tun.Written()
		}
	}
	// The rig's clock stands still: no more than the burst is answered.
	if calls, _ := r.tun.Writes(); calls != 50 {
		t.Errorf("%d errors for 200 packets, want 50", calls)
	}
	r.expectDrops(map[string]uint64{"outside-selectors": 200})
}

// What each SA carries is counted for itself, in one batch and over many.
func TestUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bare(t)
		r.plane.SetPeer(gateway)
		s := esptest.Default()
		r.area(0x1001, 0x2001, "10.1.0.0/16")
		r.area(0x1002, 0x2002, "10.2.0.0/16")
		one, two := packetTo("10.1.0.1"), packetTo("10.2.0.22")
		r.tun.Inject(one, two, one, two, two)
		r.settle()
		back := func(spi uint32) *esp.Outbound {
			return esptest.MustOutbound(s.Config(spi, esptest.Any(), esptest.Any()))
		}
		from1, from2 := back(0x1001), back(0x1002)
		down1 := esptest.UDP(netip.MustParseAddrPort("10.1.0.1:443"), host4, []byte("one"))
		down2 := esptest.UDP(netip.MustParseAddrPort("10.2.0.1:443"), host4, []byte("two, longer"))
		r.transport.Deliver(sealed(t, from1, down1), sealed(t, from2, down2), sealed(t, from2, down2), sealed(t, from1, down1), sealed(t, from2, down2))
		r.settle()
		synctest.Wait()
		size := func(n int, b []byte) uint64 { return uint64(n * len(b)) }
		for spi, want := range map[uint32]dataplane.Usage{
			0x1001: {TxBytes: size(2, one), TxPackets: 2, RxBytes: size(2, down1), RxPackets: 2},
			0x1002: {TxBytes: size(3, two), TxPackets: 3, RxBytes: size(3, down2), RxPackets: 3},
		} {
			if got := r.plane.Stats().SAs[spi]; got != want {
				t.Errorf("%08x: %+v, want %+v", spi, got, want)
			}
		}
		if n := len(r.plane.Stats().SAs); n != 2 {
			t.Errorf("%d SAs", n)
		}
	})
}

// Every SA of a batch is watched for its end, not the last one alone (RFC 4303 3.3.3).
func TestWornAmongSeveral(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.plane.SetPeer(gateway)
	s := esptest.Default()
	r.area(0x1001, 0x2001, "10.1.0.0/16")
	r.area(0x1002, 0x2002, "10.2.0.0/16")
	worn := esptest.MustOutbound(s.Config(0x1001, esptest.Any(), esptest.Any()))
	fresh := esptest.MustOutbound(s.Config(0x1002, esptest.Any(), esptest.Any()))
	worn.Reserve(esp.WornAt)
	r.transport.Deliver(
		sealed(t, worn, esptest.UDP(netip.MustParseAddrPort("10.1.0.1:443"), host4, nil)),
		sealed(t, fresh, esptest.UDP(netip.MustParseAddrPort("10.2.0.1:443"), host4, nil)))
	r.settle()
	if spi := next(t, "word of a worn SA", r.worn); spi != 0x1001 {
		t.Errorf("told of %08x", spi)
	}
}

// Many SAs cost no allocation either.
func TestSeveralAllocateNothing(t *testing.T) {
	tun, plane := loops(t, 16)
	if allocs := testing.AllocsPerRun(50, func() {
		tun.turn <- 64
		<-tun.done
	}); allocs > 0 {
		t.Errorf("%v allocations for a batch of 64", allocs)
	}
	if s := plane.Stats(); s.TxPackets != 51*64 || len(s.Drops) != 0 {
		t.Errorf("%+v", s)
	}
}

// RFC 4301 4.4.1.1: what one set of selectors covers of another.
func TestCovers(t *testing.T) {
	t.Parallel()
	out := func(remote ...esp.Selector) *esp.Outbound {
		return esptest.MustOutbound(esptest.Default().Config(spiOut, esptest.Any(), remote))
	}
	net := func(p string) esp.Selector { return esptest.Prefix(netip.MustParsePrefix(p)) }
	ports := func(s esp.Selector, protocol uint8, start, end uint16) esp.Selector {
		s.Protocol, s.StartPort, s.EndPort = protocol, start, end
		return s
	}
	all, ten := net("0.0.0.0/0"), net("10.0.0.0/8")
	for i, c := range []struct {
		a, b *esp.Outbound
		want bool
	}{
		{out(all), out(ten), true},
		{out(ten), out(all), false},
		{out(ten), out(ten), true},
		{out(all), out(net("::/0")), false},
		{out(all, net("::/0")), out(ten, net("fd00::/8")), true},
		{out(ten, net("192.168.0.0/16")), out(ten), true},
		{out(ten), out(ten, net("192.168.0.0/16")), false},
		{out(ten), out(ports(ten, 6, 0, 65535)), true},
		{out(ports(ten, 6, 0, 65535)), out(ten), false},
		{out(ports(ten, 6, 80, 90)), out(ports(ten, 6, 85, 90)), true},
		{out(ports(ten, 6, 80, 90)), out(ports(ten, 6, 85, 91)), false},
		{out(ports(ten, 6, 80, 90)), out(ports(ten, 17, 85, 90)), false},
		{out(ten), out(ports(ten, 6, 65535, 0)), true},
		{out(ports(ten, 6, 65535, 0)), out(ports(ten, 6, 65535, 0)), true},
		{out(ports(ten, 6, 0, 100)), out(ports(ten, 6, 65535, 0)), false},
	} {
		if got := c.a.Covers(c.b); got != c.want {
			t.Errorf("case %d: %v", i, got)
		}
	}
}

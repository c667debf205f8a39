package dataplane_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// BenchmarkOut says what a packet costs in the plane alone, with one active SA and
// with many, of which the one in use is looked at last.
func BenchmarkOut(b *testing.B) {
	for _, sas := range []int{1, 16} {
		b.Run(fmt.Sprintf("sas=%d", sas), func(b *testing.B) {
			tun, plane := loops(b, sas)
			b.SetBytes(64 * int64(len(tun.packet)))
			b.ReportAllocs()
			for b.Loop() {
				tun.turn <- 64
				<-tun.done
			}
			if s := plane.Stats(); len(s.Drops) != 0 {
				b.Errorf("%+v", s)
			}
		})
	}
}

// loops makes a plane between fakes that cost nothing, with a number of SAs of
// which only the first covers the packet.
func loops(tb testing.TB, sas int) (*loopTUN, *dataplane.Plane) {
	tb.Helper()
	tun := &loopTUN{packet: esptest.UDP(host4, intra4, make([]byte, 1300)), turn: make(chan int), done: make(chan struct{})}
	udp := &loopTransport{turn: make(chan int), done: make(chan struct{}), stop: make(chan struct{})}
	a := dataplane.New(dataplane.Config{Transport: udp})
	for i := range sas {
		remote := netip.PrefixFrom(intra4.Addr(), 16).Masked()
		if i > 0 {
			remote = netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), 0}), 24)
		}
		in, out := between(esptest.Default(), spiIn+uint32(i), spiOut+uint32(i), host4.Addr(), remote)
		for _, err := range []error{a.AddSA(in, out), a.Activate(spiIn + uint32(i))} {
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
	a.SetPeer(gateway)
	a.AttachTUN(tun, mtu)
	a.Start()
	tb.Cleanup(func() {
		if err := a.Close(); err != nil {
			tb.Error(err)
		}
	})
	return tun, a
}

// between makes our end of an SA between one address and a network.
func between(s esptest.Suite, in, out uint32, own netip.Addr, remote netip.Prefix) (*esp.Inbound, *esp.Outbound) {
	ours := []esp.Selector{esptest.Prefix(netip.PrefixFrom(own, own.BitLen()))}
	theirs := []esp.Selector{esptest.Prefix(remote)}
	return esptest.MustInbound(s.Config(in, theirs, ours)), esptest.MustOutbound(s.Config(out, ours, theirs))
}

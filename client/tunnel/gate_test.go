package tunnel

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/esp/esptest"
)

// TestEnds reads what the gate decides by.
func TestEnds(t *testing.T) {
	t.Parallel()
	a, b := netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.0.2:80")
	a6, b6 := netip.MustParseAddrPort("[fd00::1]:1000"), netip.MustParseAddrPort("[fd00::2]:80")
	good := esptest.UDP(a, b, []byte("x"))
	change := func(f func(p []byte)) []byte { p := bytes.Clone(good); f(p); return p }
	for name, row := range map[string]struct {
		packet   []byte
		from, to netip.AddrPort
	}{
		"IPv4":           {good, a, b},
		"IPv6":           {esptest.UDP(a6, b6, []byte("x")), a6, b6},
		"TCP":            {change(func(p []byte) { p[9] = 6 }), a, b},
		"ICMP":           {change(func(p []byte) { p[9] = 1 }), netip.AddrPort{}, netip.AddrPort{}},
		"first fragment": {change(func(p []byte) { p[6] = 0x20 }), netip.AddrPort{}, netip.AddrPort{}},
		"later fragment": {change(func(p []byte) { binary.BigEndian.PutUint16(p[6:], 100) }), netip.AddrPort{}, netip.AddrPort{}},
		"short header":   {change(func(p []byte) { p[0] = 0x44 }), netip.AddrPort{}, netip.AddrPort{}},
		"long header":    {change(func(p []byte) { p[0] = 0x4F }), netip.AddrPort{}, netip.AddrPort{}},
		"no ports":       {good[:22], netip.AddrPort{}, netip.AddrPort{}},
		"version 5":      {change(func(p []byte) { p[0] = 0x55 }), netip.AddrPort{}, netip.AddrPort{}},
		"nothing":        {nil, netip.AddrPort{}, netip.AddrPort{}},
	} {
		from, to, ok := ends(row.packet)
		if from != row.from || to != row.to || ok != row.from.IsValid() {
			t.Errorf("%s: %v, %v, %v", name, from, to, ok)
		}
	}
}

func FuzzEnds(f *testing.F) {
	a, b := netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.0.2:80")
	f.Add(esptest.UDP(a, b, []byte("x")))
	f.Add(esptest.UDP(netip.MustParseAddrPort("[fd00::1]:1000"), netip.MustParseAddrPort("[fd00::2]:80"), nil))
	f.Fuzz(func(t *testing.T, packet []byte) {
		from, to, ok := ends(packet)
		if ok != from.IsValid() || ok != to.IsValid() {
			t.Errorf("%v, %v, %v", from, to, ok)
		}
	})
}

// TestGateIsBounded: however much is allowed, a held gate stays small, and an open one
// keeps nothing.
func TestGateIsBounded(t *testing.T) {
	t.Parallel()
	g := &gate{}
	g.allow(netip.MustParseAddrPort("10.0.0.1:1"))
	g.hold()
	if n := len(*g.state.Load()); n != 0 {
		t.Errorf("%d places were kept", n)
	}
	for i := range 2 * maxPlaces {
		g.allow(netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(i+1)))
	}
	if n := len(*g.state.Load()); n != maxPlaces {
		t.Errorf("%d places, want %d", n, maxPlaces)
	}
	g.release()
	g.hold()
	if n := len(*g.state.Load()); n != 0 {
		t.Errorf("%d places were kept", n)
	}
}

// TestOpenGateCostsNothing: the packets' way stays without allocations.
func TestOpenGateCostsNothing(t *testing.T) {
	g := &gate{TUN: mute{}}
	bufs, sizes := [][]byte{make([]byte, 100)}, make([]int, 1)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := g.Read(bufs, sizes, 10); err != nil {
			t.Error(err)
		}
		if _, err := g.Write(bufs, 10); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// mute is a device without packets.
type mute struct{ TUN }

func (mute) Read([][]byte, []int, int) (int, error)  { return 1, nil }
func (mute) Write(bufs [][]byte, _ int) (int, error) { return len(bufs), nil }

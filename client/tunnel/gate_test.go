package tunnel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/homeward-vpn/homeward/esp/esptest"
)

// TestReadFlow reads what the gate decides by.
func TestReadFlow(t *testing.T) {
	t.Parallel()
	a, b := netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.0.2:80")
	a6, b6 := netip.MustParseAddrPort("[fd00::1]:1000"), netip.MustParseAddrPort("[fd00::2]:80")
	good := esptest.UDP(a, b, []byte("x"))
	change := func(f func(p []byte)) []byte { p := bytes.Clone(good); f(p); return p }
	for name, row := range map[string]struct {
		packet []byte
		flow   connection
		first  bool
	}{
		"IPv4":           {good, connection{17, a, b}, false},
		"IPv6":           {esptest.UDP(a6, b6, []byte("x")), connection{17, a6, b6}, false},
		"TCP":            {segment(a, b, 0x10), connection{6, a, b}, false},
		"TCP SYN":        {segment(a, b, 0x02), connection{6, a, b}, true},
		"TCP SYN ACK":    {segment(a, b, 0x12), connection{6, a, b}, false},
		"cut TCP":        {segment(a, b, 0x02)[:39], connection{}, false},
		"ICMP":           {change(func(p []byte) { p[9] = 1 }), connection{}, false},
		"first fragment": {change(func(p []byte) { p[6] = 0x20 }), connection{}, false},
		"later fragment": {change(func(p []byte) { binary.BigEndian.PutUint16(p[6:], 100) }), connection{}, false},
		"short header":   {change(func(p []byte) { p[0] = 0x44 }), connection{}, false},
		"long header":    {change(func(p []byte) { p[0] = 0x4F }), connection{}, false},
		"no ports":       {good[:22], connection{}, false},
		"version 5":      {change(func(p []byte) { p[0] = 0x55 }), connection{}, false},
		"nothing":        {nil, connection{}, false},
	} {
		f, first, ok := readFlow(row.packet)
		if f != row.flow || first != row.first || ok != (row.flow != connection{}) {
			t.Errorf("%s: %v, %v, %v", name, f, first, ok)
		}
	}
}

// segment is a TCP segment without data.
func segment(from, to netip.AddrPort, flags byte) []byte {
	p := esptest.UDP(from, to, make([]byte, 12))
	p[9] = protocolTCP
	p[20+12], p[20+13] = 5<<4, flags
	return p
}

func FuzzReadFlow(f *testing.F) {
	a, b := netip.MustParseAddrPort("10.0.0.1:1000"), netip.MustParseAddrPort("10.0.0.2:80")
	f.Add(esptest.UDP(a, b, []byte("x")))
	f.Add(segment(a, b, 0x02))
	f.Add(esptest.UDP(netip.MustParseAddrPort("[fd00::1]:1000"), netip.MustParseAddrPort("[fd00::2]:80"), nil))
	f.Fuzz(func(t *testing.T, packet []byte) {
		found, first, ok := readFlow(packet)
		if ok != found.local.IsValid() || ok != found.remote.IsValid() || first && found.protocol != protocolTCP {
			t.Errorf("%v, %v, %v", found, first, ok)
		}
	})
}

// reads puts one packet through a gate outwards, and says whether it passed.
func (g *gate) reads(t *testing.T, packet []byte) bool {
	t.Helper()
	g.TUN = &scripted{packet: packet}
	buf, sizes := [][]byte{make([]byte, 2000)}, make([]int, 1)
	if _, err := g.Read(buf, sizes, 10); err != nil {
		t.Fatal(err)
	}
	return sizes[0] == len(packet)
}

// writes puts one packet through a gate inwards, and says whether it passed.
func (g *gate) writes(t *testing.T, packet []byte) bool {
	t.Helper()
	s := new(scripted)
	g.TUN = s
	if n, err := g.Write([][]byte{append(make([]byte, 10), packet...)}, 10); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	return s.written
}

// scripted is a device with one packet.
type scripted struct {
	TUN
	packet  []byte
	written bool
}

func (s *scripted) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	sizes[0] = copy(bufs[0][offset:], s.packet)
	return 1, nil
}

func (s *scripted) Write(bufs [][]byte, _ int) (int, error) { s.written = true; return len(bufs), nil }

// ended is a connection of which only the local end matters.
type ended struct {
	net.Conn
	local net.Addr
}

func (e ended) LocalAddr() net.Addr { return e.local }

// TestGateTellsFlowsApart: what passes is the connection that was dialed, and neither
// another program's question to the same server, nor what the far end sends from there to
// another port of this host.
func TestGateTellsFlowsApart(t *testing.T) {
	t.Parallel()
	us, other := netip.MustParseAddrPort("10.98.0.7:40001"), netip.MustParseAddrPort("10.98.0.7:40002")
	dns, web := netip.MustParseAddrPort("10.99.0.2:53"), netip.MustParseAddrPort("10.99.0.2:80")
	g := new(gate)
	g.hold()
	if _, err := g.dial("udp", dns, func() (net.Conn, error) {
		return ended{local: net.UDPAddrFromAddrPort(us)}, nil
	}); err != nil {
		t.Fatal(err)
	}
	check := func(name string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: passed %v, want %v", name, got, want)
		}
	}
	check("our question", g.reads(t, esptest.UDP(us, dns, nil)), true)
	check("its answer", g.writes(t, esptest.UDP(dns, us, nil)), true)
	check("another program's question", g.reads(t, esptest.UDP(other, dns, nil)), false)
	check("from the name server to another port", g.writes(t, esptest.UDP(dns, other, nil)), false)
	check("the same ports over TCP", g.reads(t, segment(us, dns, 0x02)), false)

	if _, err := g.dial("tcp", web, func() (net.Conn, error) {
		check("no SYN", g.reads(t, segment(us, web, 0x10)), false)
		check("inwards before a SYN", g.writes(t, segment(web, us, 0x02)), false)
		check("our SYN", g.reads(t, segment(us, web, 0x02)), true)
		check("its answer", g.writes(t, segment(web, us, 0x12)), true)
		check("another program's SYN at this moment", g.reads(t, segment(other, web, 0x02)), true)
		return ended{local: net.TCPAddrFromAddrPort(us)}, nil
	}); err != nil {
		t.Fatal(err)
	}
	check("our request", g.reads(t, segment(us, web, 0x18)), true)
	check("another program's request", g.reads(t, segment(other, web, 0x18)), false)
	check("another program's SYN later", g.reads(t, segment(other, web, 0x02)), false)
	check("to another port", g.writes(t, segment(web, other, 0x18)), false)

	lost := errors.New("no answer")
	if _, err := g.dial("tcp", web, func() (net.Conn, error) {
		check("a SYN", g.reads(t, segment(other, web, 0x02)), true)
		return nil, lost
	}); !errors.Is(err, lost) {
		t.Error(err)
	}
	check("behind a dial that failed", g.reads(t, segment(other, web, 0x02)), false)
	g.hold()
	check("held anew", g.reads(t, esptest.UDP(us, dns, nil)), false)
	g.release()
	check("released", g.reads(t, segment(other, web, 0x18)), true)
}

// TestGateIsBounded: however much is dialed, a held gate stays small, lets the newest
// pass, and an open one keeps nothing.
func TestGateIsBounded(t *testing.T) {
	t.Parallel()
	g := new(gate)
	local := netip.MustParseAddr("10.0.0.1")
	to := netip.MustParseAddrPort("10.99.0.2:53")
	dial := func(port int) {
		t.Helper()
		if _, err := g.dial("udp", to, func() (net.Conn, error) {
			return ended{local: net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, uint16(port)))}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	dial(1)
	g.hold()
	if n := len(g.state.Load().flows); n != 0 {
		t.Errorf("%d flows were kept", n)
	}
	for i := range 2 * maxFlows {
		dial(i + 1)
	}
	if n := len(g.state.Load().flows); n != maxFlows {
		t.Errorf("%d flows, want %d", n, maxFlows)
	}
	if !g.reads(t, esptest.UDP(netip.AddrPortFrom(local, 2*maxFlows), to, nil)) {
		t.Error("the newest does not pass")
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

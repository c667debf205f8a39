//go:build linux

package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
	"golang.org/x/sys/unix"
)

// TestNoAllocation: a batch out and a batch in cost no allocation.
func TestNoAllocation(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		needFamily(t, v6)
		a, b := openTest(t, Config{}), openTest(t, Config{})
		var out [][]byte
		for i := range 40 {
			out = append(out, payload(i, 1400))
		}
		to := loopback(b.Port(), v6)
		receive := b.Receivers()[0]
		if v6 {
			receive = b.Receivers()[1]
		}
		bufs, sizes, from := buffers(b.BatchSize(), 2048)
		allocs := testing.AllocsPerRun(200, func() {
			if err := a.Send(out, to); err != nil {
				t.Fatal(err)
			}
			for got := 0; got < len(out); {
				n, err := receive(bufs, sizes, from)
				if err != nil {
					t.Fatal(err)
				}
				got += n
			}
		})
		if allocs != 0 {
			t.Errorf("ipv6=%v: %v allocations per batch", v6, allocs)
		}
	}
}

// TestICMPErrors makes the kernel report "port unreachable" on both sockets
// (IP_RECVERR), at receive and at send, and goes on all the same.
func TestICMPErrors(t *testing.T) {
	t.Parallel()
	s, err := openSocket("udp4", 0, Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	var inner error
	err = s.raw.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	})
	if err := errors.Join(err, inner); err != nil {
		t.Fatal(err)
	}
	self := s.conn.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Port()
	closed := openTest(t, Config{})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	d, r := newSender(s), newReceiver(s)
	bufs, sizes, from := buffers(4, 2048)
	for range 5 {
		// The error of the first stands before the second is sent, or received.
		if err := d.send([][]byte{{1}}, loopback(closed.Port(), false)); err != nil {
			t.Fatalf("sending after an ICMP error: %v", err)
		}
		if err := d.send([][]byte{{2}}, loopback(self, false)); err != nil {
			t.Fatalf("sending after an ICMP error: %v", err)
		}
		if err := d.send([][]byte{{1}}, loopback(closed.Port(), false)); err != nil {
			t.Fatalf("sending after an ICMP error: %v", err)
		}
		n, err := r.receive(bufs, sizes, from)
		if err != nil || n != 1 || bufs[0][0] != 2 {
			t.Fatalf("after an ICMP error %d datagrams and %v", n, err)
		}
	}
}

// TestUnreachable: no route is an error of that Send, and of nothing else.
func TestUnreachable(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "ip", "link", "set", "lo", "up")
	a, b := openTest(t, Config{}), openTest(t, Config{})
	arrived := listen(t, b)
	err := a.Send([][]byte{{1}, {2}}, netip.MustParseAddrPort("192.0.2.1:500"))
	if !errors.Is(err, syscall.ENETUNREACH) {
		t.Fatalf("sending to nowhere gives %v", err)
	}
	if err := a.Send([][]byte{{3}}, loopback(b.Port(), false)); err != nil {
		t.Fatal(err)
	}
	if d := next(t, arrived); d.data[0] != 3 {
		t.Fatalf("got %v", d.data)
	}
	if got := a.LocalAddr(netip.MustParseAddrPort("192.0.2.1:500")); got.IsValid() {
		t.Fatalf("local address %v on the way to nowhere", got)
	}
}

// TestSegmentsLargerThanThePath: a path that does not take a segment whole
// makes the kernel refuse the run; every datagram arrives all the same, as
// fragments, and smaller runs go on as runs.
func TestSegmentsLargerThanThePath(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "ip", "link", "set", "lo", "mtu", "1280", "up")
	for _, v6 := range []bool{false, true} {
		a, b := openTest(t, Config{}), openTest(t, Config{})
		arrived := listen(t, b)
		var bufs [][]byte
		for i := range 30 {
			size := 1400
			if i%10 > 5 {
				size = 900
			}
			bufs = append(bufs, payload(i, size))
		}
		if err := a.Send(bufs, loopback(b.Port(), v6)); err != nil {
			t.Fatalf("ipv6=%v: %v", v6, err)
		}
		for i := range bufs {
			if d := next(t, arrived); !bytes.Equal(d.data, bufs[i]) {
				t.Fatalf("ipv6=%v: datagram %d has %d bytes, want %d", v6, i, len(d.data), len(bufs[i]))
			}
		}
		if got := a.PathMTU(loopback(b.Port(), v6)); got != 1280 {
			t.Errorf("ipv6=%v: path MTU %d, want 1280", v6, got)
		}
	}
}

// TestMark: marked datagrams and the probe for the local address follow the
// rule for the mark.
func TestMark(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	const mark = 0x1234
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", "192.0.2.1/32", "dev", "lo"},
		{"addr", "add", "192.0.2.2/32", "dev", "lo"},
		{"route", "add", "198.51.100.0/24", "dev", "lo", "src", "192.0.2.1"},
		{"route", "add", "198.51.100.0/24", "dev", "lo", "src", "192.0.2.2", "table", "77"},
		{"rule", "add", "fwmark", "0x1234", "lookup", "77"},
	} {
		namespace.Run(t, "ip", args...)
	}
	to := netip.MustParseAddrPort("198.51.100.9:4500")
	for m, want := range map[uint32]string{0: "192.0.2.1", mark: "192.0.2.2"} {
		u := openTest(t, Config{Mark: m})
		if got := u.LocalAddr(to).Addr().String(); got != want {
			t.Errorf("mark %#x: local address %s, want %s", m, got, want)
		}
	}
}

// TestManySenders: sends from many goroutines do not mix.
func TestManySenders(t *testing.T) {
	t.Parallel()
	a, b := openTest(t, Config{}), openTest(t, Config{})
	arrived := listen(t, b)
	const senders, each = 8, 20
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				one := bytes.Repeat([]byte{byte(s)}, 100+i)
				if err := a.Send([][]byte{one, one}, loopback(b.Port(), s%2 == 0)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range senders * each * 2 {
		d := next(t, arrived)
		for _, c := range d.data {
			if c != d.data[0] {
				t.Fatalf("datagram of %d bytes is mixed", len(d.data))
			}
		}
	}
	wg.Wait()
}

func TestSegmentSize(t *testing.T) {
	t.Parallel()
	message := func(level, kind int32, data []byte) []byte {
		b := make([]byte, unix.CmsgSpace(len(data)))
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		h.Level, h.Type = level, kind
		h.SetLen(unix.CmsgLen(len(data)))
		copy(b[unix.CmsgLen(0):], data)
		return b
	}
	size := binary.NativeEndian.AppendUint32(nil, 1400)
	gro := message(unix.IPPROTO_UDP, unix.UDP_GRO, size)
	other := message(unix.IPPROTO_IP, unix.IP_TTL, size)
	lying := bytes.Clone(gro)
	(*unix.Cmsghdr)(unsafe.Pointer(&lying[0])).SetLen(5000)
	for name, c := range map[string]struct {
		control []byte
		want    int
	}{
		"none":       {nil, 0},
		"gro":        {gro, 1400},
		"after one":  {append(bytes.Clone(other), gro...), 1400},
		"other":      {other, 0},
		"16 bits":    {message(unix.IPPROTO_UDP, unix.UDP_GRO, size[:2])[:unix.CmsgLen(2)], int(binary.NativeEndian.Uint16(size))},
		"lying":      {lying, 0},
		"zero":       {make([]byte, 32), 0},
		"cut header": {gro[:10], 0},
	} {
		if got := segmentSize(c.control); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestRunLength(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sizes []int
		max   int
		want  int
	}{
		{[]int{100}, 1000, 1},
		{[]int{100, 100, 100}, 1000, 3},
		{[]int{100, 100, 40, 100}, 1000, 3},
		{[]int{100, 101}, 1000, 1},
		{[]int{100, 0, 100}, 1000, 1},
		{[]int{0, 0}, 1000, 1},
		{[]int{400, 400, 400}, 1000, 2},
	} {
		var bufs [][]byte
		for _, s := range c.sizes {
			bufs = append(bufs, make([]byte, s))
		}
		if got := runLength(bufs, c.max); got != c.want {
			t.Errorf("%v within %d: %d, want %d", c.sizes, c.max, got, c.want)
		}
	}
}

func BenchmarkLoopback(b *testing.B) {
	x, y := openTest(b, Config{}), openTest(b, Config{})
	out, _, _ := buffers(64, 1400)
	bufs, sizes, from := buffers(y.BatchSize(), 2048)
	to, receive := loopback(y.Port(), false), y.Receivers()[0]
	b.ReportAllocs()
	b.SetBytes(int64(len(out) * 1400))
	for b.Loop() {
		if err := x.Send(out, to); err != nil {
			b.Fatal(err)
		}
		for got := 0; got < len(out); {
			n, err := receive(bufs, sizes, from)
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
}

package transport

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"
)

// patience bounds every wait: what takes longer is broken.
const patience = 10 * time.Second

func openTest(t testing.TB, c Config) *UDP {
	t.Helper()
	u, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	return u
}

// datagram is one that arrived.
type datagram struct {
	data []byte
	from netip.AddrPort
}

// listen runs all receive loops of u until it is closed.
func listen(t testing.TB, u *UDP) <-chan datagram {
	t.Helper()
	out := make(chan datagram, 4096)
	for _, receive := range u.Receivers() {
		go func() {
			bufs, sizes, from := buffers(u.BatchSize(), 2048)
			for {
				n, err := receive(bufs, sizes, from)
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("receive loop ended: %v", err)
					}
					return
				}
				for i := range n {
					if sizes[i] > 0 {
						out <- datagram{bytes.Clone(bufs[i][:sizes[i]]), from[i]}
					}
				}
			}
		}()
	}
	return out
}

func buffers(n, size int) ([][]byte, []int, []netip.AddrPort) {
	bufs := make([][]byte, n)
	for i := range bufs {
		bufs[i] = make([]byte, size)
	}
	return bufs, make([]int, n), make([]netip.AddrPort, n)
}

func next(t testing.TB, from <-chan datagram) datagram {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case d := <-from:
		return d
	case <-timer.C:
		t.Fatal("no datagram arrived")
	}
	return datagram{}
}

func loopback(port uint16, v6 bool) netip.AddrPort {
	if v6 {
		return netip.AddrPortFrom(netip.IPv6Loopback(), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// needFamily skips where the machine has no such loopback.
func needFamily(t testing.TB, v6 bool) {
	t.Helper()
	c, err := net.ListenPacket("udp", loopback(0, v6).String())
	if err != nil {
		t.Skipf("no loopback of this family: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// payload makes a datagram that can be recognized.
func payload(i, size int) []byte {
	b := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2+1)[:size]
	return b
}

// TestBatches sends runs of every shape through one call: equal sizes (a GSO
// run), a short tail, growing sizes, more than fit into one message, more than
// a batch.
func TestBatches(t *testing.T) {
	t.Parallel()
	repeat := func(n, size int) (s []int) {
		for range n {
			s = append(s, size)
		}
		return s
	}
	shapes := map[string][]int{
		"one":            {100},
		"equal":          repeat(50, 1400),
		"short tail":     append(repeat(10, 1400), 60),
		"tail then more": append(append(repeat(5, 1400), 60), repeat(5, 1400)...),
		"growing":        {10, 20, 30, 40},
		"shrinking":      {40, 30, 20, 10},
		"over 64 KB":     repeat(100, 1400),
		"over 64 pieces": repeat(100, 40),
		"over a batch":   repeat(300, 200),
		"single bytes":   repeat(128, 1),
	}
	for _, v6 := range []bool{false, true} {
		for name, sizes := range shapes {
			t.Run(fmt.Sprintf("%s ipv6=%v", name, v6), func(t *testing.T) {
				t.Parallel()
				needFamily(t, v6)
				a, b := openTest(t, Config{}), openTest(t, Config{})
				arrived := listen(t, b)
				var bufs [][]byte
				for i, size := range sizes {
					bufs = append(bufs, payload(i, size))
				}
				if err := a.Send(bufs, loopback(b.Port(), v6)); err != nil {
					t.Fatal(err)
				}
				for i := range bufs {
					d := next(t, arrived)
					if !bytes.Equal(d.data, bufs[i]) {
						t.Fatalf("datagram %d: got %d bytes, want %d", i, len(d.data), len(bufs[i]))
					}
					if want := loopback(a.Port(), v6); d.from != want {
						t.Fatalf("datagram %d comes from %v, want %v", i, d.from, want)
					}
				}
			})
		}
	}
}

// TestSmallBatches reads with room for three at a time what came as one run.
func TestSmallBatches(t *testing.T) {
	t.Parallel()
	a, b := openTest(t, Config{}), openTest(t, Config{})
	var bufs [][]byte
	for i := range 20 {
		bufs = append(bufs, payload(i, 300))
	}
	if err := a.Send(bufs, loopback(b.Port(), false)); err != nil {
		t.Fatal(err)
	}
	into, sizes, from := buffers(3, 2048)
	for got := 0; got < len(bufs); {
		n, err := b.Receivers()[0](into, sizes, from)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if !bytes.Equal(into[i][:sizes[i]], bufs[got]) {
				t.Fatalf("datagram %d is wrong", got)
			}
			got++
		}
	}
}

// TestTooLargeIsDropped: a datagram that does not fit is left out, not cut.
func TestTooLargeIsDropped(t *testing.T) {
	t.Parallel()
	a, b := openTest(t, Config{}), openTest(t, Config{})
	arrived := listen(t, b)
	for _, size := range []int{3000, 9000, 100} {
		if err := a.Send([][]byte{payload(size, size)}, loopback(b.Port(), false)); err != nil {
			t.Fatal(err)
		}
	}
	if d := next(t, arrived); len(d.data) != 100 {
		t.Fatalf("a datagram of %d bytes was handed out", len(d.data))
	}
}

func TestBothFamiliesShareThePort(t *testing.T) {
	t.Parallel()
	needFamily(t, true)
	a, b := openTest(t, Config{}), openTest(t, Config{})
	if len(b.Receivers()) != 2 {
		t.Fatalf("%d receivers, want one per family", len(b.Receivers()))
	}
	arrived := listen(t, b)
	for _, v6 := range []bool{false, true} {
		if err := a.Send([][]byte{{1}}, loopback(b.Port(), v6)); err != nil {
			t.Fatal(err)
		}
		if d := next(t, arrived); d.from.Addr().Is6() != v6 {
			t.Fatalf("sender %v has the wrong family", d.from)
		}
	}
	// The port is taken now, in both.
	if u, err := Open(Config{Port: b.Port()}); err == nil {
		t.Error("a port was opened twice")
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestMappedAddress(t *testing.T) {
	t.Parallel()
	a, b := openTest(t, Config{}), openTest(t, Config{})
	arrived := listen(t, b)
	to := netip.AddrPortFrom(netip.MustParseAddr("::ffff:127.0.0.1"), b.Port())
	if err := a.Send([][]byte{{7}}, to); err != nil {
		t.Fatal(err)
	}
	if d := next(t, arrived); !d.from.Addr().Is4() {
		t.Fatalf("sender %v is not a plain IPv4 address", d.from)
	}
}

func TestCloseEndsReceivers(t *testing.T) {
	t.Parallel()
	u := openTest(t, Config{})
	ended := make(chan error, len(u.Receivers()))
	for _, receive := range u.Receivers() {
		go func() {
			bufs, sizes, from := buffers(u.BatchSize(), 2048)
			_, err := receive(bufs, sizes, from)
			ended <- err
		}()
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	for range u.Receivers() {
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Fatalf("receiver ended with %v", err)
		}
	}
	if err := u.Send([][]byte{{1}}, loopback(9, false)); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Send after Close gives %v", err)
	}
	if err := u.Close(); err != nil {
		t.Fatalf("second Close: %v", err)
	}
}

func TestLocalAddr(t *testing.T) {
	t.Parallel()
	u := openTest(t, Config{})
	if got, want := u.LocalAddr(loopback(500, false)), loopback(u.Port(), false); got != want {
		t.Fatalf("local address %v, want %v", got, want)
	}
	if got := u.LocalAddr(netip.AddrPort{}); got.IsValid() {
		t.Fatalf("an address to nowhere: %v", got)
	}
}

// TestBind runs what other systems use, here too.
func TestBind(t *testing.T) {
	t.Parallel()
	open := func() *UDP {
		u, err := openBind(conn.NewStdNetBind(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := u.Close(); err != nil {
				t.Error(err)
			}
		})
		return u
	}
	a, b := open(), open()
	arrived := make(chan datagram, 256)
	go func() {
		bufs, sizes, from := buffers(b.BatchSize(), MaxDatagram)
		for {
			n, err := b.Receivers()[0](bufs, sizes, from)
			if err != nil {
				close(arrived)
				return
			}
			for i := range n {
				if sizes[i] > 0 {
					arrived <- datagram{bytes.Clone(bufs[i][:sizes[i]]), from[i]}
				}
			}
		}
	}()
	var bufs [][]byte
	for i := range 200 {
		bufs = append(bufs, payload(i, 500))
	}
	if err := a.Send(bufs, loopback(b.Port(), false)); err != nil {
		t.Fatal(err)
	}
	for i := range bufs {
		d := next(t, arrived)
		if !bytes.Equal(d.data, bufs[i]) || d.from != loopback(a.Port(), false) {
			t.Fatalf("datagram %d: %d bytes from %v", i, len(d.data), d.from)
		}
	}
}

// TestPassingErrorsDoNotEndABind: ICMP errors are passed over, however many come
// (RFC 7296 2.4); a socket that fails by itself, and goes on to, is broken.
func TestPassingErrorsDoNotEndABind(t *testing.T) {
	t.Parallel()
	calls := 0
	fn := bindReceiver(func(_ [][]byte, sizes []int, eps []conn.Endpoint) (int, error) {
		if calls++; calls <= 3*maxPassing { // a flood of ICMP, which anybody can send
			return 0, fmt.Errorf("read udp: %w", syscall.ECONNREFUSED)
		} else if calls < 3*maxPassing+30 {
			all := slices.Concat(icmpErrors, localErrors)
			return 0, fmt.Errorf("read udp: %w", all[calls%len(all)])
		}
		sizes[0], eps[0] = 1, &conn.StdNetEndpoint{AddrPort: loopback(1, false)}
		return 1, nil
	}, 1)
	bufs, sizes, from := buffers(1, 10)
	if n, err := fn(bufs, sizes, from); n != 1 || err != nil || from[0] != loopback(1, false) {
		t.Fatalf("%d datagrams from %v, %v", n, from[0], err)
	}
	broken := bindReceiver(func([][]byte, []int, []conn.Endpoint) (int, error) { return 0, syscall.ENOBUFS }, 1)
	if _, err := broken(bufs, sizes, from); !errors.Is(err, errBroken) {
		t.Fatalf("a socket of nothing but errors gives %v", err)
	}
	other := errors.New("something else")
	fatal := bindReceiver(func([][]byte, []int, []conn.Endpoint) (int, error) { return 0, other }, 1)
	if _, err := fatal(bufs, sizes, from); !errors.Is(err, other) {
		t.Fatalf("another error becomes %v", err)
	}
}

// TestTakenPort: a port that another socket holds, in one family alone, is not
// fought for: where the system chooses another one is found for both families, and
// where the caller insists the error says so.
func TestTakenPort(t *testing.T) {
	t.Parallel()
	for _, v6 := range []bool{false, true} {
		needFamily(t, v6)
		taken, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback(0, v6)))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := taken.Close(); err != nil {
				t.Error(err)
			}
		}()
		port := taken.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		if u, err := Open(Config{Port: port}); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("opening the taken port %d gives %v, %v", port, u, err)
		}
		for range 20 {
			u := openTest(t, Config{})
			if u.Port() == port || u.Port() == 0 {
				t.Errorf("port %d, where %d is taken", u.Port(), port)
			}
		}
	}
}

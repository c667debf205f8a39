package platformtest

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/route"
	"github.com/homeward-vpn/homeward/platform/transport"
	"github.com/homeward-vpn/homeward/platform/tun"
)

// A fake that lacks a method of the real one does not compile here.
type (
	router interface {
		Set(route.Config) error
		Clear() error
	}
	resolver interface {
		Set(dns.Config) error
		Clear() error
		Mode() string
		SupportsSplit() bool
	}
	device interface {
		Read(bufs [][]byte, sizes []int, offset int) (int, error)
		Write(bufs [][]byte, offset int) (int, error)
		BatchSize() int
		Name() string
		Close() error
	}
	sockets interface {
		Receivers() []func([][]byte, []int, []netip.AddrPort) (int, error)
		Send(bufs [][]byte, to netip.AddrPort) error
		BatchSize() int
		LocalAddr(netip.AddrPort) netip.AddrPort
		Port() uint16
		Close() error
	}
)

var (
	_ = []router{(*route.Router)(nil), (*Router)(nil)}
	_ = []resolver{(*dns.Configurator)(nil), (*DNS)(nil)}
	_ = []device{(*tun.Device)(nil), (*TUN)(nil)}
	_ = []sockets{(*transport.UDP)(nil), (*Transport)(nil)}
)

var errInjected = errors.New("injected")

func TestRouter(t *testing.T) {
	t.Parallel()
	var r Router
	r.Fail("Set", nil)
	r.Fail("Set", errInjected)
	r.Fail("Clear", errInjected)
	c := route.Config{Interface: "homeward0"}
	if err := r.Set(c); err != nil {
		t.Fatal(err)
	}
	c.Full = true
	if err := r.Set(c); !errors.Is(err, errInjected) {
		t.Fatalf("the second Set gives %v", err)
	}
	if got, ok := r.Current(); !ok || got.Full || len(r.Sets()) != 1 {
		t.Fatalf("a failed Set has changed it: %+v, %v", got, ok)
	}
	if err := r.Clear(); !errors.Is(err, errInjected) || r.Clears() != 0 {
		t.Fatalf("Clear gives %v", err)
	}
	if err := r.Clear(); err != nil || r.Clears() != 1 {
		t.Fatalf("the second Clear gives %v", err)
	}
	if _, ok := r.Current(); ok {
		t.Fatal("something stands after Clear")
	}
}

func TestDNS(t *testing.T) {
	t.Parallel()
	d := DNS{NoSplit: true}
	c := dns.Config{Interface: "homeward0", Servers: []netip.Addr{netip.MustParseAddr("10.99.0.2")}, Domains: []string{"corp.example"}}
	var warning *dns.SplitUnsupportedError
	if err := d.Set(c); !errors.As(err, &warning) || d.Mode() != dns.ModeFile || d.SupportsSplit() {
		t.Fatalf("%v, mode %q", err, d.Mode())
	}
	d.Fail("Clear", errInjected)
	if err := d.Clear(); !errors.Is(err, errInjected) || d.Mode() == dns.ModeNone {
		t.Fatalf("%v, mode %q", err, d.Mode())
	}
	if err := d.Clear(); err != nil || d.Mode() != dns.ModeNone || d.Clears() != 1 || len(d.Sets()) != 1 {
		t.Fatalf("%v, mode %q", err, d.Mode())
	}
	d.NoSplit = false
	if err := d.Set(c); err != nil || d.Mode() != dns.ModeResolved {
		t.Fatalf("%v, mode %q", err, d.Mode())
	}
	if err := d.Set(dns.Config{}); err != nil || d.Mode() != dns.ModeNone {
		t.Fatalf("%v, mode %q", err, d.Mode())
	}
}

func TestTUN(t *testing.T) {
	t.Parallel()
	d := NewTUN("homeward0")
	if !d.Inject([]byte("one")) || !d.Inject([]byte("three")) {
		t.Fatal("not injected")
	}
	bufs, sizes := [][]byte{make([]byte, 20), make([]byte, 20)}, make([]int, 2)
	for got := 0; got < 2; {
		n, err := d.Read(bufs, sizes, 4)
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if n, err := d.Write([][]byte{[]byte("....out")}, 4); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if p, ok := d.Delivered(); !ok || string(p) != "out" {
		t.Fatalf("delivered %q", p)
	}
	d.Fail("Write", errInjected)
	if _, err := d.Write(bufs, 4); !errors.Is(err, errInjected) {
		t.Fatalf("Write gives %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	<-d.Closed()
	if _, err := d.Read(bufs, sizes, 4); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("Read after Close gives %v", err)
	}
	if _, err := d.Write(bufs, 4); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("Write after Close gives %v", err)
	}
	if d.Inject(nil) {
		t.Fatal("injected into a closed device")
	}
}

func TestTransport(t *testing.T) {
	t.Parallel()
	local, far := netip.MustParseAddrPort("192.0.2.1:4500"), netip.MustParseAddrPort("203.0.113.1:4500")
	u := NewTransport(local)
	if u.LocalAddr(far) != local || u.Port() != 4500 {
		t.Fatal("wrong address")
	}
	data := []byte("hello")
	if err := u.Send([][]byte{data}, far); err != nil {
		t.Fatal(err)
	}
	data[0] = 'j' // the fake has its own copy
	if b, to, ok := u.Sent(); !ok || !bytes.Equal(b, []byte("hello")) || to != far {
		t.Fatalf("%q to %v", b, to)
	}
	u.Receive([]byte("answer"), far)
	bufs, sizes, from := [][]byte{make([]byte, 20)}, make([]int, 1), make([]netip.AddrPort, 1)
	receive := u.Receivers()[0]
	if n, err := receive(bufs, sizes, from); n != 1 || err != nil || sizes[0] != 6 || from[0] != far {
		t.Fatal(n, err, sizes, from)
	}
	u.Fail("Send", errInjected)
	if err := u.Send(bufs, far); !errors.Is(err, errInjected) {
		t.Fatalf("Send gives %v", err)
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := receive(bufs, sizes, from); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("receiving after Close gives %v", err)
	}
	if err := u.Send(bufs, far); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Send after Close gives %v", err)
	}
	if _, _, ok := u.Sent(); ok {
		t.Fatal("something was sent after Close")
	}
}

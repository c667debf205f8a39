package esptest_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

var (
	_ dataplane.TUN       = (*esptest.TUN)(nil)
	_ dataplane.Transport = (*esptest.Transport)(nil)
)

var here = netip.MustParseAddrPort("192.0.2.1:4500")

func TestTUN(t *testing.T) {
	t.Parallel()
	d := esptest.NewTUN(2)
	d.Inject([]byte("one"), []byte("two"))
	d.InjectError(os.ErrDeadlineExceeded)
	bufs, sizes := [][]byte{make([]byte, 8), make([]byte, 8)}, make([]int, 2)
	n, err := d.Read(bufs, sizes, 4)
	if n != 2 || err != nil || string(bufs[0][4:4+sizes[0]]) != "one" || string(bufs[1][4:4+sizes[1]]) != "two" {
		t.Errorf("%d %v %q %v", n, err, bufs, sizes)
	}
	if _, err = d.Read(bufs, sizes, 4); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	if _, err = d.Write([][]byte{[]byte("....three")}, 4); err != nil || string(<-d.Written()) != "three" {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	d.Inject([]byte("too late"))
	if _, err = d.Read(bufs, sizes, 4); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	d.Settle() // must not wait for a reader that is gone
}

func TestTransport(t *testing.T) {
	t.Parallel()
	a, b := esptest.NewTransport(here, 4), esptest.NewTransport(here, 2)
	esptest.Connect(a, b)
	if err := a.Send([][]byte{[]byte("1"), []byte("2"), []byte("3")}, here); err != nil {
		t.Fatal(err)
	}
	receive := b.Receivers()[0]
	bufs, sizes, from := [][]byte{make([]byte, 8), make([]byte, 8)}, make([]int, 2), make([]netip.AddrPort, 2)
	for _, want := range []int{2, 1} { // no more than b takes at once
		if n, err := receive(bufs, sizes, from); n != want || err != nil || from[0] != here {
			t.Errorf("%d %v from %v", n, err, from)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := a.Send([][]byte{[]byte("into the void")}, here); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := a.Send([][]byte{nil}, here); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := receive(bufs, sizes, from); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// The packets made here are what they claim to be, and the checker can say no.
func TestPackets(t *testing.T) {
	t.Parallel()
	for _, ends := range [][2]string{{"10.0.0.1:1", "10.0.0.2:2"}, {"[fd00::1]:1", "[fd00::2]:2"}} {
		src, dst := netip.MustParseAddrPort(ends[0]), netip.MustParseAddrPort(ends[1])
		for _, p := range [][]byte{esptest.UDP(src, dst, []byte("odd")), esptest.SYN(src, dst, []byte{2, 4, 5, 6})} {
			if !esptest.ValidChecksum(p) {
				t.Errorf("%x has a wrong checksum", p)
			}
			p[len(p)-1] ^= 1
			if esptest.ValidChecksum(p) {
				t.Errorf("%x has a right checksum", p)
			}
		}
	}
}

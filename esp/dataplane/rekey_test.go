package dataplane_test

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// The gateway moves, to another family too; a mapped address is unmapped.
func TestSetPeer(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	packet := esptest.UDP(host4, intra4, nil)
	for _, peer := range []string{"198.51.100.1:4501", "[2001:db8::1]:4500", "[::ffff:198.51.100.9]:4500"} {
		to := netip.MustParseAddrPort(peer)
		r.plane.SetPeer(to)
		r.tun.Inject(packet)
		d := next(t, "sent packet", r.transport.Sent())
		if want := netip.AddrPortFrom(to.Addr().Unmap(), to.Port()); d.Peer != want {
			t.Errorf("sent to %v, want %v", d.Peer, want)
		}
	}
}

// Rekey: the new pair receives before it sends, sending switches at once, the
// old pair goes on receiving until its linger ends, and no packet is lost.
func TestRekeyOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, esptest.Default())
		up, down := esptest.UDP(host4, intra4, []byte("up")), esptest.UDP(intra4, host4, []byte("down"))
		expectDown := func(far esptest.Pair) {
			t.Helper()
			r.transport.Deliver(sealed(t, far.Out, down))
			if got := next(t, "written packet", r.tun.Written()); !bytes.Equal(got, down) {
				t.Errorf("written %x", got)
			}
		}
		wider := esptest.Suite{Cipher: esp.AESCBC, KeyLen: 32, Integrity: esp.HMACSHA512_256, IntegLen: 64}
		near, far2 := wider.Ends(0x1002, 0x2002)
		if err := r.plane.AddSA(near.In, near.Out); err != nil {
			t.Fatal(err)
		}
		expectDown(far2)
		r.tun.Inject(up)
		r.expectSent(r.far, up)

		if err := r.plane.Activate(0x1002); err != nil {
			t.Fatal(err)
		}
		r.tun.Inject(up, up)
		r.expectSent(far2, up)
		r.expectSent(far2, up)
		expectDown(r.far)

		r.plane.RemoveSA(spiIn, 5*time.Second)
		r.plane.RemoveSA(0xdddd, 0)
		expectDown(r.far)
		if err := r.plane.Activate(spiIn); !errors.Is(err, dataplane.ErrUnknownSPI) {
			t.Errorf("activating a removed SA: %v", err)
		}
		<-time.After(4 * time.Second) // the bubble's clock: nobody waits
		synctest.Wait()
		expectDown(r.far)
		<-time.After(2 * time.Second)
		synctest.Wait()
		r.transport.Deliver(sealed(t, r.far.Out, down))
		next(t, "unknown SPI", r.control)
		r.expectDrops(map[string]uint64{"unknown-spi": 1})
		r.tun.Inject(up)
		r.expectSent(far2, up)

		r.plane.RemoveSA(0x1002, 0)
		synctest.Wait()
		r.tun.Inject(up)
		synctest.Wait()
		r.expectDrops(map[string]uint64{"unknown-spi": 1, "no-sa": 1})
	})
}

// When the latest SA goes, the one before takes over again.
func TestFallBackToOlderSA(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	up := esptest.UDP(host4, intra4, nil)
	far2 := r.install(esptest.Default(), 0x1002, 0x2002)
	r.tun.Inject(up)
	r.expectSent(far2, up)
	r.plane.RemoveSA(0x1002, 0)
	r.tun.Inject(up)
	r.expectSent(r.far, up)
	if err := r.plane.AddSA(esptest.MustInbound(esptest.Default().Config(spiIn, esptest.Any(), esptest.Any())), nil); !errors.Is(err, dataplane.ErrDuplicateSPI) {
		t.Errorf("second SA with that SPI: %v", err)
	}
}

// An SA that needs more room becomes active while full packets, read in the
// narrower layout, are on their way.
func TestWiderSuiteDuringRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	full := func(tag byte) []byte {
		return esptest.UDP(host6, intra6, bytes.Repeat([]byte{tag}, mtu-48))
	}
	r.tun.Inject(full(0), full(1))
	r.expectSent(r.far, full(0))
	r.expectSent(r.far, full(1))
	r.settle() // the sender now waits in Read with buffers for AES-GCM
	wider := esptest.Suite{Cipher: esp.AESCBC, KeyLen: 32, Integrity: esp.HMACSHA512_256, IntegLen: 64}
	far2 := r.install(wider, 0x1002, 0x2002)
	var packets [][]byte
	for i := range batch {
		packets = append(packets, full(byte(i)))
	}
	r.tun.Inject(packets...)
	for _, p := range packets {
		r.expectSent(far2, p)
	}
}

// Long before the end of the sequence numbers, in either direction and in
// fragments too, the owner is told, once for each pair (RFC 4303 3.3.3).
func TestWorn(t *testing.T) {
	t.Parallel()
	for _, esn := range []bool{false, true} {
		s := esptest.Default()
		s.ESN = esn
		up, down := esptest.UDP(host4, intra4, nil), esptest.UDP(intra4, host4, nil)
		for name, use := range map[string]func(r *rig, near, far esptest.Pair){
			"out": func(r *rig, near, _ esptest.Pair) {
				near.Out.Reserve(esp.WornAt - 3)
				r.tun.Inject(up, up)
				r.settle()
				if n := len(r.worn); n != 0 {
					t.Errorf("told %d times at %d packets", n, near.Out.Used())
				}
				r.tun.Inject(up, up, up)
			},
			"out, in fragments": func(r *rig, near, _ esptest.Pair) {
				near.Out.Reserve(esp.WornAt - 1)
				r.plane.SetPathMTU(dataplane.MinPathMTU)
				long := esptest.UDP(host4, intra4, make([]byte, mtu-28))
				long[6] = 0 // may be fragmented; nobody looks at the checksum
				r.tun.Inject(long)
			},
			"in": func(r *rig, _, far esptest.Pair) {
				far.Out.Reserve(esp.WornAt - 2)
				r.transport.Deliver(sealed(t, far.Out, down))
				r.settle()
				if n := len(r.worn); n != 0 {
					t.Errorf("told %d times one packet early", n)
				}
				r.transport.Deliver(sealed(t, far.Out, down))
				r.transport.Deliver(sealed(t, far.Out, down))
			},
			"a forgery": func(r *rig, near, far esptest.Pair) {
				far.Out.Reserve(esp.WornAt)
				d := sealed(t, far.Out, down)
				d.Data[len(d.Data)-1] ^= 1
				r.transport.Deliver(d)
				r.settle()
				if n := len(r.worn); n != 0 {
					t.Error("told for a forgery")
				}
				near.Out.Reserve(esp.WornAt)
				r.tun.Inject(up)
			},
		} {
			r := bare(t)
			r.plane.SetPeer(gateway)
			near, far := s.Ends(spiIn, spiOut)
			for _, err := range []error{r.plane.AddSA(near.In, near.Out), r.plane.Activate(spiIn)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			use(r, near, far)
			r.settle()
			if spi := next(t, name, r.worn); spi != spiIn || len(r.worn) != 0 {
				t.Errorf("%s: told of %08x, and %d times more", name, spi, len(r.worn))
			}
		}
	}
}

// At the end of its sequence numbers an SA sends what it still may and then
// nothing (RFC 4303 3.3.3).
func TestSequenceExhausted(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.plane.SetPeer(gateway)
	s := esptest.Default()
	s.ESN = false
	near, _ := s.Ends(spiIn, spiOut)
	if _, n := near.Out.Reserve(1<<32 - 3); n != 1<<32-3 {
		t.Fatal(n)
	}
	for _, err := range []error{r.plane.AddSA(near.In, near.Out), r.plane.Activate(spiIn)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	up := esptest.UDP(host4, intra4, nil)
	r.tun.Inject(up, up, up, up, up)
	r.settle()
	if n := len(r.transport.Sent()); n != 2 {
		t.Errorf("%d packets sent", n)
	}
	r.expectDrops(map[string]uint64{"sequence-exhausted": 3})
}

package dataplane_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// Batches of mixed lengths and families, in order, one Send per batch.
func TestOutbound(t *testing.T) {
	t.Parallel()
	for _, s := range esptest.Suites() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, s)
			total := uint64(0)
			for round := range 20 {
				var packets [][]byte
				for i := range batch {
					p := esptest.UDP(host4, intra4, bytes.Repeat([]byte{byte(round), byte(i)}, (round*37+i*91)%600))
					if i%3 == 1 {
						p = esptest.UDP(host6, intra6, bytes.Repeat([]byte{byte(i)}, mtu-48))
					}
					packets = append(packets, p)
					total += uint64(len(p))
				}
				r.tun.Inject(packets...)
				for _, p := range packets {
					r.expectSent(r.far, p)
				}
			}
			r.settle()
			stats := r.plane.Stats()
			if stats.TxPackets != 20*batch || stats.TxBytes != total || r.transport.Sends() != 20 {
				t.Errorf("%+v in %d sends, want %d octets", stats, r.transport.Sends(), total)
			}
			r.expectDrops(nil)
		})
	}
}

// Batches come out in one TUN write, in order; joined segments stay within
// what an IP length can say.
func TestInbound(t *testing.T) {
	t.Parallel()
	for _, s := range esptest.Suites() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, s)
			for round := range 20 {
				var packets [][]byte
				var datagrams []esptest.Datagram
				for i := range batch {
					p := esptest.UDP(intra6, host6, bytes.Repeat([]byte{byte(i)}, round*50+i))
					packets = append(packets, p)
					datagrams = append(datagrams, sealed(t, r.far.Out, p))
				}
				r.transport.Deliver(datagrams...)
				for _, p := range packets {
					if got := next(t, "written packet", r.tun.Written()); !bytes.Equal(got, p) {
						t.Fatalf("got %x, want %x", got, p)
					}
				}
			}
			r.settle()
			calls, maxCap := r.tun.Writes()
			if calls != 20 || maxCap > 65535 {
				t.Errorf("%d writes for 20 batches, capacity %d", calls, maxCap)
			}
			if stats := r.plane.Stats(); stats.RxPackets != 20*batch || r.plane.LastInbound() != 20*batch {
				t.Errorf("%+v, %d authentic", stats, r.plane.LastInbound())
			}
			r.expectDrops(nil)
		})
	}
}

// Everything that is not ESP of a known SA, in one batch with what is.
func TestDemux(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	good := esptest.UDP(intra4, host4, []byte("good"))
	ike := append([]byte{0, 0, 0, 0}, "an IKE message"...)
	unknown := append([]byte{0xaa, 0xbb, 0xcc, 0xdd}, "twenty octets of it."...)
	raw := []byte("an IKE message, raw")
	forged := sealed(t, r.far.Out, good)
	forged.Data[len(forged.Data)-1] ^= 1
	replayed := sealed(t, r.far.Out, good)
	r.transport.Deliver(
		esptest.Datagram{Peer: gateway, Data: []byte{0xff}},
		esptest.Datagram{Peer: gateway, Data: nil},
		esptest.Datagram{Peer: gateway, Data: ike},
		esptest.Datagram{Peer: gateway, Data: []byte{0, 0, 0}},
		esptest.Datagram{Peer: gateway, Data: unknown},
		esptest.Datagram{Peer: ikePort, Data: raw},
		forged,
		replayed,
	)
	r.transport.Deliver(replayed)
	if got := next(t, "written packet", r.tun.Written()); !bytes.Equal(got, good) {
		t.Errorf("written %x", got)
	}
	d := next(t, "IKE message", r.control)
	if !d.Encap || string(d.Data) != "an IKE message" || d.From != gateway {
		t.Errorf("control got %+v", d)
	}
	d = next(t, "unknown SPI", r.control)
	if d.Encap || !bytes.Equal(d.Data, unknown) {
		t.Errorf("control got %+v", d)
	}
	if d = next(t, "raw IKE message", r.control); d.Encap || !bytes.Equal(d.Data, raw) {
		t.Errorf("control got %+v", d)
	}
	r.settle()
	r.expectDrops(map[string]uint64{"short": 1, "unknown-spi": 1, "authentication": 1, "replay": 1})
	if n := r.plane.LastInbound(); n != 1 {
		t.Errorf("%d authentic packets", n)
	}
}

func TestOutboundDrops(t *testing.T) {
	t.Parallel()
	r := bare(t)
	packet := esptest.UDP(host4, intra4, []byte("x"))
	r.tun.Inject(packet, packet)
	r.settle()
	r.expectDrops(map[string]uint64{"no-sa": 2})

	c := esptest.Default().Config(spiOut, []esp.Selector{esptest.Prefix(netip.MustParsePrefix("10.98.0.7/32"))},
		[]esp.Selector{esptest.Prefix(netip.MustParsePrefix("10.99.0.0/24"))})
	near, _ := esptest.Default().Ends(spiIn, 0x9999)
	if err := r.plane.AddSA(near.In, esptest.MustOutbound(c)); err != nil {
		t.Fatal(err)
	}
	r.tun.Inject(packet)
	r.settle()
	r.expectDrops(map[string]uint64{"no-sa": 3}) // added is not active

	if err := r.plane.Activate(spiIn); err != nil {
		t.Fatal(err)
	}
	r.tun.Inject(packet)
	r.settle()
	r.expectDrops(map[string]uint64{"no-sa": 3, "no-peer": 1})

	r.plane.SetPeer(gateway)
	r.tun.Inject(esptest.UDP(intra4, host4, nil), esptest.UDP(host6, intra6, nil), []byte("not an IP packet at all"), packet)
	if d := next(t, "sent packet", r.transport.Sent()); d.Peer != gateway {
		t.Errorf("sent to %v", d.Peer)
	}
	r.settle()
	r.expectDrops(map[string]uint64{"no-sa": 3, "no-peer": 1, "outside-selectors": 2, "not-ip": 1})
}

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

// Errors that may pass are counted and survived.
func TestTransientErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	up, down := esptest.UDP(host4, intra4, nil), esptest.UDP(intra4, host4, nil)
	for _, err := range []error{syscall.ENOBUFS, syscall.EPERM, syscall.ENETUNREACH} {
		r.transport.FailSends(&net.OpError{Op: "write", Err: os.NewSyscallError("sendmmsg", err)})
		r.tun.Inject(up, up)
		r.settle()
	}
	r.transport.FailSends(nil)
	r.tun.Inject(up)
	r.expectSent(r.far, up)

	r.transport.DeliverError(errors.New("one bad receive"))
	r.tun.FailWrites(errors.Join(syscall.EIO, syscall.EINVAL))
	r.transport.Deliver(sealed(t, r.far.Out, down), sealed(t, r.far.Out, down), sealed(t, r.far.Out, down))
	r.settle()
	r.tun.FailWrites(nil)
	r.transport.Deliver(sealed(t, r.far.Out, down))
	next(t, "written packet", r.tun.Written())
	r.settle()
	r.expectDrops(map[string]uint64{"send-error": 6, "receive-error": 1, "tun-write": 2})
	select {
	case err := <-r.plane.Err():
		t.Errorf("a passing error ended the plane: %v", err)
	default:
	}
}

// A part that dies is reported, once.
func TestDeath(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kill func(r *rig)
		want error
	}{
		"reading":   {func(r *rig) { mustClose(r.t, r.tun) }, dataplane.ErrTUN},
		"receiving": {func(r *rig) { mustClose(r.t, r.transport) }, dataplane.ErrTransport},
		"sending": {func(r *rig) {
			r.transport.FailSends(net.ErrClosed)
			r.tun.Inject(esptest.UDP(host4, intra4, nil))
		}, dataplane.ErrTransport},
		"writing": {func(r *rig) {
			r.tun.FailWrites(os.ErrClosed)
			r.transport.Deliver(sealed(r.t, r.far.Out, esptest.UDP(intra4, host4, nil)))
		}, dataplane.ErrTUN},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, esptest.Default())
			test.kill(r)
			if err := next(t, "error", r.plane.Err()); !errors.Is(err, test.want) || !strings.Contains(err.Error(), what) {
				t.Errorf("got %v", err)
			}
			mustClose(t, r.plane)
			select {
			case err := <-r.plane.Err():
				t.Errorf("a second error: %v", err)
			default:
			}
		})
	}
}

func mustClose(t *testing.T, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// A TUN or socket that fails without end is dead; the plane does not spin.
func TestPersistentErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, esptest.Default())
		for range 20 {
			r.tun.InjectError(syscall.EBADF)
		}
		if err := next(t, "error", r.plane.Err()); !errors.Is(err, syscall.EBADF) {
			t.Errorf("TUN: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, esptest.Default())
		for range 20 {
			r.transport.DeliverError(syscall.EBADF)
		}
		if err := next(t, "error", r.plane.Err()); !errors.Is(err, syscall.EBADF) {
			t.Errorf("transport: %v", err)
		}
	})
}

// Close leaves no goroutine behind (a synctest bubble ends only when all have
// ended) and no timer that fires; everything after it is refused or ignored.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, esptest.Default())
		r.plane.RemoveSA(spiIn, time.Hour)
		r.install(esptest.Default(), 0x1002, 0x2002)
		mustClose(t, r.plane)
		mustClose(t, r.plane)
		near, _ := esptest.Default().Ends(5000, 5001)
		if err := r.plane.AddSA(near.In, near.Out); !errors.Is(err, dataplane.ErrClosed) {
			t.Errorf("AddSA: %v", err)
		}
		if err := r.plane.Activate(0x1002); !errors.Is(err, dataplane.ErrClosed) {
			t.Errorf("Activate: %v", err)
		}
		r.plane.SetPeer(gateway)
		r.plane.RemoveSA(0x1002, time.Second)
		r.plane.Start()
		r.plane.AttachTUN(r.tun, mtu)
		select {
		case err := <-r.plane.Err():
			t.Errorf("closing was reported as a failure: %v", err)
		default:
		}
	})
}

// A plane that was never started closes as well.
func TestCloseUnstarted(t *testing.T) {
	t.Parallel()
	p := dataplane.New(dataplane.Config{Transport: esptest.NewTransport(client, 1)})
	mustClose(t, p)
}

// What arrives before there is a TUN is counted.
func TestNoTUN(t *testing.T) {
	t.Parallel()
	tr := esptest.NewTransport(client, batch)
	got := make(chan struct{}, 1)
	p := dataplane.New(dataplane.Config{Transport: tr, Control: func(dataplane.ControlDatagram) bool { got <- struct{}{}; return true }})
	defer mustClose(t, p)
	near, far := esptest.Default().Ends(spiIn, spiOut)
	if err := p.AddSA(near.In, near.Out); err != nil {
		t.Fatal(err)
	}
	p.Start()
	p.Start()
	tr.Deliver(sealed(t, far.Out, esptest.UDP(intra4, host4, nil)), esptest.Datagram{Peer: gateway, Data: make([]byte, 32)})
	next(t, "control datagram", got)
	if s := p.Stats(); s.Drops["no-tun"] != 1 || s.RxPackets != 0 || p.LastInbound() != 1 {
		t.Errorf("%+v", s)
	}
}

// The handler may change SAs: that is what a Delete in an IKE message does.
func TestControlMayChangeSAs(t *testing.T) {
	t.Parallel()
	tr := esptest.NewTransport(client, batch)
	done := make(chan struct{})
	var p *dataplane.Plane
	p = dataplane.New(dataplane.Config{Transport: tr, Control: func(dataplane.ControlDatagram) bool {
		p.RemoveSA(spiIn, 0)
		p.SetPathMTU(1400)
		close(done)
		return true
	}})
	defer mustClose(t, p)
	near, far := esptest.Default().Ends(spiIn, spiOut)
	if err := p.AddSA(near.In, near.Out); err != nil {
		t.Fatal(err)
	}
	p.Start()
	tr.Deliver(esptest.Datagram{Data: make([]byte, 32)}, sealed(t, far.Out, esptest.UDP(intra4, host4, nil)))
	next(t, "control handler", done)
}

// Two planes back to back carry traffic both ways at once, with rekeys under
// way, and lose nothing.
func TestTwoPlanes(t *testing.T) {
	t.Parallel()
	s := esptest.Default()
	a, b := bare(t), bare(t)
	esptest.Connect(a.transport, b.transport)
	a.plane.SetPeer(gateway)
	b.plane.SetPeer(client)
	const rounds, perRound = 30, 40
	sent := make(chan struct{})
	pump := func(tun *esptest.TUN, from, to netip.AddrPort) {
		for i := range rounds * perRound {
			tun.Inject(esptest.UDP(from, to, binary.BigEndian.AppendUint32(nil, uint32(i))))
		}
		sent <- struct{}{}
	}
	install := func(n uint32) {
		endA, endB := s.Ends(0x1000+n, 0x2000+n)
		for _, x := range []struct {
			p    *dataplane.Plane
			pair esptest.Pair
		}{{a.plane, endA}, {b.plane, endB}} {
			if err := x.p.AddSA(x.pair.In, x.pair.Out); err != nil {
				t.Error(err)
			}
		}
		for _, err := range []error{a.plane.Activate(0x1000 + n), b.plane.Activate(0x2000 + n)} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	install(0)
	go pump(a.tun, host4, intra4)
	go pump(b.tun, intra4, host4)
	for n := range uint32(10) {
		install(n + 1)
		a.plane.RemoveSA(0x1000+n, time.Minute)
		b.plane.RemoveSA(0x2000+n, time.Minute)
	}
	for _, tun := range []*esptest.TUN{a.tun, b.tun} {
		for i := range rounds * perRound {
			p := next(t, "packet", tun.Written())
			if got := binary.BigEndian.Uint32(p[28:]); got != uint32(i) {
				t.Fatalf("packet %d came in place of %d", got, i)
			}
		}
	}
	next(t, "sender", sent)
	next(t, "sender", sent)
}

// Systems without batches: one packet per read, one datagram per call.
func TestUnbatched(t *testing.T) {
	t.Parallel()
	tun, tr := esptest.NewTUN(4), esptest.NewTransport(client, 1)
	p := dataplane.New(dataplane.Config{Transport: tr})
	defer mustClose(t, p)
	near, far := esptest.Default().Ends(spiIn, spiOut)
	for _, err := range []error{p.AddSA(near.In, near.Out), p.Activate(spiIn)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.SetPeer(gateway)
	p.AttachTUN(tun, mtu)
	p.Start()
	up := esptest.UDP(host4, intra4, nil)
	tun.Inject(up, up, up)
	tun.Settle()
	if n := tr.Sends(); n != 3 || len(tr.Sent()) != 3 {
		t.Errorf("%d sends of %d packets", n, len(tr.Sent()))
	}
	down := esptest.UDP(intra4, host4, nil)
	tr.Deliver(sealed(t, far.Out, down))
	if got := next(t, "written packet", tun.Written()); !bytes.Equal(got, down) {
		t.Errorf("written %x", got)
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

package dataplane_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
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

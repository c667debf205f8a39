package dataplane_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// RFC 7296 2.8: an SA that has carried its octets, in either direction, is reported
// once, with the reason; at its end it sends no more, and still receives.
func TestLifetimeByOctets(t *testing.T) {
	t.Parallel()
	up, down := esptest.UDP(host4, intra4, make([]byte, 972)), esptest.UDP(intra4, host4, make([]byte, 972))
	for name, use := range map[string]func(r *rig, far esptest.Pair){
		"out": func(r *rig, _ esptest.Pair) { r.tun.Inject(up, up, up, up) },
		"in": func(r *rig, far esptest.Pair) {
			for range 4 {
				r.transport.Deliver(sealed(t, far.Out, down))
			}
		},
	} {
		r := bare(t)
		r.plane.SetPeer(gateway)
		s := esptest.Default()
		_, far := s.Ends(spiIn, spiOut)
		in, out := s.Config(spiIn, esptest.Any(), esptest.Any()), s.Config(spiOut, esptest.Any(), esptest.Any())
		in.Soft, out.Soft = esp.Lifetime{Octets: 4000}, esp.Lifetime{Octets: 4000}
		in.Hard, out.Hard = esp.Lifetime{Octets: 6000}, esp.Lifetime{Octets: 6000}
		near := esptest.Pair{In: esptest.MustInbound(in), Out: esptest.MustOutbound(out)}
		for _, err := range []error{r.plane.AddSA(near.In, near.Out), r.plane.Activate(spiIn)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		r.tun.Inject(up)
		r.settle()
		if n := len(r.worn); n != 0 {
			t.Errorf("%s: told after one packet", name)
		}
		use(r, far)
		r.settle()
		if spi := next(t, name, r.worn); spi != spiIn || len(r.worn) != 0 {
			t.Errorf("%s: told of %08x, and %d times more", name, spi, len(r.worn))
		}
		if why := next(t, name, r.wear); why != esp.WornOctets {
			t.Errorf("%s: told of %q", name, why)
		}
		for range 8 {
			r.tun.Inject(up)
		}
		r.settle()
		if st := r.plane.Stats(); st.TxPackets != 6 || st.Drops["lifetime-exhausted"] == 0 {
			t.Errorf("%s: %+v", name, st)
		}
		before := r.plane.Stats().RxPackets
		r.transport.Deliver(sealed(t, far.Out, down))
		r.settle()
		if r.plane.Stats().RxPackets != before+1 {
			t.Errorf("%s: an SA at its end does not receive", name)
		}
	}
}

// RFC 3948 4: keepalives say nothing about the peer: anybody can send them.
func TestKeepaliveIsNoSignOfLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, esptest.Default())
	for range 100 {
		r.transport.Deliver(esptest.Datagram{Peer: gateway, Data: []byte{0xff}})
	}
	r.settle()
	if n := r.plane.LastInbound(); n != 0 {
		t.Errorf("%d keepalives count as packets of the peer", n)
	}
	if n := len(r.control); n != 0 {
		t.Errorf("%d keepalives are taken for IKE", n)
	}
	if r.plane.LastOutbound() != (time.Time{}) {
		t.Error("a keepalive was answered")
	}
	r.expectDrops(map[string]uint64{})
}

package dataplane_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// earlyRig is a rig whose plane reads the bubble's clock.
func earlyRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		t: t, tun: esptest.NewTUN(batch), transport: esptest.NewTransport(client, batch),
		control: make(chan dataplane.ControlDatagram, 256),
	}
	r.plane = dataplane.New(dataplane.Config{
		Transport: r.transport,
		Control:   func(d dataplane.ControlDatagram) bool { r.control <- d; return false },
		Now:       time.Now,
	})
	t.Cleanup(func() {
		if err := r.plane.Close(); err != nil {
			t.Error(err)
		}
	})
	r.plane.AttachTUN(r.tun, mtu)
	r.plane.Start()
	return r
}

// RFC 7296 1.2, 2.8: packets that overtake the message that makes their SA wait for
// it, in order; late ones, replays and those that others have pushed out do not
// come through.
func TestPacketsBeforeTheirSA(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wait    time.Duration
		noise   int // packets of other SPIs behind them
		arrives int
		drops   map[string]uint64
	}{
		"at once":    {0, 0, 3, map[string]uint64{"replay": 1}},
		"in time":    {200 * time.Millisecond, 20, 3, map[string]uint64{"replay": 1, "unknown-spi": 20}},
		"too late":   {300 * time.Millisecond, 0, 0, map[string]uint64{"unknown-spi": 4}},
		"pushed out": {0, 100, 0, map[string]uint64{"unknown-spi": 104}},
		"one pushed": {0, 29, 2, map[string]uint64{"replay": 1, "unknown-spi": 30}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := earlyRig(t)
				near, far := esptest.Default().Ends(0x1002, 0x2002)
				var last esptest.Datagram
				for i := range 3 {
					last = sealed(t, far.Out, esptest.UDP(intra4, host4, fmt.Appendf(nil, "packet %d", i)))
					r.transport.Deliver(esptest.Datagram{Peer: last.Peer, Data: bytes.Clone(last.Data)})
				}
				r.transport.Deliver(last)
				for i := range c.noise {
					_, other := esptest.Default().Ends(0x7000+uint32(i), 0x8000)
					r.transport.Deliver(sealed(t, other.Out, esptest.UDP(intra4, host4, nil)))
				}
				<-time.After(c.wait)
				synctest.Wait()
				if err := r.plane.AddSA(near.In, near.Out); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				for i := 3 - c.arrives; i < 3; i++ {
					want := esptest.UDP(intra4, host4, fmt.Appendf(nil, "packet %d", i))
					if got := next(t, "written packet", r.tun.Written()); !bytes.Equal(got, want) {
						t.Errorf("written %x, want %x", got, want)
					}
				}
				if len(r.tun.Written()) != 0 {
					t.Error("more packets came through")
				}
				r.expectDrops(c.drops)
			})
		})
	}
}

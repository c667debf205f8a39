package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// gate is a transport whose next Send waits for leave.
type gate struct {
	*esptest.Transport
	entered chan struct{}
	leave   chan struct{}
}

func (g *gate) Send(bufs [][]byte, to netip.AddrPort) error {
	g.entered <- struct{}{}
	<-g.leave
	return g.Transport.Send(bufs, to)
}

// TestNothingIsUnderWayOnTheSABefore: RFC 7296 2.8. Who has moved traffic to
// another SA may delete the one before: no packet that was sealed with that still
// waits to be sent, and would come behind the Delete.
func TestNothingIsUnderWayOnTheSABefore(t *testing.T) {
	t.Parallel()
	other := netip.MustParseAddrPort("203.0.113.2:4500")
	for name, move := range map[string]func(*dataplane.Plane) error{
		"Activate": func(p *dataplane.Plane) error { return p.Activate(0x1002) },
		"Switch":   func(p *dataplane.Plane) error { return p.Switch(0x1002, other, 1500) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gate{esptest.NewTransport(client, batch), make(chan struct{}), make(chan struct{})}
			tun := esptest.NewTUN(batch)
			p := dataplane.New(dataplane.Config{Transport: g})
			t.Cleanup(func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
			p.SetPeer(gateway)
			s := esptest.Default()
			first, _ := s.Ends(0x1001, 0x2001)
			second, _ := s.Ends(0x1002, 0x2002)
			for _, err := range []error{p.AddSA(first.In, first.Out), p.Activate(0x1001), p.AddSA(second.In, second.Out)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			p.AttachTUN(tun, mtu)
			tun.Inject(esptest.UDP(host4, intra4, []byte("under way")))
			next(t, "Send", g.entered)
			moved := make(chan error, 1)
			go func() { moved <- move(p) }()
			select {
			case err := <-moved:
				moved <- err
				t.Error("the traffic has moved, and a packet of the SA before is still to be sent")
			case <-time.After(50 * time.Millisecond):
			}
			g.leave <- struct{}{}
			select {
			case err := <-moved:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Error("the traffic does not move")
			}
		})
	}
}

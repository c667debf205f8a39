package dataplane_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

var (
	client  = netip.MustParseAddrPort("192.0.2.7:4500")
	gateway = netip.MustParseAddrPort("203.0.113.1:4500")
	host4   = netip.MustParseAddrPort("10.98.0.7:40000")
	intra4  = netip.MustParseAddrPort("10.99.0.2:443")
	host6   = netip.MustParseAddrPort("[fd00:98::7]:40000")
	intra6  = netip.MustParseAddrPort("[fd00:99::2]:443")
)

const (
	mtu   = 1400
	batch = 8
)

// ikePort is where IKE without the non-ESP marker comes from.
var ikePort = netip.MustParseAddrPort("203.0.113.1:500")

// rig is a plane between a fake TUN and a fake transport, with the other end
// of its SAs in the test's hands.
type rig struct {
	t         *testing.T
	plane     *dataplane.Plane
	tun       *esptest.TUN
	transport *esptest.Transport
	control   chan dataplane.ControlDatagram
	worn      chan uint32
	wear      chan esp.Wear // why, of each of these
	far       esptest.Pair  // the gateway's end of the first SA
}

const (
	spiIn  = 0x1001 // ours
	spiOut = 0x2001 // the gateway's
)

// bare makes a rig without SA and peer.
func bare(t *testing.T) *rig {
	t.Helper()
	r := &rig{
		t:         t,
		tun:       esptest.NewTUN(batch),
		transport: esptest.NewTransport(client, batch),
		control:   make(chan dataplane.ControlDatagram, 64),
		worn:      make(chan uint32, 64),
		wear:      make(chan esp.Wear, 64),
	}
	r.plane = dataplane.New(dataplane.Config{
		Transport: r.transport,
		Control: func(d dataplane.ControlDatagram) bool {
			d.Data = bytes.Clone(d.Data)
			r.control <- d
			return d.From == ikePort
		},
		Worn: func(spi uint32, why esp.Wear) { r.worn <- spi; r.wear <- why },
		Now:  func() time.Time { return time.Unix(1_800_000_000, 0) },
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

// newRig makes a rig whose first SA is active.
func newRig(t *testing.T, s esptest.Suite) *rig {
	t.Helper()
	r := bare(t)
	r.plane.SetPeer(gateway)
	r.far = r.install(s, spiIn, spiOut)
	return r
}

// install adds and activates an SA and returns its far end.
func (r *rig) install(s esptest.Suite, in, out uint32) esptest.Pair {
	r.t.Helper()
	near, far := s.Ends(in, out)
	if err := r.plane.AddSA(near.In, near.Out); err != nil {
		r.t.Fatal(err)
	}
	if err := r.plane.Activate(in); err != nil {
		r.t.Fatal(err)
	}
	return far
}

// next waits for a value, far longer than it can take.
func next[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// expectSent opens the next sent packet with an SA's far end.
func (r *rig) expectSent(far esptest.Pair, want []byte) {
	r.t.Helper()
	d := next(r.t, "sent packet", r.transport.Sent())
	inner, drop := far.In.Open(d.Data)
	if drop != esp.DropNone || !bytes.Equal(inner, want) {
		r.t.Errorf("%v: got %x, want %x", drop, inner, want)
	}
}

// sealed makes a packet from the gateway.
func sealed(t *testing.T, out *esp.Outbound, inner []byte) esptest.Datagram {
	t.Helper()
	buf := make([]byte, esp.HeaderRoom+len(inner)+esp.TrailerRoom)
	copy(buf[esp.HeaderRoom:], inner)
	seq, _ := out.Reserve(1)
	b, drop := out.Seal(buf, esp.HeaderRoom, len(inner), seq)
	if drop != esp.DropNone {
		t.Fatal(drop)
	}
	return esptest.Datagram{Peer: gateway, Data: b}
}

// settle returns when everything handed to the TUN and the transport before
// has been dealt with.
func (r *rig) settle() {
	r.t.Helper()
	r.transport.Settle()
	r.tun.Settle()
}

func (r *rig) expectDrops(want map[string]uint64) {
	r.t.Helper()
	got := r.plane.Stats().Drops
	for name, n := range want {
		if got[name] != n {
			r.t.Errorf("%s: %d, want %d", name, got[name], n)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		r.t.Errorf("unexpected drops: %v", got)
	}
}

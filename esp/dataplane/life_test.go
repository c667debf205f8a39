package dataplane_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

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

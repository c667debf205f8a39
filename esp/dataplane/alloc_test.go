package dataplane_test

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// The whole path allocates nothing per packet: sealing side and opening side
// between fakes that allocate nothing either.
func TestPipelineAllocations(t *testing.T) {
	near, far := esptest.Default().Ends(spiIn, spiOut)
	packet := esptest.UDP(host4, intra4, make([]byte, 1300))
	tun := &loopTUN{packet: packet, turn: make(chan int), done: make(chan struct{})}
	udp := &loopTransport{batch: make([][]byte, 64), turn: make(chan int), done: make(chan struct{}), stop: make(chan struct{})}
	for i := range udp.batch {
		udp.batch[i] = make([]byte, 0, 2000)
	}
	a := dataplane.New(dataplane.Config{Transport: udp})
	for _, err := range []error{a.AddSA(near.In, near.Out), a.Activate(spiIn)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a.SetPeer(gateway)
	a.AttachTUN(tun, mtu)
	a.Start()
	defer mustClose(t, a)
	allocs := testing.AllocsPerRun(50, func() {
		tun.turn <- 64
		<-tun.done
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a batch of 64 out", allocs)
	}
	buf := make([]byte, 2000)
	allocs = testing.AllocsPerRun(50, func() {
		for i := range udp.batch {
			copy(buf[esp.HeaderRoom:], packet)
			seq, _ := far.Out.Reserve(1)
			b, _ := far.Out.Seal(buf, esp.HeaderRoom, len(packet), seq)
			udp.batch[i] = append(udp.batch[i][:0], b...)
		}
		udp.turn <- 64
		<-udp.done
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a batch of 64 in", allocs)
	}
	if s := a.Stats(); s.TxPackets != 51*64 || s.RxPackets != 51*64 || len(s.Drops) != 0 {
		t.Errorf("%+v", s)
	}
}

// loopTUN gives the same packet as often as it is told; done says that the
// reader has come back.
type loopTUN struct {
	packet []byte
	turn   chan int
	done   chan struct{}
	busy   bool
}

func (l *loopTUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	if l.busy {
		l.done <- struct{}{}
	}
	l.busy = true
	n, ok := <-l.turn
	if !ok {
		return 0, os.ErrClosed
	}
	for i := range n {
		sizes[i] = copy(bufs[i][offset:], l.packet)
	}
	return n, nil
}

func (l *loopTUN) Write(bufs [][]byte, _ int) (int, error) { return len(bufs), nil }
func (l *loopTUN) BatchSize() int                          { return 64 }
func (l *loopTUN) Close() error                            { close(l.turn); return nil }

// loopTransport is the same for datagrams.
type loopTransport struct {
	batch [][]byte
	turn  chan int
	done  chan struct{}
	stop  chan struct{}
	busy  bool
}

func (l *loopTransport) Receivers() []dataplane.ReceiveFunc {
	return []dataplane.ReceiveFunc{func(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error) {
		if l.busy {
			l.done <- struct{}{}
		}
		l.busy = true
		select {
		case n := <-l.turn:
			for i := range n {
				sizes[i] = copy(bufs[i], l.batch[i])
				from[i] = gateway
			}
			return n, nil
		case <-l.stop:
			return 0, net.ErrClosed
		}
	}}
}

func (l *loopTransport) Send([][]byte, netip.AddrPort) error { return nil }
func (l *loopTransport) BatchSize() int                      { return 64 }
func (l *loopTransport) Close() error                        { close(l.stop); return nil }

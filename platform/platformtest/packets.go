package platformtest

import (
	"net"
	"net/netip"
	"os"
	"sync"
)

// batch is how many packets the fakes handle at once.
const batch = 128

// queue of packets between a fake and its test.
type queue struct {
	packets chan packet
	done    chan struct{}
	once    sync.Once
}

type packet struct {
	data []byte
	addr netip.AddrPort
}

func newQueue() *queue { return &queue{packets: make(chan packet, 4096), done: make(chan struct{})} }

// put adds a copy; false after the queue is closed.
func (q *queue) put(b []byte, addr netip.AddrPort) bool {
	select {
	case <-q.done:
		return false
	default:
	}
	select {
	case q.packets <- packet{append([]byte(nil), b...), addr}:
		return true
	case <-q.done:
		return false
	}
}

// take waits for at least one packet and hands up to n to use.
func (q *queue) take(n int, use func(i int, p packet)) (int, bool) {
	got := 0
	select {
	case p := <-q.packets:
		use(0, p)
		got = 1
	case <-q.done:
		return 0, false
	}
	for got < n {
		select {
		case p := <-q.packets:
			use(got, p)
			got++
		default:
			return got, true
		}
	}
	return got, true
}

func (q *queue) close() { q.once.Do(func() { close(q.done) }) }

// TUN stands for tun.Device: the test plays the system's side.
type TUN struct {
	Failures // "Write", "Close"
	name     string
	in, out  *queue
}

// NewTUN returns a device that is up.
func NewTUN(name string) *TUN { return &TUN{name: name, in: newQueue(), out: newQueue()} }

// Inject lets the system send a packet into the tunnel. False after Close.
func (d *TUN) Inject(p []byte) bool { return d.in.put(p, netip.AddrPort{}) }

// Delivered waits for the next packet that came out of the tunnel. False after Close.
func (d *TUN) Delivered() ([]byte, bool) {
	var b []byte
	_, ok := d.out.take(1, func(_ int, p packet) { b = p.data })
	return b, ok
}

// Read reads injected packets; os.ErrClosed after Close.
func (d *TUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n, ok := d.in.take(min(len(bufs), batch), func(i int, p packet) { sizes[i] = copy(bufs[i][offset:], p.data) })
	if !ok {
		return 0, os.ErrClosed
	}
	return n, nil
}

// Write delivers packets to the test.
func (d *TUN) Write(bufs [][]byte, offset int) (int, error) {
	if err := d.next("Write"); err != nil {
		return 0, err
	}
	for i, b := range bufs {
		if !d.out.put(b[offset:], netip.AddrPort{}) {
			return i, os.ErrClosed
		}
	}
	return len(bufs), nil
}

// BatchSize is the real one's on Linux.
func (d *TUN) BatchSize() int { return batch }

// Name is what NewTUN was given.
func (d *TUN) Name() string { return d.name }

// Close ends reads.
func (d *TUN) Close() error {
	d.in.close()
	d.out.close()
	return d.next("Close")
}

// Closed is closed with the device.
func (d *TUN) Closed() <-chan struct{} { return d.in.done }

// Transport stands for transport.UDP: the test plays the network.
type Transport struct {
	Failures // "Send", "Close"
	local    netip.AddrPort
	in, out  *queue
}

// NewTransport returns one whose own address is local.
func NewTransport(local netip.AddrPort) *Transport {
	return &Transport{local: local, in: newQueue(), out: newQueue()}
}

// Receive lets a datagram arrive. False after Close.
func (t *Transport) Receive(b []byte, from netip.AddrPort) bool { return t.in.put(b, from) }

// Sent waits for the next datagram that was sent. False after Close.
func (t *Transport) Sent() (b []byte, to netip.AddrPort, ok bool) {
	_, ok = t.out.take(1, func(_ int, p packet) { b, to = p.data, p.addr })
	return b, to, ok
}

// Receivers returns one function, as of a machine with one family.
func (t *Transport) Receivers() []func([][]byte, []int, []netip.AddrPort) (int, error) {
	return []func([][]byte, []int, []netip.AddrPort) (int, error){t.receive}
}

func (t *Transport) receive(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error) {
	n, ok := t.in.take(min(len(bufs), batch), func(i int, p packet) {
		sizes[i], from[i] = copy(bufs[i], p.data), p.addr
	})
	if !ok {
		return 0, net.ErrClosed
	}
	return n, nil
}

// Send hands the datagrams to the test.
func (t *Transport) Send(bufs [][]byte, to netip.AddrPort) error {
	if err := t.next("Send"); err != nil {
		return err
	}
	for _, b := range bufs {
		if !t.out.put(b, to) {
			return net.ErrClosed
		}
	}
	return nil
}

// BatchSize is the real one's on Linux.
func (t *Transport) BatchSize() int { return batch }

// LocalAddr is what NewTransport was given.
func (t *Transport) LocalAddr(netip.AddrPort) netip.AddrPort { return t.local }

// Port is local's.
func (t *Transport) Port() uint16 { return t.local.Port() }

// Close ends receivers.
func (t *Transport) Close() error {
	t.in.close()
	t.out.close()
	return t.next("Close")
}

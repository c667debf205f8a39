package esptest

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Datagram is one UDP datagram; Peer is where it came from or goes to.
type Datagram struct {
	Peer netip.AddrPort
	Data []byte
}

// Transport is a fake UDP socket with the methods that dataplane.Transport
// wants. Deliver gives it datagrams "from the network"; Sent yields those that
// were sent, unless Connect has joined it to another Transport.
type Transport struct {
	local  netip.AddrPort
	batch  int
	queue  chan received
	sent   chan Datagram
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	sendErr error
	peer    *Transport
	mtu     int
	sends   int
}

type received struct {
	datagrams []Datagram
	err       error
	settled   chan struct{} // not nil: closed, and nothing else
}

// NewTransport makes a socket with that address that handles up to batch
// datagrams at once.
func NewTransport(local netip.AddrPort, batch int) *Transport {
	return &Transport{
		local:  local,
		batch:  batch,
		queue:  make(chan received, queueLen),
		sent:   make(chan Datagram, queueLen),
		closed: make(chan struct{}),
	}
}

// Connect joins two transports: what one sends, the other receives, batch by
// batch, whatever address it is sent to.
func Connect(a, b *Transport) {
	a.mu.Lock()
	a.peer = b
	a.mu.Unlock()
	b.mu.Lock()
	b.peer = a
	b.mu.Unlock()
}

// Deliver hands datagrams over for one receive. It panics on more than the
// batch size.
func (t *Transport) Deliver(datagrams ...Datagram) {
	if len(datagrams) > t.batch {
		panic("esptest: more datagrams than one receive may return")
	}
	t.queue <- received{datagrams: datagrams}
}

// DeliverError makes one receive fail.
func (t *Transport) DeliverError(err error) { t.queue <- received{err: err} }

// Settle returns when the receiver has dealt with everything delivered before
// and has come back for more.
func (t *Transport) Settle() {
	settled := make(chan struct{})
	t.queue <- received{settled: settled}
	select {
	case <-settled:
	case <-t.closed:
	}
}

// FailSends makes every following Send return err; nil ends that.
func (t *Transport) FailSends(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sendErr = err
}

// SetPathMTU is what PathMTU answers from now on.
func (t *Transport) SetPathMTU(mtu int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mtu = mtu
}

// PathMTU is the optional method by which a plane asks what the system knows.
func (t *Transport) PathMTU(netip.AddrPort) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mtu
}

// Sent yields copies of what was sent, in order. It is never closed.
func (t *Transport) Sent() <-chan Datagram { return t.sent }

// Sends is the number of Send calls.
func (t *Transport) Sends() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sends
}

// Receivers implements dataplane.Transport with one socket.
func (t *Transport) Receivers() []func(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error) {
	return []func(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error){t.receive}
}

func (t *Transport) receive(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error) {
	select {
	case <-t.closed:
		return 0, net.ErrClosed
	default:
	}
	for {
		select {
		case r := <-t.queue:
			if r.settled != nil {
				close(r.settled)
				continue
			}
			for i, d := range r.datagrams {
				sizes[i] = copy(bufs[i], d.Data)
				from[i] = d.Peer
			}
			return len(r.datagrams), r.err
		case <-t.closed:
			return 0, net.ErrClosed
		}
	}
}

// Send implements dataplane.Transport.
func (t *Transport) Send(bufs [][]byte, to netip.AddrPort) error {
	t.mu.Lock()
	err, peer := t.sendErr, t.peer
	t.sends++
	t.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-t.closed:
		return net.ErrClosed
	default:
	}
	if peer != nil {
		return t.sendTo(peer, bufs)
	}
	for _, b := range bufs {
		select {
		case t.sent <- Datagram{Peer: to, Data: slices.Clone(b)}:
		case <-t.closed:
			return net.ErrClosed
		}
	}
	return nil
}

// sendTo delivers to a connected transport in batches that it can take. A
// closed one swallows everything, as a network does.
func (t *Transport) sendTo(peer *Transport, bufs [][]byte) error {
	for chunk := range slices.Chunk(bufs, peer.batch) {
		r := received{datagrams: make([]Datagram, len(chunk))}
		for i, b := range chunk {
			r.datagrams[i] = Datagram{Peer: t.local, Data: slices.Clone(b)}
		}
		select {
		case peer.queue <- r:
		case <-peer.closed:
		case <-t.closed:
			return net.ErrClosed
		}
	}
	return nil
}

// BatchSize implements dataplane.Transport.
func (t *Transport) BatchSize() int { return t.batch }

// Close ends receives and sends with net.ErrClosed.
func (t *Transport) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

package dataplane

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/homeward-vpn/homeward/esp"
)

// TUN is a device for IP packets. wireguard's tun.Device has these methods.
type TUN interface {
	// Read fills bufs[i][offset:] with packets and sizes[i] with their
	// lengths, and returns how many. bufs overlap: each goes on to the end
	// of one arena, so Read must fill them in rising order and must not
	// write beyond a packet's end.
	Read(bufs [][]byte, sizes []int, offset int) (int, error)
	// Write takes the packets bufs[i][offset:]. It may overwrite what is in
	// front of offset and the spare capacity behind each packet.
	Write(bufs [][]byte, offset int) (int, error)
	// BatchSize is the most packets that Read returns at once.
	BatchSize() int
}

// ReceiveFunc blocks for at least one datagram, fills bufs, sizes and from,
// and returns how many. A size of 0 means there is nothing in that place.
type ReceiveFunc = func(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error)

// Transport is a set of UDP sockets. Send may be called from any goroutine; it
// does not keep bufs, but it may overwrite the spare capacity behind bufs[i]
// while it works through bufs in order. A Transport that joins datagrams for
// the system to cut up again must itself send them singly where that is refused.
type Transport interface {
	// Receivers gives one blocking function per socket. Each is called
	// from one goroutine. They return net.ErrClosed after Close.
	Receivers() []ReceiveFunc
	Send(bufs [][]byte, to netip.AddrPort) error
	// BatchSize is the most datagrams per call, either way.
	BatchSize() int
}

// ControlDatagram is a datagram that is not ESP of a known SA. Data is
// borrowed: valid until the handler returns.
type ControlDatagram struct {
	From netip.AddrPort
	// Encap: the 4 zero octets of the non-ESP marker (RFC 3948 2.2) stood in
	// front and have been taken off. Without them the datagram is either an
	// IKE message on port 500 or ESP with an unknown SPI.
	Encap bool
	Data  []byte
}

// Config is what a Plane is made from.
type Config struct {
	Transport Transport
	// Control gets what is not ESP and says whether it was IKE: what is not,
	// is counted as ESP with an unknown SPI. It is called from the receive
	// goroutines, possibly two at a time, after the ESP packets of the
	// batch; it may call any method of the Plane but Close. nil: dropped.
	Control func(ControlDatagram) bool
	// Worn is told, once for each pair, that one of its directions has reached the
	// soft limit of its lifetime (esp.Config.Soft, esp.WornAt): it should be
	// replaced. It is called from the loops and must not block, nor call the Plane.
	// nil: nobody wants to know.
	Worn func(inboundSPI uint32, why esp.Wear)
	// Busy is told when a packet goes out after a second or more without one. The
	// same holds for it as for Worn. nil: nobody wants to know.
	Busy   func()
	Logger *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // for rate limits and LastOutbound; nil: time.Now
}

// What died, for errors.Is on what Err yields.
var (
	ErrTUN       = errors.New("dataplane: the TUN device failed")
	ErrTransport = errors.New("dataplane: the transport failed")
)

// Plane is one data plane. All methods are safe for concurrent use.
type Plane struct {
	transport Transport
	control   func(ControlDatagram) bool
	worn      func(inboundSPI uint32, why esp.Wear)
	busy      func()
	logger    *slog.Logger
	now       func() time.Time

	table atomic.Pointer[table] // immutable; replaced under mu
	tun   atomic.Pointer[device]

	// outMu is held while a batch is sealed and sent, inMu while one is opened and
	// written to the TUN; both are uncontended but for key changes. Order:
	// mu before outMu before inMu.
	outMu, inMu sync.Mutex

	mu      sync.Mutex // guards the fields below
	lingers map[uint32]*time.Timer
	started bool
	closed  bool

	done    chan struct{} // closed by Close
	loops   sync.WaitGroup
	failure chan error // buffered: the first one only
	failed  sync.Once

	counters counters
	early    early
	born     time.Time
	limiter  limiter // guarded by outMu
}

// device is an attached TUN.
type device struct {
	TUN
	mtu int
}

// New makes a Plane without SAs, peer or TUN. From now on the Plane may use
// the transport, which Close closes.
func New(c Config) *Plane {
	p := &Plane{
		transport: c.Transport,
		control:   c.Control,
		worn:      c.Worn,
		busy:      c.Busy,
		logger:    c.Logger,
		now:       c.Now,
		lingers:   make(map[uint32]*time.Timer),
		done:      make(chan struct{}),
		failure:   make(chan error, 1),
	}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.control == nil {
		p.control = func(ControlDatagram) bool { return false }
	}
	if p.worn == nil {
		p.worn = func(uint32, esp.Wear) {}
	}
	if p.busy == nil {
		p.busy = func() {}
	}
	p.born = p.now()
	p.table.Store(&table{pathMTU: DefaultPathMTU})
	return p
}

// Start starts the receive loops, one goroutine per socket. Packets that
// arrive before AttachTUN are dropped. A second call does nothing.
func (p *Plane) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started || p.closed {
		return
	}
	p.started = true
	for _, receive := range p.transport.Receivers() {
		r := newReceiver(p, receive)
		p.loops.Go(r.run)
	}
}

// AttachTUN starts the send loop: one goroutine that reads the device, whose
// MTU is given. From now on the Plane owns the device, and Close closes it.
// Only the first call counts. After Close it does nothing, and the device
// stays the caller's.
func (p *Plane) AttachTUN(tun TUN, mtu int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.tun.Load() != nil {
		return
	}
	d := &device{TUN: tun, mtu: mtu}
	p.tun.Store(d)
	s := newSender(p, d)
	p.loops.Go(s.run)
}

// Err yields one error, wrapping ErrTUN or ErrTransport, when that has died. It
// is never closed; nothing comes after Close.
func (p *Plane) Err() <-chan error { return p.failure }

// fail reports the first death of a part, unless the Plane is being closed.
func (p *Plane) fail(err error) {
	select {
	case <-p.done:
		return
	default:
	}
	p.failed.Do(func() { p.failure <- err })
}

// Close stops everything: it closes the TUN and the transport where they have
// a Close method (a second Close of theirs must be harmless), waits until no
// goroutine of the Plane is left, and clears the keys of all SAs. It must not
// be called from Control. Later calls return nil.
func (p *Plane) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.loops.Wait()
		return nil
	}
	p.closed = true
	close(p.done)
	for spi, timer := range p.lingers {
		timer.Stop()
		delete(p.lingers, spi)
	}
	p.mu.Unlock()

	var errs []error
	if d := p.tun.Load(); d != nil {
		errs = append(errs, closeIfCloser(d.TUN))
	}
	errs = append(errs, closeIfCloser(p.transport))
	p.loops.Wait()
	p.clearAll()
	return errors.Join(errs...)
}

func closeIfCloser(v any) error {
	c, ok := v.(io.Closer)
	if !ok {
		return nil
	}
	if err := c.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// pause waits for d, or less when the Plane is being closed.
func (p *Plane) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.done:
	}
}

package tunnel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/wire"
)

const (
	// goodbye bounds how long an orderly end may take.
	goodbye = 2 * time.Second
	// inboundQueue bounds the IKE datagrams that wait for the loop. One IKE
	// exchange is in flight at a time; more than this is a flood.
	inboundQueue = 64
	// wornQueue is more than there are SAs to wear out at a time.
	wornQueue      = 16
	defaultIKEPort = 500
	// impatient is how often IKE_SA_INIT is sent to an address that is not the
	// last: about three seconds in all.
	impatient = 3
)

// line is one attempt at one address, and what grows out of it. The queues, the
// answers, the SPIs and the plane are safe for everybody; all else belongs to the
// goroutine of loop.
type line struct {
	*Tunnel
	emit  func(Event)
	creds *credentials

	session   *ike.Session
	plane     *dataplane.Plane
	transport Transport
	tun       TUN // nil until there are addresses

	inbound chan ike.Datagram
	spis    atomic.Pointer[[]wire.SPI] // of the session, for receive
	worn    chan uint32                // inbound SPIs of SAs to be replaced
	answers chan ike.Command
	pending []ike.Command // answers found while draining; they go in after it
	asking  sync.WaitGroup

	remote   netip.AddrPort
	world    world
	net      Network            // what was last asked of the system
	carriers map[uint32]carrier // the Child SAs by inbound SPI
	info     Info
	sendErr  error  // why the last datagram could not leave
	traffic  uint64 // plane.LastInbound at the last look
	up       bool
	sizes    []int  // path MTUs still to be tried
	marked   []byte // scratch: non-ESP marker and message
	finished error
	done     bool
	overdue  <-chan time.Time // the end of the patience with a gateway that is told goodbye
}

// attempt brings up one line to one address and keeps it until it ends. It
// returns nil only when ctx ended it. last says that there is no other address
// to try, so that patience is all that is left.
func (t *Tunnel) attempt(ctx context.Context, addr netip.Addr, last bool, creds *credentials, emit func(Event)) (err error) {
	port := t.cfg.Profile.Gateway.Port
	if port == 0 {
		port = defaultIKEPort
	}
	l := &line{
		Tunnel: t, emit: emit, creds: creds,
		remote:  netip.AddrPortFrom(addr, port),
		inbound: make(chan ike.Datagram, inboundQueue),
		answers: make(chan ike.Command),
		worn:    make(chan uint32, wornQueue),

		carriers: make(map[uint32]carrier),
	}
	l.transport, err = t.cfg.OpenTransport()
	if err != nil {
		return &diagnose.Failure{Cause: diagnose.CauseTransportFailed, Err: err}
	}
	l.plane = dataplane.New(dataplane.Config{
		Transport: l.transport, Control: l.receive, Worn: l.wearing, Logger: t.log, Now: time.Now,
	})
	t.plane.Store(l.plane)
	defer func() { err = errors.Join(err, l.close()) }()

	local := l.transport.LocalAddr(l.remote)
	if !local.IsValid() {
		return &diagnose.Failure{Cause: diagnose.CauseNoNetwork, Expected: addr.String()}
	}
	cfg, err := t.sessionConfig(local, l.remote, creds)
	if err != nil {
		return &diagnose.Failure{Cause: diagnose.CauseProfile, Seen: err.Error(), Err: err}
	}
	if !last {
		cfg.Retransmit.InitTries = impatient
	}
	if l.session, err = ike.New(cfg); err != nil {
		return &diagnose.Failure{Cause: diagnose.CauseProfile, Seen: err.Error(), Err: err}
	}
	l.plane.Start()
	return l.loop(ctx)
}

// close takes the line's parts down. The TUN device goes last but for the
// socket, so that nothing is sent in clear by a device that is half gone.
func (l *line) close() error {
	var errs []error
	if err := l.plane.Close(); err != nil {
		errs = append(errs, fmt.Errorf("tunnel: closing the data plane: %w", err))
	}
	if l.tun != nil {
		if err := l.tun.Close(); err != nil {
			errs = append(errs, fmt.Errorf("tunnel: closing the device: %w", err))
		}
	}
	if err := l.transport.Close(); err != nil {
		errs = append(errs, fmt.Errorf("tunnel: closing the transport: %w", err))
	}
	return errors.Join(errs...)
}

// receive takes a datagram that is not ESP from the plane's goroutine, and says
// whether it is IKE: without the marker only what comes from where IKE_SA_INIT
// went can be. What carries none of the session's SPIs is a stranger's, who must
// not be able to fill the queue. The plane lends the bytes, so they are copied; a
// full queue drops, as a network would.
func (l *line) receive(d dataplane.ControlDatagram) bool {
	if !d.Encap && d.From != l.remote || !l.addressed(d.Data) {
		return false
	}
	in := ike.Datagram{Remote: d.From, Encap: d.Encap, Data: append([]byte(nil), d.Data...)}
	select {
	case l.inbound <- in:
	default:
	}
	return true
}

// addressed says whether an IKE message carries an SPI of the session's.
func (l *line) addressed(message []byte) bool {
	spis := l.spis.Load()
	if spis == nil || len(message) < wire.HeaderLen {
		return false
	}
	for _, spi := range *spis {
		if wire.SPI(binary.BigEndian.Uint64(message)) == spi || wire.SPI(binary.BigEndian.Uint64(message[8:])) == spi {
			return true
		}
	}
	return false
}

// wearing takes word from the plane's goroutines of an SA that has carried its
// packets.
func (l *line) wearing(inboundSPI uint32) {
	select {
	case l.worn <- inboundSPI:
	default: // full of others: one of them is the SA in use
	}
}

// loop feeds the session until it is over or ctx ends it.
func (l *line) loop(ctx context.Context) (end error) {
	questions, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer func() { cancel(); l.asking.Wait() }()

	alarm, err := l.cfg.NewAlarm()
	if err != nil {
		return err
	}
	defer func() { end = errors.Join(end, alarm.Close()) }()
	if err := l.do(questions, ike.Connect{}); err != nil {
		return err
	}
	stop := ctx.Done()
	for !l.done {
		if err := l.arm(alarm); err != nil {
			return err
		}
		var err error
		select {
		case d := <-l.inbound:
			err = l.session.HandleDatagram(time.Now(), d)
		case c := <-l.answers:
			err = l.session.Do(time.Now(), c)
		case spi := <-l.worn:
			l.log.Info("an SA has carried its packets and is replaced", "spi", fmt.Sprintf("%08x", spi))
			err = l.session.Do(time.Now(), ike.RekeyChild{InboundSPI: spi})
		case <-alarm.C():
			err = l.timeout()
		case err := <-l.plane.Err():
			return l.broken(err)
		case <-stop:
			stop = nil
			cancel()
			l.overdue = time.After(goodbye)
			err = l.session.Do(time.Now(), ike.Delete{})
		case <-l.overdue:
			return l.finished
		}
		if err != nil {
			l.log.Debug("the session refused an input", "err", err)
		}
		l.drain(questions)
	}
	return l.finished
}

func (l *line) do(ctx context.Context, c ike.Command) error {
	if err := l.session.Do(time.Now(), c); err != nil {
		return fmt.Errorf("tunnel: %w", err)
	}
	l.drain(ctx)
	return nil
}

// timeout tells the session of inbound ESP before its timers run, so that a
// busy line needs no liveness check (RFC 7296 2.4).
func (l *line) timeout() error {
	now := time.Now()
	var err error
	if n := l.plane.LastInbound(); n != l.traffic {
		l.traffic = n
		// Refused on the way out, where the timers count all the same.
		err = l.session.Do(now, ike.InboundTraffic{})
	}
	return errors.Join(err, l.session.HandleTimeout(now))
}

func (l *line) arm(alarm Alarm) error {
	at := l.session.NextTimeout()
	if at.IsZero() {
		return alarm.Stop()
	}
	return alarm.Set(time.Until(at))
}

// broken explains the end of the plane: the device or the socket died.
func (l *line) broken(err error) error {
	cause := diagnose.CauseTransportFailed
	if l.tun != nil {
		cause = diagnose.CauseTUNFailed
	}
	return &diagnose.Failure{Cause: cause, Err: err}
}

// drain performs everything that the session wants after an input, and then
// what that led to.
func (l *line) drain(ctx context.Context) {
	for {
		l.publish()
		if d, ok := l.session.PollTransmit(); ok {
			l.send(d)
		} else if ev, ok := l.session.PollEvent(); ok {
			l.handle(ctx, ev)
		} else if len(l.pending) > 0 {
			c := l.pending[0]
			l.pending = l.pending[1:]
			if err := l.session.Do(time.Now(), c); err != nil && !unsearchable(err) {
				l.log.Debug("the session refused an input", "err", err)
			}
		} else {
			return
		}
	}
}

// publish tells receive which SPIs are the session's, before anything is sent
// that could be answered.
func (l *line) publish() {
	now := l.session.AppendSPIs(nil)
	if old := l.spis.Load(); old == nil || !slices.Equal(*old, now) {
		l.spis.Store(&now)
	}
}

// later keeps a command for when the session is drained: what Poll gave is
// valid only until the next input.
func (l *line) later(c ike.Command) { l.pending = append(l.pending, c) }

// send puts an IKE message on the wire, behind the non-ESP marker where the
// session says so (RFC 3948 2.2). A failure is the network's: the session's
// retransmission is the answer, but the reason is kept for the person.
func (l *line) send(d ike.Datagram) {
	b := l.marked[:0]
	switch {
	case d.Keepalive:
		b = append(b, 0xFF)
	case d.Encap:
		b = append(append(b, 0, 0, 0, 0), d.Data...)
	default:
		b = append(b, d.Data...)
	}
	l.marked = b
	err := l.transport.Send([][]byte{b}, d.Remote)
	if err != nil {
		l.log.Debug("an IKE message could not be sent", "to", d.Remote, "err", err)
	}
	l.sendErr = err
}

package tunnel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/esp/dataplane"
	"github.com/homeward-vpn/homeward/ike"
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
// answers, what is published and the plane are safe for everybody; all else
// belongs to the goroutine of loop.
type line struct {
	*Tunnel
	*strand           // the session that carries the traffic
	next    *handover // its successor; nil: none is planned
	leaving []*strand // its predecessors
	emit    func(Event)

	plane     *dataplane.Plane
	transport Transport
	tun       TUN // nil until there are addresses

	inbound chan ike.Datagram
	known   atomic.Pointer[published] // of the strands, for receive
	worn    chan wornSA               // SAs to be replaced
	answers chan answered
	calls   chan func()   // to be run by the loop
	awake   chan struct{} // packets go out after a rest
	asking  sync.WaitGroup
	life    context.Context // of questions and lookups

	world     world
	net       Network // what was last asked of the system
	up        bool
	sizes     []int // path MTUs still to be tried
	checking  bool  // one of them is being asked for
	narrow    bool  // IKE's messages had to be cut for a path below surePath
	stall     stall
	due       time.Time // when the alarm is to come; zero: not at all
	vigil     vigil
	roamed    time.Time         // the network has changed; zero: and the gateway was heard since
	translate translation       // of the network that this machine is in
	unrenewed *diagnose.Failure // why the last successor did not take over
	marked    []byte            // scratch: non-ESP marker and message
	finished  error
	gone      bool // the session in use has ended
	done      bool
	reachable []netip.AddrPort // to where the way is open, as Config.Reach was told last
	guests    []guest
	overdue   <-chan time.Time // the end of the patience with a gateway that is told goodbye
}

// attempt brings up one line to one address and keeps it until it ends. It
// returns nil only when ctx ended it. last says that there is no other address
// to try, so that patience is all that is left.
func (t *Tunnel) attempt(ctx context.Context, g gateway, addr netip.Addr, last bool, creds *credentials, emit func(Event)) (err error) {
	l := &line{
		Tunnel: t, emit: emit,
		inbound: make(chan ike.Datagram, inboundQueue),
		answers: make(chan answered),
		calls:   make(chan func()),
		awake:   make(chan struct{}, 1),
		worn:    make(chan wornSA, wornQueue),
	}
	l.transport, err = t.cfg.OpenTransport()
	if err != nil {
		return &diagnose.Failure{Cause: diagnose.CauseTransportFailed, Err: err}
	}
	l.plane = dataplane.New(dataplane.Config{
		Transport: l.transport, Control: l.receive, Worn: l.wearing, Busy: l.busy, Logger: t.log, Now: time.Now,
	})
	t.plane.Store(l.plane)
	defer func() { err = errors.Join(err, l.close()) }()

	l.strand, err = l.newStrand(g, t.at(addr), creds, func(c *ike.Config) {
		if !last {
			c.Retransmit.InitTries = impatient
		}
	})
	if err != nil {
		return err
	}
	l.plane.Start()
	return l.loop(ctx)
}

// at is where IKE_SA_INIT goes at an address of the gateway's.
func (t *Tunnel) at(addr netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr, cmp.Or(t.cfg.Profile.Gateway.Port, defaultIKEPort))
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
// went can be. What carries none of the sessions' SPIs is a stranger's, who must
// not be able to fill the queue. The plane lends the bytes, so they are copied; a
// full queue drops, as a network would.
func (l *line) receive(d dataplane.ControlDatagram) bool {
	known := l.known.Load()
	if known == nil || !d.Encap && !slices.Contains(known.remotes, d.From) || !addressed(d.Data, known.spis) {
		return false
	}
	in := ike.Datagram{Remote: d.From, Encap: d.Encap, Data: append([]byte(nil), d.Data...)}
	select {
	case l.inbound <- in:
	default:
	}
	return true
}

// loop feeds the sessions until the line is over or ctx ends it.
func (l *line) loop(ctx context.Context) (end error) {
	var cancel context.CancelFunc
	l.life, cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() { cancel(); l.asking.Wait() }()

	alarm, err := l.cfg.NewAlarm()
	if err != nil {
		return err
	}
	defer func() { end = errors.Join(end, alarm.Close()) }()
	// However the line ends: a session that is not deleted keeps its sign-in, and the
	// secrets in it.
	defer l.farewell()
	l.later(ike.Connect{})
	l.drain()
	changes := l.watchNetwork(l.life)
	stop := ctx.Done()
	for !l.done {
		if err := l.arm(alarm); err != nil {
			return err
		}
		var err error
		select {
		case d := <-l.inbound:
			err = l.deliver(d)
		case a := <-l.answers:
			err = l.answer(a)
		case f := <-l.calls:
			f()
		case <-l.renew:
			l.signInNow()
		case sa := <-l.worn:
			err = l.replace(sa)
		case <-alarm.C():
			l.overslept(time.Now())
			err = l.expire(time.Now())
		case <-l.awake:
			l.stall.begin(time.Now(), l.plane.LastInbound())
		case c, ok := <-changes:
			if !ok {
				changes = nil
				continue
			}
			l.roam(c)
		case err := <-l.plane.Err():
			return l.broken(err)
		case <-stop:
			stop = nil
			cancel()
			l.quit()
		case <-l.overdue:
			l.done = true
		}
		if err != nil {
			l.log.Debug("the session refused an input", "err", err)
		}
		l.attend(time.Now())
		l.proceed(time.Now())
		l.drain()
		if f := l.openWays(); f != nil && !l.quitting() {
			l.fail(f)
			l.drain()
		}
		l.done = l.done || l.quitting() && l.gone && len(l.leaving) == 0
	}
	return l.finished
}

func (l *line) arm(alarm Alarm) error {
	at := l.deadline()
	for _, s := range l.strands() {
		at = earlier(at, s.session.NextTimeout())
	}
	l.due = at
	if at.IsZero() {
		return alarm.Stop()
	}
	return alarm.Set(time.Until(at))
}

// over ends the line because its session has.
func (l *line) over(f *ike.Failure) {
	l.done = true
	if l.finished == nil {
		l.finished = l.ending(f)
	}
}

// quit begins the end of the line: every session is deleted, and the gateway has a
// moment to say that it knows.
func (l *line) quit() {
	if l.quitting() {
		return
	}
	l.overdue = time.After(goodbye)
	if l.next != nil {
		l.abandon(l.next)
	}
	for _, s := range l.leaving {
		if s.info.IKEEstablished.IsZero() {
			continue // abandoned
		}
		s.leaveAt = time.Time{}
		s.later(ike.Delete{})
	}
	l.later(ike.Delete{})
}

func (l *line) quitting() bool { return l.overdue != nil }

// farewell tells the gateway goodbye on every session that still stands, without
// waiting for an answer.
func (l *line) farewell() {
	for _, s := range l.strands() {
		s.later(ike.Delete{})
	}
	l.drain()
}

// broken explains the end of the plane: the device or the socket died.
func (l *line) broken(err error) error {
	if l.tun == nil {
		return &diagnose.Failure{Cause: diagnose.CauseTransportFailed, Err: err}
	}
	f := &diagnose.Failure{Cause: diagnose.CauseTUNFailed, Err: err}
	if errors.Is(err, os.ErrClosed) { // not by us: we close it after the plane's end
		f.Seen = "another program has removed it"
	}
	return f
}

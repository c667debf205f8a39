package ike

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// closeWait is how long an orderly Delete may take in all.
const closeWait = 1500 * time.Millisecond

// phase says how far a Session is.
type phase uint8

const (
	phaseIdle        phase = iota
	phaseConnecting        // IKE_SA_INIT and IKE_AUTH
	phaseEstablished       // an IKE SA and a Child SA stand
	phaseClosing           // our Delete is under way
	phaseClosed            // Closed has been emitted
)

// path is where a message goes, and how.
type path struct {
	local, remote netip.AddrPort
	encap         bool
}

// Session is one connection to one gateway, from IKE_SA_INIT to its end, over
// any number of rekeyed IKE SAs. See the package documentation for its contract.
type Session struct {
	cfg      Config
	log      *slog.Logger
	phase    phase
	timers   timerTable
	counters Counters
	out      []output

	path        path
	init        *initiation // until a protected message settles which IKE SA it is
	sas         []*ikeSA    // every IKE SA that still receives
	current     *ikeSA      // where our requests go; nil until established
	children    []*child
	nextID      uint64 // ids of IKE SAs and of questions
	step        StepName
	lastHeard   time.Time // authenticated message or reported ESP traffic
	lastSuspect time.Time // liveness check for an unprotected hint
	lastSent    time.Time // message, keepalive or reported ESP packet
	failure     *Failure  // what Closed will say while closing
	nat         NAT
	heldFor     *ikeSA // see hold
	peerRekeys  allowance

	addresses      []netip.Addr   // that the gateway gave us
	postponed      []*createChild // Child SAs from scratch, to be asked for again at timerCreateChild
	noMoreChildren bool           // the gateway has said NO_ADDITIONAL_SAS

	seenQuirks   []Quirk
	fragmentSize int // largest IP datagram of a message, as far as is known of the path

	mobility mobility
	paused   bool // there is no network to send on
	silent   bool // PeerSilent has been told, and nothing heard since
}

// New makes a Session; nothing happens before Connect.
func New(cfg Config) (*Session, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	cfg.bend()
	s := &Session{cfg: cfg, fragmentSize: cfg.FragmentSize, log: cfg.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.counters.Dropped = make(map[DropReason]uint64)
	s.path = s.cfg.firstPath()
	s.logQuirks()
	return s, nil
}

// HandleDatagram takes one datagram from the network. d.Data is borrowed until
// the return. The error is a *DropError, a *NotifyError or a *Failure.
func (s *Session) HandleDatagram(now time.Time, d Datagram) error {
	s.counters.Received++
	return s.conclude(now, s.receive(now, d))
}

// HandleTimeout performs everything that is due. Calling it early does nothing.
func (s *Session) HandleTimeout(now time.Time) error {
	var first error
	for s.phase != phaseClosed {
		key, due := s.timers.pop(now)
		if !due {
			break
		}
		if err := s.conclude(now, s.fire(now, key)); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// fire performs one timer.
func (s *Session) fire(now time.Time, key timerKey) error {
	switch key.kind {
	case timerRetransmit:
		return s.retransmit(now, key.owner)
	case timerHint:
		return s.believeHint()
	case timerCookie:
		return s.sendCookie(now)
	case timerClose:
		s.finish(s.failure)
		return nil
	case timerForgetIKE:
		return s.forgetIKE(now, key.owner)
	case timerForgetChild:
		return s.forgetChild(uint32(key.owner))
	case timerUnfinished:
		return s.forgetUnfinished(now, key.owner)
	case timerHold:
		return nil // conclude lets the requests out
	case timerRekeyIKE:
		return s.startIKERekey(key.owner)
	case timerRekeyChild:
		return s.startChildRekey(uint32(key.owner))
	case timerCreateChild:
		return s.startCreateChild()
	case timerLiveness:
		return s.checkLiveness(now)
	case timerNATKeepalive:
		s.keepAlive(now)
	case timerFragments:
		s.forgetFragments(now, key.owner)
	case timerUpdate:
		s.oweUpdate()
	case timerEndIKE:
		return &Failure{Cause: CausePeerDead, Err: errOutlived}
	case timerEndChild:
		s.endChild(uint32(key.owner))
	}
	return nil
}

// output is a datagram or, where that is not nil, an event. There is one queue of
// them, for their order matters: an SA can receive before the peer is told of it,
// and sends only then (RFC 7296 2.8).
type output struct {
	datagram Datagram
	event    Event
}

// PollTransmit gives the next datagram to send; false: there is none before the
// next event. Drain it after every input.
func (s *Session) PollTransmit() (Datagram, bool) {
	if len(s.out) == 0 || s.out[0].event != nil {
		return Datagram{}, false
	}
	d := s.out[0].datagram
	s.out = s.out[1:]
	return d, true
}

// PollEvent gives the next event; false: there is none before the next datagram.
// Drain it after every input.
func (s *Session) PollEvent() (Event, bool) {
	if len(s.out) == 0 || s.out[0].event == nil {
		return nil, false
	}
	e := s.out[0].event
	s.out = s.out[1:]
	return e, true
}

// NextTimeout is when HandleTimeout wants to be called; zero: never.
func (s *Session) NextTimeout() time.Time { return s.timers.next() }

// AppendSPIs appends our SPI of every IKE SA, and of an IKE_SA_INIT under way. A
// message for this Session has one of them in its header, so that whoever reads
// the network can drop everything else without asking. It changes with inputs.
func (s *Session) AppendSPIs(spis []wire.SPI) []wire.SPI {
	if s.init != nil {
		spis = append(spis, s.init.spi)
	}
	for _, sa := range s.sas {
		if !slices.Contains(spis, sa.localSPI) { // candidates share that of IKE_SA_INIT
			spis = append(spis, sa.localSPI)
		}
	}
	return spis
}

// emit queues an event.
func (s *Session) emit(e Event) { s.out = append(s.out, output{event: e}) }

// stepRank orders the steps.
var stepRank = map[StepName]int{StepReaching: 1, StepChecking: 2, StepSigningIn: 3, StepSettingUp: 4}

// progress emits a step, once and never backwards.
func (s *Session) progress(name StepName) {
	if stepRank[name] <= stepRank[s.step] {
		return
	}
	s.step = name
	s.emit(Step{Name: name})
}

// conclude ends every input: it counts, closes the Session for a Failure, and
// lets the next requests out.
func (s *Session) conclude(now time.Time, err error) error {
	var drop *DropError
	var told *NotifyError
	var fatal *Failure
	switch {
	case errors.As(err, &drop): // whatever it wraps, nothing has changed
		s.counters.Dropped[drop.Reason]++
		s.log.Debug("datagram dropped", "reason", string(drop.Reason))
	case errors.As(err, &fatal):
		s.close(now, fatal)
	case errors.As(err, &told):
		s.counters.Told++
		s.log.Debug("request refused", "notify", told.Type.String())
	}
	if pumpErr := s.pump(now); pumpErr != nil {
		s.finish(pumpErr)
		err = errors.Join(err, pumpErr)
	}
	if slices.ContainsFunc(s.out, func(o output) bool { return o.event == nil }) {
		s.noteSent(now, now)
	}
	return err
}

// close ends the Session for a reason: at once where the peer holds nothing or
// is past hearing, else with a Delete and a bounded wait for its answer.
func (s *Session) close(now time.Time, f *Failure) {
	if s.phase == phaseClosing || s.phase == phaseClosed {
		return
	}
	if f != nil {
		s.log.Warn("session failed", "cause", string(f.Cause), "notify", uint16(f.Notify), "err", f.Err)
	}
	gone := f != nil && (f.Cause == CausePeerDead || f.Notify == wire.NotifyAuthenticationFailed)
	if s.phase != phaseEstablished || s.current == nil || gone {
		s.finish(f)
		return
	}
	if old := s.unsure(); old != nil { // it may be the only one that the peer knows
		s.sendOnce(old, []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}})
	}
	s.phase, s.failure = phaseClosing, f
	s.keepOnly(s.current)
	s.current.state = ikeClosing
	for _, e := range s.current.queue {
		discard(e)
	}
	s.current.queue = []exchange{&deleteIKE{}}
	s.timers.set(timerClose, 0, now.Add(closeWait))
}

// keepOnly drops every IKE SA but one, and every timer but its retransmission.
func (s *Session) keepOnly(sa *ikeSA) {
	at, waiting := s.timers.at(timerRetransmit, sa.id)
	for _, other := range s.sas {
		if other != sa {
			other.clear()
		}
	}
	s.sas = []*ikeSA{sa}
	s.timers.clear()
	if waiting {
		s.timers.set(timerRetransmit, sa.id, at)
	}
}

// finish ends the Session now: the last event, and no key stays behind.
func (s *Session) finish(f *Failure) {
	if s.phase == phaseClosed {
		return
	}
	s.phase = phaseClosed
	for _, sa := range s.sas {
		sa.clear()
	}
	s.sas, s.current, s.children, s.init = nil, nil, nil, nil
	s.timers.clear()
	s.emit(Closed{Failure: f})
}

// random draws n octets.
func (s *Session) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if err := readFull(s.cfg.Rand, b); err != nil {
		return nil, internal(fmt.Errorf("randomness: %w", err))
	}
	return b, nil
}

// soften gives a moment between 80 and 90 percent of a soft lifetime, so that a
// rekey is through before the end and two peers seldom begin together
// (RFC 7296 2.8).
func (s *Session) soften(now time.Time, lifetime time.Duration) (time.Time, error) {
	return s.jitter(now, lifetime*8/10, lifetime/10)
}

// jitter gives now + base + a random part of spread.
func (s *Session) jitter(now time.Time, base, spread time.Duration) (time.Time, error) {
	b, err := s.random(2)
	if err != nil {
		return time.Time{}, err
	}
	part := int64(b[0])<<8 | int64(b[1])
	return now.Add(base + time.Duration(int64(spread)/65536*part)), nil
}

// debug writes one line about an IKE SA; never keys, never payload contents.
func (s *Session) debug(msg string, attrs ...slog.Attr) {
	s.log.LogAttrs(context.Background(), slog.LevelDebug, msg, attrs...)
}

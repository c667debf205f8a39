package tunnel

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// A line hangs on one strand, and on more for the moments in which a successor
// takes over (handover.go):
//
//	line.strand    carries the traffic
//	line.next      a successor, from its first message until it carries the traffic
//	line.leaving   those that have carried it, until the gateway knows
//
// Datagrams find their strand by the SPIs in them, answers and timers by where
// they come from. Child SAs of all of them are in the one plane.

// strand is one IKE session and what has come of it. It belongs to the goroutine
// of the line's loop.
type strand struct {
	session *ike.Session
	creds   *credentials
	gateway gateway
	remote  netip.AddrPort // where IKE_SA_INIT goes
	pending []ike.Command  // found while draining; they go in after it

	local    netip.AddrPort // our end, as far as is known
	mobile   bool           // the gateway follows a Move
	gateways []netip.Addr   // where it says it can be reached

	given    ike.Configuration
	carriers map[uint32]carrier // the Child SAs by inbound SPI
	warned   []string           // about the sign-in
	own      diagnose.Validity  // of the user's certificate; zero: none is shown
	theirs   diagnose.Validity  // of the gateway's
	uses     int                // how often a Child SA came into use
	wished   []netip.Prefix     // networks that were asked for one by one
	info     Info
	step     ike.StepName  // of the handshake
	open     int           // questions that wait for their answer
	watched  []*watched    // the chains that it was trusted by
	heardAt  time.Time     // a message of the gateway's was taken
	hurried  time.Time     // an urgent sign of life was asked for
	sendErr  error         // why the last datagram could not leave
	traffic  uint64        // plane.LastInbound at the last look
	sentAt   time.Time     // plane.LastOutbound at the last look
	lead     time.Duration // before info.SignInAgainBy: when the next sign-in begins
	leaveAt  time.Time     // when it is deleted; zero: it is not to be, or it has been told
}

// answered is what a question has led to, and whose it was.
type answered struct {
	strand  *strand
	command ike.Command
	kept    bool      // it is a password, which another gateway may be given (RFC 5685)
	asked   time.Time // when the question was put
}

// published is what the plane's goroutines know of the strands.
type published struct {
	spis    []wire.SPI       // of every session
	remotes []netip.AddrPort // where messages without the non-ESP marker may come from
}

// newStrand makes a session to a gateway's address. Nothing is sent yet.
func (l *line) newStrand(g gateway, remote netip.AddrPort, creds *credentials, change func(*ike.Config)) (*strand, error) {
	local := l.transport.LocalAddr(remote)
	if !local.IsValid() {
		return nil, &diagnose.Failure{Cause: diagnose.CauseNoNetwork, Expected: remote.Addr().String()}
	}
	cfg, err := l.sessionConfig(local, remote, creds)
	if err != nil {
		return nil, &diagnose.Failure{Cause: diagnose.CauseProfile, Seen: err.Error(), Err: err}
	}
	cfg.RedirectedFrom = g.from
	change(&cfg)
	session, err := ike.New(cfg)
	if err != nil {
		return nil, &diagnose.Failure{Cause: diagnose.CauseProfile, Seen: err.Error(), Err: err}
	}
	s := &strand{session: session, gateway: g, remote: remote, local: local, creds: creds, carriers: make(map[uint32]carrier)}
	if l.cfg.Profile.Client.UsesCertificate() {
		s.shows(creds.chain(l.cfg.Profile))
	}
	return s, nil
}

// strands lists every strand that has a session.
func (l *line) strands() []*strand {
	all := []*strand{l.strand}
	if s := l.successor(); s != nil {
		all = append(all, s)
	}
	return append(all, l.leaving...)
}

// publish tells receive which messages are the sessions', before anything is
// sent that could be answered.
func (l *line) publish() {
	var now published
	for _, s := range l.strands() {
		now.spis = s.session.AppendSPIs(now.spis)
		now.remotes = append(now.remotes, s.remote)
	}
	if old := l.known.Load(); old == nil || !slices.Equal(old.spis, now.spis) || !slices.Equal(old.remotes, now.remotes) {
		l.known.Store(&now)
	}
}

// addressed says whether an IKE message carries one of these SPIs.
func addressed(message []byte, spis []wire.SPI) bool {
	if len(message) < wire.HeaderLen {
		return false
	}
	initiator, responder := wire.SPI(binary.BigEndian.Uint64(message)), wire.SPI(binary.BigEndian.Uint64(message[8:]))
	return slices.Contains(spis, initiator) || slices.Contains(spis, responder)
}

// deliver hands a datagram to the session that it is for.
func (l *line) deliver(d ike.Datagram) error {
	for _, s := range l.strands() {
		if addressed(d.Data, s.session.AppendSPIs(nil)) {
			now := time.Now()
			err := s.session.HandleDatagram(now, d)
			if err == nil {
				s.heardAt = now
			}
			return err
		}
	}
	return errors.New("tunnel: a message for a session that has ended")
}

// answer hands an answer to the session that asked, where there still is one.
func (l *line) answer(a answered) error {
	if !slices.Contains(l.strands(), a.strand) {
		discard(a.command)
		return ike.ErrClosed
	}
	a.strand.open--
	if c, ok := a.command.(ike.Certificates); ok {
		a.strand.shows(c.Chain)
	}
	if c, ok := a.command.(ike.Credentials); ok && c.Err == nil && a.kept {
		a.strand.creds.used(c.Password)
		if l.late(a) {
			discard(a.command)
			l.finished = errLate
			l.quit()
			return nil
		}
	}
	return a.strand.session.Do(time.Now(), a.command)
}

// discard clears the secret in an answer that nobody wants any more.
func discard(c ike.Command) {
	switch c := c.(type) {
	case ike.Credentials:
		clear(c.Password)
		clear(c.New)
	case ike.PSK:
		clear(c.Key)
	}
}

// expire gives every session its due timers. The one in use is told of ESP packets
// first, so that a busy line needs neither liveness checks nor keepalives
// (RFC 7296 2.4, RFC 3948 4).
func (l *line) expire(now time.Time) error {
	var err error
	if n := l.plane.LastInbound(); n != l.traffic {
		l.traffic = n
		// Refused on the way out, where the timers count all the same.
		err = l.session.Do(now, ike.InboundTraffic{})
	}
	if at := l.plane.LastOutbound(); at.After(l.sentAt) {
		l.sentAt = at
		err = errors.Join(err, l.session.Do(now, ike.OutboundTraffic{At: at}))
	}
	for _, s := range l.strands() {
		err = errors.Join(err, s.session.HandleTimeout(now))
	}
	return err
}

// drain performs everything that the sessions want after an input, and then what
// that led to.
func (l *line) drain() {
	for again := true; again; {
		again = false
		for _, s := range l.strands() {
			l.publish()
			again = l.drainOne(s) || again
		}
	}
	l.publish()
}

// drainOne performs what one session wants. True: there was something.
func (l *line) drainOne(s *strand) (some bool) {
	for ; ; some = true {
		l.publish()
		if d, ok := s.session.PollTransmit(); ok {
			l.send(s, d)
		} else if ev, ok := s.session.PollEvent(); ok {
			l.take(s, ev)
		} else if len(s.pending) > 0 {
			c := s.pending[0]
			s.pending = s.pending[1:]
			if err := s.session.Do(time.Now(), c); err != nil && !uncreated(err) {
				l.log.Debug("the session refused an input", "err", err)
			}
		} else {
			return some
		}
	}
}

// take performs an event, as is right for the strand that it comes from. The
// questions of those that end are not asked any more.
func (l *line) take(s *strand, ev ike.Event) {
	switch {
	case s != l.strand && s != l.successor():
		l.falling(s, ev)
	case l.asked(s, ev):
	case s == l.strand:
		l.handle(ev)
	default:
		l.rising(s, ev)
	}
}

// asked performs an event that is a question of the session. False: it is none.
func (l *line) asked(s *strand, ev ike.Event) bool {
	switch e := ev.(type) {
	case ike.NeedVerdict:
		s.shown(e)
		s.later(ike.Verdict{ID: e.ID, Err: l.verdict(s, e)})
	case ike.NeedCertificate:
		q := Question{Kind: AskCertificate, Issuers: e.Names, IssuerKeys: e.Issuers, Hashes: e.Hashes, TLS: e.EAP}
		l.ask(s, q, func(a Answer, err error) ike.Command {
			return ike.Certificates{ID: e.ID, Chain: a.Certificates, Err: err}
		})
	case ike.Notice:
		l.log.Info("the sign-in server has a notice", "message", e.Message)
		l.emit(Notice{Message: e.Message})
	case ike.NeedSignature:
		l.ask(s, Question{Kind: AskSignature, Certificate: e.Certificate, Scheme: string(e.Scheme), Data: e.Message}, func(a Answer, err error) ike.Command {
			return ike.Signature{ID: e.ID, Value: a.Secret, Err: err}
		})
	case ike.NeedPSK:
		l.ask(s, Question{Kind: AskPSK}, func(a Answer, err error) ike.Command {
			return ike.PSK{ID: e.ID, Key: a.Secret, Err: err}
		})
	case ike.NeedCredentials:
		l.signsIn(s, e)
	default:
		return false
	}
	return true
}

// established keeps what came with the IKE SA.
func (s *strand) established(e ike.Established) {
	s.given, s.mobile = e.Configuration, e.MOBIKE
	s.info = Info{
		GatewayAddress:  e.Remote,
		GatewayIdentity: e.GatewayIdentity.String(),
		IKEEstablished:  time.Now(),
		IKERekeyAt:      e.RekeyAt,
		SignedInAt:      time.Now(),
		GatewayVersion:  e.Configuration.Version,
		BehindNAT:       e.Behind.Us,
		MOBIKE:          e.MOBIKE,
	}
	s.info.signIn, s.info.Own, s.info.Gateway = s.warned, s.own, s.theirs
	s.info.useIKE(e.Suite)
	s.creds.forget()
}

// added puts a Child SA of a strand's into the plane.
func (l *line) added(s *strand, e ike.ChildAdded) error {
	if err := l.install(s, e.SA); err != nil {
		return err
	}
	s.put(e.SA)
	return nil
}

// removed takes a Child SA of a strand's out of the plane; one that never got
// in may have its number from another's.
func (l *line) removed(s *strand, e ike.ChildRemoved) {
	if _, ok := s.carriers[e.InboundSPI]; ok {
		l.plane.RemoveSA(e.InboundSPI, e.Linger)
		if s.drop(e.InboundSPI) && s == l.strand {
			l.carryLess()
		}
	}
}

// ask puts a question on a goroutine of its own and hands the answer to the
// loop; the end of the loop ends the question.
func (l *line) ask(s *strand, q Question, answer func(Answer, error) ike.Command) {
	q = q.clone()
	ctx := l.life
	if h := l.next; h != nil && s == h.strand {
		// Withdrawn with its try.
		ctx, q.Again, q.Until = h.questions, true, h.end
	}
	s.open++
	asked := time.Now()
	l.asking.Go(func() {
		a, err := l.cfg.Ask(ctx, q)
		select {
		case l.answers <- answered{s, answer(a, err), q.Kind == AskPassword, asked}:
		case <-ctx.Done():
			clear(a.Secret)
			clear(a.New)
		}
	})
}

// signingIn says whether the gateway may have taken the session for the one that
// counts, and its answer is only under way.
func (s *strand) signingIn() bool {
	return s.step != "" && s.step != ike.StepReaching && s.open == 0
}

// later keeps a command for when the session is drained: what Poll gave is
// valid only until the next input.
func (s *strand) later(c ike.Command) { s.pending = append(s.pending, c) }

// send puts an IKE message on the wire, behind the non-ESP marker where the
// session says so (RFC 3948 2.2). A failure is the network's: the session's
// retransmission is the answer, but the reason is kept for the person.
func (l *line) send(s *strand, d ike.Datagram) {
	if err := l.open(d.Remote); err != nil {
		l.log.Debug("an IKE message is not sent", "to", d.Remote, "err", err)
		s.sendErr = err
		return
	}
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
	if errors.Is(err, syscall.ECONNREFUSED) { // an ICMP error, which anybody can send
		s.later(ike.Unreachable{})
	}
	s.sendErr = err
}

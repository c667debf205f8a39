package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
)

// A successor takes over from the session in use without a packet lost
// (RFC 7296 2.8.3): because the sign-in is to be repeated (reauth.go), because
// the gateway sends us elsewhere (redirect.go), or because the session in use
// cannot follow us to another network.
//
//	handOver: a plan -> its time comes -> the password is asked for, if one is needed
//	  -> tryNext: a session beside the one in use, on the same transport,
//	     asking for the same inner addresses
//	  -> rising: Established, ChildAdded, ChildActive
//	  -> takeOver: traffic moves in one step; device, routes and DNS follow where
//	     they differ
//	  -> overlap -> the old session is deleted -> falling until it is gone
//
// A successor that fails changes nothing for the line: another is tried later.
// Where the session in use ends while a successor is on its way, because the
// gateway allows one at a time, the line waits for the successor.

const (
	// overlap is how long the old session stays beside the new: for packets
	// that are under way.
	overlap = time.Second
	// orphanPatience is how long a successor may take where the gateway has
	// ended the session in use already.
	orphanPatience = 15 * time.Second
	firstPause     = 5 * time.Second // before the second try, doubled for each that follows
	longestPause   = time.Minute
	lastingTries   = 3 // of a plan whose failure does not pass by itself
	endlessTries   = 8 // of a plan without an end, whose failure does
	// afterglow is how long packets are still taken from SAs whose session ended.
	afterglow = 5 * time.Second
)

// plan says why there is to be a successor, where and when.
type plan struct {
	why     string  // for the log
	gateway gateway // zero: the one in use
	// remotes are where IKE_SA_INIT goes, one after the other; empty: to the
	// gateway in use.
	remotes []netip.AddrPort
	at      time.Time // not before; zero: now
	end     time.Time // the session in use ends then anyway; zero: not known
	// change, where set, has the last word on the session's configuration.
	change func(*ike.Config)
}

// handover is a plan being carried out.
type handover struct {
	plan
	strand *strand   // of the try under way; nil between tries
	at     time.Time // when the next try begins; zero: one is under way
	tries  int
	fresh  bool // the password that is known was refused: the user must be asked
	// questions is for those of the try under way, and cancel withdraws them.
	questions context.Context
	cancel    func()
	tried     time.Time    // when the last try began
	orphaned  *ike.Failure // why the session in use is gone
	patience  time.Time    // orphaned: when the line gives up
}

// handOver begins a plan. What was planned before is given up, but for its end, and
// for what holds of any plan: that the password was refused, and that the line has
// no session left.
func (l *line) handOver(p plan) {
	if p.at.IsZero() {
		p.at = time.Now()
	}
	h := &handover{plan: p, at: p.at}
	if old := l.next; old != nil {
		h.end = earlier(p.end, old.end)
		h.fresh, h.orphaned, h.patience = old.fresh, old.orphaned, old.patience
		l.abandon(old)
	}
	l.log.Info("another session is to take over", "why", p.why, "at", p.at.Round(time.Second))
	l.next = h
}

// successor is the strand of the try under way, nil where there is none.
func (l *line) successor() *strand {
	if l.next == nil {
		return nil
	}
	return l.next.strand
}

// abandon ends a try under way. One whose sign-in the gateway may be granting in this
// moment is waited for, and then deleted: else the gateway would keep it.
func (l *line) abandon(h *handover) {
	if h.cancel != nil {
		h.cancel()
	}
	if s := h.strand; s != nil {
		h.strand = nil
		at := time.Now()
		if s.signingIn() {
			at = at.Add(goodbye)
		}
		l.leave(s, at)
	}
	if l.next == h {
		l.next = nil
	}
}

// leave has a strand deleted at a time, and keeps it until that is done.
func (l *line) leave(s *strand, at time.Time) {
	s.leaveAt = at
	l.leaving = append(l.leaving, s)
}

// proceed does what a handover has to do at this time.
func (l *line) proceed(now time.Time) {
	for _, s := range l.leaving {
		if !s.leaveAt.IsZero() && !s.leaveAt.After(now) {
			s.leaveAt = time.Time{}
			s.later(ike.Delete{})
		}
	}
	l.keepWatch(now)
	h := l.next
	switch {
	case h == nil || !l.up || l.quitting():
	case h.orphaned != nil && !h.patience.After(now):
		l.over(h.orphaned)
	case !h.at.IsZero() && !h.at.After(now):
		h.at = time.Time{}
		l.prepare(h)
	}
}

// deadline is when proceed has something to do; zero: never.
func (l *line) deadline() (next time.Time) {
	next = earlier(l.stall.next, l.vigilDeadline())
	for _, s := range l.leaving {
		next = earlier(next, s.leaveAt)
	}
	if h := l.next; h != nil && l.up {
		next = earlier(earlier(next, h.at), h.patience)
	}
	return next
}

// earlier gives the earlier of two times; zero stands for never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// prepare asks for the password before the gateway is: people take longer than
// a gateway waits in the middle of a sign-in.
func (l *line) prepare(h *handover) {
	h.questions, h.cancel = context.WithCancel(l.life)
	ctx := h.questions
	if !l.byPassword() {
		l.tryNext(h, l.creds.same(nil))
		return
	}
	q := Question{Kind: AskPassword, Username: l.creds.username, Again: true, Fresh: h.fresh, Until: h.end}
	l.asking.Go(func() {
		a, err := l.cfg.Ask(ctx, q)
		l.call(ctx, func() {
			if l.next != h {
				clear(a.Secret)
				return
			}
			if err != nil {
				l.tryFailed(h, &ike.Failure{Cause: ike.CauseCredentials, Err: err})
				return
			}
			l.tryNext(h, l.creds.same(a.Secret))
		}, func() { clear(a.Secret) })
	})
}

// call has the loop run f; or g, on the caller's goroutine, where ctx ends first.
func (l *line) call(ctx context.Context, f, g func()) {
	select {
	case l.calls <- f:
	case <-ctx.Done():
		g()
	}
}

// tryNext starts a successor.
func (l *line) tryNext(h *handover, creds *credentials) {
	remote := l.remote
	if len(h.remotes) > 0 {
		remote = h.remotes[h.tries%len(h.remotes)]
	}
	h.tries++
	h.tried = time.Now()
	if h.gateway == (gateway{}) {
		h.gateway.id = l.gateway.id
	}
	s, err := l.newStrand(h.gateway, remote, creds, func(c *ike.Config) {
		// It would have the gateway delete the session in use (RFC 7296 2.4).
		c.InitialContact = false
		c.RequestAddresses = nil
		for _, p := range l.given.Addresses {
			c.RequestAddresses = append(c.RequestAddresses, p.Addr())
		}
		if h.change != nil {
			h.change(c)
		}
	})
	if err != nil {
		creds.clear()
		l.tryFailed(h, err)
		return
	}
	h.strand = s
	s.later(ike.Connect{})
}

// rising takes the events of a successor.
func (l *line) rising(s *strand, ev ike.Event) {
	switch e := ev.(type) {
	case ike.Step:
		s.step = e.Name
	case ike.Established:
		s.established(e)
	case ike.Reauthenticate:
		l.signInUntil(s, e)
	case ike.PeerAddresses:
		s.gateways = e.Addresses
		l.tellAddresses(s)
	case ike.ChildAdded:
		if err := l.added(s, e); err != nil {
			h := l.next
			h.strand = nil
			l.leave(s, time.Now())
			l.tryFailed(h, &diagnose.Failure{Cause: diagnose.CauseProtocol, Err: err})
		}
	case ike.ChildActive:
		l.takeOver(s, e.InboundSPI)
	case ike.ChildRemoved:
		l.removed(s, e)
	case ike.Closed:
		l.fallen(s, e)
	}
}

// fallen decides what the end of a successor means that never carried the line.
func (l *line) fallen(s *strand, e ike.Closed) {
	defer s.creds.clear()
	l.discardSAs(s)
	h := l.next
	h.strand = nil
	if e.Failure == nil {
		l.tryFailed(h, errors.New("tunnel: the successor was told to end"))
		return
	}
	var err error = e.Failure
	if to, ok := redirection(err); ok {
		if err = l.turn(h, to, s.creds); err == nil {
			return
		}
	}
	l.tryFailed(h, err)
}

// takeOver moves the line to the successor. To another gateway SA and peer change in
// one step; else the old SAs stay active for what the new one does not carry, until
// they go.
func (l *line) takeOver(s *strand, inboundSPI uint32) {
	h, old := l.next, l.strand
	l.next = nil
	h.cancel()
	s.creds.clear()
	elsewhere := s.info.GatewayAddress != old.info.GatewayAddress
	anotherPath := elsewhere || s.local.Addr() != old.local.Addr()
	l.holdFor(s)
	var err error
	if elsewhere {
		err = l.plane.Switch(inboundSPI, s.info.GatewayAddress, surePath)
	} else {
		err = l.plane.Activate(inboundSPI)
	}
	s.traffic, s.sentAt = old.traffic, old.sentAt
	l.stall.open = false
	l.strand, l.unrenewed, l.gone = s, nil, false
	s.info.Moves = old.info.Moves
	if anotherPath {
		l.note(Move{At: time.Now(), From: old.local, To: s.local, Gateway: s.info.GatewayAddress})
	}
	if h.orphaned == nil {
		l.leave(old, time.Now().Add(overlap))
	}
	if err != nil {
		l.fail(&diagnose.Failure{Cause: diagnose.CauseInternal, Err: err})
		return
	}
	s.use(inboundSPI)
	l.world.given, l.world.remote = s.given, s.carried()
	l.log.Info("another session has taken over", "why", h.why, "gateway", s.info.GatewayAddress,
		"identity", s.info.GatewayIdentity, "ike", s.info.IKESuite, "esp", s.info.ESPSuite, "tries", h.tries)
	l.adapt()
	l.watch()
	l.askForMore()
	l.planSignIn()
	if anotherPath {
		l.newPath()
	} else if l.checking { // the question was the old session's
		l.beginSearch()
	}
	if local, _, ok := l.way(); !ok || local.Addr() != s.local.Addr() {
		l.roam(NetworkChange{}) // the network has changed since the session began
	}
}

// adapt makes device, routes and DNS follow what the new session was given, or
// what the network is that the machine has come to, where that differs from before.
func (l *line) adapt() {
	n := l.decide()
	// A gateway that narrows selectors one by one carries little at first.
	kept := slices.DeleteFunc(missing(l.net.Routes, n.Routes), func(p netip.Prefix) bool {
		return l.world.localPart(p) != "" // of the network that the machine has come to
	})
	if len(n.Routes)+len(kept) <= 2*l.world.most() {
		n.Routes = slices.Concat(n.Routes, kept)
	}
	n.Interface, n.MTU, n.Gateway = l.net.Interface, l.net.MTU, l.info.GatewayAddress.Addr()
	if !slices.Equal(n.Addresses, l.net.Addresses) {
		if err := l.readdress(n.Addresses); err != nil {
			l.fail(err)
			return
		}
	}
	if n.equal(l.net) {
		l.changed()
		return
	}
	l.net = n
	l.tellUp()
}

// falling takes the events of a strand that has carried the line, or is not to any
// more. New keys of its Child SA still receive, but traffic goes to them no more.
func (l *line) falling(s *strand, ev ike.Event) {
	switch e := ev.(type) {
	case ike.NeedVerdict, ike.NeedCertificate, ike.NeedSignature, ike.NeedPSK, ike.NeedCredentials, ike.Established:
		// Of a successor that is not wanted any more.
		s.leaveAt = time.Time{}
		s.later(ike.Delete{})
	case ike.ChildAdded:
		if err := l.added(s, e); err != nil {
			l.log.Debug("an SA of the session that ends is not used", "err", err)
		}
	case ike.ChildRemoved:
		l.removed(s, e)
	case ike.Closed:
		s.creds.clear()
		l.discardSAs(s)
		l.leaving = slices.DeleteFunc(l.leaving, func(o *strand) bool { return o == s })
	}
}

// discardSAs removes what is left of a strand's SAs.
func (l *line) discardSAs(s *strand) {
	for spi := range s.carriers {
		l.plane.RemoveSA(spi, afterglow)
	}
	clear(s.carriers)
}

// orphan waits for the successor where the session in use has ended. False:
// there is none under way.
func (l *line) orphan(f *ike.Failure) bool {
	h := l.next
	if h == nil || h.strand == nil || f == nil || l.finished != nil {
		return false
	}
	l.log.Info("the session in use has ended before its successor stands", "cause", string(f.Cause))
	h.orphaned, h.patience, l.gone = f, time.Now().Add(orphanPatience), true
	l.discardSAs(l.strand)
	return true
}

// tryFailed decides whether and when a successor is tried again.
func (l *line) tryFailed(h *handover, err error) {
	if h.cancel != nil {
		h.cancel()
	}
	f := l.explain(err)
	l.log.Warn("a successor of the session in use has failed", "why", h.why, "cause", f.Cause, "tries", h.tries, "err", err)
	l.unrenewed = f
	if h.orphaned != nil {
		if f.Cause.Refused() && l.finished == nil {
			l.finished = f // a line that is lost comes back by itself, with the same answer
		}
		l.over(h.orphaned)
		return
	}
	h.fresh = f.Cause.Refused()
	pause := min(firstPause<<min(max(h.tries-1, 0), 8), longestPause)
	switch {
	case theUsersWord(f.Cause):
		l.giveUp(h)
		return
	case h.fresh && h.tries < lastingTries:
		pause = 0 // the user is asked, and that takes its time
	case f.Cause.Passing() && (!h.end.IsZero() || h.tries < endlessTries):
	case h.tries < lastingTries:
	default:
		l.giveUp(h)
		return
	}
	h.at = time.Now().Add(pause)
	if !h.end.IsZero() && !h.at.Before(h.end) {
		l.giveUp(h)
	}
}

// theUsersWord says that another try would only ask again what was answered with
// a no, or hit an account that is locked or a card that may be next.
func theUsersWord(c diagnose.Cause) bool {
	switch c {
	case diagnose.CauseCredentialsMissing, diagnose.CauseUnanswered, diagnose.CauseCancelled, diagnose.CauseCertificateMissing,
		diagnose.CauseAccountLocked, diagnose.CausePINWrong, diagnose.CausePINLocked:
		return true
	}
	return false
}

// giveUp leaves the line as it is. A sign-in that was planned before comes to its
// turn again.
func (l *line) giveUp(h *handover) {
	l.log.Warn("the session in use stays", "why", h.why, "tries", h.tries)
	l.next = nil
	if h.why != whySignIn {
		l.planSignIn()
	}
}

package service

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

const (
	// signInTime is how long a program may be out to sign in, and signInLook how often
	// it is looked meanwhile whether that is done.
	signInTime = 10 * time.Minute
	signInLook = 3 * time.Second
	// freshLook is how old a finding may be to begin a sign-in with.
	freshLook = 30 * time.Second
)

// signIn is one that is under way:
//
//	SignInPortal -> look -> a group, and the way open for it -> EnterPortal
//	  -> the network lets us out, the time is over, the program has left, or nobody
//	     could begin it any more: another network, another's line, another setting
//	  -> the way closed, the group ended -> a new attempt
type signIn struct {
	number    uint64
	caller    control.Caller
	until     time.Time
	page      string
	resolvers []netip.Addr
	group     Confinement
	began     supervisor.State // when it did

	entered chan struct{} // closed when the program is in
	in      bool          // the same; with portals.mu
	shut    bool          // nobody comes in any more; with portals.mu
	moved   chan struct{} // of one: the network is another, perhaps
	over    chan string   // of one: why it must end
}

// move has the network looked at: it may be another.
func (in *signIn) move() {
	select {
	case in.moved <- struct{}{}:
	default: // it will be
	}
}

// stop ends it.
func (in *signIn) stop(why string) {
	select {
	case in.over <- why:
	default: // it has been stopped
	}
}

// SignInPortal implements control.Backend.
func (s *Service) SignInPortal(ctx context.Context, c control.Caller, emit func(control.PortalSignIn) error) error {
	p := s.portals
	if p.cfg.Look == nil || p.cfg.Confine == nil {
		return errNoPortals
	}
	if !maySignIn(c, s.shown.now()) {
		return control.Refuse(control.CodeForbidden, "another user of this computer wants a line, and only they, or an administrator, can open a way beside it")
	}
	page, err := p.page(ctx)
	if err != nil {
		return err
	}
	in, err := p.begin(c, page)
	if err != nil {
		return err
	}
	line := control.PortalSignIn{Session: in.number, URL: page, Until: in.until.Round(0), Resolvers: in.resolvers}
	s.logger.Info("a program may leave to sign in to the network", uidKey, c.UID, "until", in.until, "page", page)
	if err = emit(line); err == nil {
		line.Ended, err = p.follow(ctx, in)
	}
	if cerr := p.end(in); cerr != nil {
		s.logger.Error("a sign-in to the network did not end as it should", "error", cerr)
		err = errors.Join(err, cerr)
	}
	s.logger.Info("nobody may leave to sign in to the network any more", uidKey, c.UID, "why", line.Ended)
	if line.Ended == control.SignInDone {
		s.inbox.put(message{event: supervisor.NetworkChanged{}})
	} else {
		p.notSeen() // it may be done, and the browser was closed before that was noticed
	}
	if line.Ended != "" {
		err = errors.Join(err, emit(line))
	}
	return err
}

// system owns the lines that are everybody's: those that an administrator has set up
// for the computer.
const system = 0

// maySignIn keeps one user from opening a way beside another's line. Beside the
// system's, anybody may, as in lockdown where nobody wants a line: whoever sits at a
// computer that is always on has nobody else to ask.
func maySignIn(c control.Caller, state supervisor.State) bool {
	owner := state.Request.Owner
	return c.Admin || state.Request == (supervisor.Request{}) || owner == c.UID || owner == system
}

// judge ends a sign-in that, with the line and the kill switch as they are now, is
// done or could not be begun any more.
func (p *portals) judge(state supervisor.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		return
	}
	nobody := supervisor.Request{}
	switch in := p.open; {
	case state.Phase == supervisor.Connected && in.began.Phase != supervisor.Connected:
		in.stop(control.SignInDone)
	case !maySignIn(in.caller, state),
		state.Setting != in.began.Setting,
		in.began.Request != nobody && state.Request == nobody: // whose wish it was for has taken it back
		in.stop(control.SignInRemoved)
	}
}

// page is where the network wants the sign-in, as far as it wants one.
func (p *portals) page(ctx context.Context) (string, error) {
	known := p.show()
	if known == nil || known.State != control.PortalCaptive || p.now().Sub(known.LookedAt).Abs() > freshLook {
		found, err := p.look(ctx)
		if err != nil {
			return "", control.Refuse(control.CodeUnavailable, "whether the network wants a sign-in could not be found out (%v); look at it with «homewardctl portal», or try another network", err)
		}
		known = &found
	}
	if known.State != control.PortalCaptive {
		return "", control.Refuse(control.CodeConflict, "the network lets this computer out, and wants no sign-in; connect with «homewardctl connect»")
	}
	return known.URL, nil
}

// begin opens the way for a group that nobody is in yet.
func (p *portals) begin(c control.Caller, page string) (*signIn, error) {
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	taken := p.open != nil
	p.mu.Unlock()
	if taken {
		return nil, control.Refuse(control.CodeConflict, "a browser is open to sign in already; use that one, or close it first")
	}
	in := &signIn{caller: c, page: page, until: p.now().Add(signInTime), began: p.svc.shown.now(),
		entered: make(chan struct{}), moved: make(chan struct{}, 1), over: make(chan string, 1)}
	var err error
	if in.resolvers, err = p.cfg.Resolvers(); err != nil {
		return nil, fmt.Errorf("the network's name servers: %w", err)
	}
	const instead = "this system cannot let one program out and hold all others back (%v); let all out with «homewardctl killswitch off», sign in, and switch it on again"
	if in.group, err = p.cfg.Confine(); err != nil {
		p.svc.logger.Error("no program can be kept apart", "error", err)
		return nil, control.Refuse(control.CodeUnavailable, instead, err)
	}
	if err := p.svc.OpenPortal(&PolicyPortal{Cgroup: in.group.Path(), Resolvers: in.resolvers}); err != nil {
		p.svc.logger.Error("no way can be opened to sign in to the network", "error", errors.Join(err, in.group.Close()))
		return nil, control.Refuse(control.CodeUnavailable, instead, err)
	}
	p.mu.Lock()
	p.number++
	in.number, p.open = p.number, in
	p.mu.Unlock()
	p.judge(p.svc.shown.now()) // what has changed meanwhile
	p.svc.shown.touch()
	return in, nil
}

// EnterPortal implements control.Backend.
func (s *Service) EnterPortal(_ context.Context, c control.Caller, session uint64) error {
	p := s.portals
	p.mu.Lock()
	defer p.mu.Unlock()
	switch in := p.open; {
	case in == nil || in.shut || in.number != session || in.caller.UID != c.UID:
		return control.Refuse(control.CodeNotFound, "there is no such sign-in to the network; begin one with «homewardctl portal sign-in»")
	case in.in:
		return control.Refuse(control.CodeConflict, "one program may leave to sign in, and one does already")
	default:
		if err := in.group.Admit(int(c.PID), c.UID); err != nil {
			return fmt.Errorf("letting a program out to sign in: %w", err)
		}
		in.in = true
		close(in.entered)
		return nil
	}
}

// follow waits for what ends a sign-in. The time is over by the clock that runs while
// the computer works, and by the one that goes on while it sleeps: whichever is first.
func (p *portals) follow(ctx context.Context, in *signIn) (why string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	left := make(chan error, 1)
	waiting.Go(func() {
		select {
		case <-in.entered:
			left <- in.group.Ended(ctx)
		case <-ctx.Done():
		}
	})
	looks, looking := make(chan string, 1), false
	begin := func(judge func(control.Portal, error) string) {
		looking = true
		waiting.Go(func() { looks <- judge(p.look(ctx)) })
	}
	over := time.NewTimer(time.Until(in.until))
	defer over.Stop()
	again := time.NewTicker(signInLook)
	defer again.Stop()
	for {
		next := in.moved
		if looking {
			next = nil // and then
		}
		select {
		case <-again.C:
			if p.now().Round(0).After(in.until.Round(0)) {
				return control.SignInTime, nil
			}
			if !looking {
				begin(done)
			}
		case <-next:
			if !p.sameResolvers(in) {
				return control.SignInRemoved, nil
			}
			begin(in.sameNetwork)
		case why := <-looks:
			if looking = false; why != "" {
				return why, nil
			}
		case why := <-in.over:
			return why, nil
		case err := <-left:
			return control.SignInClosed, err
		case <-over.C:
			return control.SignInTime, nil
		case <-p.svc.ended:
			return control.SignInRemoved, nil
		case <-ctx.Done():
			return "", ctx.Err() // the user's program has left, and hears no more
		}
	}
}

// done ends a sign-in to a network that lets this computer out.
func done(found control.Portal, err error) string {
	if err == nil && found.State == control.PortalOpen {
		return control.SignInDone
	}
	return ""
}

// sameNetwork ends a sign-in, after a change, unless what is found is the network that
// its user meant: it sends him to the same place.
func (in *signIn) sameNetwork(found control.Portal, err error) string {
	if why := done(found, err); why != "" {
		return why
	}
	if err != nil || found.State != control.PortalCaptive || !sameHost(found.URL, in.page) {
		return control.SignInRemoved
	}
	return ""
}

func sameHost(a, b string) bool {
	ua, err := url.Parse(a)
	if err != nil {
		return false
	}
	ub, err := url.Parse(b)
	return err == nil && ua.Host == ub.Host
}

// sameResolvers says that the network still has the name servers that the browser was
// told, and that the way is open to.
func (p *portals) sameResolvers(in *signIn) bool {
	now, err := p.cfg.Resolvers()
	if err != nil {
		p.svc.logger.Error("the network's name servers are not known", "error", err)
		return false
	}
	return slices.Equal(now, in.resolvers)
}

// end closes the way before what was let out is ended.
func (p *portals) end(in *signIn) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	in.shut = true
	p.mu.Unlock()
	err := errors.Join(p.svc.OpenPortal(nil), in.group.Close())
	p.mu.Lock()
	p.open = nil
	p.mu.Unlock()
	p.svc.shown.touch()
	return err
}

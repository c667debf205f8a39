package service

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/portal"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// Portals knows the network that this computer is on, as far as it wants a sign-in of
// its own, and keeps a program apart that may leave to sign in.
type Portals struct {
	// Look finds out what the network wants; *portal.Detector does. The error says why
	// it is not known.
	Look func(ctx context.Context) (portal.Finding, error)
	// Resolvers are those of the network.
	Resolvers func() ([]netip.Addr, error)
	// Confine makes a group that holds one program, and ends what is in it at Close.
	Confine func() (Confinement, error)
}

// Confinement is a group of processes; platform/confine has one.
type Confinement interface {
	Path() string // below the mount of cgroup2
	Admit(pid int) error
	Ended(ctx context.Context) error
	Close() error
}

const (
	// lookTime bounds one look.
	lookTime = 10 * time.Second
	// signInTime is how long a program may be out to sign in, and signInLook how often
	// it is looked meanwhile whether that is done.
	signInTime = 10 * time.Minute
	signInLook = 3 * time.Second
	// freshLook is how old a finding may be to begin a sign-in with.
	freshLook = 30 * time.Second
)

// portals is what the service does about the network's own sign-in:
//
//	another network, a gateway that is not reached -> suspect -> look -> status
//	SignInPortal -> look -> a group, and the way open for it -> EnterPortal
//	  -> the network lets us out, the time is over, the program has left
//	  -> the way closed, the group ended -> a new attempt
//
// Nobody signs in by himself here, and no page is opened that no user wants.
type portals struct {
	cfg   Portals
	svc   *Service
	doubt chan struct{} // of one: the network may want a sign-in

	looking sync.Mutex // one look at a time

	mu      sync.Mutex
	known   *control.Portal // nil: nobody has looked since the network changed
	changes uint64          // of the network
	number  uint64          // of the last sign-in
	open    *signIn         // nil: there is none
}

// signIn is one that is under way.
type signIn struct {
	number  uint64
	uid     uint32
	until   time.Time
	group   Confinement
	entered chan struct{} // closed when the program is in
	in      bool          // the same, under the lock
}

func newPortals(cfg Portals, s *Service) *portals {
	return &portals{cfg: cfg, svc: s, doubt: make(chan struct{}, 1)}
}

// run looks at the network whenever there is a doubt, until ctx ends.
func (p *portals) run(ctx context.Context) {
	if p.cfg.Look == nil {
		return
	}
	for {
		select {
		case <-p.doubt:
			if p.wanted() {
				if _, err := p.look(ctx); err != nil && ctx.Err() == nil {
					p.svc.logger.Info("whether the network wants a sign-in is not known", "error", err)
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// wanted says that somebody wants out and has no line: nobody else's network is asked.
func (p *portals) wanted() bool {
	switch state := p.svc.shown.now(); state.Phase {
	case supervisor.Connecting, supervisor.NeedsInput, supervisor.Blocked:
		return true
	case supervisor.Disconnected:
		return state.Failure != nil
	default:
		return false
	}
}

// suspect has the network looked at when there is time.
func (p *portals) suspect() {
	select {
	case p.doubt <- struct{}{}:
	default: // it will be
	}
}

// elsewhere forgets what was known of the network before.
func (p *portals) elsewhere() {
	p.mu.Lock()
	known := p.known != nil
	p.known, p.changes = nil, p.changes+1
	p.mu.Unlock()
	if known {
		p.svc.shown.touch()
	}
	p.suspect()
}

// failed looks at why an attempt has failed: a network that answers in everybody's
// place lets no gateway be found or reached.
func (p *portals) failed(before, after supervisor.State) {
	f := after.Failure
	if f == nil || f == before.Failure {
		return
	}
	switch f.Cause {
	case diagnose.CauseNameNotFound, diagnose.CauseGatewaySilent, diagnose.CauseNoNetwork, diagnose.CauseTimeout:
		p.suspect()
	}
}

// look looks now.
func (p *portals) look(ctx context.Context) (control.Portal, error) {
	p.looking.Lock()
	defer p.looking.Unlock()
	p.mu.Lock()
	changes := p.changes
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	f, err := p.cfg.Look(ctx)
	found := control.Portal{State: string(f.State), LookedAt: time.Now().Round(0), Device: f.Device, By: f.By, URL: f.SignIn}
	if !f.Until.IsZero() {
		until := f.Until.Round(0)
		found.SessionUntil = &until
	}
	p.mu.Lock()
	before := p.known
	if changes == p.changes {
		p.known = &found
	}
	p.mu.Unlock()
	if before == nil || before.State != found.State || before.URL != found.URL {
		p.svc.logger.Info("looked whether the network wants a sign-in", "state", found.State, "by", found.By, "device", found.Device)
	}
	p.svc.shown.touch()
	return found, err
}

// show is what the status says; nil: nothing is known.
func (p *portals) show() *control.Portal {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil && p.open == nil {
		return nil
	}
	out := control.Portal{State: control.PortalUnknown}
	if p.known != nil {
		out = *p.known
	}
	if p.open != nil {
		until := p.open.until.Round(0)
		out.SigningInUntil = &until
	}
	return &out
}

// warning is the sentence for the status, "" where there is nothing to say.
func portalWarning(p *control.Portal) string {
	switch {
	case p == nil:
		return ""
	case p.SigningInUntil != nil:
		return "A browser may leave beside the kill switch to sign in to the network, until " + p.SigningInUntil.Local().Format("15:04") + "."
	case p.State == control.PortalCaptive:
		return "The network wants you to sign in first; run «homewardctl portal sign-in»."
	}
	return ""
}

var errNoPortals = control.Refuse(control.CodeUnavailable, "this system does not let Homeward look at the network's sign-in page; sign in to the network with a browser before you connect")

// LookPortal implements control.Backend.
func (s *Service) LookPortal(ctx context.Context, _ control.Caller) (control.Portal, error) {
	if s.portals.cfg.Look == nil {
		return control.Portal{}, errNoPortals
	}
	found, err := s.portals.look(ctx)
	if err != nil {
		s.logger.Info("whether the network wants a sign-in is not known", "error", err)
	}
	return found, nil
}

// SignInPortal implements control.Backend.
func (s *Service) SignInPortal(ctx context.Context, c control.Caller, emit func(control.PortalSignIn) error) error {
	p := s.portals
	if p.cfg.Look == nil || p.cfg.Confine == nil {
		return errNoPortals
	}
	if err := s.maySignIn(c); err != nil {
		return err
	}
	page, err := p.page(ctx)
	if err != nil {
		return err
	}
	in, resolvers, err := p.begin(c)
	if err != nil {
		return err
	}
	line := control.PortalSignIn{Session: in.number, URL: page, Until: in.until.Round(0), Resolvers: resolvers}
	s.logger.Info("a program may leave to sign in to the network", uidKey, c.UID, "until", in.until, "page", page)
	if err = emit(line); err == nil {
		line.Ended, err = p.follow(ctx, in)
	}
	err = errors.Join(err, p.end(in))
	s.logger.Info("nobody may leave to sign in to the network any more", uidKey, c.UID, "why", line.Ended)
	if line.Ended != "" {
		err = errors.Join(err, emit(line))
	}
	if line.Ended == control.SignInDone {
		s.inbox.put(message{event: supervisor.NetworkChanged{}})
	}
	return err
}

// maySignIn keeps one user from opening a way beside another's line.
func (s *Service) maySignIn(c control.Caller) error {
	state := s.shown.now()
	if c.Admin || state.Request == (supervisor.Request{}) || state.Request.Owner == c.UID {
		return nil
	}
	return control.Refuse(control.CodeForbidden, "another user of this computer wants a line, and only they, or an administrator, can open a way beside it")
}

// page is where the network wants the sign-in, as far as it wants one.
func (p *portals) page(ctx context.Context) (string, error) {
	known := p.show()
	if known == nil || known.State != control.PortalCaptive || time.Since(known.LookedAt) > freshLook {
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
func (p *portals) begin(c control.Caller) (*signIn, []netip.Addr, error) {
	resolvers, err := p.cfg.Resolvers()
	if err != nil {
		return nil, nil, fmt.Errorf("the network's name servers: %w", err)
	}
	in := &signIn{uid: c.UID, until: time.Now().Add(signInTime), entered: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil {
		return nil, nil, control.Refuse(control.CodeConflict, "a browser is open to sign in already; use that one, or close it first")
	}
	if in.group, err = p.cfg.Confine(); err != nil {
		p.svc.logger.Error("no program can be kept apart", "error", err)
		return nil, nil, control.Refuse(control.CodeUnavailable, "this system cannot let one program out and hold all others back (%v); let all out with «homewardctl killswitch off», sign in, and switch it on again", err)
	}
	if err := p.svc.OpenPortal(&PolicyPortal{Cgroup: in.group.Path(), Resolvers: resolvers}); err != nil {
		return nil, nil, errors.Join(err, p.svc.OpenPortal(nil), in.group.Close())
	}
	p.number++
	in.number, p.open = p.number, in
	p.svc.shown.touch()
	return in, resolvers, nil
}

// EnterPortal implements control.Backend.
func (s *Service) EnterPortal(_ context.Context, c control.Caller, session uint64) error {
	p := s.portals
	p.mu.Lock()
	defer p.mu.Unlock()
	switch in := p.open; {
	case in == nil || in.number != session || in.uid != c.UID:
		return control.Refuse(control.CodeNotFound, "there is no such sign-in to the network; begin one with «homewardctl portal sign-in»")
	case in.in:
		return control.Refuse(control.CodeConflict, "one program may leave to sign in, and one does already")
	default:
		if err := in.group.Admit(int(c.PID)); err != nil {
			return fmt.Errorf("letting a program out to sign in: %w", err)
		}
		in.in = true
		close(in.entered)
		return nil
	}
}

// follow waits for what ends a sign-in.
func (p *portals) follow(ctx context.Context, in *signIn) (why string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	left := make(chan error, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-in.entered:
			left <- in.group.Ended(ctx)
		case <-ctx.Done():
		}
	})
	defer waiting.Wait()
	defer cancel()
	over := time.NewTimer(time.Until(in.until))
	defer over.Stop()
	again := time.NewTicker(signInLook)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			if found, err := p.look(ctx); err == nil && found.State == control.PortalOpen {
				return control.SignInDone, nil
			}
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

// end closes the way before what was let out is ended.
func (p *portals) end(in *signIn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.svc.OpenPortal(nil)
	p.open = nil
	p.svc.shown.touch()
	return errors.Join(err, in.group.Close())
}

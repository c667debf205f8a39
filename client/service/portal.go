package service

import (
	"context"
	"errors"
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
	// Listen is the same without a question to anybody beyond the link: what it sends
	// may leave in every state of the kill switch.
	Listen func(ctx context.Context) (portal.Finding, error)
	// Resolvers are those of the network.
	Resolvers func() ([]netip.Addr, error)
	// Confine makes a group that holds one program, and ends what is in it at Close.
	Confine func() (Confinement, error)
}

// Confinement is a group of processes; platform/confine has one.
type Confinement interface {
	Path() string                    // below the mount of cgroup2
	Admit(pid int, uid uint32) error // a process of that user's, and nobody else's
	Ended(ctx context.Context) error
	Close() error
}

const (
	// lookTime bounds one look.
	lookTime = 15 * time.Second
	// lookPause is how long what was found is told again to whoever asks, for any local
	// user may ask, and the network is not to be asked as fast as he can.
	lookPause = time.Second
	// doubtTime is how long an attempt may take before the network is suspected.
	doubtTime = 5 * time.Second
	// What could not be found out is asked again, as long as a line is being tried, and
	// where nothing is held back: at first after doubtFirst, then each time after twice as long, to doubtMost.
	doubtFirst = 10 * time.Second
	doubtMost  = 5 * time.Minute
)

// portals is what the service does about the network's own sign-in:
//
//	an attempt that takes long, a gateway that is not reached, another network then
//	  -> suspect -> look, or listen where the kill switch holds -> status
//	LookPortal, by a person -> look
//	SignInPortal (signin.go)
//
// Nobody signs in by himself here, no page is opened that no user wants, and under the
// kill switch nobody beyond the link is asked anything unless a user wants to know.
type portals struct {
	cfg   Portals
	svc   *Service
	now   func() time.Time // the wall's
	doubt chan struct{}    // of one: the network may want a sign-in
	moved chan struct{}    // of one: an attempt has begun, or ended
	left  chan struct{}    // of one: a person's sign-in has ended, and whether it is done was not seen

	long    *time.Timer // the attempt takes long
	unknown *time.Timer // what could not be found out is asked again

	looking sync.Mutex // one look at a time
	last    look       // the last one; with looking

	changing sync.Mutex // one sign-in begins or ends at a time

	mu      sync.Mutex
	known   *control.Portal // nil: nobody has looked since the network changed
	changes uint64          // of the network
	number  uint64          // of the last sign-in
	open    *signIn         // nil: there is none
}

// look is what one look found.
type look struct {
	found   control.Portal
	err     error
	ended   time.Time
	changes uint64 // of the network, when it began
}

func newPortals(cfg Portals, s *Service) *portals {
	p := &portals{
		cfg: cfg, svc: s, now: time.Now,
		doubt: make(chan struct{}, 1), moved: make(chan struct{}, 1), left: make(chan struct{}, 1),
		long: time.NewTimer(time.Hour), unknown: time.NewTimer(time.Hour),
	}
	p.rest()
	return p
}

// rest has nothing due: a line that stands wakes nobody.
func (p *portals) rest() {
	p.long.Stop()
	p.unknown.Stop()
}

// run looks at the network whenever there is a doubt, until ctx ends.
func (p *portals) run(ctx context.Context) {
	if p.cfg.Look == nil || p.cfg.Listen == nil {
		return
	}
	defer p.rest()
	wait := doubtFirst
	again := func(state supervisor.State) {
		p.unknown.Stop()
		if p.lookAgain(ctx, state) == control.PortalUnknown && state.Mode() == supervisor.Off {
			p.unknown.Reset(wait)
		}
	}
	for {
		select {
		case <-p.moved:
			switch p.svc.shown.now().Phase {
			case supervisor.Connecting:
				p.long.Reset(doubtTime)
			case supervisor.Connected, supervisor.Disconnected:
				p.rest()
			default:
				p.long.Stop()
			}
		case <-p.long.C:
			if state := p.svc.shown.now(); state.Phase == supervisor.Connecting {
				wait = doubtFirst
				again(state)
			}
		case <-p.unknown.C:
			if state := p.svc.shown.now(); state.Phase == supervisor.Connecting {
				wait = min(2*wait, doubtMost)
				again(state)
			}
		case <-p.left:
			p.lookBy(ctx, p.look)
		case <-p.doubt:
			if state := p.svc.shown.now(); unreached(state) {
				wait = doubtFirst
				again(state)
			}
		case <-ctx.Done():
			return
		}
	}
}

// lookAgain looks by itself.
func (p *portals) lookAgain(ctx context.Context, state supervisor.State) (found string) {
	if state.Mode() == supervisor.Off {
		return p.lookBy(ctx, p.look)
	}
	return p.lookBy(ctx, p.listen)
}

// lookBy looks, and has the line tried at once where the network has begun to let this
// computer out: somebody has signed in.
func (p *portals) lookBy(ctx context.Context, way func(context.Context) (control.Portal, error)) (state string) {
	before := p.show()
	found, err := way(ctx)
	if err != nil && ctx.Err() == nil {
		p.svc.logger.Info("whether the network wants a sign-in is not known", "error", err)
	}
	if before != nil && before.State == control.PortalCaptive && found.State == control.PortalOpen {
		p.svc.inbox.put(message{event: supervisor.NetworkChanged{}})
	}
	return found.State
}

// notSeen has the network looked at once more, for a person who has signed in to it.
func (p *portals) notSeen() {
	select {
	case p.left <- struct{}{}:
	default: // it will be
	}
}

// unreached says that somebody wants a line, and that the last attempt did not reach
// the gateway: a network that answers in everybody's place lets none be found.
func unreached(state supervisor.State) bool {
	switch state.Phase {
	case supervisor.Connected, supervisor.Disconnecting:
		return false
	}
	if state.Failure == nil {
		return false
	}
	switch state.Failure.Cause {
	case diagnose.CauseNameNotFound, diagnose.CauseGatewaySilent, diagnose.CauseNoNetwork, diagnose.CauseTimeout:
		return true
	}
	return false
}

// suspect has the network looked at when there is time.
func (p *portals) suspect() {
	select {
	case p.doubt <- struct{}{}:
	default: // it will be
	}
}

// elsewhere forgets what was known of the network before. A sign-in to it looks
// whether this is still the network that its user meant.
func (p *portals) elsewhere() {
	p.mu.Lock()
	known := p.known != nil
	p.known, p.changes = nil, p.changes+1
	if p.open != nil {
		p.open.move()
	}
	p.mu.Unlock()
	if known {
		p.svc.shown.touch()
	}
	p.suspect()
}

// saw follows what becomes of the line.
func (p *portals) saw(before, after supervisor.State) {
	p.judge(after)
	if after.Phase != before.Phase {
		select {
		case p.moved <- struct{}{}:
		default: // it is known
		}
	}
	if after.Failure != before.Failure && unreached(after) {
		p.suspect()
	}
}

// look looks now, or tells what was found a moment ago.
func (p *portals) look(ctx context.Context) (control.Portal, error) {
	p.looking.Lock()
	defer p.looking.Unlock()
	p.mu.Lock()
	changes := p.changes
	p.mu.Unlock()
	if p.last.changes == changes && !p.last.ended.IsZero() && time.Since(p.last.ended) < lookPause {
		return p.last.found, p.last.err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	f, err := p.cfg.Look(ctx)
	found := p.told(f)
	if !errors.Is(err, context.Canceled) { // who asked has left, which says nothing of the network
		p.last = look{found: found, err: err, ended: time.Now(), changes: changes}
		p.learn(found, changes)
	}
	return found, err
}

// listen takes the network's own word.
func (p *portals) listen(ctx context.Context) (control.Portal, error) {
	p.looking.Lock()
	defer p.looking.Unlock()
	p.mu.Lock()
	changes := p.changes
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	f, err := p.cfg.Listen(ctx)
	found := p.told(f)
	if !errors.Is(err, context.Canceled) {
		p.learn(found, changes)
	}
	return found, err
}

// told is a finding as the status shows it.
func (p *portals) told(f portal.Finding) control.Portal {
	found := control.Portal{State: string(f.State), LookedAt: p.now().Round(0), Device: f.Device, By: f.By, URL: f.SignIn}
	if !f.Until.IsZero() {
		until := f.Until.Round(0)
		found.SessionUntil = &until
	}
	return found
}

// learn takes over what was found, where the network is still the same.
func (p *portals) learn(found control.Portal, changes uint64) {
	p.mu.Lock()
	before, fresh := p.known, changes == p.changes
	if found.State == control.PortalNamed && before != nil && before.State == control.PortalCaptive {
		fresh = false // more is known already
	}
	if fresh {
		p.known = &found
	}
	p.mu.Unlock()
	if !fresh {
		return
	}
	if before == nil || before.State != found.State || before.URL != found.URL {
		p.svc.logger.Info("looked whether the network wants a sign-in", "state", found.State, "by", found.By, "device", found.Device)
	}
	p.svc.shown.touch()
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
func portalWarning(p *control.Portal, state supervisor.State) string {
	switch {
	case p == nil:
		return ""
	case p.SigningInUntil != nil:
		return "A browser may leave beside the kill switch to sign in to the network, until " + p.SigningInUntil.Local().Format("15:04") + "."
	case p.State == control.PortalCaptive:
		return "The network wants you to sign in first; run «homewardctl portal sign-in»."
	case p.State == control.PortalNamed:
		return "The network has a sign-in page; «homewardctl portal» asks whether it wants you to sign in."
	case p.State == control.PortalUnknown && (unreached(state) || state.Phase == supervisor.Connecting): // which takes long
		return "In a hotel or a train the network may want you to sign in first; «homewardctl portal» asks it."
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

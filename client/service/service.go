package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// shutdownTime bounds the orderly end of the line when the service ends.
const shutdownTime = 8 * time.Second

// restTime bounds the wait for goroutines that have nothing left to do.
const restTime = 2 * time.Second

// Service is the running service. It implements control.Backend.
type Service struct {
	cfg    Config
	logger *slog.Logger

	inbox   *queue[message]
	batches *queue[work]
	guard   *guard
	prompts *prompts
	portals *portals
	ways    *ways
	shown   *board
	auto    *automation

	// lines are the tunnels that run, by number.
	linesMu sync.Mutex
	lines   map[uint64]*line
	running sync.WaitGroup

	settingsMu sync.Mutex // one change at a time

	// What was laid down at the last look, by profile ID, and what is said of it in the
	// status; who watches the administrator's files alone has them.
	laid           map[string]profile.Stored
	administrative []string
	recheck        chan struct{} // of one: the policy may hold otherwise now

	// left is what could not be taken back, by part; the performer's own.
	left map[string]func() error

	recovered sync.Once
	restored  supervisor.State // what an earlier run has left, as far as it counts

	// ended is closed when the service takes no more wishes.
	ended  chan struct{}
	ending bool // the same, for the loop
}

// New makes a service that does nothing before Run.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Logger == nil, cfg.Logs == nil, cfg.Profiles == nil, cfg.Router == nil, cfg.Resolver == nil,
		cfg.KillSwitch == nil, cfg.NewTunnel == nil, cfg.CleanUp == nil:
		return nil, errors.New("service: a part is missing")
	}
	if cfg.Jitter == nil {
		cfg.Jitter = func(least, most time.Duration) time.Duration {
			return least + rand.N(most-least+1)
		}
	}
	s := &Service{
		cfg:     cfg,
		logger:  cfg.Logger,
		inbox:   newQueue[message](),
		batches: newQueue[work](),
		shown:   newBoard(time.Now()),
		lines:   map[uint64]*line{},
		left:    map[string]func() error{},
		ended:   make(chan struct{}),
		recheck: make(chan struct{}, 1),
	}
	post := func(e supervisor.Event) { s.inbox.put(message{event: e}) }
	s.prompts = newPrompts(post, openTrials(cfg.Trials, cfg.Logger))
	s.guard = newGuard(cfg, post, s.shown.touch)
	s.auto = newAutomation(&s.cfg, s.inbox.put, s.shown.touch)
	s.portals = newPortals(cfg.Portals, s)
	s.ways = newWays(cfg.Leaves, s.shown.touch)
	return s, nil
}

// Recover holds back again what an earlier run did, and then takes back what it left,
// once. Whoever opens a door to the
// service calls it first, so that nobody meets half of it; Run sees to it anyway.
func (s *Service) Recover() {
	s.recovered.Do(func() {
		s.restored = s.resume()
		if err := s.cfg.CleanUp(); err != nil {
			s.logger.Error("what a former run left could not all be taken back", "error", err)
			s.shown.warn(leftoverWarning)
		}
	})
}

// Run cleans up after a crashed run and then serves until ctx ends. Then it
// takes the line down, in order, and cleans up once more. It is called once.
func (s *Service) Run(ctx context.Context) error {
	s.Recover()
	stop := make(chan struct{})
	performed := make(chan struct{})
	watching, blind := context.WithCancel(context.Background())
	defer blind()
	s.running.Go(func() { s.guard.watch(watching) })
	s.running.Go(func() { s.follow(watching) })
	s.running.Go(func() { s.guard.prover.run(watching) })
	s.running.Go(func() { s.portals.run(watching) })
	s.running.Go(func() { s.ways.run(watching) })
	go func() {
		defer close(performed)
		s.perform(stop)
	}()
	s.keepNames(ctx)
	s.keepRoutes(ctx)
	s.auto.saw(supervisor.State{}, s.restored)
	s.running.Go(func() { s.auto.run(ctx) })
	s.running.Go(func() { s.keepAdministered(ctx) })
	state := s.loop(ctx)
	close(stop)
	blind()
	s.prompts.forget()
	var err error
	if !state.Settled() || !s.rest(performed) {
		err = fmt.Errorf("service: the line did not end within %v", shutdownTime)
	}
	if cerr := s.cfg.CleanUp(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("service: clean up: %w", cerr))
	}
	return err
}

// rest waits for the performer and the tunnels. False: one of them hangs, and
// what it holds is left to the ledger.
func (s *Service) rest(performed <-chan struct{}) bool {
	done := make(chan struct{})
	go func() {
		<-performed
		s.running.Wait()
		close(done)
	}()
	timer := time.NewTimer(restTime)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

const leftoverWarning = "Some network settings of a former run could not be taken back; restart the Homeward service, and the computer if this stays."

// loop steps through events until ctx has ended and the line is down. It gives
// the last state.
func (s *Service) loop(ctx context.Context) supervisor.State {
	state := s.restored
	done := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case <-s.inbox.ready:
			for _, m := range s.inbox.take() {
				state = s.handle(state, m)
			}
		case <-done:
			done = nil
			timer := time.NewTimer(shutdownTime)
			defer timer.Stop()
			late = timer.C
			s.ending = true
			close(s.ended)
			state = s.handle(state, message{event: supervisor.Shutdown{}})
		case <-late:
			s.stopLines()
			return state
		}
		if done == nil && state.Settled() {
			return state
		}
	}
}

// handle takes one event.
func (s *Service) handle(state supervisor.State, m message) supervisor.State {
	if wantsLine(m.event) && s.ending {
		m.reply <- result{err: errEnding}
		return state
	}
	if m.allow != nil {
		if err := m.allow(state); err != nil {
			m.reply <- result{err: err}
			return state
		}
	}
	next, effects := supervisor.Step(state, m.event)
	var refused error
	var batch []supervisor.Effect
	for _, e := range effects {
		switch e := e.(type) {
		case supervisor.Announce:
		case supervisor.Refuse:
			refused = e.Err
		case supervisor.Ask:
			s.prompts.show(e.Question)
		default:
			batch = append(batch, e)
		}
	}
	if next.Phase != state.Phase {
		s.logState(state, next)
	}
	s.remember(next)
	s.auto.saw(state, next)
	s.cfg.Logs.concern(next)
	if len(effects) > 0 && refused == nil {
		s.shown.post(next, s.line(next.Tunnel()))
	}
	s.portals.saw(state, next)
	if len(batch) > 0 {
		s.batches.put(work{effects: batch})
	}
	if m.reply != nil {
		m.reply <- result{revision: s.shown.revision(), err: refused}
	}
	return next
}

// remember keeps the user's answers for a line that stands or comes back, and
// clears them with the wish.
func (s *Service) remember(state supervisor.State) {
	switch {
	case state.Phase == supervisor.Connected:
		s.prompts.proven()
	case state.Phase == supervisor.Disconnected, state.Phase == supervisor.Blocked,
		state.Phase == supervisor.Disconnecting && state.After.Then != supervisor.ThenRetry:
		s.prompts.forget()
	}
}

func (s *Service) logState(from, to supervisor.State) {
	request := to.Request
	if to.Phase == supervisor.Disconnected {
		request = from.Request
	}
	attrs := []any{"from", from.Phase.String(), "to", to.Phase.String(), "profile", request.ProfileName, uidKey, request.Owner}
	if to.Failure != nil {
		attrs = append(attrs, "failure", to.Failure)
	}
	s.logger.Info("state", attrs...)
}

// wish puts a user's wish to the loop and waits for what becomes of it.
func (s *Service) wish(ctx context.Context, e supervisor.Event, allow func(supervisor.State) error) (uint64, error) {
	reply := make(chan result, 1)
	select {
	case <-s.ended:
		return 0, errEnding
	default:
	}
	s.inbox.put(message{event: e, allow: allow, reply: reply})
	select {
	case r := <-reply:
		return r.revision, r.err
	case <-s.ended:
		return 0, errEnding
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

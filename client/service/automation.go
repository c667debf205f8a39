package service

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/supervisor"
)

// Automation is what the service needs to connect and disconnect by itself.
type Automation struct {
	// Network tells what is known of the network that the computer is in; false: it is
	// in none.
	Network func() (ondemand.Environment, bool, error)
	// Changes tells that the network may have changed, until ctx ends. A nil channel:
	// that is not told here.
	Changes func(ctx context.Context) (<-chan struct{}, error)
	// Probe says whether a URL answers a GET with 200, beside any tunnel. What cannot
	// be asked does not answer. nil: nothing can be asked.
	Probe func(ctx context.Context, url string) bool
}

// automation makes the wishes that profiles have by themselves:
//
//	network, watchers, profiles, credentials, state have changed -> kick
//	  -> round: each profile's rules against the network (client/ondemand), probes
//	  -> choose: one wish at most, after what persons have asked for (automatic.go)
//	  -> supervisor.Wanted -> inbox
//
// It runs on a goroutine of its own, for a probe takes seconds. What it has found is
// shown in the status. Without an Automation in the Config nothing of it is done.
type automation struct {
	cfg      *Automation // nil: nothing comes by itself
	machine  Machine     // nil: there is no store
	profiles Profiles
	logger   *slog.Logger
	post     func(message)
	wake     func()        // tells watchers of the status
	kicks    chan struct{} // one place

	mu       sync.Mutex
	seen     supervisor.State // the newest
	watchers map[uint32]int   // programs that can sign in, by user
	answers  map[string]bool  // to probes, in this network
	retries  int              // rounds with a failed probe, in this network
	stop     func()           // ends the probe that is under way; nil: none is
	persons  respect
	found    []candidate // of the last round
	offline  bool
}

const (
	// probeTime bounds one probe.
	probeTime = 5 * time.Second
	// mostProbes bounds those of one round: hostile rules must not keep it busy.
	mostProbes = 16
	// probeAgain is when probes that failed are tried once more, and then later and
	// later: a network that has just come up may not answer yet.
	probeAgain   = 5 * time.Second
	mostProbings = 4
)

func newAutomation(cfg *Config, post func(message), wake func()) *automation {
	return &automation{
		cfg: cfg.Automation, machine: cfg.Machine, profiles: cfg.Profiles, logger: cfg.Logger, post: post, wake: wake,
		kicks: make(chan struct{}, 1), watchers: map[uint32]int{}, answers: map[string]bool{}, persons: newRespect(),
	}
}

// kick has the rules looked at again, soon.
func (a *automation) kick() {
	select {
	case a.kicks <- struct{}{}:
	default:
	}
}

// run looks at the rules at the start and whenever something has changed, until ctx
// ends.
func (a *automation) run(ctx context.Context) {
	if a.cfg == nil {
		return
	}
	var following sync.WaitGroup
	defer following.Wait()
	if changes, err := a.cfg.Changes(ctx); err != nil {
		a.logger.Warn("the network is not watched, so rules are looked at only when something else changes", "error", err)
	} else if changes != nil {
		following.Go(func() { a.follow(ctx, changes) })
	}
	a.kick()
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.kicks:
		case <-again:
			again = nil
			a.mu.Lock()
			clear(a.answers)
			a.mu.Unlock()
		}
		if wait := a.round(ctx); wait > 0 {
			again = time.After(wait)
		}
	}
}

// follow takes the changes of the network: a probe that is under way is of another
// network then.
func (a *automation) follow(ctx context.Context, changes <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-changes:
			if !ok {
				return
			}
		}
		a.moved()
	}
}

// moved is for a network that has changed: what was found out in the old one is of no
// use, and what failed there may work here.
func (a *automation) moved() {
	a.mu.Lock()
	clear(a.answers)
	a.retries = 0
	a.persons.moved(a.found)
	if a.stop != nil {
		a.stop()
	}
	a.mu.Unlock()
	a.kick()
}

// round looks at all rules once and makes the wish that follows. It gives the time
// after which probes are to be tried again, 0 for never.
func (a *automation) round(ctx context.Context) time.Duration {
	env, online, err := a.cfg.Network()
	if err != nil {
		a.logger.Warn("the network is not known, so no rule is looked at", "error", err)
		return 0
	}
	var list []candidate
	for _, stored := range a.profiles.All(a.users()) {
		if stored.Profile.OnDemand.When != profile.WhenNever {
			list = append(list, candidate{stored: stored})
		}
	}
	failed := false
	if online {
		probing, cancel := context.WithCancel(ctx)
		defer cancel()
		a.mu.Lock()
		a.stop = cancel
		a.mu.Unlock()
		for i := range list {
			if list[i].decision, failed = a.decide(probing, list[i].stored.Profile.OnDemand, env, failed); probing.Err() != nil {
				return 0 // the network has changed, and a kick is waiting
			}
		}
	}
	a.conclude(list, online)
	return a.pause(failed)
}

// users are those who may have lines by themselves.
func (a *automation) users() []uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	some := maps.Clone(a.watchers)
	if r := a.seen.Request; r.ProfileID != "" && r.Owner != profile.OwnerSystem {
		some[r.Owner]++ // whose line may be to end
	}
	return slices.Sorted(maps.Keys(some))
}

// decide holds one profile's rules against the network, and asks what they have to
// know.
func (a *automation) decide(ctx context.Context, o profile.OnDemand, env ondemand.Environment, failed bool) (ondemand.Decision, bool) {
	for range mostProbes {
		a.mu.Lock()
		env.Answers = a.answers
		d, probe := ondemand.Evaluate(o, env)
		a.mu.Unlock()
		if probe == nil {
			return d, failed
		}
		answers := false
		if a.cfg.Probe != nil {
			asking, cancel := context.WithTimeout(ctx, probeTime)
			answers = a.cfg.Probe(asking, probe.URL)
			cancel()
		}
		if ctx.Err() != nil {
			break
		}
		a.logger.Debug("probe", "url", probe.URL, "answers", answers)
		failed = failed || !answers
		a.mu.Lock()
		a.answers[probe.URL] = answers
		a.mu.Unlock()
	}
	return ondemand.Decision{Action: ondemand.Ignore, Rule: -1, Reason: "The rules want to know more of the network than can be asked."}, failed
}

// pause says when failed probes are tried again.
func (a *automation) pause(failed bool) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !failed || a.retries == mostProbings {
		return 0
	}
	a.retries++
	return probeAgain << (2*a.retries - 2)
}

// conclude makes the wish that follows from what was found.
func (a *automation) conclude(list []candidate, online bool) {
	a.mu.Lock()
	for i := range list {
		list[i].able = a.able(&list[i].stored)
	}
	a.persons.prune(list)
	seen := a.seen
	wish := choose(list, seen, &a.persons, online)
	told := a.found != nil && reflect.DeepEqual(list, a.found) && a.offline == !online
	a.found, a.offline = list, !online
	a.mu.Unlock()
	if !told {
		a.wake()
	}
	if wish == nil {
		return
	}
	a.logger.Info("the rules want another state", "line", isConnect(wish), "phase", seen.Phase.String())
	a.post(message{event: wish, reply: make(chan result, 1), allow: func(now supervisor.State) error {
		if now.Request != seen.Request {
			return errOvertaken // a person was faster, and the next round knows
		}
		return nil
	}})
}

var errOvertaken = errors.New("service: the wish of the rules is overtaken")

// wantsLine says that an event asks for a line.
func wantsLine(e supervisor.Event) bool {
	_, byPerson := e.(supervisor.Connect)
	return byPerson || isConnect(e)
}

func isConnect(e supervisor.Event) bool {
	w, ok := e.(supervisor.Wanted)
	return ok && w.Connect
}

// able says whether somebody can sign in for a profile without being called: a program
// of its owner, or, where it may come before that, the service itself. The caller
// holds mu.
func (a *automation) able(stored *profile.Stored) bool {
	return a.watchers[stored.Owner] > 0 || a.byMachine(&stored.Profile)
}

// byMachine says that the service has what signs in by this profile, and may use it.
func (a *automation) byMachine(p *profile.Profile) bool {
	return a.machine != nil && p.OnDemand.When.BeforeLogin() && a.machine.Has(p)
}

// saw takes note of the supervisor's newest state. The loop calls it.
func (a *automation) saw(before, now supervisor.State) {
	if a.cfg == nil {
		return
	}
	a.mu.Lock()
	a.seen = now
	a.persons.saw(before, now)
	a.mu.Unlock()
	if before.Phase != now.Phase || before.Setting != now.Setting {
		a.kick()
	}
}

// person takes note that a person has asked for a line by this profile, or, with "",
// for none.
func (a *automation) person(owner uint32, connected string) {
	if a.cfg == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.persons.person(owner, connected, a.found)
}

// changed is for a profile, or its credential in the service's store, that has changed:
// what failed with the old one may work now.
func (a *automation) changed(id string) {
	a.mu.Lock()
	maps.DeleteFunc(a.persons.failed, func(of wish, _ *diagnose.Failure) bool { return of.profile == id })
	a.mu.Unlock()
	a.kick()
}

// attend counts a program that can sign in for its user, until leave is called.
func (a *automation) attend(uid uint32) (leave func()) {
	a.mu.Lock()
	a.watchers[uid]++
	a.persons.arrived(uid, a.found)
	a.mu.Unlock()
	a.kick()
	return sync.OnceFunc(func() {
		a.mu.Lock()
		if a.watchers[uid]--; a.watchers[uid] == 0 {
			delete(a.watchers, uid)
		}
		a.mu.Unlock()
		a.kick()
	})
}

// attended says whether a program of that user's is there to answer.
func (a *automation) attended(uid uint32) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watchers[uid] > 0
}

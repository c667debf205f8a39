package supervisor

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// TestRandomWalks lets users, gateways and the system do anything in any order
// and holds every state to the invariants; in the end the user disconnects and
// everything must be gone.
func TestRandomWalks(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 2)), letGo: true}
			w.failures = []float64{0, 0.05, 0.4}[seed%3]
			if seed%4 == 0 {
				w.restart()
			}
			for range 300 {
				w.turn()
			}
			w.failures = 0
			w.drain()
			w.step(ModeSet{Setting: []Setting{ProfileDecides, SetOff, SetOn}[seed%3]})
			w.drain()
			for range 3 { // a policy that failed wants a second wish
				w.step(Disconnect{})
				w.drain()
			}
			if w.state.Phase != Disconnected {
				w.fatal("the walk ends %v", w.state.Phase)
			}
		})
	}
}

// restart begins where an earlier run has ended, by kill -9 or in order.
func (w *world) restart() {
	e := Restarted{Setting: Setting(w.rng.IntN(4))}
	if w.rng.IntN(3) > 0 {
		e.Request = w.request()
		e.Request.KillSwitch = On
	}
	s, _ := Step(State{}, e)
	w.policy = Policy{Mode: s.Mode(), Allow: AllowNothing, Request: s.Request}
	w.ordered = w.policy
	w.letGo = s.Mode() == Off
	if s.Mode() != Off && w.rng.IntN(5) == 0 {
		e.Failure, w.broken = &diagnose.Failure{Cause: diagnose.CausePolicyFailed}, true
	}
	w.step(e)
	if s := w.state; s.Mode() != Off && s.Phase != Blocked {
		w.fatal("an earlier run held traffic back, and this one begins %v", s.Phase)
	}
}

// drain performs and tells everything that is under way.
func (w *world) drain() {
	for len(w.batches) > 0 || len(w.mailbox) > 0 {
		w.advance()
	}
}

func (w *world) advance() {
	if len(w.batches) > 0 && (len(w.mailbox) == 0 || w.rng.IntN(2) == 0) {
		w.perform()
	} else if len(w.mailbox) > 0 {
		e := w.mailbox[0]
		w.mailbox = w.mailbox[1:]
		w.step(e)
	}
}

// turn lets one thing happen.
func (w *world) turn() {
	switch n := w.rng.IntN(20); {
	case n < 10:
		w.advance()
	case n < 12:
		w.user()
	case n < 13:
		w.stale()
		w.hand()
	case n < 15 && w.timer != 0:
		w.mailbox = append(w.mailbox, TimerFired{Timer: w.timer})
		w.timer = 0
	case w.running != 0:
		w.tunnel()
	}
}

func (w *world) request() Request {
	profile := []string{"office", "lab"}[w.rng.IntN(2)]
	return Request{
		ProfileID: profile, ProfileName: profile, Owner: 1000,
		KillSwitch: Mode(w.rng.IntN(2)), AlwaysOn: w.rng.IntN(4) == 0,
	}
}

func (w *world) user() {
	switch w.rng.IntN(14) {
	case 0, 1:
		w.step(Disconnect{})
	case 2:
		w.step(Shutdown{})
	case 3:
		causes := diagnose.Causes()
		w.step(Cleared{Cause: causes[w.rng.IntN(len(causes))]})
	case 4:
		w.step(NetworkChanged{})
	case 5, 6:
		w.step(ModeSet{Setting: Setting(w.rng.IntN(4))})
	case 7:
		w.step(Wanted{Connect: w.rng.IntN(2) == 0, Request: w.request()})
	default:
		w.step(Connect{Request: w.request()})
	}
}

// hand takes the policy away behind our back, where it cannot be set again at once, or
// sees to it that it stands again.
func (w *world) hand() {
	switch {
	case w.broken || w.lost:
		if w.rng.IntN(2) == 0 && len(w.batches) == 0 {
			w.broken, w.lost, w.policy = false, false, w.ordered
			w.step(PolicyBack{})
		}
	case w.failures > 0 && w.policy.Restrains() && w.rng.IntN(4) == 0:
		w.lost = true
		w.step(PolicyLost{Failure: &diagnose.Failure{Cause: diagnose.CausePolicyFailed}})
	}
}

func (w *world) tunnel() {
	id := w.running
	switch n := w.rng.IntN(12); {
	case n < 3:
		w.mailbox = append(w.mailbox, TunnelStep{Tunnel: id, Step: "reaching"})
	case n < 7:
		w.mailbox = append(w.mailbox, TunnelUp{Tunnel: id})
	case n < 8:
		w.mailbox = append(w.mailbox, TunnelChanged{Tunnel: id, Network: w.rng.IntN(2) == 0})
	case n < 9:
		q := w.rng.Uint64N(1000) + 1
		w.asked = append(w.asked, q)
		w.mailbox = append(w.mailbox, TunnelAsks{Tunnel: id, Question: q})
	case n < 11 && len(w.asked) > 0:
		w.mailbox = append(w.mailbox, Answered{Tunnel: id, Question: w.asked[0]})
		w.asked = w.asked[1:]
	default:
		causes := diagnose.Causes()
		w.die(&diagnose.Failure{Cause: causes[w.rng.IntN(len(causes))]})
	}
}

// stale tells what was given up long ago, or never was.
func (w *world) stale() {
	old := w.state.serial + 1 + w.rng.Uint64N(5)
	for _, e := range staleEvents(old) {
		before := w.state
		next, effects := Step(before, e)
		if !reflect.DeepEqual(next, before) || len(effects) != 0 {
			w.fatal("%T of something unknown changed %+v to %+v with %+v", e, before, next, effects)
		}
	}
}

func staleEvents(n uint64) []Event {
	f := &diagnose.Failure{Cause: diagnose.CauseLineLost}
	return []Event{
		TunnelStep{Tunnel: n, Step: "late"}, TunnelUp{Tunnel: n}, TunnelChanged{Tunnel: n, Network: true},
		TunnelAsks{Tunnel: n, Question: 1}, Answered{Tunnel: n, Question: 1}, TunnelDown{Tunnel: n, Failure: f},
		TimerFired{Timer: n}, Done{Batch: n}, Failed{Batch: n, Failure: f},
	}
}

func TestNumberZeroIsNobody(t *testing.T) {
	t.Parallel()
	for _, s := range []State{{}, {Phase: Connecting}, {Phase: Connected}, {Phase: Disconnecting}, {Phase: Blocked}} {
		for _, e := range staleEvents(0) {
			next, effects := Step(s, e)
			if next.Phase != s.Phase || len(effects) != 0 {
				t.Errorf("%v: %T of number 0 led to %v with %+v", s.Phase, e, next.Phase, effects)
			}
		}
	}
}

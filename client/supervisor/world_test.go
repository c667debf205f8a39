package supervisor

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// world performs effects on a model of the system, one at a time, and lets
// anything happen in between. It checks the invariants as it goes.
type world struct {
	t   *testing.T
	rng *rand.Rand

	state   State
	batches [][]Effect // what is still to be performed, in order
	mailbox []Event    // what has happened and is still to be told

	policy  Policy // what stands
	ordered Policy // what was to be, last
	broken  bool   // it could not be set: what stands is unknown
	lost    bool   // somebody has taken it away, and it could not be set again
	running uint64 // the tunnel that runs
	routes  uint64 // whose routes are set
	dns     uint64 // whose resolvers are set
	timer   uint64 // the wait that is armed
	asked   []uint64
	letGo   bool // the user has allowed traffic out since the last kill switch

	failures float64 // how likely an effect fails
	trace    []traced
}

// traced is one line of what a walk did, put into words when it went wrong.
type traced struct {
	from, to Phase
	event    Event // nil: an effect was performed
	effects  []Effect
}

func (w *world) fatal(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.trace[max(0, len(w.trace)-40):] {
		if line.event == nil {
			w.t.Logf("    %T%v", line.effects[0], line.effects[0])
			continue
		}
		w.t.Logf("%v --%T%v--> %v %+v", line.from, line.event, line.event, line.to, line.effects)
	}
	w.t.Fatalf(format, args...)
}

// step tells an event and takes the effects over.
func (w *world) step(e Event) {
	w.t.Helper()
	before := w.state
	copied := before
	copied.questions = slices.Clone(before.questions)
	next, effects := Step(before, e)
	again, effectsAgain := Step(before, e)
	w.trace = append(w.trace, traced{before.Phase, next.Phase, e, effects})
	if !reflect.DeepEqual(before, copied) {
		w.fatal("Step wrote to the state that it was given")
	}
	if !reflect.DeepEqual(next, again) || !reflect.DeepEqual(effects, effectsAgain) {
		w.fatal("Step is not a function of state and event")
	}
	w.noteWish(before, next, e, effects)
	if before.Phase == Blocked && next.Phase != Blocked {
		switch e.(type) {
		case Connect, Disconnect, Wanted, ModeSet, Cleared, NetworkChanged, PolicyBack:
		case Done:
			if !before.movedOn() { // else the network has changed before Blocked was reached
				w.fatal("Blocked was left by %T", e)
			}
		default:
			w.fatal("Blocked was left by %T", e)
		}
	}
	w.state = next
	var system []Effect
	for _, effect := range effects {
		switch effect := effect.(type) {
		case Announce, Refuse, Ask:
		case ApplyPolicy:
			if w.policy.Restrains() && !effect.Policy.Restrains() && !w.letGo {
				w.fatal("traffic is let out without the user's wish")
			}
			if next.Setting == SetLockdown && !effect.Policy.Restrains() {
				w.fatal("traffic is let out in lockdown")
			}
			system = append(system, effect)
		default:
			system = append(system, effect)
		}
	}
	if len(system) > 0 {
		if _, ok := system[len(system)-1].(Report); !ok {
			w.fatal("a batch without a report: %+v", system)
		}
		w.batches = append(w.batches, system)
	}
	w.check()
}

// noteWish records whether traffic may be let out: after the user's Disconnect or the
// rules', a Connect by what needs no kill switch, or a setting that lifts it.
func (w *world) noteWish(before, next State, e Event, effects []Effect) {
	refused := slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(Refuse); return ok })
	switch e := e.(type) {
	case Disconnect:
		w.letGo = true
	case Wanted:
		w.letGo = w.letGo || !e.Connect && before.Request.Automatic
	}
	switch e.(type) {
	case Connect, ModeSet, Wanted, Restarted, Cleared, NetworkChanged, PolicyBack:
		wish := next.Mode()
		if next.Phase == Disconnecting && next.After.Then == ThenConnect {
			wish = next.Setting.mode(next.After.Request.KillSwitch) // whatever holds until then
		}
		goodbye := next.Phase == Disconnecting && next.After.Then == ThenNothing
		if len(effects) > 0 && !refused {
			w.letGo = wish == Off || goodbye && w.letGo
		}
	}
}

// perform does the next effect.
func (w *world) perform() {
	w.t.Helper()
	batch := w.batches[0]
	effect := batch[0]
	w.batches[0] = batch[1:]
	if len(batch) == 1 {
		w.batches = w.batches[1:]
	}
	w.trace = append(w.trace, traced{effects: []Effect{effect}})
	if f := w.do(effect); f != nil {
		report := batch[len(batch)-1].(Report)
		w.batches = w.batches[1:]
		w.mailbox = append(w.mailbox, Failed{Batch: report.Batch, Failure: f})
	}
}

func (w *world) do(effect Effect) *diagnose.Failure {
	w.t.Helper()
	fails := w.rng.Float64() < w.failures
	switch e := effect.(type) {
	case ApplyPolicy:
		w.broken, w.lost, w.ordered = fails, false, e.Policy
		if fails {
			return &diagnose.Failure{Cause: diagnose.CausePolicyFailed}
		}
		w.policy = e.Policy
	case StartTunnel:
		if fails {
			return &diagnose.Failure{Cause: diagnose.CauseProfile}
		}
		if w.running != 0 {
			w.fatal("tunnel %d starts while %d runs", e.Tunnel, w.running)
		}
		if w.broken || w.policy.Request != e.Request || w.policy.Mode != Off && !w.policy.Restrains() {
			w.fatal("a tunnel starts before its policy stands")
		}
		w.running, w.asked = e.Tunnel, nil
	case StopTunnel:
		if w.running != e.Tunnel {
			w.mailbox = append(w.mailbox, TunnelDown{Tunnel: e.Tunnel})
			return nil
		}
		w.die(nil)
	case SetRoutes:
		if w.broken || w.policy.Tunnel != e.Tunnel || w.policy.Allow != AllowTunnel {
			w.fatal("routes are set before the policy that lets them through")
		}
		if fails || w.running != e.Tunnel {
			return &diagnose.Failure{Cause: diagnose.CauseRoutesFailed}
		}
		w.routes = e.Tunnel
	case SetDNS:
		if w.routes == 0 {
			w.fatal("resolvers are set before the routes that lead to them")
		}
		if fails || w.running != e.Tunnel {
			return &diagnose.Failure{Cause: diagnose.CauseDNSFailed}
		}
		w.dns = e.Tunnel
	case ClearRoutes:
		w.routes = 0
	case ClearDNS:
		w.dns = 0
	case ArmTimer:
		if e.Least <= 0 || e.Most < e.Least {
			w.fatal("a wait of %v to %v", e.Least, e.Most)
		}
		w.timer = e.Timer
	case Report:
		w.mailbox = append(w.mailbox, Done(e))
	default:
		w.fatal("an effect that nobody performs: %T", e)
	}
	return nil
}

// die ends the running tunnel.
func (w *world) die(f *diagnose.Failure) {
	w.mailbox = append(w.mailbox, TunnelDown{Tunnel: w.running, Failure: f})
	w.running, w.asked = 0, nil
}

// check holds the state to the invariants of architecture.md.
func (w *world) check() {
	w.t.Helper()
	s := w.state
	if trying := s.Phase == Connecting || s.Phase == NeedsInput; trying && (len(s.questions) > 0) != (s.Phase == NeedsInput) {
		w.fatal("%v with %d open questions", s.Phase, len(s.questions))
	}
	if s.tunnel == 0 && len(s.questions) > 0 {
		w.fatal("questions of no tunnel")
	}
	if s.Phase == Blocked && s.Failure == nil {
		w.fatal("blocked without a cause")
	}
	if s.Phase == Disconnected && s.Request != (Request{}) {
		w.fatal("disconnected, but still wanting %+v", s.Request)
	}
	if s.Phase != Disconnecting && s.Mode() != Off && !s.protected && !s.owed {
		w.fatal("%v in mode %v without a policy", s.Phase, s.Mode())
	}
	if s.Phase == Disconnected && s.Mode() != Off {
		w.fatal("disconnected in mode %v", s.Mode())
	}
	if len(w.batches) > 0 || len(w.mailbox) > 0 {
		return
	}
	// Everything ordered is done and told: the state must be the truth.
	switch s.Phase {
	case Disconnecting:
		w.fatal("disconnecting, and nothing is under way")
	case Disconnected, Blocked:
		if w.running != 0 || w.routes != 0 || w.dns != 0 {
			w.fatal("%v with tunnel %d, routes %d, dns %d", s.Phase, w.running, w.routes, w.dns)
		}
	case Connected:
		if w.running != s.tunnel || w.routes != s.tunnel || w.dns != s.tunnel {
			w.fatal("connected by %d with tunnel %d, routes %d, dns %d", s.tunnel, w.running, w.routes, w.dns)
		}
	case Connecting, NeedsInput:
		if w.running != s.tunnel || (s.tunnel == 0 && w.timer != s.timer) {
			w.fatal("%v by tunnel %d or timer %d, but there is tunnel %d, timer %d", s.Phase, s.tunnel, s.timer, w.running, w.timer)
		}
	}
	if s.Phase == Disconnected && w.policy.Restrains() {
		w.fatal("disconnected, but traffic is held back")
	}
	if s.owed {
		w.fatal("a policy is owed, and nothing is under way")
	}
	if s.Mode() != Off && !s.Unprotected && (!w.policy.Restrains() || w.broken || w.lost || w.policy.Mode != s.Mode()) {
		w.fatal("%v in mode %v, but what stands is %+v", s.Phase, s.Mode(), w.policy)
	}
	if s.Mode() == Off && s.Phase != Disconnected && !s.Unprotected && w.policy.Restrains() {
		w.fatal("%v in mode off, but traffic is held back", s.Phase)
	}
	if s.Unprotected && (s.Phase != Blocked || s.tunnel != 0) {
		w.fatal("%v without anything that vouches for it", s.Phase)
	}
	if s.Phase == Connected && w.policy.Allow != AllowTunnel {
		w.fatal("connected, but the policy allows %v", w.policy.Allow)
	}
}

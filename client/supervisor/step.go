package supervisor

import (
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// Step gives the state that follows and what is to be done about it. It is a
// pure function; s is not changed.
func Step(s State, e Event) (State, []Effect) {
	switch e := e.(type) {
	case Connect:
		return connect(s, e.Request)
	case Disconnect:
		return disconnect(s)
	case Shutdown:
		return shutdown(s)
	case Wanted:
		return wanted(s, e)
	case Restarted:
		if s.Phase == Disconnected && s.serial == 0 {
			return restarted(s, e)
		}
	case ModeSet:
		return modeSet(s, e.Setting)
	case PolicyLost:
		return policyLost(s, e.Failure)
	case PolicyBack:
		return policyBack(s)
	case NetworkChanged:
		return networkChanged(s)
	case Cleared:
		if s.Failure != nil && s.Failure.Cause == e.Cause {
			return resume(s)
		}
	case TimerFired:
		if e.Timer != 0 && e.Timer == s.timer {
			return timerFired(s)
		}
	case Done:
		if e.Batch != 0 && e.Batch == s.batch {
			s.batch = 0
			s.protected = s.protected && !s.releasing
			if s.owed {
				return reapply(s)
			}
			return done(s)
		}
	case Failed:
		if e.Batch != 0 && e.Batch == s.batch {
			s.batch = 0
			return failed(s, e.Failure)
		}
	default:
		return tunnelEvent(s, e)
	}
	return s, nil
}

// tunnelEvent handles what the running tunnel tells.
func tunnelEvent(s State, e Event) (State, []Effect) {
	current := func(tunnel uint64) bool { return tunnel != 0 && tunnel == s.tunnel }
	trying := s.Phase == Connecting || s.Phase == NeedsInput
	switch e := e.(type) {
	case TunnelDown:
		if current(e.Tunnel) {
			return tunnelDown(s, e.Failure)
		}
	case TunnelStep:
		if current(e.Tunnel) && trying {
			s.Step = e.Step
			return s, []Effect{Announce{}}
		}
	case TunnelUp:
		if current(e.Tunnel) && trying {
			return setNetwork(s)
		}
	case TunnelChanged:
		if current(e.Tunnel) && s.Phase == Connected {
			if e.Network {
				return setNetwork(s)
			}
			return s, []Effect{Announce{}}
		}
	case TunnelAsks:
		if current(e.Tunnel) && (trying || s.Phase == Connected) && !slices.Contains(s.questions, e.Question) {
			return asked(s, e.Question)
		}
	case Answered:
		if current(e.Tunnel) && slices.Contains(s.questions, e.Question) {
			return answered(s, e.Question)
		}
	}
	return s, nil
}

// connect meets the user's wish for a line.
func connect(s State, r Request) (State, []Effect) {
	switch s.Phase {
	case Disconnected:
		return begin(s, r)
	case Blocked:
		s.Failure = nil
		return wind(s, After{Then: ThenConnect, Request: r})
	case Disconnecting:
		before := s.Mode()
		s.After = After{Then: ThenConnect, Request: r}
		if s.Mode() > before {
			return reapply(s)
		}
		return s, []Effect{Announce{}}
	case Connected:
		// The line wants a new sign-in, and whoever asks for it answers.
		if len(s.questions) > 0 && s.Request.ProfileID == r.ProfileID && s.Request.Owner == r.Owner {
			return s, nil
		}
	case Connecting, NeedsInput:
		// The same wish again joins the attempt: so a second terminal can
		// answer the questions of a line that is coming back. A person who
		// asks knows more than the timer, so the wait is over.
		if s.Request.ProfileID == r.ProfileID && s.Request.Owner == r.Owner {
			if s.timer != 0 {
				return startTunnel(s)
			}
			return s, nil
		}
	}
	return s, []Effect{Refuse{Err: &RefusedError{Phase: s.Phase, Profile: s.Request.ProfileName}}}
}

// wanted meets a wish of the rules, which stands back behind a person's.
func wanted(s State, e Wanted) (State, []Effect) {
	e.Request.Automatic = true
	nobodys := s.Request == (Request{}) || s.Request.Automatic
	switch {
	case !e.Connect && s.Request.Automatic:
		return disconnect(s)
	case e.Connect && nobodys && (s.Phase == Disconnected || s.Phase == Blocked),
		e.Connect && s.Phase == Blocked && s.Failure.Cause == diagnose.CauseServiceRestarted && s.Request.ProfileID == e.Request.ProfileID:
		return connect(s, e.Request)
	}
	return s, nil
}

// resume tries again what failed for a reason that is gone.
func resume(s State) (State, []Effect) {
	switch {
	case s.Phase == Blocked && s.tunnel == 0 && s.batch == 0 && s.Request != (Request{}):
		return begin(s, s.Request)
	case s.Phase == Connecting && s.timer != 0:
		s.Attempt = 0
		return startTunnel(s)
	}
	return s, nil
}

// begin starts a request's first attempt.
func begin(s State, r Request) (State, []Effect) {
	return startTunnel(State{Phase: Connecting, Request: r, Setting: s.Setting, serial: s.serial, protected: s.protected})
}

// timerFired goes on when a wait is over: with the next attempt, or, of a line that
// has stood for long enough, by forgetting how many it took.
func timerFired(s State) (State, []Effect) {
	if s.Phase == Connected {
		s.timer, s.Attempt = 0, 0
		return s, nil
	}
	return startTunnel(s)
}

// startTunnel starts a tunnel: the policy stands before it sends its first packet.
func startTunnel(s State) (State, []Effect) {
	s.timer = 0
	s.moved = false
	s.Step = ""
	s.tunnel = s.next()
	return batch(s, policy(s, AllowGateway), StartTunnel{Tunnel: s.tunnel, Request: s.Request})
}

// disconnect meets the user's wish for none.
func disconnect(s State) (State, []Effect) {
	switch s.Phase {
	case Disconnected:
		return s, nil
	case Disconnecting:
		// A retry, a block or a new wish that was to follow is called off.
		s.After = After{}
		s.Failure = nil
		return s, []Effect{Announce{}}
	default:
		s.Failure = nil
		return wind(s, After{Then: ThenNothing})
	}
}

// shutdown takes the line down because the service ends. The kill switch
// outlives the service: only the user lets traffic out again.
func shutdown(s State) (State, []Effect) {
	switch {
	case s.Phase == Disconnected || s.Phase == Blocked:
		return s, nil
	case s.Phase == Disconnecting && s.After.Then == ThenNothing:
		return s, nil // the user's own wish, or Lockdown, has its way
	case s.Mode() != Off:
		s = adopt(s)
		s.Failure = &diagnose.Failure{Cause: diagnose.CauseCancelled, Detail: "the service was stopped"}
		return wind(s, After{Then: ThenBlock})
	default:
		return disconnect(s)
	}
}

// adopt makes the wish that was to follow the one that the state is about, where
// nothing can follow: its kill switch holds.
func adopt(s State) State {
	if s.After.Then == ThenConnect {
		s.Request = s.After.Request
	}
	return s
}

// setNetwork hands the tunnel's routes and resolvers to the system.
func setNetwork(s State) (State, []Effect) {
	s.network = true
	return batch(s, policy(s, AllowTunnel), SetRoutes{Tunnel: s.tunnel}, SetDNS{Tunnel: s.tunnel})
}

func asked(s State, question uint64) (State, []Effect) {
	s.questions = append(slices.Clip(slices.Clone(s.questions)), question)
	if s.Phase == Connecting {
		s.Phase = NeedsInput
	}
	return s, []Effect{Ask{Tunnel: s.tunnel, Question: question}, Announce{}}
}

func answered(s State, question uint64) (State, []Effect) {
	s.questions = slices.DeleteFunc(slices.Clone(s.questions), func(q uint64) bool { return q == question })
	if len(s.questions) == 0 {
		s.questions = nil
		if s.Phase == NeedsInput {
			s.Phase = Connecting
		}
	}
	return s, []Effect{Announce{}}
}

// tunnelDown decides what the end of the tunnel means.
func tunnelDown(s State, f *diagnose.Failure) (State, []Effect) {
	s.tunnel = 0
	s.questions = nil
	switch {
	case s.Phase == Blocked:
		return s, nil
	case s.Phase == Disconnecting:
		if f != nil && s.Failure != nil && (s.Failure.Cause == diagnose.CauseRoutesFailed || s.Failure.Cause == diagnose.CauseDNSFailed) {
			s.Failure = f // its network could not be set because it had gone
		}
		if s.batch != 0 {
			return s, nil // what was to be cleared first is still under way
		}
		return settle(s)
	case f == nil:
		f = &diagnose.Failure{Cause: diagnose.CauseLineLost, Detail: "the tunnel ended without a reason"}
	}
	s.Failure = f
	return wind(s, sequel(s, f))
}

// sequel says what follows a failure: another try where the line once stood
// and the cause may pass, else the end; with the kill switch on the end is
// Blocked, for only the user lets traffic out again.
func sequel(s State, f *diagnose.Failure) After {
	switch {
	case (s.WasUp || s.Request.AlwaysOn) && f.Cause.Passing():
		return After{Then: ThenRetry}
	case s.Mode() != Off:
		return After{Then: ThenBlock}
	default:
		return After{Then: ThenNothing}
	}
}

// wind takes down what stands and then goes on to what follows. The policy
// that holds traffic back stays as it is meanwhile: its tunnel is gone, so
// nothing passes by it.
func wind(s State, after After) (State, []Effect) {
	s.Phase = Disconnecting
	s.After = after
	s.Unprotected = false
	s, effects := takeDown(s)
	if len(effects) == 0 {
		return settle(s)
	}
	return batch(s, effects...)
}

// takeDown gives the effects that undo the tunnel and its network.
func takeDown(s State) (State, []Effect) {
	s.timer = 0
	s.questions = nil
	s.Step = ""
	var effects []Effect
	if s.network {
		s.network = false
		effects = append(effects, ClearDNS{}, ClearRoutes{})
	}
	if s.tunnel != 0 {
		effects = append(effects, StopTunnel{Tunnel: s.tunnel})
	}
	return s, effects
}

// settle ends Disconnecting, when nothing of the tunnel is left.
func settle(s State) (State, []Effect) {
	after := s.After
	s.After = After{}
	switch after.Then {
	case ThenConnect:
		return begin(s, after.Request)
	case ThenRetry:
		return wait(s)
	case ThenBlock:
		if s.Mode() != Off {
			s.Phase = Blocked
			return batch(s, policy(s, AllowNothing))
		}
	}
	switch {
	case s.Mode() == Lockdown:
		return lockDown(s)
	case s.protected:
		return batch(s, policy(s, AllowAll))
	default:
		return State{Setting: s.Setting, serial: s.serial, Failure: s.Failure}, []Effect{Announce{}}
	}
}

// wait arms the pause before the next attempt.
func wait(s State) (State, []Effect) {
	s.Phase = Connecting
	s.timer = s.next()
	least, most := pause(s.Attempt)
	switch {
	case s.movedOn(): // what the attempt has found is of a network that is gone
		s.Attempt = 0
		least, most = pause(s.Attempt)
	case s.Waiting():
		least, most = longest/2, longest // NetworkChanged comes before that
	default:
		s.Attempt++
	}
	return batch(s, policy(s, AllowGateway), ArmTimer{Timer: s.timer, Least: least, Most: most})
}

// done goes on after a batch that was performed.
func done(s State) (State, []Effect) {
	switch s.Phase {
	case Connecting, NeedsInput:
		if !s.network {
			return s, nil // the tunnel or the timer tells the rest
		}
		return connected(s)
	case Disconnecting:
		if s.tunnel != 0 {
			return s, nil // TunnelDown is to come
		}
		return settle(s)
	case Blocked:
		s.Unprotected = s.Unprotected && !s.holding
		if !s.Unprotected && s.movedOn() {
			return resume(s)
		}
	}
	return s, []Effect{Announce{}}
}

// steady is how long a line must stand until the next loss of it counts as the
// first. A gateway that takes the line away again and again, because the same
// account connects elsewhere, say, is not asked every second for ever.
const steady = time.Minute

// connected is reached when routes and DNS are set.
func connected(s State) (State, []Effect) {
	s.Phase = Connected
	s.WasUp = true
	s.Step = ""
	s.Failure = nil
	if s.Attempt == 0 {
		return s, []Effect{Announce{}}
	}
	s.timer = s.next()
	return batch(s, ArmTimer{Timer: s.timer, Least: steady, Most: steady})
}

// failed goes on after a batch that was not performed to its end.
func failed(s State, f *diagnose.Failure) (State, []Effect) {
	if f == nil {
		f = &diagnose.Failure{Cause: diagnose.CauseInternal, Detail: "an effect failed without a reason"}
	}
	s.Failure = f
	trying := s.Phase == Connecting || s.Phase == NeedsInput || s.Phase == Connected
	if trying && f.Cause != diagnose.CausePolicyFailed {
		return wind(s, sequel(s, f))
	}
	return unprotected(s)
}

// unprotected is Blocked with its flag: the policy failed, so the tunnel and
// its network go, and nobody is told that all is well.
func unprotected(s State) (State, []Effect) {
	again := s.Phase == Blocked && s.Unprotected
	s = adopt(s)
	s.Phase = Blocked
	s.After = After{}
	s.Unprotected = true
	s.protected = true // what stands is unknown: Disconnect must take it away
	s, effects := takeDown(s)
	if !again && s.Mode() != Off {
		effects = append(effects, policy(s, AllowNothing)) // there is less in it that can fail
	}
	return batch(s, effects...)
}

// batch closes a batch: its result is awaited. Traffic counts as held back from
// the order to do so until a batch that lets it go was performed to its end.
func batch(s State, effects ...Effect) (State, []Effect) {
	s.batch = s.next()
	s.releasing, s.holding = false, false
	for _, e := range effects {
		if p, ok := e.(ApplyPolicy); ok {
			s.holding, s.owed = p.Policy.Restrains(), false
			s.releasing = !s.holding
			s.protected = s.protected || p.Policy.Restrains()
		}
	}
	all := append([]Effect{Announce{}}, effects...)
	return s, append(all, Report{Batch: s.batch})
}

// policy orders a policy for the state's request.
func policy(s State, allow Allow) Effect {
	p := Policy{Mode: s.Mode(), Allow: allow, Request: s.Request}
	if allow == AllowTunnel {
		p.Tunnel = s.tunnel
	}
	return ApplyPolicy{Policy: p}
}

// longest is the longest wait between two attempts.
const longest = time.Minute

// pause bounds the wait before attempt number n+1 after a lost line: the first
// comes quickly, for most lines are back at once, then the wait doubles up to a
// minute.
func pause(n int) (least, most time.Duration) {
	const first = time.Second
	most = longest
	if n < 6 {
		most = min(first<<n, longest)
	}
	return most / 2, most
}

package supervisor

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

func pathless() *diagnose.Failure { return &diagnose.Failure{Cause: diagnose.CauseNoNetwork} }
func elsewhere(State) Event       { return NetworkChanged{} }
func armed(e []Effect) (a ArmTimer) {
	for _, effect := range e {
		if arm, ok := effect.(ArmTimer); ok {
			a = arm
		}
	}
	return a
}

// TestChangeDuringAnAttempt: the network comes back after the attempt has looked for it
// and before the attempt is over. Nobody tells of that once more, so the next attempt
// does not wait for it.
func TestChangeDuringAnAttempt(t *testing.T) {
	t.Parallel()
	waits := append(upOn(), act{dies(lost()), Disconnecting, "ClearDNS ClearRoutes"}, act{ok, Connecting, "policy:1/1 ArmTimer"},
		act{ok, Connecting, ""}, act{fired, Connecting, "policy:1/1 StartTunnel"})
	s := play(t, append(waits, act{ok, Connecting, ""}))
	s, _ = Step(s, NetworkChanged{})
	s, effects := Step(s, TunnelDown{Tunnel: s.tunnel, Failure: pathless()})
	if a := armed(effects); s.Phase != Connecting || a.Most == 0 || a.Most > 2*time.Second {
		t.Errorf("%v, and the next attempt comes after %v", s.Phase, a.Most)
	}
	// The next one finds no network either, and nothing has changed meanwhile: calm.
	s, _ = Step(s, Done{Batch: s.batch})
	s, _ = Step(s, TimerFired{Timer: s.timer})
	s, effects = Step(s, TunnelDown{Tunnel: s.tunnel, Failure: pathless()})
	if a := armed(effects); a.Least < longest/2 || !s.Waiting() {
		t.Errorf("without a change the next attempt comes after %v", a.Least)
	}
}

// TestChangeWhileItIsTakenDown: the same while routes and names of the lost line are
// taken back, and before the timer is performed.
func TestChangeWhileItIsTakenDown(t *testing.T) {
	t.Parallel()
	s := play(t, append(upOn(), act{dies(pathless()), Disconnecting, "ClearDNS ClearRoutes"}, act{elsewhere, Disconnecting, ""}))
	s, effects := Step(s, Done{Batch: s.batch})
	if a := armed(effects); a.Most == 0 || a.Most > 2*time.Second {
		t.Errorf("after the change the next attempt comes after %v", a.Most)
	}
	if s, effects = Step(s, NetworkChanged{}); s.tunnel == 0 {
		t.Errorf("a change before the timer is armed is lost: %v %s", s.Phase, show(effects))
	}
}

// TestChangeBeforeBlocked: a first attempt that finds no network is Blocked, unless there
// is one by then; another cause of the failure is not of the network, and stays.
func TestChangeBeforeBlocked(t *testing.T) {
	t.Parallel()
	begun := []act{{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"}, {ok, Connecting, ""}, {elsewhere, Connecting, ""}}
	play(t, append(begun, act{dies(pathless()), Blocked, "policy:1/3"}, act{ok, Connecting, "policy:1/1 StartTunnel"}))
	play(t, append(begun, act{dies(wrong()), Blocked, "policy:1/3"}, act{ok, Blocked, ""}))
	play(t, append(begun[:2:2], act{dies(pathless()), Blocked, "policy:1/3"}, act{elsewhere, Blocked, ""}, act{ok, Connecting, "policy:1/1 StartTunnel"}))
	play(t, append(begun[:2:2], act{dies(pathless()), Blocked, "policy:1/3"}, act{ok, Blocked, ""}))
}

// TestChangesOfOtherStates: a change while the line stands or nobody wants one is not
// held against a later failure.
func TestChangesOfOtherStates(t *testing.T) {
	t.Parallel()
	s := play(t, append(upOn(), act{elsewhere, Connected, ""}, act{dies(pathless()), Disconnecting, "ClearDNS ClearRoutes"}))
	_, effects := Step(s, Done{Batch: s.batch})
	if a := armed(effects); a.Least < longest/2 {
		t.Errorf("the wait is %v", a.Least)
	}
}

package supervisor

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

// TestPausesAreSpread: the wait for the next attempt is a span, in which the service
// chooses at random, so that the clients of a gateway that was away do not all come back
// at the same moment.
func TestPausesAreSpread(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		if least, most := pause(n); most-least < most/4 {
			t.Errorf("wait %d is %v to %v", n, least, most)
		}
	}
	waits := play(t, append(upOff(),
		act{dies(lost()), Disconnecting, "ClearDNS ClearRoutes"}))
	_, effects := Step(waits, Done{Batch: waits.batch})
	for _, e := range effects {
		if arm, ok := e.(ArmTimer); ok {
			if arm.Most-arm.Least < 100*time.Millisecond {
				t.Errorf("the timer is armed for %v to %v", arm.Least, arm.Most)
			}
			return
		}
	}
	t.Errorf("nothing is waited for: %v", show(effects))
}

// TestRestartWhosePolicyComesLate: an earlier run's line whose policy stands only at the
// second try is told of as any other after a restart, and the rules may bring it back.
func TestRestartWhosePolicyComesLate(t *testing.T) {
	t.Parallel()
	s, _ := Step(State{}, Restarted{Request: guarded(office), Failure: &diagnose.Failure{Cause: diagnose.CausePolicyFailed}})
	if s.Phase != Blocked || !s.Unprotected || s.Failure.Cause != diagnose.CausePolicyFailed {
		t.Fatalf("while it does not stand: %+v", s)
	}
	s, _ = Step(s, PolicyBack{})
	if s.Phase != Blocked || s.Unprotected || s.Failure.Cause != diagnose.CauseServiceRestarted {
		t.Errorf("when it stands: %+v", s)
	}
	if s, _ = Step(s, Wanted{Connect: true, Request: guarded(office)}); s.Phase != Connecting {
		t.Errorf("when the rules want the line: %v", s.Phase)
	}
}

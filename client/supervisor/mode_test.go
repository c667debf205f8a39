package supervisor

import (
	"testing"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

func mode(to Setting) func(State) Event { return happens(ModeSet{Setting: to}) }
func happens(e Event) func(State) Event { return func(State) Event { return e } }
func noPath() *diagnose.Failure         { return &diagnose.Failure{Cause: diagnose.CauseNoNetwork} }

// always is the request of a line that is always on.
func always(r Request) Request {
	r.AlwaysOn = true
	return r
}

// byRules is the wish of the rules for a line.
func byRules(r Request) func(State) Event { return happens(Wanted{Connect: true, Request: r}) }

// TestModes goes through the table of modes in security.md.
func TestModes(t *testing.T) {
	t.Parallel()
	scripts := map[string][]act{
		"lockdown, from one line to none": {
			{mode(SetLockdown), Blocked, "policy:2/3"},
			{ok, Blocked, ""},
			{stop, Blocked, "policy:2/3"},
			{ok, Blocked, ""},
			{want(office), Connecting, "policy:2/1 StartTunnel"},
			{up, Connecting, "policy:2/2 SetRoutes SetDNS"},
			{ok, Connected, ""},
			{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			{ok, Disconnecting, ""},
			{down, Blocked, "policy:2/3"},
			{ok, Blocked, ""},
			{mode(SetOn), Disconnecting, "policy:0/0"},
			{ok, Disconnected, ""},
		},
		"the machine's off goes before the profile's on": {
			{mode(SetOff), Disconnected, ""},
			{want(guarded(office)), Connecting, "policy:0/1 StartTunnel"},
			{dies(wrong()), Disconnected, ""},
		},
		"the machine's on goes before the profile's off": {
			{mode(SetOn), Disconnected, ""},
			{want(office), Connecting, "policy:1/1 StartTunnel"},
			{dies(wrong()), Blocked, "policy:1/3"},
			{mode(ProfileDecides), Disconnecting, "policy:0/0"},
			{ok, Disconnected, ""},
		},
		"a line that stands goes on under another mode": append(upOff(),
			act{mode(SetOn), Connected, "policy:1/2"},
			act{ok, Connected, ""},
			act{mode(SetLockdown), Connected, "policy:2/2"},
			act{ok, Connected, ""},
			act{mode(SetOff), Connected, "policy:0/2"},
			act{ok, Connected, ""},
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{ok, Disconnecting, ""},
			act{down, Disconnected, ""}),
		"a mode waits for what is under way, whose failure counts": {
			{want(office), Connecting, "policy:0/1 StartTunnel"},
			{mode(SetOn), Connecting, ""},
			{fails(diagnose.CauseProfile), Disconnecting, "StopTunnel"},
			{down, Disconnecting, ""},
			{ok, Disconnecting, "policy:1/1"},
			{ok, Blocked, "policy:1/3"},
		},
		"a mode waits for what is under way": {
			{want(office), Connecting, "policy:0/1 StartTunnel"},
			{mode(SetOn), Connecting, ""},
			{ok, Connecting, "policy:1/1"},
			{ok, Connecting, ""},
		},
		"the service ends while the user's disconnect is under way": append(upOn(),
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{happens(Shutdown{}), Disconnecting, ""},
			act{down, Disconnecting, ""},
			act{ok, Disconnecting, "policy:1/0"},
			act{ok, Disconnected, ""}),
		"the service ends while it is locked down": {
			{mode(SetLockdown), Blocked, "policy:2/3"},
			{ok, Blocked, ""},
			{happens(Shutdown{}), Blocked, ""},
		},
		"an earlier run was locked down": append([]act{{happens(Restarted{Setting: SetLockdown}), Blocked, ""}},
			act{happens(NetworkChanged{}), Blocked, ""},
			act{want(office), Connecting, "policy:2/1 StartTunnel"}),
		"an earlier run had a line": append([]act{{happens(Restarted{Request: guarded(office)}), Blocked, ""}},
			act{happens(NetworkChanged{}), Blocked, ""},
			act{stop, Disconnecting, "policy:1/0"},
			act{ok, Disconnected, ""}),
		"an earlier run had a line that no kill switch was for": {
			{happens(Restarted{Setting: SetOff, Request: guarded(office)}), Disconnected, ""},
		},
		"an earlier run's line that the rules want": append([]act{{happens(Restarted{Request: guarded(office)}), Blocked, ""}},
			act{byRules(guarded(Request{ProfileID: "1f", ProfileName: "lab"})), Blocked, ""},
			act{byRules(guarded(office)), Connecting, "policy:1/1 StartTunnel"}),
		"the rules": {
			{byRules(office), Connecting, "policy:0/1 StartTunnel"},
			{byRules(Request{ProfileID: "1f", ProfileName: "lab"}), Connecting, ""},
			{happens(Wanted{}), Disconnecting, "StopTunnel"},
		},
		"a person's line is not the rules'": append(upOff(),
			act{happens(Wanted{}), Connected, ""},
			act{byRules(office), Connected, ""}),
		"always on: the first attempt too is made again": {
			{want(always(office)), Connecting, "policy:0/1 StartTunnel"},
			{dies(lost()), Connecting, "policy:0/1 ArmTimer"},
			{fired, Connecting, "policy:0/1 StartTunnel"},
			{dies(wrong()), Disconnected, ""},
		},
		"a network that is back ends the wait for it": append(upOff(),
			act{dies(noPath()), Disconnecting, "ClearDNS ClearRoutes"},
			act{ok, Connecting, "policy:0/1 ArmTimer"},
			act{ok, Connecting, ""},
			act{happens(NetworkChanged{}), Connecting, "policy:0/1 StartTunnel"},
			act{happens(NetworkChanged{}), Connecting, ""}),
		"a network that is back ends a block for want of it": {
			{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"},
			{dies(noPath()), Blocked, "policy:1/3"},
			{ok, Blocked, ""},
			{happens(NetworkChanged{}), Connecting, "policy:1/1 StartTunnel"},
		},
		"a network that is back does not mend a password": {
			{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"},
			{dies(wrong()), Blocked, "policy:1/3"},
			{ok, Blocked, ""},
			{happens(NetworkChanged{}), Blocked, ""},
		},
		"a policy that is lost takes the line with it, and brings it back": append(upOn(),
			act{happens(PolicyLost{Failure: &diagnose.Failure{Cause: diagnose.CausePolicyFailed}}), Blocked, "ClearDNS ClearRoutes StopTunnel policy:1/3"},
			act{down, Blocked, ""},
			act{fails(diagnose.CausePolicyFailed), Blocked, ""},
			act{ok, Blocked, ""},
			act{happens(PolicyBack{}), Connecting, "policy:1/1 StartTunnel"}),
		"a policy that nobody wants any more is not lost": append(upOn(),
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{happens(PolicyLost{}), Disconnecting, ""}),
		"a wish for a line behind the kill switch closes at once": append(upOff(),
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{want(guarded(office)), Disconnecting, ""},
			act{down, Disconnecting, ""},
			act{ok, Disconnecting, "policy:1/1"},
			act{ok, Connecting, "policy:1/1 StartTunnel"}),
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, script)
		})
	}
}

// TestUnprotected: the flag is there for exactly as long as nothing vouches that
// traffic is held back.
func TestUnprotected(t *testing.T) {
	t.Parallel()
	s := play(t, []act{
		{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"},
		{fails(diagnose.CausePolicyFailed), Blocked, "StopTunnel policy:1/3"},
		{down, Blocked, ""},
	})
	if !s.Unprotected {
		t.Error("a policy that failed is not flagged")
	}
	held, _ := Step(s, Done{Batch: s.batch})
	if held.Unprotected {
		t.Error("a policy that lets nothing out stands, and is not believed")
	}
	still, effects := Step(s, Failed{Batch: s.batch, Failure: &diagnose.Failure{Cause: diagnose.CausePolicyFailed}})
	if !still.Unprotected || show(effects) != "" {
		t.Errorf("it fails again: flagged %v, %q", still.Unprotected, show(effects))
	}
	back, _ := Step(still, PolicyBack{})
	if back.Unprotected || back.Phase != Blocked {
		t.Errorf("it stands again: flagged %v, %v", back.Unprotected, back.Phase)
	}
	begun, _ := Step(State{}, Restarted{Setting: SetLockdown, Failure: &diagnose.Failure{Cause: diagnose.CausePolicyFailed}})
	if begun.Phase != Blocked || !begun.Unprotected {
		t.Errorf("a restart whose policy fails: %+v", begun)
	}
	if again, _ := Step(begun, PolicyBack{}); again.Failure.Cause != diagnose.CauseLockdown || again.Unprotected {
		t.Errorf("then it stands: %+v", again)
	}
}

// TestCauses: what is told of a block is why it is there.
func TestCauses(t *testing.T) {
	t.Parallel()
	locked := play(t, []act{{mode(SetLockdown), Blocked, "policy:2/3"}})
	if locked.Failure.Cause != diagnose.CauseLockdown || locked.Request != (Request{}) {
		t.Errorf("locked down: %+v", locked)
	}
	restarted := play(t, []act{{happens(Restarted{Request: guarded(office)}), Blocked, ""}})
	if restarted.Failure.Cause != diagnose.CauseServiceRestarted || restarted.Request.ProfileID != office.ProfileID {
		t.Errorf("restarted: %+v", restarted)
	}
	lifted := play(t, []act{
		{mode(SetOn), Disconnected, ""},
		{want(office), Connecting, "policy:1/1 StartTunnel"},
		{dies(wrong()), Blocked, "policy:1/3"},
		{mode(SetOff), Disconnecting, "policy:0/0"},
		{ok, Disconnected, ""},
	})
	if lifted.Failure == nil || lifted.Failure.Cause != diagnose.CauseWrongPassword {
		t.Errorf("why there is no line is forgotten with the block: %+v", lifted.Failure)
	}
	waits := play(t, append(upOff(),
		act{dies(noPath()), Disconnecting, "ClearDNS ClearRoutes"},
		act{ok, Connecting, "policy:0/1 ArmTimer"}))
	if !waits.Waiting() || waits.Attempt != 0 {
		t.Errorf("without a network: waiting %v after %d attempts", waits.Waiting(), waits.Attempt)
	}
}

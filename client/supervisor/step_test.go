package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
)

var office = Request{ProfileID: "0f", ProfileName: "office", Owner: 1000}

func guarded(r Request) Request {
	r.KillSwitch = On
	return r
}

// show writes effects as words, without what every batch has.
func show(effects []Effect) string {
	var words []string
	for _, e := range effects {
		switch e := e.(type) {
		case Announce, Report:
		case ApplyPolicy:
			words = append(words, fmt.Sprintf("policy:%d/%d", e.Policy.Mode, e.Policy.Allow))
		case Refuse:
			words = append(words, "refuse")
		default:
			words = append(words, strings.TrimPrefix(fmt.Sprintf("%T", e), "supervisor."))
		}
	}
	return strings.Join(words, " ")
}

func lost() *diagnose.Failure  { return &diagnose.Failure{Cause: diagnose.CauseLineLost} }
func wrong() *diagnose.Failure { return &diagnose.Failure{Cause: diagnose.CauseWrongPassword} }

// act is one line of a script: what happens, made from the state so that the
// current numbers are used, and what must follow.
type act struct {
	event   func(s State) Event
	phase   Phase
	effects string
}

func ok(s State) Event                 { return Done{Batch: s.batch} }
func up(s State) Event                 { return TunnelUp{Tunnel: s.tunnel} }
func fired(s State) Event              { return TimerFired{Timer: s.timer} }
func stop(State) Event                 { return Disconnect{} }
func down(s State) Event               { return TunnelDown{Tunnel: s.tunnel} }
func want(r Request) func(State) Event { return func(State) Event { return Connect{Request: r} } }
func dies(f *diagnose.Failure) func(State) Event {
	return func(s State) Event { return TunnelDown{Tunnel: s.tunnel, Failure: f} }
}
func fails(c diagnose.Cause) func(State) Event {
	return func(s State) Event { return Failed{Batch: s.batch, Failure: &diagnose.Failure{Cause: c}} }
}
func ask(q uint64) func(State) Event {
	return func(s State) Event { return TunnelAsks{Tunnel: s.tunnel, Question: q} }
}
func answer(q uint64) func(State) Event {
	return func(s State) Event { return Answered{Tunnel: s.tunnel, Question: q} }
}

// upOff and upOn bring a line up.
func upOff() []act {
	return []act{
		{want(office), Connecting, "policy:0/1 StartTunnel"},
		{ok, Connecting, ""},
		{up, Connecting, "policy:0/2 SetRoutes SetDNS"},
		{ok, Connected, ""},
	}
}

func upOn() []act {
	return []act{
		{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"},
		{up, Connecting, "policy:1/2 SetRoutes SetDNS"},
		{ok, Connected, ""},
	}
}

func TestScripts(t *testing.T) {
	t.Parallel()
	scripts := map[string][]act{
		"connect and disconnect": append(upOff(),
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{ok, Disconnecting, ""},
			act{down, Disconnected, ""}),
		"the tunnel ends before its network is cleared": append(upOff(),
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{down, Disconnecting, ""},
			act{ok, Disconnected, ""}),
		"a first attempt that fails ends": {
			{want(office), Connecting, "policy:0/1 StartTunnel"},
			{dies(lost()), Disconnected, ""},
		},
		"a lost line comes back": append(upOff(),
			act{dies(lost()), Disconnecting, "ClearDNS ClearRoutes"},
			act{ok, Connecting, "policy:0/1 ArmTimer"},
			act{ok, Connecting, ""},
			act{fired, Connecting, "policy:0/1 StartTunnel"},
			act{dies(lost()), Connecting, "policy:0/1 ArmTimer"},
			act{fired, Connecting, "policy:0/1 StartTunnel"},
			act{up, Connecting, "policy:0/2 SetRoutes SetDNS"},
			act{ok, Connected, "ArmTimer"},
			act{ok, Connected, ""},
			act{fired, Connected, ""},
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"}),
		"a wish while waiting ends the wait": append(upOff(),
			act{dies(lost()), Disconnecting, "ClearDNS ClearRoutes"},
			act{ok, Connecting, "policy:0/1 ArmTimer"},
			act{want(office), Connecting, "policy:0/1 StartTunnel"},
			act{func(s State) Event { return TimerFired{Timer: s.tunnel - 1} }, Connecting, ""},
			act{want(office), Connecting, ""}),
		"a password that is refused on the way back ends it": append(upOff(),
			act{dies(lost()), Disconnecting, "ClearDNS ClearRoutes"},
			act{ok, Connecting, "policy:0/1 ArmTimer"},
			act{fired, Connecting, "policy:0/1 StartTunnel"},
			act{dies(wrong()), Disconnected, ""}),
		"disconnect while waiting": append(upOff(),
			act{dies(lost()), Disconnecting, "ClearDNS ClearRoutes"},
			act{ok, Connecting, "policy:0/1 ArmTimer"},
			act{stop, Disconnected, ""},
			act{func(State) Event { return TimerFired{Timer: 9} }, Disconnected, ""}),
		"questions": {
			{want(office), Connecting, "policy:0/1 StartTunnel"},
			{ask(7), NeedsInput, "Ask"},
			{ask(8), NeedsInput, "Ask"},
			{ask(8), NeedsInput, ""},
			{answer(7), NeedsInput, ""},
			{answer(7), NeedsInput, ""},
			{answer(8), Connecting, ""},
			{stop, Disconnecting, "StopTunnel"},
			{ask(9), Disconnecting, ""},
		},
		"routes that cannot be set": {
			{want(office), Connecting, "policy:0/1 StartTunnel"},
			{up, Connecting, "policy:0/2 SetRoutes SetDNS"},
			{fails(diagnose.CauseRoutesFailed), Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			{ok, Disconnecting, ""},
			{down, Disconnected, ""},
		},
		"a second wish": append(upOff(),
			act{want(office), Connected, "refuse"},
			act{want(Request{ProfileID: "1f", ProfileName: "lab", Owner: 1000}), Connected, "refuse"}),
		"a line that wants a new sign-in": append(upOff(),
			act{ask(7), Connected, "Ask"},
			act{want(Request{ProfileID: "1f", ProfileName: "lab", Owner: 1000}), Connected, "refuse"},
			act{want(Request{ProfileID: "0f", ProfileName: "office", Owner: 1001}), Connected, "refuse"},
			act{want(office), Connected, ""},
			act{answer(7), Connected, ""},
			act{want(office), Connected, "refuse"}),
		"the same wish joins an attempt, another's does not": {
			{want(office), Connecting, "policy:0/1 StartTunnel"},
			{want(office), Connecting, ""},
			{want(Request{ProfileID: "0f", ProfileName: "office", Owner: 1001}), Connecting, "refuse"},
			{want(Request{ProfileID: "1f", ProfileName: "lab", Owner: 1000}), Connecting, "refuse"},
		},
		"a wish while disconnecting follows it": append(upOff(),
			act{stop, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{want(office), Disconnecting, ""},
			act{ok, Disconnecting, ""},
			act{down, Connecting, "policy:0/1 StartTunnel"}),
		"kill switch: a failure blocks until the user lets go": {
			{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"},
			{dies(wrong()), Blocked, "policy:1/3"},
			{ok, Blocked, ""},
			{func(State) Event { return Cleared{Cause: diagnose.CauseNoNetwork} }, Blocked, ""},
			{stop, Disconnecting, "policy:1/0"},
			{ok, Disconnected, ""},
		},
		"kill switch: a cause that clears tries again": {
			{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"},
			{dies(&diagnose.Failure{Cause: diagnose.CauseNoNetwork}), Blocked, "policy:1/3"},
			{ok, Blocked, ""},
			{func(State) Event { return Cleared{Cause: diagnose.CauseNoNetwork} }, Connecting, "policy:1/1 StartTunnel"},
		},
		"kill switch: a lost line stays held back": append(upOn(),
			act{dies(lost()), Disconnecting, "ClearDNS ClearRoutes"},
			act{ok, Connecting, "policy:1/1 ArmTimer"},
			act{fired, Connecting, "policy:1/1 StartTunnel"}),
		"kill switch: the service ends, the policy stays": append(upOn(),
			act{func(State) Event { return Shutdown{} }, Disconnecting, "ClearDNS ClearRoutes StopTunnel"},
			act{down, Disconnecting, ""},
			act{ok, Blocked, "policy:1/3"}),
		"kill switch: a policy that fails": {
			{want(guarded(office)), Connecting, "policy:1/1 StartTunnel"},
			{fails(diagnose.CausePolicyFailed), Blocked, "StopTunnel policy:1/3"},
			{down, Blocked, ""},
			{ok, Blocked, ""},
			{stop, Disconnecting, "policy:1/0"},
			{ok, Disconnected, ""},
		},
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, script)
		})
	}
}

// play acts a script and gives where it ends.
func play(t *testing.T, script []act) (s State) {
	t.Helper()
	for i, a := range script {
		e := a.event(s)
		next, effects := Step(s, e)
		if next.Phase != a.phase || show(effects) != a.effects {
			t.Fatalf("line %d: %v --%T--> %v %q, want %v %q", i, s.Phase, e, next.Phase, show(effects), a.phase, a.effects)
		}
		s = next
	}
	return s
}

func TestFailureIsKeptUntilTheNextWish(t *testing.T) {
	t.Parallel()
	s, _ := Step(State{}, Connect{Request: office})
	s, _ = Step(s, TunnelDown{Tunnel: s.tunnel, Failure: wrong()})
	if s.Failure == nil || s.Failure.Cause != diagnose.CauseWrongPassword {
		t.Fatalf("failure %v", s.Failure)
	}
	s, _ = Step(s, Connect{Request: office})
	if s.Failure != nil {
		t.Errorf("a new attempt still shows %v", s.Failure)
	}
}

// TestUnsteadyLineWaitsLonger: a line that is lost again and again, each time
// soon after it stood, is tried less and less often; one that has stood for a
// while is tried at once.
func TestUnsteadyLineWaitsLonger(t *testing.T) {
	t.Parallel()
	s, _ := Step(State{}, Connect{Request: office})
	lose := func() (least time.Duration) {
		t.Helper()
		s, _ = Step(s, TunnelUp{Tunnel: s.tunnel})
		s, _ = Step(s, Done{Batch: s.batch})
		if s.Phase != Connected {
			t.Fatalf("%v, want %v", s.Phase, Connected)
		}
		s, _ = Step(s, TunnelDown{Tunnel: s.tunnel, Failure: lost()})
		var effects []Effect
		s, effects = Step(s, Done{Batch: s.batch})
		for _, e := range effects {
			if a, ok := e.(ArmTimer); ok {
				least = a.Least
			}
		}
		return least
	}
	again := func() {
		t.Helper()
		s, _ = Step(s, Done{Batch: s.batch})
		s, _ = Step(s, TimerFired{Timer: s.timer})
	}
	var last time.Duration
	for range 8 {
		wait := lose()
		if wait <= last && wait < 30*time.Second {
			t.Errorf("a wait of %v after one of %v", wait, last)
		}
		last = wait
		again()
	}
	s, _ = Step(s, TunnelUp{Tunnel: s.tunnel})
	s, _ = Step(s, Done{Batch: s.batch})
	s, _ = Step(s, Done{Batch: s.batch})
	s, _ = Step(s, TimerFired{Timer: s.timer})
	if wait := lose(); wait > time.Second {
		t.Errorf("a steady line waits %v", wait)
	}
}

// TestTheTunnelSaysWhyItsNetworkFailed: the device is gone because the gateway
// closed the line, and that is what the user must hear.
func TestTheTunnelSaysWhyItsNetworkFailed(t *testing.T) {
	t.Parallel()
	closed := &diagnose.Failure{Cause: diagnose.CauseClosedByGateway}
	for _, c := range []struct {
		effect, want diagnose.Cause
		end          *diagnose.Failure
	}{
		{diagnose.CauseRoutesFailed, diagnose.CauseClosedByGateway, closed},
		{diagnose.CauseDNSFailed, diagnose.CauseClosedByGateway, closed},
		{diagnose.CauseRoutesFailed, diagnose.CauseRoutesFailed, nil}, // it ended because it was told to
		{diagnose.CauseInternal, diagnose.CauseInternal, closed},
	} {
		s, _ := Step(State{}, Connect{Request: office})
		s, _ = Step(s, TunnelUp{Tunnel: s.tunnel})
		s, _ = Step(s, Failed{Batch: s.batch, Failure: &diagnose.Failure{Cause: c.effect}})
		s, _ = Step(s, TunnelDown{Tunnel: s.tunnel, Failure: c.end})
		s, _ = Step(s, Done{Batch: s.batch})
		if s.Phase != Disconnected || s.Failure == nil || s.Failure.Cause != c.want {
			t.Errorf("%s, then %v: %v with %v, want %s", c.effect, c.end, s.Phase, s.Failure, c.want)
		}
	}
}

func TestUnprotectedIsFlagged(t *testing.T) {
	t.Parallel()
	s, _ := Step(State{}, Connect{Request: guarded(office)})
	s, _ = Step(s, Failed{Batch: s.batch, Failure: &diagnose.Failure{Cause: diagnose.CausePolicyFailed}})
	if s.Phase != Blocked || !s.Unprotected {
		t.Errorf("%v, unprotected %v", s.Phase, s.Unprotected)
	}
}

func TestPauseGrowsToAMinute(t *testing.T) {
	t.Parallel()
	last := time.Duration(0)
	for n := range 100 {
		least, most := pause(n)
		if least <= 0 || most < least || most < last || most > time.Minute {
			t.Fatalf("wait %d is %v to %v after one of %v", n, least, most, last)
		}
		last = most
	}
	if last != time.Minute {
		t.Errorf("the longest wait is %v", last)
	}
	if _, most := pause(0); most > time.Second {
		t.Errorf("the first wait may be %v", most)
	}
}

func TestRefusalNamesTheWayOut(t *testing.T) {
	t.Parallel()
	for _, p := range []Phase{Connecting, NeedsInput, Connected} {
		s := (&RefusedError{Phase: p, Profile: "office"}).Error()
		if !strings.Contains(s, "office") || !strings.Contains(s, "homewardctl disconnect") {
			t.Errorf("%v: %q", p, s)
		}
	}
}

func TestPhaseNames(t *testing.T) {
	t.Parallel()
	want := []string{"disconnected", "connecting", "needs-input", "connected", "disconnecting", "blocked"}
	for i, name := range want {
		if got := Phase(i).String(); got != name {
			t.Errorf("phase %d is %q, want %q", i, got, name)
		}
	}
	if Phase(200).String() != "unknown" {
		t.Errorf("phase 200 is %q", Phase(200))
	}
}

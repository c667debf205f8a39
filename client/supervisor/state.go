package supervisor

import (
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// Phase is which of the six states a State is in.
type Phase uint8

// The phases.
const (
	Disconnected Phase = iota
	Connecting
	NeedsInput // Connecting, and only the user can bring it further
	Connected
	Disconnecting
	Blocked // the kill switch holds, and nothing is being tried
)

var phaseNames = [...]string{
	"disconnected", "connecting", "needs-input", "connected", "disconnecting", "blocked",
}

// String gives the name that the control API uses.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "unknown"
}

// Request is what the user wants: a line by this profile.
type Request struct {
	ProfileID   string
	ProfileName string
	Owner       uint32 // who asked, by user ID; prompts go to nobody else
	Username    string // given at connect; empty: the profile's
	KillSwitch  Mode   // what the profile says, Off or On; see State.Mode
	// LocalNetwork: the profile wants the local network reachable beside the tunnel.
	LocalNetwork bool
	// Automatic: no person asked, but the profile's own rules.
	Automatic bool
	// AlwaysOn: the line is to come up however long that takes, also the first time.
	AlwaysOn bool
}

// State is where a connection is in its life. It is a value: Step never writes
// to what it was given. The zero State is Disconnected.
type State struct {
	Phase   Phase
	Request Request // zero when Disconnected, or locked down with nobody who wants a line
	Setting Setting // the machine's

	serial    uint64   // the last number given out
	tunnel    uint64   // the tunnel that is running; 0: none
	timer     uint64   // the wait that is armed: for the next attempt, or, Connected, until the line counts as steady; 0: none
	batch     uint64   // the batch whose result is awaited; 0: none
	questions []uint64 // open questions of the tunnel, in order; never written in place

	// Step is how far the handshake is, in the tunnel's own words.
	Step string
	// Attempt counts failures since the line last stood for a while.
	Attempt int
	// WasUp says that this request has had a line: from then on a lost line
	// is tried again.
	WasUp bool
	// resumed: the request is an earlier run's, and nothing was tried for it since.
	resumed bool
	// network: routes and DNS may have been set for the tunnel.
	network bool
	// protected: a policy that holds traffic back may stand.
	protected bool
	// releasing: the batch under way takes that policy away; holding: it sets one.
	releasing, holding bool
	// moved: the network has changed since the attempt began, and what that finds
	// may be of the network before.
	moved bool
	// owed: the policy is to be set anew when the batch under way is done.
	owed bool

	// Failure is why there is no line: the last attempt's, or Blocked's cause.
	Failure *diagnose.Failure
	// Unprotected flags Blocked: the policy itself could not be applied, so
	// nothing vouches that traffic is held back.
	Unprotected bool

	// After is what follows Disconnecting.
	After After
}

// After is what Disconnecting leads to.
type After struct {
	Then Then
	// Request is what is connected next, with ThenConnect.
	Request Request
}

// Then is the kind of After.
type Then uint8

// What can follow Disconnecting.
const (
	ThenNothing Then = iota // Disconnected
	ThenBlock               // Blocked by State.Failure
	ThenRetry               // another attempt of the same request, after a wait
	ThenConnect             // a new request that came meanwhile
)

// Tunnel is the serial number of the tunnel that is running, 0 when none is.
func (s State) Tunnel() uint64 { return s.tunnel }

// Questions are the open questions of the running tunnel. The caller must not
// write to the slice.
func (s State) Questions() []uint64 { return s.questions }

// Settled says that nothing is under way: no tunnel, no wait, no effect whose
// result is still to come.
func (s State) Settled() bool { return s.tunnel == 0 && s.timer == 0 && s.batch == 0 }

// Owed says that the policy in force is to be ordered as soon as the effects under way
// are performed.
func (s State) Owed() bool { return s.owed }

// Waiting says that there is no network, and that the line comes up when there is
// one: that is no failure.
func (s State) Waiting() bool {
	return s.Phase == Connecting && s.timer != 0 && s.Failure != nil && s.Failure.Cause == diagnose.CauseNoNetwork
}

// next gives out a number.
func (s *State) next() uint64 {
	s.serial++
	return s.serial
}

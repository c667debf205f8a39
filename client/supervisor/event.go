package supervisor

import "github.com/homeward-vpn/homeward/client/diagnose"

// Event is something that happened. The concrete types are those below.
type Event interface{ event() }

// Connect is the user's wish for a line.
type Connect struct{ Request Request }

// Disconnect is the user's wish for none.
type Disconnect struct{}

// Wanted is the wish of a profile's own rules: for a line, or (Connect false) for
// the end of one that they have made. A person's wish goes before it.
type Wanted struct {
	Connect bool
	Request Request
}

// Restarted comes first where an earlier run of the service left something: the
// machine's setting, and, where a line was wanted when it ended, its request. What
// is to be held back in this mode is held back already, or Failure says why not.
type Restarted struct {
	Setting Setting
	Request Request
	Failure *diagnose.Failure
}

// ModeSet says that the machine's setting has changed.
type ModeSet struct{ Setting Setting }

// PolicyLost says that the policy that stood was altered or had to be another, and
// could not be set again.
type PolicyLost struct{ Failure *diagnose.Failure }

// PolicyBack says that the policy that was ordered last stands after all.
type PolicyBack struct{}

// NetworkChanged says that the network of this computer is another: what failed for
// want of a path may succeed now.
type NetworkChanged struct{}

// Shutdown says that the service is about to end.
type Shutdown struct{}

// Cleared says that what caused a Blocked state is gone: the network is back,
// say. It restarts the blocked request.
type Cleared struct{ Cause diagnose.Cause }

// TunnelStep says that the tunnel has begun a step of the handshake.
type TunnelStep struct {
	Tunnel uint64
	Step   string
}

// TunnelUp says that the tunnel carries packets and what it wants of the
// system is known; SetRoutes and SetDNS may be performed for it.
type TunnelUp struct{ Tunnel uint64 }

// TunnelChanged says that a live tunnel has news for the status: a rekey, or
// other routes.
type TunnelChanged struct {
	Tunnel uint64
	// Network: routes or DNS are no longer what they were.
	Network bool
}

// TunnelAsks says that the tunnel has put a question to the user.
type TunnelAsks struct{ Tunnel, Question uint64 }

// Answered says that a question is closed: answered, expired or withdrawn.
type Answered struct{ Tunnel, Question uint64 }

// TunnelDown says that the tunnel has ended, by StopTunnel or on its own.
type TunnelDown struct {
	Tunnel  uint64
	Failure *diagnose.Failure // nil: it was told to
}

// TimerFired says that an armed wait is over.
type TimerFired struct{ Timer uint64 }

// Done says that every effect of a batch was performed.
type Done struct{ Batch uint64 }

// Failed says that an effect of a batch failed and the rest was left out.
type Failed struct {
	Batch   uint64
	Failure *diagnose.Failure
}

func (Connect) event()        {}
func (Disconnect) event()     {}
func (Wanted) event()         {}
func (Restarted) event()      {}
func (ModeSet) event()        {}
func (PolicyLost) event()     {}
func (PolicyBack) event()     {}
func (NetworkChanged) event() {}
func (Shutdown) event()       {}
func (Cleared) event()        {}
func (TunnelStep) event()     {}
func (TunnelUp) event()       {}
func (TunnelChanged) event()  {}
func (TunnelAsks) event()     {}
func (Answered) event()       {}
func (TunnelDown) event()     {}
func (TimerFired) event()     {}
func (Done) event()           {}
func (Failed) event()         {}

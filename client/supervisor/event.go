package supervisor

import "github.com/homeward-vpn/homeward/client/diagnose"

// Event is something that happened. The concrete types are those below.
type Event interface{ event() }

// Connect is the user's wish for a line.
type Connect struct{ Request Request }

// Disconnect is the user's wish for none.
type Disconnect struct{}

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

func (Connect) event()       {}
func (Disconnect) event()    {}
func (Shutdown) event()      {}
func (Cleared) event()       {}
func (TunnelStep) event()    {}
func (TunnelUp) event()      {}
func (TunnelChanged) event() {}
func (TunnelAsks) event()    {}
func (Answered) event()      {}
func (TunnelDown) event()    {}
func (TimerFired) event()    {}
func (Done) event()          {}
func (Failed) event()        {}

package supervisor

import (
	"fmt"
	"time"
)

// Effect is something to be done. The concrete types are those below; the
// service performs them in the order in which Step gave them.
type Effect interface{ effect() }

// ApplyPolicy replaces the kill switch's policy. It may fail, always with
// diagnose.CausePolicyFailed.
type ApplyPolicy struct{ Policy Policy }

// StartTunnel starts a tunnel with this number. It does not wait for it. It may
// fail where the profile cannot be had.
type StartTunnel struct {
	Tunnel  uint64
	Request Request
}

// StopTunnel tells the tunnel to say goodbye and end. It does not wait:
// TunnelDown follows, at once where that tunnel does not run.
type StopTunnel struct{ Tunnel uint64 }

// SetRoutes sets the routes that this tunnel asked for. It may fail.
type SetRoutes struct{ Tunnel uint64 }

// SetDNS sets the resolvers that this tunnel asked for. It may fail.
type SetDNS struct{ Tunnel uint64 }

// ClearRoutes takes back every route.
type ClearRoutes struct{}

// ClearDNS takes back every resolver.
type ClearDNS struct{}

// Ask shows a question of the tunnel to the user.
type Ask struct{ Tunnel, Question uint64 }

// ArmTimer lets TimerFired follow after a time between Least and Most, chosen
// at random so that many clients of one gateway do not return all at once.
type ArmTimer struct {
	Timer       uint64
	Least, Most time.Duration
}

// Announce tells everybody who watches about the new state.
type Announce struct{}

// Refuse answers the user's wish that came with this event: it cannot be met.
type Refuse struct{ Err *RefusedError }

// Report ends a batch: Done follows, unless Failed has.
type Report struct{ Batch uint64 }

func (ApplyPolicy) effect() {}
func (StartTunnel) effect() {}
func (StopTunnel) effect()  {}
func (SetRoutes) effect()   {}
func (SetDNS) effect()      {}
func (ClearRoutes) effect() {}
func (ClearDNS) effect()    {}
func (Ask) effect()         {}
func (ArmTimer) effect()    {}
func (Announce) effect()    {}
func (Refuse) effect()      {}
func (Report) effect()      {}

// Allow says what a policy lets through, beyond what every policy does (see
// the table in security.md).
type Allow uint8

// The policies.
const (
	AllowAll     Allow = iota // no policy
	AllowGateway              // IKE and ESP of the service to the gateway
	AllowTunnel               // the above, and the tunnel's interface
	AllowNothing              // Blocked
)

// Policy is what the kill switch is to be. With Mode Off nothing is held back,
// and what an earlier policy held back is let go.
type Policy struct {
	Mode    Mode
	Allow   Allow
	Request Request // whose gateway is meant
	Tunnel  uint64  // whose interface is meant, with AllowTunnel
}

// Restrains says whether the policy holds anything back.
func (p Policy) Restrains() bool { return p.Mode != Off && p.Allow != AllowAll }

// RefusedError says why a wish cannot be met now.
type RefusedError struct {
	Phase   Phase
	Profile string // the profile that stands in the way
}

// Error is one sentence for the user.
func (e *RefusedError) Error() string {
	if e.Phase == Connected {
		return fmt.Sprintf("%s is connected already; disconnect it first with «homewardctl disconnect»", e.Profile)
	}
	return fmt.Sprintf("%s is being connected already; wait, or stop it with «homewardctl disconnect»", e.Profile)
}

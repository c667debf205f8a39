package service

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/provision"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// Tunnel is one live tunnel; *tunnel.Tunnel is one.
type Tunnel interface {
	// Run blocks until the line is down. Cancelling ctx closes it in order.
	Run(ctx context.Context, emit func(tunnel.Event)) error
	// Stats never waits.
	Stats() tunnel.Stats
	// Renew has the line signed in again now, as soon as it stands. It never waits.
	Renew()
}

// Router sets the routes of one network at a time.
type Router interface {
	Set(n tunnel.Network) error
	Clear() error
}

// Resolver says who answers names. A warning is a sentence for the user about
// something that works, but not as the profile wants it.
type Resolver interface {
	Set(n tunnel.Network) (warning string, err error)
	Clear() error
}

// Profiles keeps the profiles; *provision.Store does. What an administrator has laid
// down for everybody each user has as their own.
type Profiles interface {
	List(uid uint32, admin bool) []profile.Stored
	// All gives the profiles of everybody, with what is laid down as
	// profile.OwnerSystem's and as each of users'.
	All(users []uint32) []profile.Stored
	// Get gives a profile by its ID: what is laid down as uid has it, any other as it
	// is, whoever owns it.
	Get(id string, uid uint32) (profile.Stored, error)
	ByName(name string, uid uint32) (profile.Stored, error)
	Add(p *profile.Profile, owner uint32) error
	Delete(id string) error
}

// Administration is what an administrator lays down for the computer, besides
// profiles; *provision.Folder reads it.
type Administration interface {
	// Policy gives the policy that counts; false: there is none.
	Policy() (provision.Policy, bool)
	// Problems has a sentence for each thing that was laid down and is not used.
	Problems() []string
	// Watch tells, until ctx ends, that something is another: the policy, a problem, or
	// what Profiles say.
	Watch(ctx context.Context) (<-chan struct{}, error)
}

// Config is what a Service is made from. All parts are needed.
type Config struct {
	Logger *slog.Logger
	Logs   *LogRing // what Logger writes to, for the logs call

	Profiles   Profiles
	Router     Router
	Resolver   Resolver
	KillSwitch KillSwitch
	// Proof tries whether what the kill switch holds back is held back. nil: it is
	// taken at its word, and status never says that it is verified.
	Proof Proof
	// Posture remembers what the kill switch is to hold. nil: nobody does.
	Posture Posture
	// Portals knows captive portals; its zero value: nobody does.
	Portals Portals
	// NewTunnel makes a tunnel that is not running yet.
	NewTunnel func(tunnel.Config) Tunnel
	// Tunnel holds the parts that every tunnel is made from; Profile,
	// Username, Logger and Ask are filled in for each.
	Tunnel tunnel.Config
	// CleanUp takes back what the ledger still holds: at the start what a
	// crashed run left, at the end what an orderly one could not undo.
	CleanUp func() error
	// Trials is the file that remembers of which profiles the last password was
	// refused. "": it is remembered until the service ends.
	Trials string
	// Automation connects by itself. nil: nothing does.
	Automation *Automation
	// Machine keeps what signs in by some profiles without their users. nil: nothing.
	Machine Machine
	// Leaves says which network packets to an address leave by; false: nobody can tell.
	// It may take its time. nil: the status never says.
	Leaves func(to netip.Addr) (control.Network, bool)
	// Administration: nil: nothing is laid down.
	Administration Administration
	// Jitter picks a wait between least and most. nil: at random.
	Jitter func(least, most time.Duration) time.Duration
}

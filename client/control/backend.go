package control

import (
	"context"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Caller is who asks, as the operating system vouches.
type Caller struct {
	UID   uint32
	PID   int32
	Admin bool // may do everything to everybody's profiles
}

// Backend does what the calls ask for. Its methods may be called at the same
// time. Errors that a caller should read are *Refusal; any other becomes an
// internal error, whose text stays in the log.
type Backend interface {
	// Status gives what the caller may see. It never waits for anything.
	Status(c Caller) Status
	// Wait gives the newest status as soon as its revision is above after.
	Wait(ctx context.Context, c Caller, after uint64) (Status, error)

	Connect(ctx context.Context, c Caller, r ConnectRequest) (Accepted, error)
	Disconnect(ctx context.Context, c Caller) (Accepted, error)
	// Renew has the line that stands signed in again now, beside the session in use.
	Renew(ctx context.Context, c Caller) (Accepted, error)
	// Answer takes over a's secrets, and clears them after use.
	Answer(ctx context.Context, c Caller, a Answer) error

	// Settings gives the machine's settings. It never waits for anything.
	Settings(c Caller) Settings
	// ChangeSettings returns when the change holds, also after the next boot.
	ChangeSettings(ctx context.Context, c Caller, change SettingsChange) (Settings, error)

	// LookPortal looks whether the network wants a sign-in; it takes some seconds.
	LookPortal(ctx context.Context, c Caller) (Portal, error)
	// SignInPortal opens the way for a sign-in, calls emit with its lines, and closes
	// it when ctx ends, emit fails, or one of SignInDone and so on has come.
	SignInPortal(ctx context.Context, c Caller, emit func(PortalSignIn) error) error
	// EnterPortal lets the calling process out, for the session.
	EnterPortal(ctx context.Context, c Caller, session uint64) error

	Profiles(c Caller) []ProfileInfo
	Profile(c Caller, name string) (*profile.Profile, error)
	AddProfile(c Caller, p *profile.Profile) error
	DeleteProfile(c Caller, name string) error

	// Attend says that a program of the caller's is there to answer prompts, until
	// leave is called.
	Attend(c Caller) (leave func())

	// SetMachine keeps what the service signs in with by itself. The secrets stay
	// the server's, which clears them.
	SetMachine(ctx context.Context, c Caller, m MachineCredential) error
	RemoveMachine(ctx context.Context, c Caller, name string) error
	Machines(c Caller) ([]MachineInfo, error)

	// Logs calls emit with the entries that the caller may see, oldest first,
	// and with follow goes on until ctx ends or emit fails.
	Logs(ctx context.Context, c Caller, follow bool, emit func([]LogEntry) error) error
}

package viewmodel

import (
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Link is how the program and the service get on.
type Link string

// The links. The zero value is LinkStarting.
const (
	LinkStarting Link = ""        // nobody has answered yet, and it is too early to say more
	LinkReady    Link = "ready"   // the Status is the newest there is
	LinkLost     Link = "lost"    // it answered before and will be back; the Status is the last one
	LinkAbsent   Link = "absent"  // nobody answers
	LinkForeign  Link = "foreign" // somebody else's socket; LinkDetail: its path
	LinkVersion  Link = "version" // another version; LinkDetail: the service's
)

// Input is everything known. The zero value is a program that has just started.
type Input struct {
	// Now is the time that the view is for; its location is the person's.
	Now        time.Time
	Link       Link
	LinkDetail string

	Status   control.Status
	Settings control.Settings
	Profiles []control.ProfileInfo // in the service's order
	// UID is the person's user number; negative: the system has none.
	UID int

	// Selected is the ID of the profile that the window is about; empty or unknown:
	// the one that the status is about, else the first.
	Selected string
	// Chosen is that profile, whole, as far as it is known already; nil: it is not.
	Chosen *profile.Profile

	// Samples are the traffic's counters, oldest first.
	Samples []Sample

	// Wish is what the person wants and the status does not show yet: ActionConnect,
	// ActionDisconnect, ActionKillSwitch or ActionAlways with its Profile and Value. The zero value:
	// nothing.
	Wish Action
	// Trouble is why the last wish was not met; nil: it was. A new wish clears it.
	Trouble error
	// Told are sentences that the person has not put away yet.
	Told []string
	// Forgotten is the profile whose kept password has just been forgotten, because its
	// gateway, or what that must prove, is another one now; empty: none.
	Forgotten string
	// Asking is the question that waits for the person; nil: none.
	Asking *credential.Prompt

	// NoTray: the desktop shows no tray, and the window has not said so yet.
	NoTray bool
	// Secrets is where the person's secrets are kept.
	Secrets credential.Mode
	// Certificates are those that the person has imported.
	Certificates []credential.Identity
	// Language is the one that the person has chosen; empty: the system's.
	Language string
	// Version is the program's own.
	Version string
}

// HoldsOwnProfiles says that the administrator's policy lets the person neither add
// profiles nor change their own.
func (in Input) HoldsOwnProfiles() bool {
	return in.Settings.Holds(control.ManagedOwnProfiles) && in.UID > 0
}

// Sample is what the traffic's counters said at a time.
type Sample struct {
	At time.Time
	Tx uint64 // bytes
	Rx uint64
}

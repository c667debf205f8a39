package control

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// The modes of the kill switch, as settings and status name them.
const (
	KillSwitchProfile  = "" // of the machine's setting: each profile decides
	KillSwitchOff      = "off"
	KillSwitchOn       = "on"       // nothing leaves outside the line until the user's own Disconnect
	KillSwitchLockdown = "lockdown" // nothing ever does, also after Disconnect and from boot on
)

// The words about the local network, under a kill switch.
const (
	LocalNetworkProfile = "" // each profile decides
	LocalNetworkAllow   = "allow"
	LocalNetworkRefuse  = "refuse"
)

// Who may keep profiles of their own, as the administrator's policy says.
const (
	OwnProfilesEverybody      = ""
	OwnProfilesAdministrators = "administrators"
)

// The settings that a policy may hold, as Settings.Managed names them.
const (
	ManagedKillSwitch   = "kill_switch"
	ManagedLocalNetwork = "local_network"
	ManagedAlwaysOn     = "always_on"
	ManagedOwnProfiles  = "own_profiles"
)

// Settings are the machine's: they go before what profiles say. They are what holds,
// whoever has set it: the administrator's policy goes before what was chosen here.
type Settings struct {
	KillSwitch   string `json:"kill_switch"`   // KillSwitchProfile and so on
	LocalNetwork string `json:"local_network"` // LocalNetworkProfile and so on
	// AlwaysOn is the ID of the profile that the policy keeps always on; empty: each
	// profile decides. It is no wish that a program can change.
	AlwaysOn    string `json:"always_on,omitempty"`
	OwnProfiles string `json:"own_profiles,omitempty"` // OwnProfilesEverybody and so on, the same
	// Managed names what the policy holds (ManagedKillSwitch and so on), so that no
	// program can change it.
	Managed []string `json:"managed,omitempty"`
	// ManagedBy is whose policy it is, in its own words; empty: it does not say.
	ManagedBy string `json:"managed_by,omitempty"`
}

// Holds says that the policy holds one of ManagedKillSwitch and so on.
func (s Settings) Holds(setting string) bool { return slices.Contains(s.Managed, setting) }

// SettingsChange is what is to be set; nil: it stays as it is.
type SettingsChange struct {
	KillSwitch   *string `json:"kill_switch,omitempty"`
	LocalNetwork *string `json:"local_network,omitempty"`
}

func (c SettingsChange) validate() error {
	if k := c.KillSwitch; k != nil {
		switch *k {
		case KillSwitchProfile, KillSwitchOff, KillSwitchOn, KillSwitchLockdown:
		default:
			return Refuse(CodeBadRequest, "the kill switch can be off, on or lockdown, and not %q", *k)
		}
	}
	if l := c.LocalNetwork; l != nil {
		switch *l {
		case LocalNetworkProfile, LocalNetworkAllow, LocalNetworkRefuse:
		default:
			return Refuse(CodeBadRequest, "the local network can be allowed or refused («allow» or «refuse»), and not %q", *l)
		}
	}
	return nil
}

// KillSwitch is what is held back, as far as any local user may know.
type KillSwitch struct {
	// Mode is the one in force: KillSwitchOff, KillSwitchOn or KillSwitchLockdown.
	Mode string `json:"mode"`
	// Engaged: a policy stands, and what it does not name cannot leave.
	Engaged bool `json:"engaged"`
	// Verified is when it was last proven that nothing leaves; nil: not since the
	// policy was last changed.
	Verified *time.Time `json:"verified"`
	// Alarm is one sentence on why it is not sure, or was not a moment ago, that
	// nothing leaves; empty: there is no reason to doubt it.
	Alarm string `json:"alarm"`
	// LocalNetwork: the local network is reachable beside the line.
	LocalNetwork bool `json:"local_network"`
}

// Settings asks for the machine's settings.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	var v Settings
	return v, c.call(ctx, http.MethodGet, "settings", nil, &v)
}

// ChangeSettings changes what the machine wants, and returns when it holds.
func (c *Client) ChangeSettings(ctx context.Context, change SettingsChange) (Settings, error) {
	var v Settings
	return v, c.call(ctx, http.MethodPut, "settings", change, &v)
}

func (s *Server) settings(_ context.Context, c Caller, _ *http.Request) (any, error) {
	return s.backend.Settings(c), nil
}

func (s *Server) changeSettings(ctx context.Context, c Caller, r *http.Request) (any, error) {
	var change SettingsChange
	if err := decode(r.Body, &change); err != nil {
		return nil, err
	}
	if err := change.validate(); err != nil {
		return nil, err
	}
	return s.backend.ChangeSettings(ctx, c, change)
}

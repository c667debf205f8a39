package provision

import (
	"errors"
	"fmt"
	"slices"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The words of a policy. Those of the kill switch and the local network are those of
// the computer's settings.
const (
	KillSwitchOff      = "off"
	KillSwitchOn       = "on"
	KillSwitchLockdown = "lockdown"

	LocalNetworkAllow  = "allow"
	LocalNetworkRefuse = "refuse"

	OwnProfilesEverybody      = "everybody"
	OwnProfilesAdministrators = "administrators"
)

// The settings that a policy can leave to people, as it writes them.
const (
	KillSwitchField   = "kill_switch"
	LocalNetworkField = "local_network"
)

// maxPolicy bounds a policy, in bytes.
const maxPolicy = 64 << 10

// Policy is what an administrator wants of a computer. What it does not say is for the
// computer's own settings and the profiles to say.
type Policy struct {
	// Organization is whose policy it is, in its own words.
	Organization string
	KillSwitch   string // KillSwitchOff and so on; empty: it does not say
	LocalNetwork string // LocalNetworkAllow and so on; empty: it does not say
	// UserMaySet names those of KillSwitchField and LocalNetworkField whose value here
	// counts only until somebody sets another on the computer.
	UserMaySet []string
	// AlwaysOn is the name or the identifier of a profile that was laid down, and that is
	// kept connected; empty: none is.
	AlwaysOn string
	// AlwaysOnID is the ID of that profile; empty: there is none.
	AlwaysOnID string
	// OwnProfiles says who may add and change profiles of their own.
	OwnProfiles string
	// Unknown: there is a policy, and what it says is not known. What held before is to
	// hold on, and nobody may change it.
	Unknown bool
}

// policyFile is the file.
type policyFile struct {
	Version      int      `json:"version"`
	Organization string   `json:"organization"`
	KillSwitch   string   `json:"kill_switch"`
	LocalNetwork string   `json:"local_network"`
	UserMaySet   []string `json:"user_may_set"`
	AlwaysOn     string   `json:"always_on"`
	OwnProfiles  string   `json:"own_profiles"`
}

// ParsePolicy reads a policy. The error says in half a sentence what is wrong with it.
func ParsePolicy(data []byte) (Policy, error) {
	if len(data) > maxPolicy {
		return Policy{}, fmt.Errorf("it is larger than %d bytes", maxPolicy)
	}
	if err := versionOf(data); err != nil {
		return Policy{}, err
	}
	var f policyFile
	if err := decode(data, &f); err != nil {
		return Policy{}, err
	}
	p := Policy{
		Organization: f.Organization, KillSwitch: f.KillSwitch, LocalNetwork: f.LocalNetwork,
		UserMaySet: f.UserMaySet, AlwaysOn: f.AlwaysOn, OwnProfiles: f.OwnProfiles,
	}
	return p, p.check()
}

func (p Policy) check() error {
	for _, w := range []struct {
		field, said string
		words       []string
	}{
		{KillSwitchField, p.KillSwitch, []string{KillSwitchOff, KillSwitchOn, KillSwitchLockdown}},
		{LocalNetworkField, p.LocalNetwork, []string{LocalNetworkAllow, LocalNetworkRefuse}},
		{"own_profiles", p.OwnProfiles, []string{OwnProfilesEverybody, OwnProfilesAdministrators}},
	} {
		if w.said != "" && !slices.Contains(w.words, w.said) {
			return fmt.Errorf("its %s can be %s, and not %q", w.field, alternatives(w.words), profile.CleanText(w.said, maxShown))
		}
	}
	for _, field := range p.UserMaySet {
		switch {
		case field != KillSwitchField && field != LocalNetworkField:
			return fmt.Errorf("its user_may_set can name %s and %s, and not %q", KillSwitchField, LocalNetworkField, profile.CleanText(field, maxShown))
		case field == KillSwitchField && p.KillSwitch == "", field == LocalNetworkField && p.LocalNetwork == "":
			return fmt.Errorf("its user_may_set names %s, of which it says nothing", field)
		}
	}
	for field, text := range map[string]string{"organization": p.Organization, "always_on": p.AlwaysOn} {
		if text != profile.CleanText(text, profile.MaxName) {
			return fmt.Errorf("its %s is longer than a name, or does not print", field)
		}
	}
	return nil
}

func alternatives(words []string) string {
	s := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			s += " or " + w
		} else {
			s += ", " + w
		}
	}
	return s
}

// Holds says that nobody may change a setting, for the policy has set it.
func (p Policy) Holds(field string) bool {
	said := field == KillSwitchField && p.KillSwitch != "" || field == LocalNetworkField && p.LocalNetwork != ""
	return p.Unknown || said && !slices.Contains(p.UserMaySet, field)
}

// errNoVersion is for a file that does not say how it is to be read.
var errNoVersion = errors.New(`it does not say its version ("version": 1)`)

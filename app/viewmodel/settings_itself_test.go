package viewmodel

import (
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// TestSettingsOfWhatComesByItself: what can be chosen, what is marked, and whose choice it
// is, by what the profile says and what an administrator has laid down.
func TestSettingsOfWhatComesByItself(t *testing.T) {
	t.Parallel()
	rules := []profile.Rule{{Action: profile.RuleConnect}}
	for _, c := range []struct {
		name    string
		itself  profile.OnDemand
		locked  []string
		policy  control.Settings
		choices []string
		on      string
		enabled bool
	}{
		{"made by hand", profile.OnDemand{}, nil, control.Settings{}, []string{"", "login"}, "", true},
		{"at login", profile.OnDemand{When: profile.WhenLogin}, nil, control.Settings{}, []string{"", "login"}, "login", true},
		{"with rules", profile.OnDemand{When: profile.WhenRules, Rules: rules}, nil, control.Settings{}, []string{"", "login", "rules"}, "rules", true},
		{"from the start on", profile.OnDemand{When: profile.WhenBoot}, nil, control.Settings{}, []string{"", "login", "boot", "always"}, "boot", true},
		{"locked", profile.OnDemand{When: profile.WhenLogin}, []string{"on_demand"}, control.Settings{}, []string{"", "login"}, "login", false},
		{"by policy", profile.OnDemand{}, nil, control.Settings{Managed: []string{control.ManagedAlwaysOn}, AlwaysOn: "1"}, []string{"", "login", "always"}, "always", false},
	} {
		in := Input{
			Link: LinkReady, Settings: c.policy, Selected: "1", Chosen: &profile.Profile{ID: "1", OnDemand: c.itself},
			Profiles: []control.ProfileInfo{{ID: "1", Name: "Office", Locked: c.locked}},
		}
		v := Settings(in, speak(t, "en"))
		i := slices.IndexFunc(v.Groups, func(g SettingGroup) bool { return g.Sentence == "Office" })
		if i < 0 {
			t.Fatalf("%s: there is no such setting", c.name)
		}
		var choices []string
		for _, choice := range v.Groups[i].Choices {
			choices = append(choices, choice.Choose.Value)
			if choice.On != (choice.Choose.Value == c.on) || choice.Enabled != c.enabled || choice.Choose.Profile != "1" {
				t.Errorf("%s: %+v", c.name, choice)
			}
		}
		if !slices.Equal(choices, c.choices) || (v.Groups[i].Managed != "") == c.enabled {
			t.Errorf("%s: %q, %q", c.name, choices, v.Groups[i].Managed)
		}
	}
	for _, g := range Settings(Input{Link: LinkReady}, speak(t, "en")).Groups {
		if slices.ContainsFunc(g.Choices, func(c SettingChoice) bool { return c.Choose.Kind == ActionAlways }) {
			t.Errorf("without a profile there is something to choose for it: %+v", g)
		}
	}
}

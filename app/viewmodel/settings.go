package viewmodel

import (
	"math"
	"slices"
	"strconv"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Settings makes the settings page.
func Settings(in Input, say Say) SettingsView {
	s := newScene(in, say)
	v := SettingsView{Title: s.s("settings.title"), Back: Button{Text: s.s("button.back"), Action: Action{Kind: ActionShowMain}}, About: s.aboutPage()}
	if in.Link == LinkReady {
		v.Groups = append(v.Groups, s.killSwitchGroup(), s.localNetworkGroup())
		if s.known() {
			v.Groups = append(v.Groups, s.itselfGroup())
		}
	}
	if in.Secrets != "" { // what is not known yet is not said to be nothing
		v.Groups = append(v.Groups, s.secretsGroup())
	}
	v.Groups = append(v.Groups, s.languageGroup())
	return v
}

// group begins a setting that the administrator's policy may hold.
func (s *scene) group(title, sentence, setting string) SettingGroup {
	g := SettingGroup{Title: title, Sentence: sentence}
	if s.in.Settings.Holds(setting) {
		g.Managed = s.managed()
	}
	return g
}

// killSwitchGroup has the modes in a sentence each.
func (s *scene) killSwitchGroup() SettingGroup {
	g := s.group(s.s("kill.label"), s.s("settings.kill"), control.ManagedKillSwitch)
	for _, mode := range []string{control.KillSwitchProfile, control.KillSwitchOff, control.KillSwitchOn, control.KillSwitchLockdown} {
		word := mode
		if mode == control.KillSwitchProfile {
			word = "profile"
		}
		c := SettingChoice{
			Text: s.s("settings.kill." + word), Sentence: s.s("settings.kill." + word + ".sentence"),
			On: s.in.Settings.KillSwitch == mode, Enabled: g.Managed == "" && (s.in.Settings.KillSwitch != control.KillSwitchLockdown || s.admin()),
			Choose: Action{Kind: ActionKillSwitch, Value: mode},
		}
		if mode == control.KillSwitchLockdown {
			c.Choose = Action{Kind: ActionAskLockdown}
			if !s.admin() {
				c.Enabled, c.Sentence = false, s.s("settings.kill.lockdown.admin")
			}
		}
		g.Choices = append(g.Choices, c)
	}
	return g
}

func (s *scene) localNetworkGroup() SettingGroup {
	g := s.group(s.s("fact.local"), s.s("settings.local"), control.ManagedLocalNetwork)
	for _, word := range []string{control.LocalNetworkProfile, control.LocalNetworkAllow, control.LocalNetworkRefuse} {
		key := word
		if word == control.LocalNetworkProfile {
			key = "profile"
		}
		g.Choices = append(g.Choices, SettingChoice{
			Text: s.s("settings.local." + key), Sentence: s.s("settings.local." + key + ".sentence"),
			On: s.in.Settings.LocalNetwork == word, Enabled: g.Managed == "",
			Choose: Action{Kind: ActionLocalNetwork, Value: word},
		})
	}
	return g
}

// itselfGroup is from when on the line of the profile that the window is about comes by
// itself.
func (s *scene) itselfGroup() SettingGroup {
	now, held := s.always(s.in.Chosen.OnDemand.When)
	g := SettingGroup{Title: s.s("field.when"), Sentence: Clean(s.subject.Name, maxName)}
	if held {
		g.Managed = s.managed()
	}
	choices := whenChoices(s.in.Chosen.OnDemand)
	if !slices.Contains(choices, string(now)) {
		choices = append(choices, string(now))
	}
	for _, when := range choices {
		word := when
		if word == string(profile.WhenNever) {
			word = "default"
		}
		g.Choices = append(g.Choices, SettingChoice{
			Text: s.s("field.when." + word), On: when == string(now), Enabled: !held,
			Choose: Action{Kind: ActionAlways, Profile: s.subject.ID, Value: when},
		})
	}
	return g
}

func (s *scene) secretsGroup() SettingGroup {
	g := SettingGroup{Title: s.s("settings.secrets"), Sentence: s.s("settings.secrets.sentence")}
	for _, mode := range []credential.Mode{credential.ModeKeychain, credential.ModePassphrase, credential.ModeAsk} {
		g.Choices = append(g.Choices, SettingChoice{
			Text: s.s("settings.secrets." + string(mode)), Sentence: s.s("settings.secrets." + string(mode) + ".sentence"),
			On: s.in.Secrets == mode, Enabled: true,
			Choose: Action{Kind: ActionSecrets, Value: string(mode)},
		})
	}
	return g
}

// languageNames are what the languages call themselves.
var languageNames = []struct{ code, name string }{
	{"en", "English"}, {"de", "Deutsch"}, {"fr", "Français"}, {"es", "Español"}, {"ja", "日本語"},
}

func (s *scene) languageGroup() SettingGroup {
	g := SettingGroup{Title: s.s("settings.language")}
	g.Choices = append(g.Choices, SettingChoice{
		Text: s.s("settings.language.system"), On: s.in.Language == "", Enabled: true, Choose: Action{Kind: ActionLanguage},
	})
	for _, l := range languageNames {
		g.Choices = append(g.Choices, SettingChoice{
			Text: l.name, On: s.in.Language == l.code, Enabled: true, Choose: Action{Kind: ActionLanguage, Value: l.code},
		})
	}
	return g
}

// TextSizes is the setting of how large texts are, which is the window's own: now is the
// size, sizes are those to choose from, 1 as they were made.
func TextSizes(now float64, sizes []float64, say Say) SettingGroup {
	t := texts{say: say}
	g := SettingGroup{Title: t.s("settings.text-size"), Sentence: t.s("settings.text-size.sentence")}
	for _, size := range sizes {
		g.Choices = append(g.Choices, SettingChoice{
			Text: t.with("settings.text-size.percent", data{"Percent": strconv.Itoa(int(math.Round(100 * size)))}),
			On:   size == now, Enabled: true,
			Choose: Action{Kind: ActionTextSize, Value: strconv.FormatFloat(size, 'f', -1, 64)},
		})
	}
	return g
}

// licence is the one in the file LICENSE.
const licence = "MIT License"

// aboutPage says what this program is.
func (s *scene) aboutPage() About {
	a := About{Title: s.s("about.title"), Text: s.s("about.text")}
	if s.in.Version != "" {
		a.Facts = append(a.Facts, Fact{s.s("about.version"), Clean(s.in.Version, maxName)})
	}
	a.Facts = append(a.Facts, Fact{s.s("about.licence"), licence})
	return a
}

package viewmodel

import (
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// cards are the kill switch and always-on.
func (s *scene) cards() []Card {
	if s.in.Link != LinkReady {
		return nil
	}
	list := []Card{s.killSwitchCard()}
	if s.known() {
		list = append(list, s.alwaysCard(s.in.Chosen.OnDemand.When))
	}
	return list
}

// known says that the profile is known whole that the window is about.
func (s *scene) known() bool {
	return s.in.Chosen != nil && s.subject != nil && s.in.Chosen.ID == s.subject.ID
}

// killMode is the mode that holds, or is about to.
func (s *scene) killMode() (mode string, working bool) {
	mode = s.st.KillSwitch.Mode
	if s.in.Wish.Kind == ActionKillSwitch {
		mode, working = s.in.Wish.Value, true
	}
	switch mode {
	case control.KillSwitchOn, control.KillSwitchLockdown:
		return mode, working
	}
	return control.KillSwitchOff, working
}

func (s *scene) killSwitchCard() Card {
	k := s.st.KillSwitch
	mode, working := s.killMode()
	c := Card{Kind: CardKillSwitch, Title: s.s("kill." + mode + ".title"), Sentence: s.s("kill." + mode + ".sentence"), Tone: ToneInfo}
	switch {
	case k.Alarm != "" || s.phase == phaseUnsure:
		c.Tone, c.Sentence = ToneBad, s.s("kill.unsure")
	case mode != control.KillSwitchOff && k.Engaged && k.Verified != nil:
		c.Tone, c.Sentence = ToneGood, s.upTo("sentences", maxWords, data{"First": s.s("kill." + mode + ".holds"), "Then": s.verified(*k.Verified)})
	}
	held := s.in.Settings.Holds(control.ManagedKillSwitch)
	if held {
		c.Sentence = s.upTo("sentences", maxWords, data{"First": c.Sentence, "Then": s.managed()})
	}
	c.Switch = Switch{
		Label: s.s("kill.label"), On: mode != control.KillSwitchOff, Working: working,
		Enabled: !working && !held && (mode != control.KillSwitchLockdown || s.admin()),
		TurnOn:  Action{Kind: ActionKillSwitch, Value: control.KillSwitchOn},
		TurnOff: Action{Kind: ActionKillSwitch, Value: control.KillSwitchOff},
	}
	c.More = &Button{Text: s.s("kill.more"), Action: Action{Kind: ActionShowSettings}}
	return c
}

// verified says when it was last proven that nothing leaves.
func (t texts) verified(when time.Time) string {
	if daysBetween(when.In(t.now.Location()), t.now) == 0 {
		return t.with("verified.today", data{"Time": t.at(when)})
	}
	return t.with("verified.before", data{"Time": t.at(when)})
}

// managed says who has set what a person cannot change.
func (s *scene) managed() string {
	if s.in.Settings.ManagedBy == "" {
		return s.s("managed")
	}
	return s.with("managed.by", data{"Who": s.in.Settings.ManagedBy})
}

// admin says that the person may be an administrator. Where the system has no user
// numbers, the service alone knows.
func (s *scene) admin() bool { return s.in.UID <= 0 }

// always is from when on the profile's line comes by itself in the end, and whether
// that is not the person's to change.
func (s *scene) always(when profile.When) (in profile.When, held bool) {
	held = s.in.Settings.Holds(control.ManagedAlwaysOn)
	if held && s.in.Settings.AlwaysOn == s.subject.ID {
		when = profile.WhenAlways
	}
	held = held || s.in.HoldsOwnProfiles() && !s.subject.Managed
	return when, held || slices.ContainsFunc(s.subject.Locked, func(path string) bool { return below("on_demand.when", path) })
}

func (s *scene) alwaysCard(when profile.When) Card {
	working := false
	if w := s.in.Wish; w.Kind == ActionAlways && w.Profile == s.subject.ID {
		when, working = profile.When(w.Value), true
	}
	when, held := s.always(when)
	state := "on"
	if when == profile.WhenNever {
		state = "off"
	}
	c := Card{
		Kind: CardAlways, Tone: ToneInfo,
		Title: s.s("always." + state + ".title"), Sentence: s.s("always." + whenWord(when) + ".sentence"),
		Switch: Switch{
			Label: s.s("always.label"), On: state == "on", Working: working, Enabled: !working && !held,
			TurnOn:  Action{Kind: ActionAlways, Profile: s.subject.ID, Value: string(profile.WhenLogin)},
			TurnOff: Action{Kind: ActionAlways, Profile: s.subject.ID, Value: string(profile.WhenNever)},
		},
	}
	if held {
		c.Sentence = s.upTo("sentences", maxWords, data{"First": c.Sentence, "Then": s.managed()})
	}
	return c
}

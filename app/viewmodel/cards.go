package viewmodel

import (
	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// cards are the kill switch and always-on.
func (s *scene) cards() []Card {
	if s.in.Link != LinkReady {
		return nil
	}
	list := []Card{s.killSwitchCard()}
	if s.in.Chosen != nil && s.subject != nil && s.in.Chosen.ID == s.subject.ID {
		list = append(list, s.alwaysCard(s.in.Chosen.OnDemand.When))
	}
	return list
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
		c.Tone, c.Sentence = ToneGood, s.with("kill."+mode+".verified", data{"Time": s.at(*k.Verified)})
	}
	c.Switch = Switch{
		Label: s.s("kill.label"), On: mode != control.KillSwitchOff, Working: working, Enabled: !working,
		TurnOn:  Action{Kind: ActionKillSwitch, Value: control.KillSwitchOn},
		TurnOff: Action{Kind: ActionKillSwitch, Value: control.KillSwitchOff},
	}
	return c
}

func (s *scene) alwaysCard(when profile.When) Card {
	working := false
	if w := s.in.Wish; w.Kind == ActionAlways && w.Profile == s.subject.ID {
		when, working = profile.When(w.Value), true
	}
	state, word := "on", whenWord(when)
	if when == profile.WhenNever {
		state = "off"
	}
	return Card{
		Kind: CardAlways, Tone: ToneInfo,
		Title: s.s("always." + state + ".title"), Sentence: s.s("always." + word + ".sentence"),
		Switch: Switch{
			Label: s.s("always.label"), On: state == "on", Working: working, Enabled: !working,
			TurnOn:  Action{Kind: ActionAlways, Profile: s.subject.ID, Value: string(profile.WhenLogin)},
			TurnOff: Action{Kind: ActionAlways, Profile: s.subject.ID, Value: string(profile.WhenNever)},
		},
	}
}

package viewmodel

import (
	"github.com/homeward-vpn/homeward/client/control"
)

// The Steps of a status.
const (
	stepResolving = "resolving"
	stepReaching  = "reaching"
	stepChecking  = "checking"
	stepSigningIn = "signing-in"
	stepSettingUp = "setting-up"
	stepWaiting   = "waiting"
)

func (s *scene) head() Head {
	h := Head{Over: s.profileName(), Mark: s.mark(), Title: s.s("head." + string(s.phase) + ".title"), Switch: s.lineSwitch()}
	if h.Over == "" {
		h.Over = s.s("app.name")
	}
	h.Sentence = s.headSentence()
	return h
}

// mark is the state of the window's subject by its shape.
func (s *scene) mark() Mark {
	switch s.phase {
	case phaseConnected:
		return MarkConnected
	case phaseConnecting, phaseReconnecting, phaseWaiting, phaseHolding, phaseDisconnecting, phaseStarting, phaseLost:
		return MarkConnecting
	case phaseBlocked:
		return MarkBlocked
	case phaseNeedsYou, phaseUnsure, phaseAbsent, phaseForeign, phaseVersion:
		return MarkNeedsYou
	case phaseOther:
		return s.lineMark()
	}
	return MarkDisconnected
}

// lineMark is the state of the line, whoever's it is.
func (s *scene) lineMark() Mark {
	switch s.state() {
	case control.StateConnected:
		if s.st.Path != nil && s.st.Path.Waiting {
			return MarkConnecting
		}
		return MarkConnected
	case control.StateConnecting, control.StateDisconnecting:
		return MarkConnecting
	case control.StateNeedsInput:
		if !s.needsPerson() && !s.st.Redacted {
			return MarkConnecting
		}
		return MarkNeedsYou
	case control.StateBlocked:
		if !s.st.KillSwitch.Engaged {
			return MarkNeedsYou
		}
		return MarkBlocked
	}
	return MarkDisconnected
}

func (s *scene) headSentence() string {
	switch s.phase {
	case phaseConnected:
		return s.connectedSentence()
	case phaseBlocked:
		return s.blockedSentence()
	case phaseOther:
		return s.s("head.other." + string(s.state()))
	case phaseElsewhere:
		return s.with("head.elsewhere.sentence", data{"Profile": s.st.Profile})
	case phaseNeedsYou:
		return s.needsYouSentence()
	case phaseIdle:
		if s.subject == nil {
			return s.s("head.idle.nothing")
		}
	case phaseAbsent, phaseForeign, phaseVersion, phaseLost, phaseStarting, phaseUnsure, phaseWaiting, phaseHolding:
		return s.s("head." + string(s.phase) + ".sentence")
	}
	if s.gateway() == "" {
		return s.s("head." + string(s.phase) + ".plain")
	}
	return s.with("head."+string(s.phase)+".sentence", data{"Gateway": s.gateway()})
}

// connectedSentence says since when, by which network and to where.
func (s *scene) connectedSentence() string {
	d := data{"Time": s.at(s.st.Since), "Gateway": s.gateway(), "Network": ""}
	if s.gateway() == "" {
		return s.with("head.connected.plain", d)
	}
	key := "head.connected.sentence"
	if n := s.st.Network; n != nil {
		switch name := Clean(n.Name, maxName); {
		case n.Kind == control.NetworkWiFi && name != "":
			key, d["Network"] = "head.connected.wifi", name
		case n.Kind == control.NetworkWiFi:
			key = "head.connected.wifi-hidden"
		case n.Kind == control.NetworkEthernet:
			key = "head.connected.ethernet"
		case n.Kind == control.NetworkCellular:
			key = "head.connected.cellular"
		}
	}
	return s.with(key, d)
}

// blockedSentence says what is held back, how it is opened and when that was proven.
func (s *scene) blockedSentence() string {
	sentence := s.s(s.blockedKey())
	if v := s.st.KillSwitch.Verified; v != nil {
		return s.upTo("sentences", maxWords, data{"First": sentence, "Then": s.verified(*v)})
	}
	return sentence
}

// blockedKey says what opens the network again.
func (s *scene) blockedKey() string {
	switch {
	case s.st.Redacted:
		return "head.blocked.other"
	case s.st.KillSwitch.Mode == control.KillSwitchLockdown:
		return "head.blocked.lockdown"
	}
	return "head.blocked.sentence"
}

func (s *scene) needsYouSentence() string {
	for _, p := range s.st.Prompts {
		switch p.Kind {
		case control.PromptPassword, control.PromptNewPassword, control.PromptFurther, control.PromptCode, control.PromptPSK,
			control.PromptCertificate, control.PromptChoice, control.PromptConsent:
			return s.s("head.needs-you." + string(p.Kind))
		}
	}
	return s.s("head.needs-you.sentence")
}

// lineSwitch is the large switch.
func (s *scene) lineSwitch() Switch {
	sw := Switch{TurnOff: Action{Kind: ActionDisconnect}}
	if p := s.subject; p != nil {
		sw.TurnOn = Action{Kind: ActionConnect, Profile: p.ID}
		sw.TurnOff.Profile = p.ID
		sw.Label = s.with("switch.connect", data{"Profile": p.Name})
	} else {
		sw.Label = s.s("switch.line")
	}
	switch s.phase {
	case phaseConnected, phaseHolding:
		sw.On, sw.Enabled = true, true
	case phaseConnecting, phaseReconnecting, phaseWaiting, phaseNeedsYou:
		sw.On, sw.Enabled, sw.Working = true, true, true
	case phaseDisconnecting:
		sw.Working = true
	case phaseIdle, phaseBlocked, phaseUnsure, phaseElsewhere:
		sw.Enabled = s.subject != nil && !s.st.Redacted
	}
	return sw
}

// steps are the steps of connecting, while it does.
func (s *scene) steps() []Step {
	if s.phase != phaseConnecting && s.phase != phaseNeedsYou && s.phase != phaseReconnecting {
		return nil
	}
	keys := []string{"step.reaching", "step.checking", "step.signing-in", "step.setting-up"}
	current := map[string]int{stepResolving: 0, stepReaching: 0, stepChecking: 1, stepSigningIn: 2, stepSettingUp: 3}[s.st.Step]
	if s.in.Wish.Kind == ActionConnect {
		current = 0 // the status is still of before
	}
	var list []Step
	for i, key := range keys {
		state := StepPending
		switch {
		case i < current:
			state = StepDone
		case i == current:
			state = StepCurrent
		}
		list = append(list, Step{Text: s.s(key), State: state})
	}
	return list
}

package viewmodel

import (
	"slices"

	"github.com/homeward-vpn/homeward/client/control"
)

// phase is what the window is about to say: the state of the line, as far as it
// concerns the profile that the window is about.
type phase string

// The phases. Each has its words below "head." in the translations.
const (
	phaseStarting      phase = "starting"
	phaseLost          phase = "lost" // the service answered before
	phaseAbsent        phase = "absent"
	phaseForeign       phase = "foreign"
	phaseVersion       phase = "version"
	phaseIdle          phase = "idle"
	phaseConnecting    phase = "connecting"
	phaseReconnecting  phase = "reconnecting" // an attempt has failed, and the next one comes
	phaseWaiting       phase = "waiting"      // for a network
	phaseNeedsYou      phase = "needs-you"
	phaseConnected     phase = "connected"
	phaseHolding       phase = "holding" // connected, and there is no network
	phaseDisconnecting phase = "disconnecting"
	phaseBlocked       phase = "blocked"
	phaseUnsure        phase = "unsure"    // blocked, and nothing vouches for it
	phaseOther         phase = "other"     // another user's line
	phaseElsewhere     phase = "elsewhere" // the line is by another profile
)

// scene is an Input with what follows from it for every view.
type scene struct {
	texts
	in      Input
	st      control.Status
	subject *control.ProfileInfo // whom the window is about; nil: there is no profile
	phase   phase
}

func newScene(in Input, say Say) *scene {
	s := &scene{texts: texts{say: say, now: in.Now}, in: in, st: in.Status}
	s.subject = s.find()
	s.phase = s.findPhase()
	return s
}

// active says that there is a line, or something that holds the network back.
func (s *scene) active() bool { return s.state() != control.StateDisconnected }

// state is the line's, with words of another service taken for the least.
func (s *scene) state() control.State {
	switch s.st.State {
	case control.StateConnecting, control.StateNeedsInput, control.StateConnected, control.StateDisconnecting, control.StateBlocked:
		return s.st.State
	}
	return control.StateDisconnected
}

// find gives the profile that the window is about.
func (s *scene) find() *control.ProfileInfo {
	list := s.in.Profiles
	for _, id := range []string{s.in.Selected, s.st.ProfileID} {
		if i := slices.IndexFunc(list, func(p control.ProfileInfo) bool { return id != "" && p.ID == id }); i >= 0 {
			return &list[i]
		}
	}
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// about says that the line is by this profile.
func (s *scene) about(p control.ProfileInfo) bool {
	return s.active() && !s.st.Redacted && p.ID != "" && p.ID == s.st.ProfileID
}

// own says that the line, or what holds the network back, concerns the subject.
func (s *scene) own() bool {
	switch s.phase {
	case phaseConnecting, phaseReconnecting, phaseWaiting, phaseNeedsYou, phaseConnected, phaseHolding, phaseDisconnecting:
		return true
	}
	return false
}

func (s *scene) findPhase() phase {
	switch s.in.Link {
	case LinkReady:
	case LinkLost:
		return phaseLost
	case LinkAbsent:
		return phaseAbsent
	case LinkForeign:
		return phaseForeign
	case LinkVersion:
		return phaseVersion
	default:
		return phaseStarting
	}
	switch {
	case s.st.Redacted && s.state() != control.StateBlocked && s.active():
		return phaseOther
	case s.state() == control.StateBlocked:
		return s.blockedPhase()
	case s.active() && s.subject != nil && !s.about(*s.subject) && s.st.ProfileID != "":
		if s.wishes(ActionConnect) {
			return phaseConnecting
		}
		return phaseElsewhere
	}
	return s.linePhase()
}

func (s *scene) blockedPhase() phase {
	switch {
	case s.wishes(ActionConnect):
		return phaseConnecting
	case s.wishes(ActionDisconnect) && s.st.KillSwitch.Mode != control.KillSwitchLockdown:
		return phaseDisconnecting
	case !s.st.KillSwitch.Engaged:
		return phaseUnsure
	}
	return phaseBlocked
}

// linePhase is the phase of a line that concerns the subject, or of none.
func (s *scene) linePhase() phase {
	state := s.state()
	if state != control.StateDisconnected && s.in.Wish.Kind == ActionDisconnect {
		return phaseDisconnecting
	}
	switch state {
	case control.StateConnecting:
		switch {
		case s.st.Step == stepWaiting:
			return phaseWaiting
		case s.st.Error != nil:
			return phaseReconnecting
		}
		return phaseConnecting
	case control.StateNeedsInput:
		if s.needsPerson() {
			return phaseNeedsYou
		}
		return phaseConnecting
	case control.StateConnected:
		if s.st.Path != nil && s.st.Path.Waiting {
			return phaseHolding
		}
		return phaseConnected
	case control.StateDisconnecting:
		return phaseDisconnecting
	}
	if s.wishes(ActionConnect) {
		return phaseConnecting
	}
	return phaseIdle
}

// needsPerson says that a question waits which the program cannot answer by itself: it
// may know the password, and then there is nothing that anybody has to see.
func (s *scene) needsPerson() bool {
	if s.in.Asking != nil || len(s.st.Prompts) == 0 {
		return true
	}
	return slices.ContainsFunc(s.st.Prompts, func(p control.Prompt) bool {
		switch p.Kind {
		case control.PromptPassword, control.PromptPSK, control.PromptCertificate, control.PromptSignature:
			return p.Fresh
		}
		return true
	})
}

// wishes says that the person wants that of the subject, and it does not show yet.
func (s *scene) wishes(kind ActionKind) bool {
	w := s.in.Wish
	return w.Kind == kind && (kind != ActionConnect || s.subject != nil && w.Profile == s.subject.ID)
}

// gateway is the subject's gateway as people call it.
func (s *scene) gateway() string {
	if s.own() && s.st.Gateway != nil && s.st.Gateway.Identity != "" && s.subject == nil {
		return s.st.Gateway.Identity
	}
	if s.subject != nil {
		return s.subject.Gateway
	}
	return ""
}

// profileName is the subject's, or that of the line.
func (s *scene) profileName() string {
	if s.subject != nil {
		return Clean(s.subject.Name, maxName)
	}
	return Clean(s.st.Profile, maxName)
}

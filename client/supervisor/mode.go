package supervisor

import (
	"github.com/homeward-vpn/homeward/client/diagnose"
)

// Mode is how much the kill switch holds back (see security.md).
type Mode uint8

// The modes.
const (
	Off      Mode = iota // routes only
	On                   // nothing leaves outside the tunnel until the user's Disconnect
	Lockdown             // nothing ever does, also after Disconnect and from boot on
)

var modeNames = [...]string{"off", "on", "lockdown"}

// String gives the name that the control API uses.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return "unknown"
}

// Setting is the machine's own word on the kill switch, which goes before what
// profiles say.
type Setting uint8

// The settings.
const (
	ProfileDecides Setting = iota
	SetOff
	SetOn
	SetLockdown
)

// mode is what holds of a request whose profile says so much.
func (s Setting) mode(profile Mode) Mode {
	if s == ProfileDecides {
		return profile
	}
	return Mode(s - SetOff)
}

// Mode is the mode in force: from the wish for a line on, also while an earlier one
// is still being taken down. Where nobody wants a line it is Lockdown or Off.
func (s State) Mode() Mode {
	if s.Setting == SetLockdown {
		return Lockdown
	}
	m := Off
	if s.Request != (Request{}) {
		m = s.Setting.mode(s.Request.KillSwitch)
	}
	if s.After.Then == ThenConnect {
		m = max(m, s.Setting.mode(s.After.Request.KillSwitch))
	}
	return m
}

// modeSet takes the machine's new setting. What is under way goes on under the
// policy of the new mode; where nobody wants a line, Lockdown closes and
// everything else opens.
func modeSet(s State, setting Setting) (State, []Effect) {
	s.Setting = setting
	switch {
	case s.Phase == Disconnected && s.Mode() == Lockdown:
		return lockDown(s)
	case s.Phase == Disconnected:
		return s, []Effect{Announce{}}
	case s.Phase == Blocked && s.Mode() == Off:
		switch s.Failure.Cause {
		case diagnose.CauseLockdown, diagnose.CauseServiceRestarted, diagnose.CausePolicyFailed:
			s.Failure = nil // it was why nothing could leave, and that is over
		}
		return wind(s, After{Then: ThenNothing})
	default:
		return reapply(s)
	}
}

// reapply sets the policy anew, as soon as the batch under way has told what
// became of it: its failure must not be lost.
func reapply(s State) (State, []Effect) {
	if s.batch != 0 {
		s.owed = true
		return s, []Effect{Announce{}}
	}
	return batch(s, policy(s, s.allowed()))
}

// allowed is what the policy allows in this state, where nothing is ordered.
func (s State) allowed() Allow {
	switch {
	case s.Phase == Blocked:
		return AllowNothing
	case s.network && s.tunnel != 0:
		return AllowTunnel
	default:
		return AllowGateway
	}
}

// lockDown is Blocked where nobody wants a line.
func lockDown(s State) (State, []Effect) {
	s = State{Phase: Blocked, Setting: s.Setting, serial: s.serial, protected: s.protected}
	s.Failure = &diagnose.Failure{Cause: diagnose.CauseLockdown}
	return batch(s, policy(s, AllowNothing))
}

// restarted begins where an earlier run of the service has ended.
func restarted(s State, e Restarted) (State, []Effect) {
	s.Setting, s.Request = e.Setting, e.Request
	if s.Mode() == Off {
		s.Request = Request{}
		return s, []Effect{Announce{}}
	}
	s.Phase, s.protected, s.resumed = Blocked, true, true
	switch {
	case e.Failure != nil:
		s.Failure, s.Unprotected = e.Failure, true
	case s.Request == (Request{}):
		s.Failure = &diagnose.Failure{Cause: diagnose.CauseLockdown}
	default:
		s.Failure = &diagnose.Failure{Cause: diagnose.CauseServiceRestarted}
	}
	return s, []Effect{Announce{}}
}

// policyLost is for a policy that stood and could not be set again.
func policyLost(s State, f *diagnose.Failure) (State, []Effect) {
	letGo := s.Phase == Disconnecting && s.After.Then == ThenNothing && s.Mode() != Lockdown
	if s.Mode() == Off || letGo {
		return s, nil
	}
	if f == nil {
		f = &diagnose.Failure{Cause: diagnose.CausePolicyFailed, Detail: "a policy was lost without a reason"}
	}
	s.Failure = f
	return unprotected(s)
}

// policyBack is for a policy that stands again.
func policyBack(s State) (State, []Effect) {
	if s.Phase != Blocked || !s.Unprotected {
		return s, nil
	}
	s.Unprotected = false
	switch {
	case s.Mode() == Off:
		return wind(s, After{Then: ThenNothing})
	case s.Request == (Request{}):
		s.Failure = &diagnose.Failure{Cause: diagnose.CauseLockdown}
	case s.resumed: // and now only the end of the earlier run is why
		s.Failure = &diagnose.Failure{Cause: diagnose.CauseServiceRestarted}
	case (s.WasUp || s.Request.AlwaysOn) && s.tunnel == 0 && s.batch == 0:
		return begin(s, s.Request)
	}
	return s, []Effect{Announce{}}
}

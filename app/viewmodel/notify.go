package viewmodel

import (
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// lastCall is how long before the end of a session a person is told of it while nobody
// looks: what renews itself has begun before.
const lastCall = 3 * time.Minute

// Notify decides what a person is told of a change while nobody looks at the window.
// before is the newest Input of before in which the service was there. Each thing is
// told once, when it begins; nothing else is told.
//
//	lost       a line that stood is being made anew, or has failed
//	blocked    nothing leaves any more
//	back       a line that was lost stands again
//	expiring   the session ends, and a person has to sign in for it to go on
//	needs-you  a question is shown that nobody but the person can answer
func Notify(before, after Input, say Say) []Notification {
	before.Selected, after.Selected = "", ""
	a, b := newScene(before, say), newScene(after, say)
	if a.in.Link != LinkReady || b.in.Link != LinkReady {
		return nil
	}
	var list []Notification
	switch {
	case !a.held() && b.held():
		list = append(list, b.blockedNotification())
	case a.up() && b.lost():
		list = append(list, b.notification(NotifyLost, a.profileName()))
	case a.lost() && b.up():
		list = append(list, b.notification(NotifyBack, b.profileName()))
	}
	switch {
	case !a.lastCall() && b.lastCall():
		list = append(list, b.notification(NotifyExpiring, b.profileName()))
	case a.in.Asking == nil && b.in.Asking != nil:
		list = append(list, b.notification(NotifyNeedsYou, b.profileName()))
	}
	return list
}

func (s *scene) notification(kind NotificationKind, profile string) Notification {
	d := data{"Profile": profile}
	return Notification{Kind: kind, Title: s.with("notify."+string(kind)+".title", d), Text: s.with("notify."+string(kind)+".text", d)}
}

// blockedNotification says what is held back and what opens it, or that it is not sure.
func (s *scene) blockedNotification() Notification {
	text := s.s("head.unsure.sentence")
	if s.phase == phaseBlocked {
		text = s.s(s.blockedKey())
	}
	return Notification{Kind: NotifyBlocked, Title: s.s("head." + string(s.phase) + ".title"), Text: text}
}

// held says that nothing leaves, or is to leave.
func (s *scene) held() bool { return s.phase == phaseBlocked || s.phase == phaseUnsure }

// lost says that there is no line, where the person wanted one and did not end it.
func (s *scene) lost() bool {
	switch s.phase {
	case phaseReconnecting, phaseWaiting:
		return true
	case phaseConnecting, phaseNeedsYou, phaseIdle:
		return s.st.Error != nil && s.in.Wish.Kind == "" && s.state() != control.StateDisconnecting
	}
	return false
}

// lastCall says that a person has to sign in for the session to go on.
func (s *scene) lastCall() bool {
	return s.expiring() && (s.asksAgain() || s.st.SignInAgainBy.Sub(s.now) <= lastCall)
}

package viewmodel

import (
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// expiringSoon is how long before its end a session is spoken of.
const expiringSoon = 15 * time.Minute

// mostNotices bounds how many bars there are: beyond it nobody reads.
const mostNotices = 8

// notices are the bars below the head, what matters most first.
func (s *scene) notices() []Notice {
	var list []Notice
	add := func(n *Notice) {
		if n != nil && len(list) < mostNotices {
			list = append(list, *n)
		}
	}
	add(s.alarmNotice())
	add(s.serviceNotice())
	add(s.questionNotice())
	add(s.failureNotice())
	add(s.blockedNotice())
	add(s.troubleNotice())
	if s.in.Link == LinkReady {
		add(s.portalNotice())
		add(s.expiringNotice())
		add(s.automaticNotice())
		for _, w := range s.st.Warnings {
			add(s.foreignNotice(NoticeWarning, ToneWarning, w))
		}
	}
	for _, w := range s.in.Told {
		add(s.foreignNotice(NoticeTold, ToneInfo, w))
	}
	if s.in.Forgotten != "" {
		add(s.notice(NoticeTold, ToneWarning, s.with("notice.forgotten", data{"Profile": s.in.Forgotten}), "", s.putAway(NoticeTold)))
	}
	if s.in.NoTray {
		add(&Notice{Kind: NoticeNoTray, Tone: ToneInfo, Text: s.s("notice.no-tray"), Buttons: []Button{s.putAway(NoticeNoTray)}})
	}
	return list
}

// notice makes a notice, with its details behind a click where there are some.
func (s *scene) notice(kind NoticeKind, tone Tone, text, detail string, buttons ...Button) *Notice {
	n := &Notice{Kind: kind, Tone: tone, Text: text, Detail: Clean(detail, MaxText), Buttons: buttons}
	if n.Detail != "" {
		n.Show = s.s("notice.details")
	}
	return n
}

func (s *scene) putAway(kind NoticeKind) Button {
	return Button{Text: s.s("notice.put-away"), Action: Action{Kind: ActionPutAway, Value: string(kind)}}
}

func (s *scene) foreignNotice(kind NoticeKind, tone Tone, sentence string) *Notice {
	text := Clean(sentence, maxWords)
	if text == "" {
		return nil
	}
	n := s.notice(kind, tone, text, "")
	if kind == NoticeTold {
		n.Buttons = []Button{s.putAway(kind)}
	}
	return n
}

// alarmNotice says that it is not sure that nothing leaves.
func (s *scene) alarmNotice() *Notice {
	if s.in.Link != LinkReady || s.st.KillSwitch.Alarm == "" {
		return nil
	}
	return s.notice(NoticeAlarm, ToneBad, s.s("notice.alarm"), s.st.KillSwitch.Alarm)
}

// serviceNotice says what to do where the service cannot be spoken to.
func (s *scene) serviceNotice() *Notice {
	switch s.phase {
	case phaseAbsent, phaseForeign, phaseVersion:
		return s.notice(NoticeService, ToneBad, s.s("notice."+string(s.phase)), s.in.LinkDetail)
	}
	return nil
}

func (s *scene) questionNotice() *Notice {
	if s.in.Link != LinkReady || s.in.Asking == nil && s.phase != phaseNeedsYou {
		return nil
	}
	return s.notice(NoticeQuestion, ToneNeeds, s.s("notice.question"), "",
		Button{Text: s.s("notice.question.answer"), Action: Action{Kind: ActionAnswer}, Primary: true})
}

// failureNotice says why there is no line.
func (s *scene) failureNotice() *Notice {
	e := s.st.Error
	if s.in.Link != LinkReady || e == nil || s.phase == phaseWaiting || s.in.Wish.Kind == ActionConnect {
		return nil
	}
	sentence, detail := s.failure(*e)
	if s.st.Redacted {
		sentence, detail = s.s(s.otherKey()), ""
	}
	n := s.notice(NoticeFailure, ToneBad, sentence, detail)
	if s.phase == phaseReconnecting {
		n.Tone = ToneWarning
	} else if !s.st.Redacted && s.subject != nil && (s.phase == phaseIdle || s.phase == phaseBlocked) {
		n.Buttons = []Button{{Text: s.s("button.try-again"), Action: Action{Kind: ActionConnect, Profile: s.subject.ID}, Primary: true}}
	}
	return n
}

// otherKey is what may be said of another user's failure.
func (s *scene) otherKey() string {
	if s.state() == control.StateBlocked {
		return "failure.other.blocked"
	}
	return "failure.other"
}

// blockedNotice says how the network is opened again.
func (s *scene) blockedNotice() *Notice {
	if (s.phase != phaseBlocked && s.phase != phaseUnsure) || s.st.Redacted {
		return nil
	}
	if s.st.KillSwitch.Mode == control.KillSwitchLockdown {
		return s.notice(NoticeBlocked, ToneInfo, s.s("notice.lockdown"), "")
	}
	return s.notice(NoticeBlocked, ToneInfo, s.s("notice.blocked"), "",
		Button{Text: s.s("button.open-network"), Action: Action{Kind: ActionDisconnect}})
}

// troubleNotice says why the last wish was not met.
func (s *scene) troubleNotice() *Notice {
	if s.in.Trouble == nil {
		return nil
	}
	text, detail := s.trouble(s.in.Trouble)
	return s.notice(NoticeTrouble, ToneBad, text, detail, s.putAway(NoticeTrouble))
}

func (s *scene) portalNotice() *Notice {
	p := s.st.Portal
	if p == nil || p.State != control.PortalCaptive || s.phase == phaseConnected {
		return nil
	}
	return s.notice(NoticePortal, ToneNeeds, s.s("notice.portal"), "",
		Button{Text: s.s("notice.portal.open"), Action: Action{Kind: ActionPortalSignIn}, Primary: true})
}

// expiringNotice says that the session ends soon, and has a button for it.
func (s *scene) expiringNotice() *Notice {
	if !s.expiring() {
		return nil
	}
	return s.notice(NoticeExpiring, ToneNeeds, s.with("notice.expiring", data{"In": s.until(*s.st.SignInAgainBy)}), "",
		Button{Text: s.s("notice.expiring.renew"), Action: Action{Kind: ActionRenew, Profile: s.st.ProfileID}, Primary: true})
}

// expiring says that the session ends soon unless the person signs in again.
func (s *scene) expiring() bool {
	by := s.st.SignInAgainBy
	return by != nil && s.in.Link == LinkReady && s.state() == control.StateConnected && !s.st.Redacted &&
		by.Sub(s.now) <= expiringSoon && by.After(s.now)
}

// automaticNotice says what the rules of a profile want, where that is not what is.
func (s *scene) automaticNotice() *Notice {
	a := s.st.Automatic
	if a == nil || a.Waiting == "" {
		return nil
	}
	return s.notice(NoticeAutomatic, ToneInfo, s.with("notice.automatic", data{"Profile": a.Profile}), a.Waiting+" "+a.Reason)
}

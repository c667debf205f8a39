package viewmodel

// Notify decides what a person is told of a change while nobody looks at the window.
func Notify(before, after Input, say Say) []Notification {
	before.Selected, after.Selected = "", ""
	a, b := newScene(before, say), newScene(after, say)
	if a.in.Link != LinkReady || b.in.Link != LinkReady {
		return nil
	}
	var list []Notification
	add := func(kind NotificationKind, name string) {
		d := data{"Profile": name}
		list = append(list, Notification{
			Kind: kind, Title: b.with("notify."+string(kind)+".title", d), Text: b.with("notify."+string(kind)+".text", d),
			Click: Action{Kind: ActionShowWindow},
		})
	}
	name := b.profileName()
	switch {
	case a.phase != phaseBlocked && b.phase == phaseBlocked:
		add(NotifyBlocked, name)
	case (a.phase == phaseConnected || a.phase == phaseHolding) && (b.phase == phaseReconnecting || b.phase == phaseIdle && b.st.Error != nil):
		add(NotifyLost, a.profileName())
	case (a.phase == phaseReconnecting || a.phase == phaseWaiting) && b.phase == phaseConnected:
		add(NotifyBack, name)
	case a.phase != phaseNeedsYou && b.phase == phaseNeedsYou:
		add(NotifyNeedsYou, name)
	}
	if !a.expiring() && b.expiring() {
		add(NotifyExpiring, name)
	}
	return list
}

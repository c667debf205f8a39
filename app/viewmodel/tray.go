package viewmodel

import "github.com/homeward-vpn/homeward/client/control"

// mostTrayProfiles bounds the menu: a panel cannot scroll.
const mostTrayProfiles = 12

// Tray makes the mark in the panel and its menu.
func Tray(in Input, say Say) TrayView {
	in.Selected = "" // the panel is about the line
	s := newScene(in, say)
	v := TrayView{Mark: s.mark()}
	v.Tooltip = s.traySentence()
	separator := TrayItem{Separator: true}
	v.Items = append(v.Items, TrayItem{Text: v.Tooltip, Disabled: true}, separator)
	v.Items = append(v.Items, s.trayTodo()...)
	v.Items = append(v.Items, s.trayProfiles()...)
	if s.in.Link == LinkReady {
		v.Items = append(v.Items, s.trayKillSwitch()...)
		v.Items = append(v.Items, separator)
	}
	v.Items = append(v.Items,
		TrayItem{Text: s.s("tray.open"), Action: Action{Kind: ActionShowWindow}},
		TrayItem{Text: s.trayQuit(), Action: Action{Kind: ActionQuit}})
	return v
}

// traySentence is the state as a sentence.
func (s *scene) traySentence() string {
	return s.with("tray."+string(s.phase), data{"Profile": s.profileName()})
}

// trayTodo is what waits for the person.
func (s *scene) trayTodo() []TrayItem {
	var items []TrayItem
	for _, n := range s.notices() {
		switch n.Kind {
		case NoticeQuestion, NoticePortal, NoticeExpiring, NoticeBlocked:
			for _, b := range n.Buttons {
				items = append(items, TrayItem{Text: b.Text, Action: b.Action})
			}
		}
	}
	if len(items) > 0 {
		items = append(items, TrayItem{Separator: true})
	}
	return items
}

// trayProfiles connect and disconnect.
func (s *scene) trayProfiles() []TrayItem {
	if s.in.Link != LinkReady || len(s.in.Profiles) == 0 {
		return nil
	}
	var items []TrayItem
	for i, p := range s.in.Profiles {
		if i == mostTrayProfiles {
			items = append(items, TrayItem{Text: s.s("tray.more"), Action: Action{Kind: ActionShowWindow}})
			break
		}
		item := TrayItem{Text: s.with("tray.connect", data{"Profile": p.Name}), Action: Action{Kind: ActionConnect, Profile: p.ID}, Disabled: s.st.Redacted && s.active()}
		if s.about(p) {
			item = TrayItem{Text: s.with("tray.disconnect", data{"Profile": p.Name}), Action: Action{Kind: ActionDisconnect, Profile: p.ID}, Disabled: s.phase == phaseDisconnecting}
		}
		items = append(items, item)
	}
	return append(items, TrayItem{Separator: true})
}

// trayKillSwitch has below it who holds it, where somebody does.
func (s *scene) trayKillSwitch() []TrayItem {
	c := s.killSwitchCard()
	a := c.Switch.TurnOn
	if c.Switch.On {
		a = c.Switch.TurnOff
	}
	items := []TrayItem{{Text: s.s("kill.label"), Checked: c.Switch.On, Disabled: !c.Switch.Enabled, Action: a}}
	if s.in.Settings.Holds(control.ManagedKillSwitch) {
		items = append(items, TrayItem{Text: s.managed(), Disabled: true})
	}
	return items
}

// trayQuit says whether the line stays up.
func (s *scene) trayQuit() string {
	if s.in.Link == LinkReady && s.active() && !s.st.Redacted {
		return s.s("tray.quit.stays")
	}
	return s.s("tray.quit")
}

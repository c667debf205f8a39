package viewmodel

import (
	"slices"

	"github.com/homeward-vpn/homeward/client/control"
)

func (s *scene) sidebar() Sidebar {
	side := Sidebar{
		Title: s.s("app.name"),
		Open:  Button{Text: s.s("sidebar.open"), Action: Action{Kind: ActionOpenFile}},
		Links: []Button{
			{Text: s.s("settings.title"), Action: Action{Kind: ActionShowSettings}},
			{Text: s.s("log.title"), Action: Action{Kind: ActionShowLog}},
		},
	}
	if s.in.HoldsOwnProfiles() {
		side.Open.Text, side.Open.Disabled = s.ownHeld(), true
	}
	words := map[Mark]string{}
	for _, p := range s.in.Profiles {
		m := s.rowMark(p)
		if _, ok := words[m]; !ok {
			words[m] = s.s("row." + string(m))
		}
		name := Clean(p.Name, maxName)
		if name == "" {
			name = s.s("row.unnamed")
		}
		side.Rows = append(side.Rows, ProfileRow{
			ID: p.ID, Name: name, Mark: m, State: words[m],
			Selected: s.subject != nil && p.ID == s.subject.ID,
			Select:   Action{Kind: ActionSelect, Profile: p.ID},
		})
	}
	return side
}

// rowMark is the state of one profile.
func (s *scene) rowMark(p control.ProfileInfo) Mark {
	switch {
	case s.in.Link != LinkReady:
		return MarkDisconnected
	case s.about(p):
		if s.subject != nil && s.subject.ID == p.ID {
			return s.mark()
		}
		return s.lineMark()
	case s.wishes(ActionConnect) && s.in.Wish.Profile == p.ID:
		return MarkConnecting
	}
	return MarkDisconnected
}

// profileMenu is what can be done with a profile. One that an administrator has laid
// down for everybody stays, and has the name that it was given. Where a policy or its
// administrator holds something, the menu begins with who that is.
func (s *scene) profileMenu(p control.ProfileInfo) []Button {
	item := func(key string, kind ActionKind, allowed bool) Button {
		return Button{Text: s.s(key), Action: Action{Kind: kind, Profile: p.ID}, Disabled: !allowed}
	}
	own := !s.in.HoldsOwnProfiles()
	named := !slices.Contains(p.Locked, "name")
	var menu []Button
	if !own || p.Managed || !named {
		menu = append(menu, Button{Text: s.managed(), Disabled: true})
	}
	return append(menu,
		item("menu.edit", ActionEdit, own || p.Managed),
		item("menu.rename", ActionAskRename, named && (own || p.Managed)),
		item("menu.duplicate", ActionDuplicate, own),
		item("menu.export", ActionAskExport, true),
		item("menu.forget", ActionForget, true),
		item("menu.remove", ActionAskRemove, !p.Managed && !s.about(p)),
	)
}

// ownHeld says who adds profiles, where the person may not.
func (s *scene) ownHeld() string {
	if s.in.Settings.ManagedBy == "" {
		return s.s("own.held")
	}
	return s.with("own.held.by", data{"Who": s.in.Settings.ManagedBy})
}

// empty is the first page: there is no profile, and nothing that matters more.
func (s *scene) empty() *Empty {
	if len(s.in.Profiles) > 0 || s.phase != phaseIdle {
		return nil
	}
	if s.in.HoldsOwnProfiles() {
		return &Empty{Title: s.s("own.held.title"), Sentence: s.ownHeld()}
	}
	return &Empty{
		Title: s.s("empty.title"), Sentence: s.s("empty.sentence"), Drop: s.s("empty.drop"),
		Buttons: []Button{
			{Text: s.s("empty.open"), Action: Action{Kind: ActionOpenFile}, Primary: true},
			{Text: s.s("empty.new"), Action: Action{Kind: ActionNew}},
		},
	}
}

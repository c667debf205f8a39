package viewmodel

// Main makes the window of what is known.
//
//	Input -> subject (whom it is about) -> head, notices, steps, traffic, facts,
//	technical details, cards
func Main(in Input, say Say) MainView {
	s := newScene(in, say)
	v := MainView{Title: s.s("app.name"), Sidebar: s.sidebar(), Notices: s.notices()}
	if v.Empty = s.empty(); v.Empty != nil {
		return v
	}
	v.Head = s.head()
	v.Steps = s.steps()
	v.Traffic = s.traffic()
	v.Facts = s.facts()
	v.Technical = s.technical()
	v.Cards = s.cards()
	if p := s.subject; p != nil {
		v.Menu = s.profileMenu(*p)
	}
	return v
}

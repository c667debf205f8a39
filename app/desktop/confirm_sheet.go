package desktop

import (
	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// newConfirmSheet is a question with yes and no, and with something to type or to
// choose where the answer needs it. done is called once, with the zero Action for no.
func newConfirmSheet(v viewmodel.ConfirmView, done func(viewmodel.Action)) *sheet {
	yes := v.Yes.Action
	press := func() { done(yes) }
	primary := primaryButton(v.Yes.Text, press)
	if v.Danger {
		primary = dangerButton(v.Yes.Text, press)
	}
	no := func() { done(viewmodel.Action{}) }
	content := column(gapNormal)
	s := newSheet(v.Title, content, no, plainButton(v.No, no), primary)
	var body []fyne.CanvasObject
	if v.Sentence != "" {
		body = append(body, newText(lookSentence, v.Sentence))
	}
	if v.Field != nil {
		input := newField("")
		input.SetText(v.Value)
		input.TypedShortcut(&fyne.ShortcutSelectAll{}) // so that typing replaces it
		allow(primary, v.Value != "")
		input.OnChanged = func(typed string) {
			yes.Value = typed
			allow(primary, typed != "")
		}
		yes.Value = v.Value
		body = append(body, labelled(v.Field.Label, input))
		s.first = input
	}
	if len(v.Options) > 0 {
		group := &choices{picked: -1, changed: func(at int) { yes.Value = v.Options[at].ID }}
		for _, o := range v.Options {
			group.add(o.Label, o.Detail, true)
		}
		group.pick(0)
		yes.Value = v.Options[0].ID
		body = append(body, column(gapSmall, group.objects()...))
		s.first = group.rows[0]
	}
	content.Objects = body
	return s
}

// newProblemSheet says that something did not work, and to whoever asks, why.
func newProblemSheet(v viewmodel.ProblemView, done func()) *sheet {
	shut := primaryButton(v.Close, done)
	content := column(gapNormal, newText(lookSentence, v.Sentence))
	s := newSheet(v.Title, content, done, shut)
	if v.Detail != "" {
		content.Add(newFold(v.Show, func() fyne.CanvasObject { return newCard(newText(lookMono, v.Detail)) }, s.Fit))
	}
	return s
}

// newPortalSheet shows that the network wants a sign-in. done is called with what the
// person wants, the zero Action for nothing.
func newPortalSheet(v viewmodel.PortalView, done func(viewmodel.Action)) *sheet {
	body := column(gapNormal, newText(lookSentence, v.Sentence))
	if v.URL != "" {
		body.Add(newCard(newText(lookMono, v.URL)))
	}
	if v.Detail != "" {
		body.Add(smallText(v.Detail))
	}
	open := primaryButton(v.Open.Text, func() { done(v.Open.Action) })
	allow(open, !v.Open.Disabled)
	shut := func() { done(viewmodel.Action{}) }
	s := newSheet(v.Title, body, shut, plainButton(v.Close, shut), open)
	return s
}

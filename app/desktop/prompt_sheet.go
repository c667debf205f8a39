package desktop

import (
	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/credential"
)

// promptSheet is a question to the person. A sheet that is answered is taken away by
// whoever shows it.
type promptSheet struct {
	*sheet
	submits *button
	kind    credential.Kind
	options []viewmodel.PromptOption
	fields  []*field
	repeats []bool
	choices *choices
	forget  *option // ticked: it is kept; nil: it never is
	problem *callout
	check   func(typed []string) string // what is wrong with it, in a sentence
	reply   func(credential.Reply, error)
}

// newPromptSheet draws a question. check says what is wrong with what was typed, before
// it is an answer.
func newPromptSheet(kind credential.Kind, v viewmodel.PromptView, check func([]string) string, reply func(credential.Reply, error)) *promptSheet {
	p := &promptSheet{kind: kind, options: v.Options, check: check, reply: reply, problem: newCallout(viewmodel.ToneBad, "")}
	p.problem.Hide()
	body := []fyne.CanvasObject{}
	if v.Why != "" {
		body = append(body, newText(lookSentence, v.Why))
	}
	if v.Refused != "" {
		body = append(body, newCallout(viewmodel.ToneBad, v.Refused))
	}
	if v.Quote != nil {
		body = append(body, newQuote(*v.Quote))
	}
	body = append(body, p.inputs(v)...)
	body = append(body, p.problem)
	if v.Remember != nil {
		p.forget = newTick(v.Remember.Text, v.Remember.On, nil)
		body = append(body, p.forget)
	}
	if v.Expires != "" {
		body = append(body, smallText(v.Expires))
	}
	decline := func() { p.answer(credential.Reply{}, credential.ErrDeclined) }
	p.submits = primaryButton(v.Submit, p.submit)
	p.sheet = newSheet(v.Title, column(gapNormal, body...), decline, plainButton(v.Cancel, decline), p.submits)
	p.asks = true
	switch {
	case len(p.fields) > 0:
		p.first = p.fields[0]
	case p.choices != nil:
		p.first = p.choices.rows[0]
	}
	p.allow()
	return p
}

// inputs are the fields to type in and the things to choose from.
func (p *promptSheet) inputs(v viewmodel.PromptView) (list []fyne.CanvasObject) {
	for _, f := range v.Fields {
		input := newField("")
		if f.Secret {
			input = secretField()
		}
		input.OnChanged = func(string) { p.allow() }
		p.fields = append(p.fields, input)
		p.repeats = append(p.repeats, f.Repeat)
		list = append(list, labelled(f.Label, input))
	}
	if len(v.Options) > 0 {
		p.choices = &choices{picked: -1, changed: func(int) { p.allow() }}
		for _, o := range v.Options {
			p.choices.add(o.Label, o.Detail, true)
		}
		list = append(list, column(gapSmall, p.choices.objects()...))
	}
	return list
}

// allow lets the primary button be pressed when there is something in every field.
func (p *promptSheet) allow() {
	yes := p.choices == nil || p.choices.picked >= 0
	for _, f := range p.fields {
		yes = yes && f.Text != ""
	}
	allow(p.submits, yes)
}

func (p *promptSheet) submit() {
	typed := make([]string, len(p.fields))
	for i, f := range p.fields {
		typed[i] = f.Text
	}
	if wrong := p.check(typed); wrong != "" {
		p.problem.Set(wrong)
		p.problem.Show()
		p.Fit()
		fyne.CurrentApp().Driver().CanvasForObject(p).Focus(p.fields[len(p.fields)-1])
		return
	}
	r := credential.Reply{Once: p.forget != nil && !p.forget.on}
	switch {
	case p.kind == credential.KindText:
		r.Text = p.fields[0].Text
	case p.choices != nil:
		r.Choice = p.options[p.choices.picked].ID
	case len(p.fields) > 0:
		r.Secret = p.fields[0].take()
	}
	p.answer(r, nil)
}

func (p *promptSheet) answer(r credential.Reply, err error) {
	p.empty()
	p.reply(r, err)
}

// empty leaves nothing in the fields. What Fyne has made of it in between is its own,
// and goes with the sheet.
func (p *promptSheet) empty() {
	for _, f := range p.fields {
		f.OnChanged = nil
		f.SetText("")
	}
}

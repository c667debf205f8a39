package desktop

import (
	"strings"

	"fyne.io/fyne/v2"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/credential"
)

// promptSheet is a question to the person. A sheet that is answered is taken away by
// whoever shows it.
type promptSheet struct {
	*sheet
	submits  *button
	kind     credential.Kind
	view     viewmodel.PromptView
	user     *field   // the user name, where that is asked along
	fields   []*field // the others
	choices  *choices
	remember *option // nil: it is never kept
	problem  *callout
	reply    func(credential.Reply, error)
}

// newPromptSheet draws a question. reply is called once.
func newPromptSheet(kind credential.Kind, v viewmodel.PromptView, reply func(credential.Reply, error)) *promptSheet {
	p := &promptSheet{kind: kind, view: v, reply: reply, problem: newCallout(viewmodel.ToneBad, "")}
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
		p.remember = newTick(v.Remember.Text, v.Remember.On, nil)
		body = append(body, p.remember)
	}
	if v.Expires != "" {
		body = append(body, smallText(v.Expires))
	}
	decline := func() { p.answer(credential.Reply{}, credential.ErrDeclined) }
	p.submits = primaryButton(v.Submit, p.submit)
	p.sheet = newSheet(v.Title, column(gapNormal, body...), decline, plainButton(v.Cancel, decline), p.submits)
	p.asks = true
	switch {
	case p.user != nil:
		p.first = p.user
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
		if f.User {
			p.user = input
		} else {
			p.fields = append(p.fields, input)
		}
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
	yes := (p.choices == nil || p.choices.picked >= 0) && (p.user == nil || strings.TrimSpace(p.user.Text) != "")
	for _, f := range p.fields {
		yes = yes && f.Text != ""
	}
	allow(p.submits, yes)
}

func (p *promptSheet) submit() {
	if wrong := p.wrong(); wrong != "" {
		p.problem.Set(wrong)
		p.problem.Show()
		p.Fit()
		if c := fyne.CurrentApp().Driver().CanvasForObject(p.sheet); c != nil {
			c.Focus(p.fields[0])
		}
		return
	}
	r := credential.Reply{Once: p.remember != nil && !p.remember.on}
	switch {
	case p.kind == credential.KindText:
		r.Text = strings.TrimSpace(p.fields[0].Text)
	case p.choices != nil:
		r.Choice = p.view.Options[p.choices.picked].ID
	case len(p.fields) > 0:
		r.Secret = p.fields[0].take()
	}
	if p.user != nil {
		r.Text = strings.TrimSpace(p.user.Text)
	}
	p.answer(r, nil)
}

// wrong says in a sentence what is wrong with what was typed; empty: nothing.
func (p *promptSheet) wrong() string {
	var typed [2][]byte
	for i, f := range p.fields {
		typed[i] = []byte(f.Text)
	}
	defer clear(typed[0])
	defer clear(typed[1])
	return p.view.Problem(typed[0], typed[1])
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

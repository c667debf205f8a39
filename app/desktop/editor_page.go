package desktop

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/client/profile"
)

// editorPage is the form of one profile:
//
//	what is typed -> Draft.With -> viewmodel.Editor -> the fields that are shown, and what
//	is wrong with each
//
// A field that stays is the same widget, so that the keyboard stays in it.
type editorPage struct {
	d      *Desktop
	draft  viewmodel.Draft
	save   func(*profile.Profile)
	inputs map[viewmodel.FieldID]*formInput
	cards  map[string]*fyne.Container
	more   bool // the rare fields are shown

	fields  *fyne.Container
	moreRow *fyne.Container
	saves   *button
	scroll  *scrolled
	filling bool // values are set by the program
}

// ShowEditor opens the form of a profile. save is called with what the person has made
// of it, once for each press of the button; the page stays until CloseEditor.
func (d *Desktop) ShowEditor(draft viewmodel.Draft, save func(*profile.Profile)) {
	e := &editorPage{d: d, draft: draft, save: save, inputs: map[viewmodel.FieldID]*formInput{}, cards: map[string]*fyne.Container{}}
	v := viewmodel.Editor(draft, d.config.Say)
	head := []fyne.CanvasObject{newText(lookState, v.Title)}
	if v.Sentence != "" {
		head = append(head, newText(lookSentence, v.Sentence))
	}
	if v.Locked != "" {
		head = append(head, newCallout(viewmodel.ToneInfo, v.Locked))
	}
	e.fields, e.moreRow = column(gapLarge), flow(0, e.moreButton(v.More))
	e.saves = primaryButton(v.Save.Text, e.done)
	foot := inset(pageAcross, gapNormal, flow(gapSmall, e.saves, plainButton(v.Cancel, d.CloseEditor)))
	e.scroll = newScrolled(column(gapLarge, column(gapSmall, head...), e.fields), pageAcross, pageDown, pageWidest)
	e.show(v)
	d.editor = e
	d.SetPage(EditorPage, container.NewBorder(nil, column(0, newRule(), foot), nil, nil, e.scroll))
	d.Open(EditorPage)
	if first := e.first(v); first != nil {
		d.window.Canvas().Focus(first)
	}
}

// CloseEditor leaves the form. What was not saved is lost.
func (d *Desktop) CloseEditor() {
	d.editor = nil
	d.Open(MainPage)
}

// first is the first field that can be filled in.
func (e *editorPage) first(v viewmodel.EditorView) fyne.Focusable {
	for _, f := range v.Groups[0].Fields {
		if in, ok := e.inputs[f.ID].input.(fyne.Focusable); ok && !f.Locked {
			return in
		}
	}
	return nil
}

func (e *editorPage) done() {
	if p, ok := e.draft.Profile(); ok {
		e.save(p)
	}
}

// change puts what the person has entered into the draft.
func (e *editorPage) change(id viewmodel.FieldID, value string) {
	if e.filling {
		return
	}
	e.draft = e.draft.With(id, value)
	e.show(viewmodel.Editor(e.draft, e.d.config.Say))
}

// show draws the fields of a view.
func (e *editorPage) show(v viewmodel.EditorView) {
	e.filling = true
	defer func() { e.filling = false }()
	var groups, rare []fyne.CanvasObject
	for _, g := range v.Groups {
		card := e.group(g)
		if g.Rare {
			rare = append(rare, card)
		} else {
			groups = append(groups, card)
		}
	}
	if len(rare) > 0 {
		groups = append(groups, e.moreRow)
	}
	if e.more {
		groups = append(groups, rare...)
	}
	allow(e.saves, !v.Save.Disabled)
	if !slices.Equal(e.fields.Objects, groups) {
		e.fields.Objects = groups
		e.fields.Refresh()
	}
	e.scroll.Fit()
}

// moreButton shows the rare fields, or hides them.
func (e *editorPage) moreButton(name string) *button {
	more := newDisclosure(name, func(open bool) {
		e.more = open
		e.show(viewmodel.Editor(e.draft, e.d.config.Say))
	})
	return more.link
}

// group is a card of fields that belong together. It is the one of before as long as
// the fields are.
func (e *editorPage) group(g viewmodel.FormGroup) fyne.CanvasObject {
	parts, key := []fyne.CanvasObject{nameText(g.Title)}, g.Title
	for _, f := range g.Fields {
		in := e.inputs[f.ID]
		if in == nil {
			in = e.newInput(f)
			e.inputs[f.ID] = in
		}
		in.set(f)
		parts, key = append(parts, in.box), key+" "+string(f.ID)
	}
	if e.cards[key] == nil {
		e.cards[key] = newCard(column(gapNormal, parts...))
	}
	return e.cards[key]
}

// formInput is one field with its label, its help and what is wrong with it.
type formInput struct {
	input   fyne.CanvasObject
	options []viewmodel.PromptOption
	help    *text
	problem *text
	chosen  *text // of a file
	box     *fyne.Container
}

func (e *editorPage) newInput(f viewmodel.FormField) *formInput {
	in := &formInput{options: f.Options, help: smallText(f.Help), problem: newText(look{size: SizeSmall, color: ColorBlocked}, "")}
	switch f.Kind {
	case viewmodel.FieldText, viewmodel.FieldLines:
		line := newField(f.Hint)
		if f.Kind == viewmodel.FieldLines {
			line = linesField(f.Hint, 3)
		}
		line.OnChanged = func(typed string) { e.change(f.ID, typed) }
		in.input = line
	case viewmodel.FieldChoice:
		var names []string
		for _, o := range f.Options {
			names = append(names, o.Label)
		}
		in.input = newPicker(names, in.at(f.Value), func(at int) { e.change(f.ID, in.options[at].ID) })
	case viewmodel.FieldFile:
		in.chosen = bodyText("")
		in.input = plainButton(f.Choose, func() { e.d.chooseText(func(text string) { e.change(f.ID, text) }) })
	}
	parts := []fyne.CanvasObject{labelled(f.Label, in.input)}
	if in.chosen != nil {
		parts = []fyne.CanvasObject{column(gapTight, smallText(f.Label), in.chosen, flow(0, in.input))}
	}
	in.box = column(gapTight, append(parts, in.problem, in.help)...)
	return in
}

// at is the place of an option.
func (in *formInput) at(id string) int {
	return slices.IndexFunc(in.options, func(o viewmodel.PromptOption) bool { return o.ID == id })
}

// set shows what the draft says.
func (in *formInput) set(f viewmodel.FormField) {
	in.problem.Set(f.Problem)
	in.problem.Hidden = f.Problem == ""
	in.help.Hidden = f.Help == "" || f.Problem != ""
	switch input := in.input.(type) {
	case *field:
		if input.Text != f.Value {
			input.SetText(f.Value)
		}
		if input.PlaceHolder != f.Hint {
			input.SetPlaceHolder(f.Hint)
		}
	case *picker:
		if at := in.at(f.Value); at >= 0 && at != input.SelectedIndex() {
			input.SetSelectedIndex(at)
		}
	case *button:
		in.chosen.Set(strings.TrimSpace(f.Value))
		in.chosen.Hidden = f.Value == ""
	}
	if d, ok := in.input.(interface {
		Enable()
		Disable()
		Disabled() bool
	}); ok && d.Disabled() != f.Locked {
		if f.Locked {
			d.Disable()
		} else {
			d.Enable()
		}
	}
}

package desktop

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// field is a line to type in, or several. Enter and Escape mean the same wherever the
// keyboard is, so it passes on what it has no use for.
type field struct {
	widget.Entry
	label string // what stands above it
}

func newField(hint string) *field {
	f := new(field)
	f.PlaceHolder = hint
	f.ExtendBaseWidget(f)
	record(f)
	return f
}

// secretField does not show what is typed, unless the person wants to see it.
func secretField() *field {
	f := newField("")
	f.Password = true
	return f
}

// linesField takes several lines.
func linesField(hint string, rows int) *field {
	f := newField(hint)
	f.MultiLine = true
	f.Wrapping = fyne.TextWrapOff
	f.SetMinRowsVisible(rows)
	return f
}

// TypedKey implements fyne.Focusable.
func (f *field) TypedKey(e *fyne.KeyEvent) {
	enter := e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter
	if e.Name == fyne.KeyEscape || enter && !f.MultiLine {
		passOn(f, e)
		return
	}
	f.Entry.TypedKey(e)
}

// take gives what was typed and empties the field.
func (f *field) take() []byte {
	typed := []byte(f.Text)
	f.SetText("")
	return typed
}

func (f *field) describe() Shown { return Shown{Kind: "field", Text: f.label, Disabled: f.Disabled()} }

// picker is a list that opens, of which one is chosen.
type picker struct {
	widget.Select
	label string
}

// newPicker makes one. changed is called with the place of what the person chooses.
func newPicker(options []string, picked int, changed func(at int)) *picker {
	p := new(picker)
	p.Options = options
	if picked >= 0 && picked < len(options) {
		p.Selected = options[picked]
	}
	p.OnChanged = func(string) { changed(p.SelectedIndex()) }
	p.ExtendBaseWidget(p)
	record(p)
	return p
}

// TypedKey implements fyne.Focusable.
func (p *picker) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeyEscape:
		passOn(p, e)
	default:
		p.Select.TypedKey(e)
	}
}

// CreateRenderer implements fyne.Widget. Fyne's own has no edge, and is not to be told
// from the card that it stands on.
func (p *picker) CreateRenderer() fyne.WidgetRenderer {
	edge := newPanel("", theme.ColorNameInputBorder, theme.InputRadiusSize())
	return &pickerRenderer{WidgetRenderer: p.Select.CreateRenderer(), edge: edge}
}

type pickerRenderer struct {
	fyne.WidgetRenderer
	edge *panel
}

// Objects implements fyne.WidgetRenderer.
func (r *pickerRenderer) Objects() []fyne.CanvasObject {
	return append(slices.Clone(r.WidgetRenderer.Objects()), r.edge)
}

// Layout implements fyne.WidgetRenderer.
func (r *pickerRenderer) Layout(size fyne.Size) {
	r.WidgetRenderer.Layout(size)
	r.edge.Resize(size)
}

// Refresh implements fyne.WidgetRenderer.
func (r *pickerRenderer) Refresh() {
	r.WidgetRenderer.Refresh()
	r.edge.Refresh()
}

func (p *picker) describe() Shown {
	return Shown{Kind: "picker", Text: p.label, Disabled: p.Disabled()}
}

// labelled puts a name above what is entered.
func labelled(name string, input fyne.CanvasObject) *fyne.Container {
	switch input := input.(type) {
	case *field:
		input.label = name
	case *picker:
		input.label = name
	}
	return column(gapTight, smallText(name), input)
}

// allow enables a button or disables it.
func allow(b *button, yes bool) {
	if yes {
		b.Enable()
	} else {
		b.Disable()
	}
}

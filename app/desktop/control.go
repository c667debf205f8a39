package desktop

import (
	"fyne.io/fyne/v2"
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

// labelled puts a name above what is entered.
func labelled(name string, input fyne.CanvasObject) *fyne.Container {
	if f, ok := input.(*field); ok {
		f.label = name
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

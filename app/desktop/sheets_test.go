package desktop

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// TestSheetsStandInOrder: the front sheet has the keys; what the person opens goes
// before what they have opened, and behind a question; whichever goes, the others stay
// as they are, with the keyboard where it was.
func TestSheetsStandInOrder(t *testing.T) {
	d := New(newTestApp(t, theme.VariantLight, 1), Config{})
	pressed := ""
	make := func(name string) *sheet {
		f := newField("")
		s := newSheet(name, column(0, f), func() { pressed += "-" + name }, primaryButton(name, func() { pressed += "+" + name }))
		s.first = f
		return s
	}
	key := func(want string, names ...fyne.KeyName) {
		t.Helper()
		pressed = ""
		for _, n := range names {
			if f := d.window.Canvas().Focused(); f != nil {
				f.TypedKey(&fyne.KeyEvent{Name: n})
			} else {
				d.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: n})
			}
		}
		if pressed != want {
			t.Errorf("pressed %q, want %q", pressed, want)
		}
	}
	one, two, question := make("one"), make("two"), make("question")
	question.asks = true
	d.sheets.below(one)
	key("+one-one", fyne.KeyReturn, fyne.KeyEscape)
	d.sheets.show(question)
	key("+question", fyne.KeyEnter)
	d.sheets.below(two)
	key("-question", fyne.KeyEscape)
	if d.window.Canvas().Focused() != question.first {
		t.Error("the question has lost the keyboard")
	}
	d.Dismiss(one)
	key("+question", fyne.KeyReturn)
	d.Dismiss(question)
	key("+two", fyne.KeyReturn)
	d.Dismiss(question) // it has gone
	d.Dismiss(two)
	if len(d.window.Canvas().Overlays().List()) != 0 || d.sheets.front() != nil {
		t.Error("something stays over the window")
	}
	key("", fyne.KeyReturn)
}

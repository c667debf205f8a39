package desktop

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
)

// newTestApp is Fyne's app for tests in our theme. Fyne has one app at a time,
// so tests with one do not run beside each other.
func newTestApp(t testing.TB, variant fyne.ThemeVariant, textScale float32) fyne.App {
	t.Helper()
	a := test.NewTempApp(t)
	applyTheme(t, NewTheme().WithTextScale(textScale).WithVariant(variant))
	return a
}

// applyTheme waits until the theme is the app's: Fyne's app for tests takes it over, and
// forgets what it has measured, beside the test.
func applyTheme(t testing.TB, look fyne.Theme) {
	switch t := t.(type) {
	case *testing.T:
		test.ApplyTheme(t, look)
	default: // a benchmark measures time, and no picture
		fyne.CurrentApp().Settings().SetTheme(look)
	}
}

func TestAButtonIsPressedByClickSpaceAndEnter(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	w := a.NewWindow("")
	times := 0
	b := primaryButton("Connect", func() { times++ })
	w.SetContent(b)
	test.Tap(b)
	for _, key := range []fyne.KeyName{fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter} {
		b.TypedKey(&fyne.KeyEvent{Name: key})
	}
	b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyA})
	b.Disable()
	test.Tap(b)
	if times != 4 {
		t.Errorf("pressed %d times", times)
	}
}

func TestEscapeCancelsTheSheetFromItsButtons(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	d := New(a, Config{})
	cancelled := false
	ok := primaryButton("Open", nil)
	var s *sheet
	s = newSheet("Title", quietText("Body"), func() { cancelled = true; d.Dismiss(s) }, ok)
	d.Present(s, ok)
	if d.window.Canvas().Focused() != fyne.Focusable(ok) {
		t.Fatal("the sheet's button has not got the keyboard")
	}
	ok.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if !cancelled || d.window.Canvas().Overlays().Top() != nil {
		t.Error("Escape did not close the sheet")
	}
}

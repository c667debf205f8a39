package desktop

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// usable finds everything that a click does something with and that is seen.
func usable(o fyne.CanvasObject) (found []fyne.CanvasObject) {
	if !o.Visible() {
		return nil
	}
	switch o := o.(type) {
	case *profileRows: // one stop for all its rows
		return []fyne.CanvasObject{o}
	case *sheet: // keeps clicks from what is below it
		for _, c := range test.WidgetRenderer(o).Objects() {
			found = append(found, usable(c)...)
		}
		return found
	case *container.Scroll:
		return usable(o.Content)
	case *fyne.Container:
		for _, c := range o.Objects {
			found = append(found, usable(c)...)
		}
		return found
	}
	if d, ok := o.(fyne.Disableable); ok && d.Disabled() {
		return nil
	}
	if _, ok := o.(fyne.Tappable); ok {
		return []fyne.CanvasObject{o}
	}
	if w, ok := o.(fyne.Widget); ok {
		for _, c := range test.WidgetRenderer(w).Objects() {
			found = append(found, usable(c)...)
		}
	}
	return found
}

// TestTabReachesEverything in every scene, and comes back to where it began.
func TestTabReachesEverything(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	for _, name := range sceneNames {
		d := open(t, a, speak(t, "en"), name, fyne.NewSize(windowWidth, windowHeight))
		c := d.window.Canvas()
		reached := map[fyne.Focusable]bool{}
		for range 100 {
			c.FocusNext()
			if f := c.Focused(); f != nil {
				reached[f] = true
			}
		}
		things := usable(d.window.Content())
		if len(things) < 4 {
			t.Errorf("%s: only %d things can be used", name, len(things))
		}
		for _, o := range things {
			if f, ok := o.(fyne.Focusable); !ok || !reached[f] {
				t.Errorf("%s: the keyboard does not reach %T %s", name, o, thing(o))
			}
		}
		d.Window().Close()
	}
}

// TestKeysDoWhatClicksDo: Space and Enter on whatever the keyboard is at.
func TestKeysDoWhatClicksDo(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	say := speak(t, "en")
	var done []viewmodel.Action
	d := New(a, Config{Say: say, Do: func(a viewmodel.Action) { done = append(done, a) }})
	d.Window().Show()
	d.Show(viewmodel.Main(scene("failed"), say))
	for _, o := range usable(d.window.Content()) {
		b, ok := o.(*button)
		if !ok || b.sign != nil && b.after { // what unfolds has no action
			continue
		}
		var ways [][]viewmodel.Action
		for _, press := range []func(){
			func() { test.Tap(b) },
			func() { b.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace}) },
			func() { b.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn}) },
		} {
			done = nil
			press()
			ways = append(ways, done)
		}
		for _, way := range ways[1:] {
			if fmt.Sprint(way) != fmt.Sprint(ways[0]) {
				t.Errorf("%q: a click does %v, a key %v", b.Text(), ways[0], way)
			}
		}
	}
	for _, key := range []fyne.KeyName{fyne.KeySpace, fyne.KeyReturn} {
		done = nil
		d.main.toggle.TypedKey(&fyne.KeyEvent{Name: key})
		if len(done) != 1 || done[0].Kind != viewmodel.ActionConnect || done[0].Profile != harbour.ID {
			t.Errorf("%s on the large switch does %v", key, done)
		}
	}
}

// TestArrowsChooseAProfile, and Space turns its line on.
func TestArrowsChooseAProfile(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	say := speak(t, "en")
	in := scene("idle")
	var d *Desktop
	var last viewmodel.Action
	d = New(a, Config{Say: say, Do: func(a viewmodel.Action) {
		last = a
		if a.Kind == viewmodel.ActionSelect {
			in.Selected = a.Profile
			d.Show(viewmodel.Main(in, say))
		}
	}})
	d.Window().Show()
	d.Show(viewmodel.Main(in, say))
	for _, step := range []struct {
		key  fyne.KeyName
		want string
	}{
		{fyne.KeyDown, branch.ID}, {fyne.KeyDown, labTest.ID}, {fyne.KeyDown, labTest.ID}, {fyne.KeyUp, branch.ID},
		{fyne.KeyHome, harbour.ID}, {fyne.KeyEnd, labTest.ID}, {fyne.KeyPageUp, harbour.ID}, {fyne.KeyPageDown, labTest.ID},
	} {
		d.sidebar.rows.TypedKey(&fyne.KeyEvent{Name: step.key})
		if in.Selected != step.want || d.main.over.Text() == "" {
			t.Errorf("%s: the window is about %s, want %s", step.key, in.Selected, step.want)
		}
	}
	d.sidebar.rows.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if last.Kind != viewmodel.ActionConnect || last.Profile != labTest.ID {
		t.Errorf("Space does %v", last)
	}
}

// TestTheKeyboardsPlaceIsSeen: a ring is drawn around it, and only there.
func TestTheKeyboardsPlaceIsSeen(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	d := open(t, a, speak(t, "en"), "connected", (windowLayout{}).MinSize(nil))
	c := d.window.Canvas()
	before := c.Capture()
	for range 5 {
		c.FocusNext()
		if different(before, c.Capture()) == 0 {
			t.Errorf("nothing shows that the keyboard is at %T", c.Focused())
		}
	}
	c.Unfocus()
	if n := different(before, c.Capture()); n != 0 {
		t.Errorf("%d pixels stay different when the keyboard has gone", n)
	}
}

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

// box is where something is in the window.
type box struct{ left, top, right, bottom float32 }

func (b box) and(o box) box {
	return box{max(b.left, o.left), max(b.top, o.top), min(b.right, o.right), min(b.bottom, o.bottom)}
}

func (b box) empty() bool { return b.right-b.left < 0.5 || b.bottom-b.top < 0.5 }

// seen is something that a person sees as one thing.
type seen struct {
	what    string
	at      box // of it
	visible box // of it, as far as what scrolls shows it
	room    box // across which it must not go: the part of the window that it is in
}

// survey finds everything that is drawn, and complains of texts that are cut.
func survey(t *testing.T, name string, o fyne.CanvasObject) (found []seen) {
	t.Helper()
	var walk func(o fyne.CanvasObject, at fyne.Position, view, room box, inside bool)
	walk = func(o fyne.CanvasObject, at fyne.Position, view, room box, inside bool) {
		if !o.Visible() {
			return
		}
		at = at.Add(o.Position())
		place := box{at.X, at.Y, at.X + o.Size().Width, at.Y + o.Size().Height}
		if v := place.and(view); !inside && !place.empty() && !v.empty() {
			if what := thing(o); what != "" {
				found = append(found, seen{what, place, v, room})
				inside = true
			}
		}
		switch o := o.(type) {
		case *text:
			checkText(t, name, o)
		case *container.Scroll:
			view = view.and(place)
			room = box{place.left, -1e6, place.right, 1e6}
			walk(o.Content, at, view, room, inside)
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c, at, view, room, inside)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c, at, view, room, inside)
			}
		}
	}
	size := o.Size()
	all := box{0, 0, size.Width, size.Height}
	walk(o, fyne.Position{}, all, all, false)
	return found
}

// thing names what a person sees as one thing; empty: it is made of such, or a ground.
func thing(o fyne.CanvasObject) string {
	switch o := o.(type) {
	case *text:
		return fmt.Sprintf("text %q", o.Text())
	case *option:
		return fmt.Sprintf("option %q", o.label.Text())
	case *button:
		return fmt.Sprintf("button %q", o.Text())
	case *iconButton, *icon, *toggle, *graph, *stroke, *field, *picker:
		return fmt.Sprintf("%T", o)
	}
	return ""
}

// checkText complains of a text of which something is not seen.
func checkText(t *testing.T, name string, o *text) {
	t.Helper()
	const slack = 0.6
	width, height := o.Size().Width, o.Size().Height
	switch {
	case o.Text() == "":
	case o.rich.Truncation == fyne.TextTruncateEllipsis: // a name that a person has chosen, and is shown whole elsewhere
	case o.HeightAt(width) > height+slack:
		t.Errorf("%s: %q is %.0f high and has %.0f", name, o.Text(), o.HeightAt(width), height)
	}
}

// checkLayout complains of what overlaps or runs out of the window.
func checkLayout(t *testing.T, name string, root fyne.CanvasObject) {
	t.Helper()
	found := survey(t, name, root)
	if len(found) < 4 {
		t.Errorf("%s: only %d things are drawn", name, len(found))
	}
	const slack = 0.6
	for i, a := range found {
		if a.at.left < a.room.left-slack || a.at.right > a.room.right+slack || a.at.top < a.room.top-slack || a.at.bottom > a.room.bottom+slack {
			t.Errorf("%s: %s at %+v runs out of %+v", name, a.what, a.at, a.room)
		}
		for _, b := range found[:i] {
			if both := a.visible.and(b.visible); !both.empty() {
				t.Errorf("%s: %s and %s overlap: %+v, %+v", name, a.what, b.what, a.at, b.at)
			}
		}
	}
}

var sceneNames = []string{"first-run", "idle", "connecting", "connected", "details", "failed", "blocked", "expiring", "lost"}

// open makes the window of a scene.
func open(t testing.TB, a fyne.App, say viewmodel.Say, name string, size fyne.Size) *Desktop {
	t.Helper()
	d := New(a, Config{Title: say("app.name", nil), Say: say, Do: func(viewmodel.Action) {}})
	d.Window().Resize(size)
	d.Window().Show()
	d.Show(viewmodel.Main(scene(name), say))
	if name == "details" {
		d.main.details.more.turn()
	}
	return d
}

// circumstance is a way in which a window is used.
type circumstance struct {
	language string
	say      viewmodel.Say
	size     fyne.Size
	scale    float32
}

func (c circumstance) String() string {
	return fmt.Sprintf("%s, %.0f x %.0f, texts %.0f times as large", c.language, c.size.Width, c.size.Height, c.scale)
}

// circumstances are those in which nothing may be cut or overlap: every language, texts
// of one and a half times the length, texts twice as large, windows of every size.
func circumstances(t testing.TB) (all []circumstance) {
	t.Helper()
	usual, least, large := fyne.NewSize(windowWidth, windowHeight), (windowLayout{}).MinSize(nil), fyne.NewSize(1600, 1000)
	stretched := longer(speak(t, "en"))
	for _, scale := range []float32{1, 2} {
		for _, size := range []fyne.Size{usual, least, large} {
			all = append(all, circumstance{"longer", stretched, size, scale})
		}
		for _, language := range translated(t) {
			// What fits the smallest window in a language fits the others.
			all = append(all, circumstance{language, speak(t, language), least, scale})
		}
	}
	return all
}

// TestNothingIsCutOrOverlaps in any scene, whatever the circumstances.
func TestNothingIsCutOrOverlaps(t *testing.T) {
	for _, c := range circumstances(t) {
		a := newTestApp(t, theme.VariantLight, c.scale)
		d := open(t, a, c.say, "idle", c.size)
		for _, name := range sceneNames {
			d.Show(viewmodel.Main(scene(name), c.say))
			if d.main.details.more.open != (name == "details") {
				d.main.details.more.turn()
			}
			checkLayout(t, name+", "+c.String(), d.window.Content())
		}
	}
}

// TestTextsGrowInTheOpenWindow: a window that is open follows the person's text size,
// and goes back.
func TestTextsGrowInTheOpenWindow(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	d := open(t, a, speak(t, "en"), "connected", fyne.NewSize(windowWidth, windowHeight))
	before := d.main.title.Size().Height
	for _, scale := range []float32{2, 1.25, 1} {
		applyTheme(t, NewTheme().WithVariant(theme.VariantLight).WithTextScale(scale))
		d.window.Canvas().Capture()
		checkLayout(t, fmt.Sprint("grown ", scale), d.window.Content())
		if got := d.main.title.Size().Height; got < before*scale*0.9 || got > before*scale*1.1 {
			t.Errorf("texts %.2f times as large: the state is %.0f high, was %.0f", scale, got, before)
		}
	}
}

// TestChangesKeepTheLayout: from scene to scene in one window.
func TestChangesKeepTheLayout(t *testing.T) {
	a := newTestApp(t, theme.VariantDark, 1)
	say := speak(t, "en")
	d := open(t, a, say, "first-run", fyne.NewSize(windowWidth, windowHeight))
	for _, name := range []string{"idle", "connecting", "connected", "expiring", "lost", "connected", "blocked", "failed", "connecting", "idle", "first-run", "connected"} {
		d.Show(viewmodel.Main(scene(name), say))
		checkLayout(t, "then "+name, d.window.Content())
	}
}

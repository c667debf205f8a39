package desktop

import (
	"reflect"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// TestFilesAreDropped: their paths go to who opens them.
func TestFilesAreDropped(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	var got []string
	d := New(a, Config{OpenFiles: func(paths []string) { got = paths }})
	d.dropped(fyne.Position{}, []fyne.URI{storage.NewFileURI("/tmp/office.mobileconfig"), storage.NewFileURI("/tmp/a b.sswan")})
	if !reflect.DeepEqual(got, []string{"/tmp/office.mobileconfig", "/tmp/a b.sswan"}) {
		t.Errorf("dropped: %q", got)
	}
	got = nil
	d.dropped(fyne.Position{}, nil)
	if got != nil {
		t.Error("nothing was dropped, and something is opened")
	}
}

// TestClicksMeanWhatTheViewSays: each button of each scene.
func TestClicksMeanWhatTheViewSays(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	say := speak(t, "en")
	var got viewmodel.Action
	for _, name := range sceneNames {
		v := viewmodel.Main(scene(name), say)
		d := New(a, Config{Say: say, Do: func(a viewmodel.Action) { got = a }})
		d.Window().Show()
		d.Show(v)
		want := []viewmodel.Button{v.Sidebar.Open}
		for _, n := range v.Notices {
			want = append(want, n.Buttons...)
		}
		if v.Empty != nil {
			want = append(want, v.Empty.Buttons...)
		}
		for _, w := range want {
			got = viewmodel.Action{}
			found := false
			for _, o := range usable(d.window.Content()) {
				if b, ok := o.(*button); ok && b.Text() == w.Text {
					found = true
					test.Tap(b)
					if got == w.Action {
						break
					}
				}
			}
			if !found || got != w.Action {
				t.Errorf("%s: %q does %v, want %v", name, w.Text, got, w.Action)
			}
		}
		d.Window().Close()
	}
}

// TestTheProfilesMenu says and does what the view has in it.
func TestTheProfilesMenu(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	say := speak(t, "en")
	var got viewmodel.Action
	d := New(a, Config{Say: say, Do: func(a viewmodel.Action) { got = a }})
	d.Window().Show()
	v := viewmodel.Main(scene("idle"), say)
	d.Show(v)
	items := d.main.menuItems()
	if len(items) != len(v.Menu) || len(items) == 0 {
		t.Fatalf("%d entries, want %d", len(items), len(v.Menu))
	}
	for i, item := range items {
		got = viewmodel.Action{}
		item.Action()
		if item.Label != v.Menu[i].Text || item.Disabled != v.Menu[i].Disabled || got != v.Menu[i].Action {
			t.Errorf("%q does %v, want %v", item.Label, got, v.Menu[i])
		}
	}
	test.Tap(d.main.menu)
	if d.window.Canvas().Overlays().Top() == nil {
		t.Error("the menu does not open")
	}
}

// TestPagesAreOpenedAndLeft: by the links of the sidebar, and by choosing a profile.
func TestPagesAreOpenedAndLeft(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	say := speak(t, "en")
	d := open(t, a, say, "idle", fyne.NewSize(windowWidth, windowHeight))
	d.ShowSettings(viewmodel.Settings(scene("idle"), say))
	d.act(viewmodel.Action{Kind: viewmodel.ActionShowSettings})
	if d.Page() != SettingsPage {
		t.Fatalf("the page is %s", d.Page())
	}
	d.Show(viewmodel.Main(scene("connecting"), say))
	if d.Page() != SettingsPage {
		t.Error("news of the line takes the person away from the settings")
	}
	d.window.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if d.Page() != MainPage {
		t.Error("Escape does not lead back")
	}
	d.act(viewmodel.Action{Kind: viewmodel.ActionShowSettings})
	d.act(viewmodel.Action{Kind: viewmodel.ActionSelect, Profile: branch.ID})
	if d.Page() != MainPage {
		t.Error("choosing a profile does not show it")
	}
}

// TestKeysChangeTheTextSize, and the next start has it again.
func TestKeysChangeTheTextSize(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	d := New(a, Config{})
	for _, step := range []struct {
		key  fyne.KeyName
		want float32
	}{
		{fyne.KeyPlus, 1.25}, {fyne.KeyEqual, 1.5}, {fyne.KeyMinus, 1.25}, {fyne.Key0, 1}, {fyne.KeyMinus, 1},
		{fyne.KeyPlus, 1.25}, {fyne.KeyPlus, 1.5}, {fyne.KeyPlus, 1.75}, {fyne.KeyPlus, 2}, {fyne.KeyPlus, 2},
	} {
		d.stepTexts(textSteps[step.key])
		if got := themeOf(a).textScale; got != step.want {
			t.Errorf("%s: texts are %.2f times as large, want %.2f", step.key, got, step.want)
		}
	}
	applyTheme(t, NewTheme())
	New(a, Config{})
	if got := themeOf(a).textScale; got != 2 {
		t.Errorf("the next start has texts %.2f times as large", got)
	}
}

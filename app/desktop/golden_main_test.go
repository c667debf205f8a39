package desktop

import (
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// manners are how the golden pictures are drawn; all: each of them, and not only those
// that people see most.
var manners = []struct {
	mode, language string
	all            bool
}{{"light", "en", true}, {"dark", "de", true}, {"dark", "en", false}, {"light", "de", false}}

// TestGoldenMain: each scene of the main window, in English and light, in German and
// dark; the two that people see most in both.
func TestGoldenMain(t *testing.T) {
	often := map[string]bool{"connected": true, "first-run": true}
	for _, c := range manners {
		a := newTestApp(t, variants[c.mode], 1)
		say := speak(t, c.language)
		for _, name := range sceneNames {
			if c.all || often[name] {
				d := open(t, a, say, name, fyne.NewSize(windowWidth, windowHeight))
				golden(t, "main-"+name+"-"+c.mode+"-"+c.language, d.window.Canvas().Capture())
				d.Window().Close()
			}
		}
	}
}

// TestGoldenLarge: with texts twice as large.
func TestGoldenLarge(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 2)
	d := open(t, a, speak(t, "en"), "connected", fyne.NewSize(windowWidth, windowHeight))
	golden(t, "main-connected-large", d.window.Canvas().Capture())
}

// TestGoldenKeyboard: where the keyboard is.
func TestGoldenKeyboard(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	d := open(t, a, speak(t, "en"), "failed", fyne.NewSize(windowWidth, windowHeight))
	d.window.Canvas().Focus(d.main.toggle)
	golden(t, "main-keyboard-switch", d.window.Canvas().Capture())
	d.window.Canvas().Focus(d.sidebar.rows)
	golden(t, "main-keyboard-rows", d.window.Canvas().Capture())
}

// TestJapaneseIsDrawn with a font of the system's. Which one that is differs, so that
// there is no golden picture of it.
func TestJapaneseIsDrawn(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	say := speak(t, "ja")
	draw := func(s string) image.Image {
		c := software.NewTransparentCanvas()
		c.SetContent(canvas.NewText(s, theme.Color(theme.ColorNameForeground)))
		c.Resize(fyne.NewSize(60, 40))
		return c.Capture()
	}
	missing := draw("\U000ffffd") // of the private use, which no font has
	for _, r := range viewmodel.Main(scene("connected"), say).Head.Title {
		if different(missing, draw(string(r))) == 0 {
			t.Skipf("this system has no font with %q", r)
		}
	}
	d := open(t, a, say, "connected", fyne.NewSize(windowWidth, windowHeight))
	checkLayout(t, "in Japanese, drawn", d.window.Content())
	latin := open(t, a, speak(t, "en"), "connected", fyne.NewSize(windowWidth, windowHeight))
	if different(d.window.Canvas().Capture(), latin.window.Canvas().Capture()) < 1000 {
		t.Error("the window in Japanese looks like the one in English")
	}
}

package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// The person's text size is a preference, changed by the keys that browsers have:
// Ctrl with plus, minus and 0. It comes on top of the desktop's own scale.

// textScalePreference is where it is kept.
const textScalePreference = "text-scale"

// textScales are the sizes there are.
var textScales = []float64{1, 1.25, 1.5, 1.75, 2}

// themeOf is the theme that the program is drawn in.
func themeOf(a fyne.App) *Theme {
	if t, ok := a.Settings().Theme().(*Theme); ok {
		return t
	}
	return NewTheme()
}

// rememberedTexts gives the program our theme, with texts of the size that the person
// has chosen before.
func (d *Desktop) rememberedTexts() {
	t := themeOf(d.app)
	if scale := d.app.Preferences().Float(textScalePreference); scale > 0 {
		t = t.WithTextScale(float32(scale))
	}
	if d.app.Settings().Theme() != fyne.Theme(t) {
		d.app.Settings().SetTheme(t)
	}
}

// textSteps are the keys, and how far each goes; 0: as they were made.
var textSteps = map[fyne.KeyName]int{fyne.KeyPlus: 1, fyne.KeyEqual: 1, fyne.KeyMinus: -1, fyne.Key0: 0}

// textKeys lets the keys change the size.
func (d *Desktop) textKeys() {
	for key, step := range textSteps {
		s := &desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierShortcutDefault}
		d.window.Canvas().AddShortcut(s, func(fyne.Shortcut) { d.stepTexts(step) })
	}
}

// stepTexts makes texts larger (1) or smaller (-1), or as they were made (0).
func (d *Desktop) stepTexts(step int) {
	t := themeOf(d.app)
	at := 0
	for i, s := range textScales {
		if float32(s) <= t.textScale {
			at = i
		}
	}
	if at = min(max(at+step, 0), len(textScales)-1); step == 0 {
		at = 0
	}
	if float32(textScales[at]) != t.textScale {
		d.scaleTexts(textScales[at])
	}
}

// scaleTexts makes texts so many times as large, and remembers it.
func (d *Desktop) scaleTexts(scale float64) {
	d.app.Preferences().SetFloat(textScalePreference, scale)
	d.app.Settings().SetTheme(themeOf(d.app).WithTextScale(float32(scale)))
	if d.settings != nil {
		d.settings.sized(scale)
	}
}

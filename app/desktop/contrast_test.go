package desktop

import (
	"fmt"
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// luminance is WCAG 2.2's relative luminance.
func luminance(c color.NRGBA) float64 {
	part := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
}

// contrast is WCAG 2.2's contrast ratio.
func contrast(a, b color.NRGBA) float64 {
	light, dark := luminance(a), luminance(b)
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}

// on is what a colour looks like that lets through what is below it.
func on(top, below color.NRGBA) color.NRGBA {
	a := float64(top.A) / 255
	mix := func(t, b uint8) uint8 { return uint8(math.Round(float64(t)*a + float64(b)*(1-a))) }
	return color.NRGBA{mix(top.R, below.R), mix(top.G, below.G), mix(top.B, below.B), 0xff}
}

var variants = map[string]fyne.ThemeVariant{"light": theme.VariantLight, "dark": theme.VariantDark}

// pairs are the colours that are drawn on each other.
type pairs struct {
	inks, grounds []fyne.ThemeColorName
	hovered       bool // also with the pointer over it
	least         float64
}

var pages = []fyne.ThemeColorName{theme.ColorNameBackground, theme.ColorNameOverlayBackground, ColorCard}

var drawnOn = []pairs{
	{ // what is to be read
		inks: []fyne.ThemeColorName{theme.ColorNameForeground}, hovered: true, least: 4.5,
		grounds: append([]fyne.ThemeColorName{
			theme.ColorNameMenuBackground, theme.ColorNameHeaderBackground, theme.ColorNameInputBackground, theme.ColorNameButton, ColorSidebar,
		}, pages...),
	},
	{ // quiet words; rows of the sidebar light up
		inks: []fyne.ThemeColorName{ColorQuiet}, hovered: true, least: 4.5,
		grounds: append([]fyne.ThemeColorName{ColorSidebar, theme.ColorNameInputBackground}, pages...),
	},
	{ // links: with the pointer over them they have the colour of other words
		inks: []fyne.ThemeColorName{theme.ColorNamePrimary, theme.ColorNameHyperlink}, least: 4.5,
		grounds: append([]fyne.ThemeColorName{ColorSidebar, theme.ColorNameMenuBackground}, pages...),
	},
	{ // states, in words
		inks: []fyne.ThemeColorName{
			ColorConnected, ColorWorking, ColorBlocked, ColorNeedsYou,
			theme.ColorNameError, theme.ColorNameSuccess, theme.ColorNameWarning,
		},
		grounds: pages, least: 4.5,
	},
	{ // states, as marks
		inks:    []fyne.ThemeColorName{ColorConnected, ColorWorking, ColorBlocked, ColorNeedsYou, ColorQuiet},
		grounds: []fyne.ThemeColorName{ColorSidebar}, hovered: true, least: 3,
	},
	{inks: []fyne.ThemeColorName{theme.ColorNameForegroundOnPrimary}, grounds: []fyne.ThemeColorName{theme.ColorNamePrimary}, hovered: true, least: 4.5},
	{inks: []fyne.ThemeColorName{theme.ColorNameForegroundOnError}, grounds: []fyne.ThemeColorName{theme.ColorNameError}, hovered: true, least: 4.5},
	{inks: []fyne.ThemeColorName{theme.ColorNameForegroundOnSuccess}, grounds: []fyne.ThemeColorName{theme.ColorNameSuccess}, hovered: true, least: 4.5},
	{inks: []fyne.ThemeColorName{theme.ColorNameForegroundOnWarning}, grounds: []fyne.ThemeColorName{theme.ColorNameWarning}, hovered: true, least: 4.5},
	{inks: []fyne.ThemeColorName{theme.ColorNamePlaceHolder}, grounds: []fyne.ThemeColorName{theme.ColorNameInputBackground}, hovered: true, least: 4.5},
	{ // what cannot be used need not be read that well, but can
		inks:    []fyne.ThemeColorName{theme.ColorNameDisabled},
		grounds: append([]fyne.ThemeColorName{theme.ColorNameDisabledButton, theme.ColorNameMenuBackground, ColorSidebar}, pages...), least: 4.5,
	},
	{ // edges by which a field, a switch and the keyboard's place are found
		inks:    []fyne.ThemeColorName{theme.ColorNameInputBorder, ColorTrack, theme.ColorNamePrimary, ColorConnected, ColorWorking},
		grounds: pages, least: 3,
	},
	{inks: []fyne.ThemeColorName{theme.ColorNamePrimary}, grounds: []fyne.ThemeColorName{ColorSidebar}, least: 3},
}

// TestContrast: every text on every ground that it is on has a contrast of 4.5:1 at
// least, and every sign and edge that means something one of 3:1 (WCAG 2.2, 1.4.3 and
// 1.4.11).
func TestContrast(t *testing.T) {
	t.Parallel()
	for name, variant := range variants {
		in := func(c fyne.ThemeColorName) color.NRGBA { return palette[c].in(variant).(color.NRGBA) }
		for _, p := range drawnOn {
			for _, ground := range p.grounds {
				for _, ink := range p.inks {
					if got := contrast(in(ink), in(ground)); got < p.least {
						t.Errorf("%s: %s on %s: %.2f:1, want %.1f:1", name, ink, ground, got, p.least)
					}
					if got := contrast(in(ink), on(in(theme.ColorNameHover), in(ground))); p.hovered && got < p.least {
						t.Errorf("%s: %s on %s with the pointer over it: %.2f:1, want %.1f:1", name, ink, ground, got, p.least)
					}
				}
			}
		}
	}
}

// TestSelectedTextCanBeRead: the mark over chosen text, and the one of a pressed
// button, leave it readable.
func TestSelectedTextCanBeRead(t *testing.T) {
	t.Parallel()
	for name, variant := range variants {
		in := func(c fyne.ThemeColorName) color.NRGBA { return palette[c].in(variant).(color.NRGBA) }
		for _, veil := range []fyne.ThemeColorName{theme.ColorNameSelection, theme.ColorNamePressed, theme.ColorNameFocus} {
			for _, ground := range []fyne.ThemeColorName{theme.ColorNameInputBackground, theme.ColorNameBackground, ColorSidebar, theme.ColorNameMenuBackground} {
				if got := contrast(in(theme.ColorNameForeground), on(in(veil), in(ground))); got < 4.5 {
					t.Errorf("%s: text under %s on %s: %.2f:1", name, veil, ground, got)
				}
			}
		}
	}
}

// TestTrayMarksAreSeenInEveryPanel: their colours stand out from white and from what
// dark panels have.
func TestTrayMarksAreSeenInEveryPanel(t *testing.T) {
	t.Parallel()
	panels := map[string]color.NRGBA{"white": {0xff, 0xff, 0xff, 0xff}, "light": {0xf0, 0xf0, 0xf0, 0xff}, "dark": {0x2b, 0x2b, 0x2b, 0xff}, "black": {0, 0, 0, 0xff}}
	for _, m := range []viewmodel.Mark{viewmodel.MarkDisconnected, viewmodel.MarkConnecting, viewmodel.MarkConnected, viewmodel.MarkBlocked, viewmodel.MarkNeedsYou} {
		for name, panel := range panels {
			if got := contrast(trayColors[m], panel); got < 3 {
				t.Errorf("%s in a %s panel: %.2f:1", m, name, got)
			}
		}
	}
}

// TestEveryColourIsOurs: what Fyne's widgets ask for is in the palette, so that no
// colour comes from elsewhere.
func TestEveryColourIsOurs(t *testing.T) {
	t.Parallel()
	for _, name := range []fyne.ThemeColorName{
		theme.ColorNameBackground, theme.ColorNameButton, theme.ColorNameDisabled, theme.ColorNameDisabledButton, theme.ColorNameError,
		theme.ColorNameFocus, theme.ColorNameForeground, theme.ColorNameForegroundOnError, theme.ColorNameForegroundOnPrimary,
		theme.ColorNameForegroundOnSuccess, theme.ColorNameForegroundOnWarning, theme.ColorNameHeaderBackground, theme.ColorNameHover,
		theme.ColorNameHyperlink, theme.ColorNameInputBackground, theme.ColorNameInputBorder, theme.ColorNameMenuBackground,
		theme.ColorNameOverlayBackground, theme.ColorNamePlaceHolder, theme.ColorNamePressed, theme.ColorNamePrimary, theme.ColorNameScrollBar,
		theme.ColorNameScrollBarBackground, theme.ColorNameSelection, theme.ColorNameSeparator, theme.ColorNameShadow, theme.ColorNameSuccess,
		theme.ColorNameWarning,
	} {
		if _, ok := palette[name]; !ok {
			t.Errorf("%s is Fyne's", name)
		}
		for _, v := range variants {
			if _, ok := NewTheme().Color(name, v).(color.NRGBA); !ok {
				t.Error(fmt.Sprint(name, " is no plain colour"))
			}
		}
	}
}

package desktop

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// The colours beside Fyne's own names.
const (
	ColorSidebar   fyne.ThemeColorName = "homewardSidebar"
	ColorCard      fyne.ThemeColorName = "homewardCard"
	ColorLine      fyne.ThemeColorName = "homewardLine"
	ColorQuiet     fyne.ThemeColorName = "homewardQuiet"     // text that may be overlooked
	ColorConnected fyne.ThemeColorName = "homewardConnected" // the line stands
	ColorWorking   fyne.ThemeColorName = "homewardWorking"   // something is under way
	ColorBlocked   fyne.ThemeColorName = "homewardBlocked"   // held back, or failed
	ColorNeedsYou  fyne.ThemeColorName = "homewardNeedsYou"  // a person is asked
)

// The type scale beside Fyne's own names: 12, 13, 14 (Fyne's text), 17 and 30.
const (
	SizeSmall fyne.ThemeSizeName = "homewardSmall" // 12
	SizeQuiet fyne.ThemeSizeName = "homewardQuiet" // 13
	SizeName  fyne.ThemeSizeName = "homewardName"  // 17
	SizeState fyne.ThemeSizeName = "homewardState" // 30
)

// hues is a colour for light and one for dark.
type hues struct{ light, dark color.NRGBA }

func hue(light, dark uint32) hues {
	of := func(rgb uint32) color.NRGBA {
		return color.NRGBA{R: uint8(rgb >> 16), G: uint8(rgb >> 8), B: uint8(rgb), A: 0xff}
	}
	return hues{of(light), of(dark)}
}

func (h hues) in(v fyne.ThemeVariant) color.Color {
	if v == theme.VariantDark {
		return h.dark
	}
	return h.light
}

// palette is the product's own; what it does not name, Fyne's theme does.
var palette = map[fyne.ThemeColorName]hues{
	theme.ColorNameBackground: hue(0xffffff, 0x11161c),
	theme.ColorNameForeground: hue(0x14202b, 0xe8edf2),
	theme.ColorNamePrimary:    hue(0x0b7a75, 0x45c4b8),
	theme.ColorNameSeparator:  hue(0xdde4ec, 0x2a3541),

	ColorSidebar:   hue(0xf4f6f9, 0x161d25),
	ColorCard:      hue(0xf8fafc, 0x1a222c),
	ColorLine:      hue(0xdde4ec, 0x2a3541),
	ColorQuiet:     hue(0x5a6b7b, 0x93a1b0),
	ColorConnected: hue(0x16794a, 0x45c486),
	ColorWorking:   hue(0x9a6700, 0xe0b04a),
	ColorBlocked:   hue(0xb3261e, 0xff8a80),
	ColorNeedsYou:  hue(0x3b5bdb, 0x8fa8ff),
}

// sizes are at a scale of 1; Fyne multiplies them by the user's.
var sizes = map[fyne.ThemeSizeName]float32{
	theme.SizeNameText: 14,
	SizeSmall:          12,
	SizeQuiet:          13,
	SizeName:           17,
	SizeState:          30,
}

// Theme is how Homeward looks, in light and in dark.
type Theme struct{ fyne.Theme }

// NewTheme makes the theme on top of Fyne's own, whose fonts and icons stay.
func NewTheme() *Theme { return &Theme{theme.DefaultTheme()} }

// Color implements fyne.Theme.
func (t *Theme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	if h, ok := palette[name]; ok {
		return h.in(variant)
	}
	return t.Theme.Color(name, variant)
}

// Size implements fyne.Theme.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	if s, ok := sizes[name]; ok {
		return s
	}
	return t.Theme.Size(name)
}

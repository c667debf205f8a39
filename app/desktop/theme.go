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
	ColorTrack     fyne.ThemeColorName = "homewardTrack"     // a switch that is off
	ColorKnob      fyne.ThemeColorName = "homewardKnob"      // what moves in a switch
	ColorScrim     fyne.ThemeColorName = "homewardScrim"     // over the window, under a sheet
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

func hue(light, dark uint32) hues { return veil(light, 0xff, dark, 0xff) }

// veil is a colour that lets through what is below it.
func veil(light uint32, lightAlpha uint8, dark uint32, darkAlpha uint8) hues {
	of := func(rgb uint32, alpha uint8) color.NRGBA {
		return color.NRGBA{R: uint8(rgb >> 16), G: uint8(rgb >> 8), B: uint8(rgb), A: alpha}
	}
	return hues{of(light, lightAlpha), of(dark, darkAlpha)}
}

func (h hues) in(v fyne.ThemeVariant) color.Color {
	if v == theme.VariantDark {
		return h.dark
	}
	return h.light
}

// palette is the product's own; what it does not name, Fyne's theme does.
var palette = map[fyne.ThemeColorName]hues{
	theme.ColorNameBackground:        hue(0xffffff, 0x11161c),
	theme.ColorNameForeground:        hue(0x14202b, 0xe8edf2),
	theme.ColorNamePrimary:           hue(0x0b7a75, 0x45c4b8),
	theme.ColorNameHyperlink:         hue(0x0b7a75, 0x45c4b8),
	theme.ColorNameSeparator:         hue(0xdde4ec, 0x2a3541),
	theme.ColorNameOverlayBackground: hue(0xffffff, 0x161d25),
	theme.ColorNameMenuBackground:    hue(0xeef2f6, 0x232d38),
	theme.ColorNameHeaderBackground:  hue(0xf4f6f9, 0x161d25),

	theme.ColorNameButton:          hue(0xeef2f6, 0x232d38),
	theme.ColorNameDisabledButton:  hue(0xeef2f6, 0x1d252e),
	theme.ColorNameDisabled:        hue(0x5f6f7e, 0x8795a3),
	theme.ColorNamePlaceHolder:     hue(0x5a6b7b, 0x93a1b0),
	theme.ColorNameInputBackground: hue(0xffffff, 0x11161c),
	theme.ColorNameInputBorder:     hue(0x8292a2, 0x62717f),

	theme.ColorNameHover:               veil(0x14202b, 0x0d, 0xe8edf2, 0x10),
	theme.ColorNamePressed:             veil(0x14202b, 0x1c, 0xe8edf2, 0x20),
	theme.ColorNameFocus:               veil(0x0b7a75, 0x33, 0x45c4b8, 0x33),
	theme.ColorNameSelection:           veil(0x0b7a75, 0x26, 0x45c4b8, 0x33),
	theme.ColorNameScrollBar:           veil(0x14202b, 0x50, 0xe8edf2, 0x50),
	theme.ColorNameScrollBarBackground: veil(0x14202b, 0x00, 0xe8edf2, 0x00),
	theme.ColorNameShadow:              veil(0x14202b, 0x00, 0x000000, 0x00),

	theme.ColorNameSuccess:             hue(0x16794a, 0x45c486),
	theme.ColorNameWarning:             hue(0x9a6700, 0xe0b04a),
	theme.ColorNameError:               hue(0xb3261e, 0xff8a80),
	theme.ColorNameForegroundOnPrimary: hue(0xffffff, 0x11161c),
	theme.ColorNameForegroundOnSuccess: hue(0xffffff, 0x11161c),
	theme.ColorNameForegroundOnWarning: hue(0xffffff, 0x11161c),
	theme.ColorNameForegroundOnError:   hue(0xffffff, 0x11161c),

	ColorSidebar:   hue(0xf4f6f9, 0x161d25),
	ColorCard:      hue(0xf8fafc, 0x1a222c),
	ColorLine:      hue(0xdde4ec, 0x2a3541),
	ColorQuiet:     hue(0x5a6b7b, 0x93a1b0),
	ColorTrack:     hue(0x8292a2, 0x62717f),
	ColorKnob:      hue(0xffffff, 0xffffff),
	ColorScrim:     veil(0x14202b, 0x66, 0x000000, 0x99),
	ColorConnected: hue(0x16794a, 0x45c486),
	ColorWorking:   hue(0x9a6700, 0xe0b04a),
	ColorBlocked:   hue(0xb3261e, 0xff8a80),
	ColorNeedsYou:  hue(0x3b5bdb, 0x8fa8ff),
}

// measures are at a scale of 1; Fyne multiplies them by the screen's.
var measures = map[fyne.ThemeSizeName]float32{
	theme.SizeNamePadding:            4,
	theme.SizeNameInnerPadding:       8,
	theme.SizeNameLineSpacing:        4,
	theme.SizeNameSeparatorThickness: 1,
	theme.SizeNameInputBorder:        1,
	theme.SizeNameInputRadius:        8,
	theme.SizeNameButtonRadius:       8,
	theme.SizeNameSelectionRadius:    4,
	theme.SizeNameCardRadius:         10,
	theme.SizeNameDialogRadius:       10,
	theme.SizeNamePopupRadius:        8,
	theme.SizeNameMenuRadius:         8,
	theme.SizeNameScrollBar:          10,
	theme.SizeNameScrollBarSmall:     4,
	theme.SizeNameScrollBarRadius:    4,
	theme.SizeNameModalBlurRadius:    4,
}

// typeScale is what grows with the person's text size besides.
var typeScale = map[fyne.ThemeSizeName]float32{
	theme.SizeNameText:           14,
	theme.SizeNameCaptionText:    12,
	theme.SizeNameSubHeadingText: 14,
	theme.SizeNameHeadingText:    17,
	theme.SizeNameInlineIcon:     18,
	SizeSmall:                    12,
	SizeQuiet:                    13,
	SizeName:                     17,
	SizeState:                    30,
}

// Theme is how Homeward looks, in light and in dark.
type Theme struct {
	fyne.Theme
	textScale float32
	variant   *fyne.ThemeVariant
}

// NewTheme makes the theme on top of Fyne's own, whose fonts and icons stay.
// It is light or dark as the desktop is.
func NewTheme() *Theme { return &Theme{Theme: theme.DefaultTheme(), textScale: 1} }

// WithTextScale is the theme with its texts so many times as large: 1 to 2.
func (t *Theme) WithTextScale(scale float32) *Theme {
	changed := *t
	changed.textScale = min(max(scale, 1), 2)
	return &changed
}

// WithVariant is the theme in light or in dark, whatever the desktop is.
func (t *Theme) WithVariant(v fyne.ThemeVariant) *Theme {
	changed := *t
	changed.variant = &v
	return &changed
}

// Color implements fyne.Theme.
func (t *Theme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	if t.variant != nil {
		variant = *t.variant
	}
	if h, ok := palette[name]; ok {
		return h.in(variant)
	}
	return t.Theme.Color(name, variant)
}

// Size implements fyne.Theme.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	if s, ok := typeScale[name]; ok {
		return s * t.textScale
	}
	if s, ok := measures[name]; ok {
		return s
	}
	return t.Theme.Size(name)
}

package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// look is how a text is drawn.
type look struct {
	size  fyne.ThemeSizeName
	color fyne.ThemeColorName
	bold  bool
	align fyne.TextAlign
	mono  bool
}

// The looks that the product has.
var (
	lookState    = look{size: SizeState, color: theme.ColorNameForeground, bold: true}
	lookHeading  = look{size: SizeName, color: theme.ColorNameForeground, bold: true}
	lookName     = look{size: theme.SizeNameText, color: theme.ColorNameForeground, bold: true}
	lookSentence = look{size: theme.SizeNameText, color: ColorQuiet}
	lookBody     = look{size: SizeQuiet, color: theme.ColorNameForeground}
	lookQuiet    = look{size: SizeQuiet, color: ColorQuiet}
	lookSmall    = look{size: SizeSmall, color: ColorQuiet}
	lookMono     = look{size: SizeSmall, color: theme.ColorNameForeground, mono: true}
)

// text is a text without a margin of its own, which wraps at words, or, where
// it says so, ends in an ellipsis.
type text struct {
	widget.BaseWidget
	rich  *widget.RichText
	seg   *widget.TextSegment
	whole bool // it asks for the room of one line, and wraps where it has less
}

func newText(l look, s string) *text {
	t := &text{seg: &widget.TextSegment{Text: s}}
	t.rich = widget.NewRichText(t.seg)
	t.rich.Wrapping = fyne.TextWrapWord
	t.style(l)
	t.ExtendBaseWidget(t)
	record(t)
	return t
}

// ellipsis is a text of one line.
func ellipsis(l look, s string) *text {
	t := newText(l, s)
	t.rich.Wrapping = fyne.TextWrapOff
	t.rich.Truncation = fyne.TextTruncateEllipsis
	return t
}

// oneLine is a text that asks for the room of one line, and wraps where it has less.
func oneLine(l look, s string) *text {
	t := newText(l, s)
	t.whole = true
	return t
}

func (t *text) style(l look) {
	t.seg.Style = widget.RichTextStyle{
		SizeName: l.size, ColorName: l.color, Alignment: l.align,
		TextStyle: fyne.TextStyle{Bold: l.bold, Monospace: l.mono},
	}
}

// Set changes the text, and draws only when it is another one.
func (t *text) Set(s string) {
	if t.seg.Text != s {
		t.seg.Text = s
		t.rich.Refresh()
		t.BaseWidget.Refresh()
	}
}

// SetLook changes how the text is drawn.
func (t *text) SetLook(l look) {
	before := t.seg.Style
	t.style(l)
	if before != t.seg.Style {
		t.rich.Refresh()
	}
}

// Text is what it shows.
func (t *text) Text() string { return t.seg.Text }

// HeightAt implements flexible.
func (t *text) HeightAt(width float32) float32 {
	pad := 2 * theme.InnerPadding()
	if want := width + pad; t.rich.Size().Width != want {
		t.rich.Resize(fyne.NewSize(want, t.rich.Size().Height))
	}
	return t.rich.MinSize().Height - pad
}

// natural is how wide the text is in one line.
func (t *text) natural() float32 {
	size := t.Theme().Size(t.seg.Style.SizeName)
	return fyne.MeasureText(t.seg.Text, size, t.seg.Style.TextStyle).Width
}

// lineHeight is how high one line is in one of the theme's sizes.
func lineHeight(w interface{ Theme() fyne.Theme }, size fyne.ThemeSizeName) float32 {
	return fyne.MeasureText("M", w.Theme().Size(size), fyne.TextStyle{}).Height
}

// CreateRenderer implements fyne.Widget.
func (t *text) CreateRenderer() fyne.WidgetRenderer { return &textRenderer{t} }

type textRenderer struct{ t *text }

func (r *textRenderer) Destroy()                     {}
func (r *textRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.t.rich} }
func (r *textRenderer) Refresh()                     { r.t.rich.Refresh() }

// Layout takes back the margin that rich texts have.
func (r *textRenderer) Layout(size fyne.Size) {
	pad := theme.InnerPadding()
	r.t.rich.Move(fyne.NewPos(-pad, -pad))
	r.t.rich.Resize(size.AddWidthHeight(2*pad, 2*pad))
}

func (r *textRenderer) MinSize() fyne.Size {
	if r.t.whole {
		// One more than measured: the last word must not wrap for a rounding.
		w := r.t.natural() + 1
		return fyne.NewSize(w, r.t.HeightAt(w))
	}
	pad := 2 * theme.InnerPadding()
	return r.t.rich.MinSize().SubtractWidthHeight(pad, pad)
}

func stateText(s string) *text   { return newText(lookState, s) }
func headingText(s string) *text { return newText(lookHeading, s) }
func nameText(s string) *text    { return newText(lookName, s) }
func bodyText(s string) *text    { return newText(lookBody, s) }
func quietText(s string) *text   { return newText(lookQuiet, s) }
func smallText(s string) *text   { return newText(lookSmall, s) }

package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// callout is a sentence inside a sheet that must not be overlooked: a mark and the
// words, on a card with an edge in the colour of its tone.
type callout struct {
	widget.BaseWidget
	words *text
	box   *fyne.Container
}

// newCallout makes one, with more below the words where there is more.
func newCallout(t viewmodel.Tone, words string, more ...fyne.CanvasObject) *callout {
	c := &callout{words: bodyText(words)}
	paint := toneOf(t)
	c.box = &fyne.Container{
		Layout: &insetLayout{across: 12, down: 10},
		Objects: []fyne.CanvasObject{
			newPanel(ColorCard, paint.color, 8),
			marked(newIcon(paint.sign, paint.color, 18), column(gapSmall, append([]fyne.CanvasObject{c.words}, more...)...)),
		},
	}
	c.ExtendBaseWidget(c)
	return c
}

// Set changes the words.
func (c *callout) Set(words string) { c.words.Set(words) }

// HeightAt implements flexible.
func (c *callout) HeightAt(width float32) float32 { return heightAt(c.box, width) }

// CreateRenderer implements fyne.Widget.
func (c *callout) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(c.box) }

// quote is what somebody else says: set apart by a line at its side, and under the name
// of who says it, so that it does not pass for ours.
type quote struct {
	widget.BaseWidget
	box *fyne.Container
}

func newQuote(v viewmodel.Quote) *quote {
	lines := []fyne.CanvasObject{}
	for _, l := range v.Lines {
		lines = append(lines, bodyText(l))
	}
	words := column(gapTight, smallText(v.Speaker), column(2, lines...))
	q := &quote{box: &fyne.Container{
		Layout:  &insetLayout{across: 14, down: 10},
		Objects: []fyne.CanvasObject{newPanel(ColorCard, "", 4), newBar(ColorQuiet), words},
	}}
	q.ExtendBaseWidget(q)
	return q
}

// HeightAt implements flexible.
func (q *quote) HeightAt(width float32) float32 { return heightAt(q.box, width) }

// CreateRenderer implements fyne.Widget.
func (q *quote) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(q.box) }

// bar is a line at the left edge of what it fills.
type bar struct {
	widget.BaseWidget
	line *panel
}

func newBar(color fyne.ThemeColorName) *bar {
	b := &bar{line: newPanel(color, "", 0)}
	b.ExtendBaseWidget(b)
	return b
}

// CreateRenderer implements fyne.Widget.
func (b *bar) CreateRenderer() fyne.WidgetRenderer { return &barRenderer{b} }

type barRenderer struct{ b *bar }

func (r *barRenderer) Destroy()                     {}
func (r *barRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.b.line} }
func (r *barRenderer) MinSize() fyne.Size           { return fyne.NewSize(3, 0) }
func (r *barRenderer) Refresh()                     { r.b.line.Refresh() }
func (r *barRenderer) Layout(size fyne.Size)        { r.b.line.Resize(fyne.NewSize(3, size.Height)) }

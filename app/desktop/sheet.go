package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// sheet is a question over the window: a title, a body that scrolls where it
// is long, and the buttons below it. The rest of the window waits.
type sheet struct {
	widget.BaseWidget
	title   *text
	body    *scrolled
	buttons *fyne.Container
	cancel  func()         // Escape; nil: the sheet wants an answer
	enter   *button        // Enter, where nothing else has a use for it; nil: none
	asks    bool           // it is a question that came by itself
	first   fyne.Focusable // has the keyboard when the sheet comes; nil: nothing

	scrim, paper *panel
	width        float32
}

const (
	sheetWidth  float32 = 480 // at a text scale of 1
	sheetMargin float32 = 24
)

// newSheet makes the frame; Desktop.Present shows it. The primary button, which Enter
// presses, is the last.
func newSheet(title string, body fyne.CanvasObject, cancel func(), buttons ...fyne.CanvasObject) *sheet {
	s := &sheet{
		title:   headingText(title),
		body:    newScrolled(body, sheetMargin, gapTight, 0),
		buttons: flowEnd(gapSmall, buttons...),
		cancel:  cancel,
		scrim:   newPanel(ColorScrim, "", 0),
		paper:   newPanel(theme.ColorNameOverlayBackground, ColorLine, 10),
		width:   sheetWidth,
	}
	if n := len(buttons); n > 0 {
		s.enter, _ = buttons[n-1].(*button)
	}
	s.ExtendBaseWidget(s)
	return s
}

// Fit lays the sheet out again: its texts or parts are others.
func (s *sheet) Fit() {
	s.body.Fit()
	s.Refresh()
}

// Tapped keeps a click beside the sheet from the window below it.
func (s *sheet) Tapped(*fyne.PointEvent) {}

// CreateRenderer implements fyne.Widget.
func (s *sheet) CreateRenderer() fyne.WidgetRenderer { return &sheetRenderer{s} }

type sheetRenderer struct{ s *sheet }

func (r *sheetRenderer) Destroy() {}

func (r *sheetRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.s.scrim, r.s.paper, r.s.title, r.s.body, r.s.buttons}
}

func (r *sheetRenderer) MinSize() fyne.Size { return fyne.NewSize(2*sheetMargin, 2*sheetMargin) }

// Layout puts the paper in the middle, no larger than the window.
func (r *sheetRenderer) Layout(size fyne.Size) {
	s := r.s
	s.scrim.Resize(size)
	scale := s.Theme().Size(theme.SizeNameText) / typeScale[theme.SizeNameText]
	w := min(s.width*scale, size.Width-2*gapNormal)
	inner := w - 2*sheetMargin
	title, buttons := s.title.HeightAt(inner), heightAt(s.buttons, inner)
	rest := sheetMargin + title + gapSmall + gapNormal + buttons + sheetMargin
	body := min(s.body.HeightAt(w), max(0, size.Height-2*gapNormal-rest))
	at := fyne.NewPos((size.Width-w)/2, (size.Height-rest-body)/2)
	put := func(o fyne.CanvasObject, x, y, w, h float32) {
		o.Move(at.AddXY(x, y))
		o.Resize(fyne.NewSize(w, h))
	}
	put(s.paper, 0, 0, w, rest+body)
	put(s.title, sheetMargin, sheetMargin, inner, title)
	put(s.body, 0, sheetMargin+title+gapSmall, w, body)
	put(s.buttons, sheetMargin, rest+body-sheetMargin-buttons, inner, buttons)
}

func (r *sheetRenderer) Refresh() {
	for _, o := range r.Objects() {
		o.Refresh()
	}
	r.Layout(r.s.Size())
}

// Present shows a sheet over the window; those before it wait below.
func (d *Desktop) Present(s *sheet, first fyne.Focusable) {
	s.first = first
	d.sheets.show(s)
}

// Dismiss takes a sheet away. Those above it stay.
func (d *Desktop) Dismiss(s *sheet) { d.sheets.remove(s) }

// key takes a key that nothing with the keyboard has a use for: it is the front
// sheet's, and without one Escape goes back to the main page.
func (d *Desktop) key(e *fyne.KeyEvent) {
	if !d.sheets.key(e) && e.Name == fyne.KeyEscape && d.window.Canvas().Overlays().Top() == nil {
		d.Open(MainPage)
	}
}

// stack is a container of objects on top of each other.
func stack(objects ...fyne.CanvasObject) *fyne.Container { return container.NewStack(objects...) }

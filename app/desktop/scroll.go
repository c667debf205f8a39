package desktop

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// scrolled shows a content that may be higher than there is room. The content
// is as wide as there is room, up to a line length that reads well, and as
// high as it must be at that width.
type scrolled struct {
	widget.BaseWidget
	scroll       *container.Scroll
	content      fyne.CanvasObject
	across, down float32 // the margin around the content; below it, less
	widest       float32 // 0: as wide as there is room
	middle       bool    // in the middle of the room, where there is more
	fills        bool    // all of the room, where there is more

	above, below *panel // lines where there is more to scroll to
}

func newScrolled(content fyne.CanvasObject, across, down, widest float32) *scrolled {
	s := &scrolled{content: content, across: across, down: down, widest: widest}
	s.scroll = container.NewVScroll(&fyne.Container{Layout: (*scrolledLayout)(s), Objects: []fyne.CanvasObject{content}})
	s.above, s.below = newPanel(ColorLine, "", 0), newPanel(ColorLine, "", 0)
	s.scroll.OnScrolled = func(fyne.Position) { s.edges() }
	s.ExtendBaseWidget(s)
	return s
}

// edges shows at which ends there is more.
func (s *scrolled) edges() {
	setVisible(s.above, s.scroll.Offset.Y > 0)
	setVisible(s.below, s.scroll.Offset.Y+s.scroll.Size().Height < s.scroll.Content.Size().Height-0.5)
}

// Fit lays the content out again: its texts are others.
func (s *scrolled) Fit() {
	s.resize(s.Size())
	s.scroll.Content.Refresh()
	s.scroll.Refresh()
	s.edges()
}

// resize gives the content as much height as it needs, and all that there is.
func (s *scrolled) resize(room fyne.Size) {
	s.scroll.Content.Resize(fyne.NewSize(room.Width, max(room.Height, s.HeightAt(room.Width))))
}

// HeightAt implements flexible: as high as it needs no scrolling.
func (s *scrolled) HeightAt(width float32) float32 {
	return heightAt(s.content, s.inner(width)) + s.down + s.foot()
}

// foot is the margin below: what is there is mostly the window's edge.
func (s *scrolled) foot() float32 { return min(s.down, gapLarge) }

func (s *scrolled) inner(width float32) float32 {
	w := width - 2*s.across
	if s.widest > 0 {
		w = min(w, s.widest)
	}
	return w
}

// CreateRenderer implements fyne.Widget.
func (s *scrolled) CreateRenderer() fyne.WidgetRenderer { return &scrolledRenderer{s} }

type scrolledRenderer struct{ s *scrolled }

func (r *scrolledRenderer) Destroy()           {}
func (r *scrolledRenderer) MinSize() fyne.Size { return r.s.scroll.MinSize() }
func (r *scrolledRenderer) Refresh()           { r.s.Fit() }

func (r *scrolledRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.s.scroll, r.s.above, r.s.below}
}

// Layout gives the content its width first, so that the scroller learns the
// height that goes with it.
func (r *scrolledRenderer) Layout(size fyne.Size) {
	r.s.resize(size)
	r.s.scroll.Resize(size)
	r.s.above.Resize(fyne.NewSize(size.Width, 1))
	r.s.below.Move(fyne.NewPos(0, size.Height-1))
	r.s.below.Resize(fyne.NewSize(size.Width, 1))
	r.s.edges()
}

// scrolledLayout is the content's place inside of what is scrolled.
type scrolledLayout scrolled

// Layout implements fyne.Layout.
func (l *scrolledLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	s := (*scrolled)(l)
	w := s.inner(size.Width)
	h := heightAt(objects[0], w)
	if s.fills {
		h = max(h, size.Height-s.down-s.foot())
	}
	at := fyne.NewPos(s.across, s.down)
	if s.middle {
		at = fyne.NewPos((size.Width-w)/2, max(s.down, (size.Height-h)/2))
	}
	objects[0].Move(at)
	objects[0].Resize(fyne.NewSize(w, h))
}

// MinSize implements fyne.Layout.
func (l *scrolledLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	s := (*scrolled)(l)
	return fyne.NewSize(2*s.across, s.HeightAt(max(s.Size().Width, 2*s.across)))
}

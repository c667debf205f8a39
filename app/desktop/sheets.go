package desktop

import (
	"slices"

	"fyne.io/fyne/v2"
)

// Sheets stand over the window one in front of the other, and only the front one can be
// used. A question goes before what the person has opened, and what the person opens
// meanwhile goes below it.

// sheetWide is the width of sheets with more to read.
const sheetWide float32 = 600

// sheets are those over the window, the front one last.
type sheets struct {
	canvas fyne.Canvas
	stack  []*sheet
}

// show puts a sheet in front of the others.
func (h *sheets) show(s *sheet) {
	h.stack = append(h.stack, s)
	h.canvas.Overlays().Add(s)
	if s.first != nil {
		h.canvas.Focus(s.first)
	}
}

// below puts a sheet in front of those that the person has opened, and behind the
// question that is there.
func (h *sheets) below(s *sheet) {
	at := slices.IndexFunc(h.stack, func(o *sheet) bool { return o.asks })
	if at < 0 {
		at = len(h.stack)
	}
	h.again(at, func() { h.show(s) })
}

// remove takes a sheet away, wherever it is.
func (h *sheets) remove(s *sheet) {
	if at := slices.Index(h.stack, s); at >= 0 {
		h.again(at+1, func() {
			h.canvas.Overlays().Remove(s)
			h.stack = h.stack[:at]
		})
	}
}

// again takes the sheets from one on away, changes what is below, and puts them back
// with the keyboard where it was: Fyne takes what is above away with what is below.
func (h *sheets) again(from int, change func()) {
	above := slices.Clone(h.stack[from:])
	focused := h.canvas.Focused()
	if len(above) > 0 {
		h.canvas.Overlays().Remove(above[0])
		h.stack = h.stack[:from]
	}
	change()
	for _, s := range above {
		h.stack = append(h.stack, s)
		h.canvas.Overlays().Add(s)
	}
	if len(above) > 0 && focused != nil {
		h.canvas.Focus(focused)
	}
}

// front is the one that can be used; nil: there is none.
func (h *sheets) front() *sheet {
	if len(h.stack) == 0 {
		return nil
	}
	return h.stack[len(h.stack)-1]
}

// key takes a key that nothing with the keyboard has a use for, and says whether there
// was a sheet for it.
func (h *sheets) key(e *fyne.KeyEvent) bool {
	s := h.front()
	if s == nil {
		return false
	}
	if h.canvas.Overlays().Top() != fyne.CanvasObject(s) { // a list or a dialog of Fyne's
		return true
	}
	switch e.Name {
	case fyne.KeyEscape:
		if s.cancel != nil {
			s.cancel()
		}
	case fyne.KeyReturn, fyne.KeyEnter:
		if s.enter != nil {
			s.enter.Tapped(nil)
		}
	}
	return true
}

package desktop

import (
	"image"
	"math"
	"weak"

	"fyne.io/fyne/v2"
)

// Shown is one thing that a window shows, for programs that drive the window from
// outside as a person does: Linux has no accessibility tree of Fyne's windows.
type Shown struct {
	Window string `json:"window"` // its title
	Kind   string `json:"kind"`   // text, button, field, switch, row, ...
	Text   string `json:"text"`   // what is written on it, never what was typed
	// Where it is, in pixels of the window.
	X      int `json:"x"`
	Y      int `json:"y"`
	Width  int `json:"width"`
	Height int `json:"height"`

	Disabled bool `json:"disabled,omitempty"`
	Focused  bool `json:"focused,omitempty"`
	On       bool `json:"on,omitempty"` // a switch, a check
}

// describer is a widget that can say what it is.
type describer interface {
	fyne.CanvasObject
	describe() Shown // its kind and words; the place is found
}

// RecordShown has Shown find the widgets that are made from now on. It costs memory,
// so that only who asks for it has it. Call it before New.
func RecordShown() { recording = true }

var recording bool

// records are the widgets that were made while recording, by the order of making.
var records []func() describer

// record remembers a widget, as long as somebody else does.
func record[T any, P interface {
	*T
	describer
}](w P) {
	if !recording {
		return
	}
	p := weak.Make((*T)(w))
	records = append(records, func() describer {
		if v := p.Value(); v != nil {
			return P(v)
		}
		return nil
	})
}

// Shown gives what the windows show, in the order in which it was made. Call it on
// Fyne's goroutine.
func (d *Desktop) Shown() []Shown {
	all := []Shown{}
	kept := records[:0]
	for _, find := range records {
		w := find()
		if w == nil {
			continue
		}
		kept = append(kept, find)
		if s, ok := d.locate(w); ok {
			all = append(all, s)
		}
	}
	clear(records[len(kept):])
	records = kept
	return all
}

// locate says where a widget is, false: it is not to be seen.
func (d *Desktop) locate(w describer) (Shown, bool) {
	driver := d.app.Driver()
	c := driver.CanvasForObject(w)
	if c == nil || !w.Visible() || w.Size().IsZero() {
		return Shown{}, false
	}
	s := w.describe()
	for _, window := range driver.AllWindows() {
		if window.Canvas() == c {
			s.Window = window.Title()
		}
	}
	at := driver.AbsolutePositionForObject(w)
	// What the canvas does not find is said to be in its corner, where nothing of ours is.
	if at.IsZero() || at.X >= c.Size().Width || at.Y >= c.Size().Height || at.X < 0 || at.Y < 0 {
		return Shown{}, false
	}
	scale := func(v float32) int { return int(math.Round(float64(v * c.Scale()))) }
	place := image.Rect(scale(at.X), scale(at.Y), scale(at.X+w.Size().Width), scale(at.Y+w.Size().Height))
	s.X, s.Y, s.Width, s.Height = place.Min.X, place.Min.Y, place.Dx(), place.Dy()
	if focusable, ok := w.(fyne.Focusable); ok {
		s.Focused = c.Focused() == focusable
	}
	return s, true
}

func (t *text) describe() Shown { return Shown{Kind: "text", Text: t.Text()} }

func (b *button) describe() Shown {
	return Shown{Kind: "button", Text: b.Text(), Disabled: b.Disabled()}
}

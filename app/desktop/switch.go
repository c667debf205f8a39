package desktop

import (
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// toggle is a switch: its knob is at the left when off, at the right when on, and
// in the middle on the way, so that nobody needs its colour.
type toggle struct {
	widget.BaseWidget
	view viewmodel.Switch
	cut  toggleCut
	do   func(viewmodel.Action)

	focus   focusRing
	hovered bool
}

// toggleCut is a switch's size, and its colour when on.
type toggleCut struct {
	width, height, knob float32
	on                  fyne.ThemeColorName
}

var (
	largeCut = toggleCut{width: 72, height: 38, knob: 30, on: ColorConnected}
	smallCut = toggleCut{width: 54, height: 30, knob: 22, on: theme.ColorNamePrimary}
)

// knobTakes is how long the knob is on its way.
const knobTakes = 160 * time.Millisecond

func newToggle(cut toggleCut, do func(viewmodel.Action)) *toggle {
	t := &toggle{cut: cut, do: do}
	t.ExtendBaseWidget(t)
	record(t)
	return t
}

// Set shows the switch as it is.
func (t *toggle) Set(v viewmodel.Switch) {
	if t.view != v {
		t.view = v
		t.Refresh()
	}
}

// Tapped implements fyne.Tappable: the switch itself moves when what it stands
// for does.
func (t *toggle) Tapped(*fyne.PointEvent) {
	switch {
	case !t.view.Enabled:
	case t.view.On:
		t.do(t.view.TurnOff)
	default:
		t.do(t.view.TurnOn)
	}
}

// FocusGained implements fyne.Focusable.
func (t *toggle) FocusGained() { t.focus.show(true) }

// FocusLost implements fyne.Focusable.
func (t *toggle) FocusLost() { t.focus.show(false) }

// TypedRune implements fyne.Focusable.
func (t *toggle) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (t *toggle) TypedKey(e *fyne.KeyEvent) {
	if pressed(e) {
		t.Tapped(nil)
		return
	}
	passOn(t, e)
}

// MouseIn implements desktop.Hoverable.
func (t *toggle) MouseIn(*desktop.MouseEvent) { t.hovered = true; t.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (t *toggle) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (t *toggle) MouseOut() { t.hovered = false; t.Refresh() }

// AccessibilityLabel implements fyne.Accessible.
func (t *toggle) AccessibilityLabel() string { return t.view.Label }

// AccessibilityRole implements fyne.Accessible.
func (t *toggle) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (t *toggle) describe() Shown {
	return Shown{Kind: "switch", Text: t.view.Label, Disabled: !t.view.Enabled, On: t.view.On}
}

// CreateRenderer implements fyne.Widget.
func (t *toggle) CreateRenderer() fyne.WidgetRenderer {
	r := &toggleRenderer{
		t:     t,
		track: canvas.NewRectangle(color.Transparent),
		shade: canvas.NewRectangle(color.Transparent),
		knob:  canvas.NewCircle(color.Transparent),
	}
	r.track.CornerRadius, r.shade.CornerRadius = t.cut.height/2, t.cut.height/2
	r.ring = t.focus.make(t, t.cut.height/2+ringGap+ringWidth)
	r.shown = t.view
	r.paint()
	return r
}

type toggleRenderer struct {
	t            *toggle
	track, shade *canvas.Rectangle
	knob         *canvas.Circle
	ring         *canvas.Rectangle

	shown viewmodel.Switch // where the knob is, or is moving to
	move  *fyne.Animation
}

func (r *toggleRenderer) paint() {
	t := r.t
	track := ColorTrack
	switch {
	case t.view.Working:
		track = ColorWorking
	case t.view.On:
		track = t.cut.on
	}
	r.knob.FillColor = hueOf(t, ColorKnob)
	r.track.StrokeWidth = 0
	if !t.view.Enabled && !t.view.Working {
		// What cannot be used is an outline.
		track = ColorLine
		r.track.StrokeWidth, r.track.StrokeColor = 1, hueOf(t, ColorTrack)
		r.knob.FillColor = hueOf(t, ColorTrack)
	}
	r.track.FillColor = hueOf(t, track)
	r.shade.FillColor = color.Transparent
	if t.hovered && t.view.Enabled {
		r.shade.FillColor = hueOf(t, theme.ColorNameHover)
	}
	t.focus.paint(t)
}

// at is where the knob belongs.
func (r *toggleRenderer) at(v viewmodel.Switch) fyne.Position {
	cut := r.t.cut
	edge := (cut.height - cut.knob) / 2
	switch {
	case v.Working:
		return fyne.NewPos((cut.width-cut.knob)/2, edge)
	case v.On:
		return fyne.NewPos(cut.width-cut.knob-edge, edge)
	}
	return fyne.NewPos(edge, edge)
}

func (r *toggleRenderer) Destroy() { r.stop() }

func (r *toggleRenderer) stop() {
	if r.move != nil {
		r.move.Stop()
		r.move = nil
	}
}

func (r *toggleRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.track, r.shade, r.knob, r.ring}
}

func (r *toggleRenderer) MinSize() fyne.Size { return fyne.NewSize(r.t.cut.width, r.t.cut.height) }

func (r *toggleRenderer) Layout(fyne.Size) {
	size := r.MinSize()
	r.track.Resize(size)
	r.shade.Resize(size)
	r.knob.Resize(fyne.NewSquareSize(r.t.cut.knob))
	if r.move == nil {
		r.knob.Move(r.at(r.shown))
	}
	r.t.focus.place(size)
}

func (r *toggleRenderer) Refresh() {
	r.paint()
	from, to := r.at(r.shown), r.at(r.t.view)
	r.shown = r.t.view
	if from != to {
		r.slide(r.knob.Position(), to)
	}
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

// slide moves the knob there, at once where the person wants nothing to move.
func (r *toggleRenderer) slide(from, to fyne.Position) {
	r.stop()
	if !fyne.CurrentApp().Settings().ShowAnimations() {
		r.knob.Move(to)
		return
	}
	move := canvas.NewPositionAnimation(from, to, knobTakes, func(at fyne.Position) {
		r.knob.Move(at)
		if at == to {
			r.move = nil
		}
	})
	r.move = move
	move.Start()
}

var (
	_ fyne.Focusable    = (*toggle)(nil)
	_ fyne.Accessible   = (*toggle)(nil)
	_ desktop.Hoverable = (*toggle)(nil)
)

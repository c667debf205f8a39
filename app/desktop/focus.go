package desktop

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
)

// focusRing goes around what the keyboard is at.
type focusRing struct {
	rect *canvas.Rectangle
	on   bool
}

// ringWidth is the line's, ringGap what it keeps from what it goes around.
const ringWidth, ringGap float32 = 2, 2

func (f *focusRing) make(w fyne.Widget, radius float32) *canvas.Rectangle {
	f.rect = canvas.NewRectangle(color.Transparent)
	f.rect.StrokeWidth = ringWidth
	f.rect.CornerRadius = radius
	f.paint(w)
	return f.rect
}

func (f *focusRing) paint(w fyne.Widget) {
	f.rect.StrokeColor = hueOf(w, theme.ColorNamePrimary)
	f.rect.Hidden = !f.on
}

func (f *focusRing) place(size fyne.Size) {
	f.rect.Move(fyne.NewPos(-ringGap-ringWidth, -ringGap-ringWidth))
	f.rect.Resize(size.AddWidthHeight(2*(ringGap+ringWidth), 2*(ringGap+ringWidth)))
}

func (f *focusRing) show(on bool) {
	f.on = on
	if f.rect != nil {
		f.rect.Hidden = !on
		f.rect.Refresh()
	}
}

// pressed: the key does what a click does.
func pressed(e *fyne.KeyEvent) bool {
	return e.Name == fyne.KeySpace || e.Name == fyne.KeyReturn || e.Name == fyne.KeyEnter
}

// passOn gives a key that the focused object has no use for to the canvas,
// which Fyne asks only when nothing is focused: Escape closes a sheet from
// wherever the keyboard is.
func passOn(o fyne.CanvasObject, e *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil {
		if typed := c.OnTypedKey(); typed != nil {
			typed(e)
		}
	}
}

var (
	_ fyne.Focusable     = (*button)(nil)
	_ desktop.Hoverable  = (*button)(nil)
	_ desktop.Cursorable = (*button)(nil)
)

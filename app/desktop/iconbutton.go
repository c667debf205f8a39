package desktop

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// iconButton is a sign that does something.
type iconButton struct {
	widget.BaseWidget
	icon  *icon
	label string // for those who cannot see it
	act   func()

	focus   focusRing
	hovered bool
}

// iconRoom is around the sign, so that it is easily hit.
const iconRoom float32 = 4

func newIconButton(name, label string, act func()) *iconButton {
	b := &iconButton{icon: newIcon(name, ColorQuiet, 16), label: label, act: act}
	b.ExtendBaseWidget(b)
	record(b)
	return b
}

// Tapped implements fyne.Tappable.
func (b *iconButton) Tapped(*fyne.PointEvent) { b.act() }

// FocusGained implements fyne.Focusable.
func (b *iconButton) FocusGained() { b.focus.show(true) }

// FocusLost implements fyne.Focusable.
func (b *iconButton) FocusLost() { b.focus.show(false) }

// TypedRune implements fyne.Focusable.
func (b *iconButton) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (b *iconButton) TypedKey(e *fyne.KeyEvent) {
	if pressed(e) || e.Name == fyne.KeyDown {
		b.act()
		return
	}
	passOn(b, e)
}

// MouseIn implements desktop.Hoverable.
func (b *iconButton) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (b *iconButton) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (b *iconButton) MouseOut() { b.hovered = false; b.Refresh() }

// AccessibilityLabel implements fyne.Accessible.
func (b *iconButton) AccessibilityLabel() string { return b.label }

// AccessibilityRole implements fyne.Accessible.
func (b *iconButton) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (b *iconButton) describe() Shown { return Shown{Kind: "button", Text: b.label} }

// CreateRenderer implements fyne.Widget.
func (b *iconButton) CreateRenderer() fyne.WidgetRenderer {
	r := &iconButtonRenderer{b: b, shade: canvas.NewRectangle(color.Transparent)}
	r.shade.CornerRadius = 6
	r.ring = b.focus.make(b, 6+ringGap+ringWidth)
	return r
}

type iconButtonRenderer struct {
	b           *iconButton
	shade, ring *canvas.Rectangle
}

func (r *iconButtonRenderer) Destroy() {}

func (r *iconButtonRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.shade, r.b.icon, r.ring}
}

func (r *iconButtonRenderer) MinSize() fyne.Size {
	return r.b.icon.MinSize().AddWidthHeight(2*iconRoom, 2*iconRoom)
}

func (r *iconButtonRenderer) Layout(size fyne.Size) {
	side := r.b.icon.MinSize()
	r.shade.Resize(size)
	r.b.icon.Move(fyne.NewPos((size.Width-side.Width)/2, (size.Height-side.Height)/2))
	r.b.icon.Resize(side)
	r.b.focus.place(size)
}

func (r *iconButtonRenderer) Refresh() {
	r.shade.FillColor = color.Transparent
	if r.b.hovered {
		r.shade.FillColor = hueOf(r.b, theme.ColorNameHover)
	}
	r.b.focus.paint(r.b)
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

var _ fyne.Focusable = (*iconButton)(nil)

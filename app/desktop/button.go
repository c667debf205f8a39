package desktop

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// buttonKind is how much a button asks to be pressed.
type buttonKind int

const (
	primaryKind buttonKind = iota // the one that a page or sheet is for
	plainKind                     // the others
	linkKind                      // in passing: only its word
	quietKind                     // as a link, but may be overlooked
	dangerKind                    // takes something away
)

// buttonPaint is one kind's colours, and its margins.
type buttonPaint struct {
	fill, stroke, text fyne.ThemeColorName
	across, down       float32
}

var buttonPaints = map[buttonKind]buttonPaint{
	primaryKind: {fill: theme.ColorNamePrimary, text: theme.ColorNameForegroundOnPrimary, across: 16, down: 8},
	plainKind:   {fill: theme.ColorNameButton, stroke: ColorLine, text: theme.ColorNameForeground, across: 16, down: 8},
	dangerKind:  {fill: theme.ColorNameError, text: theme.ColorNameForegroundOnError, across: 16, down: 8},
	linkKind:    {text: theme.ColorNamePrimary, down: 4},
	quietKind:   {text: ColorQuiet, down: 4},
}

// button is a word that does something: by click, by Space and by Enter.
type button struct {
	widget.BaseWidget
	kind  buttonKind
	label *text
	sign  *icon // beside the word; nil: none
	after bool  // the sign is behind the word
	act   func()

	focus           focusRing
	hovered, paused bool
}

func newButton(kind buttonKind, label string, act func()) *button {
	b := &button{kind: kind, act: act}
	l := look{size: SizeQuiet, color: buttonPaints[kind].text, bold: kind != quietKind}
	if !b.bare() {
		l.align = fyne.TextAlignCenter
	}
	b.label = newText(l, label)
	b.ExtendBaseWidget(b)
	record(b)
	return b
}

func primaryButton(label string, act func()) *button { return newButton(primaryKind, label, act) }
func plainButton(label string, act func()) *button   { return newButton(plainKind, label, act) }
func linkButton(label string, act func()) *button    { return newButton(linkKind, label, act) }
func dangerButton(label string, act func()) *button  { return newButton(dangerKind, label, act) }

// Sign puts a sign before the word, or after it.
func (b *button) Sign(name string, after bool) *button {
	if b.sign == nil {
		b.sign = newIcon(name, buttonPaints[b.kind].text, signSize)
	}
	b.sign.Set(name, buttonPaints[b.kind].text)
	b.after = after
	return b
}

const (
	signSize float32 = 12 // at a text scale of 1
	signGap  float32 = 4
)

// signs is how much room the sign takes.
func (b *button) signs() float32 {
	if b.sign == nil || b.sign.Hidden {
		return 0
	}
	return b.sign.MinSize().Width + signGap
}

// bare: the word alone, without a field around it.
func (b *button) bare() bool { return b.kind == linkKind || b.kind == quietKind }

// SetText changes the word.
func (b *button) SetText(s string) { b.label.Set(s) }

// Text is the word.
func (b *button) Text() string { return b.label.Text() }

// Enable lets the button be pressed.
func (b *button) Enable() { b.pause(false) }

// Disable keeps the button from being pressed.
func (b *button) Disable() { b.pause(true) }

// Disabled tells whether it cannot be pressed.
func (b *button) Disabled() bool { return b.paused }

func (b *button) pause(paused bool) {
	if b.paused != paused {
		b.paused = paused
		b.Refresh()
	}
}

// Tapped implements fyne.Tappable.
func (b *button) Tapped(*fyne.PointEvent) {
	if !b.paused && b.act != nil {
		b.act()
	}
}

// FocusGained implements fyne.Focusable.
func (b *button) FocusGained() { b.focus.show(true) }

// FocusLost implements fyne.Focusable.
func (b *button) FocusLost() { b.focus.show(false) }

// TypedRune implements fyne.Focusable.
func (b *button) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (b *button) TypedKey(e *fyne.KeyEvent) {
	if pressed(e) {
		b.Tapped(nil)
		return
	}
	passOn(b, e)
}

// MouseIn implements desktop.Hoverable.
func (b *button) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (b *button) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (b *button) MouseOut() { b.hovered = false; b.Refresh() }

// Cursor implements desktop.Cursorable.
func (b *button) Cursor() desktop.Cursor {
	if b.bare() && !b.paused {
		return desktop.PointerCursor
	}
	return desktop.DefaultCursor
}

// HeightAt implements flexible.
func (b *button) HeightAt(width float32) float32 {
	p := buttonPaints[b.kind]
	return b.label.HeightAt(width-2*p.across-b.signs()) + 2*p.down
}

// CreateRenderer implements fyne.Widget.
func (b *button) CreateRenderer() fyne.WidgetRenderer {
	r := &buttonRenderer{b: b, field: canvas.NewRectangle(color.Transparent), shade: canvas.NewRectangle(color.Transparent)}
	r.ring = b.focus.make(b, 10)
	r.paint()
	return r
}

type buttonRenderer struct {
	b            *button
	field, shade *canvas.Rectangle
	ring         *canvas.Rectangle
}

func (r *buttonRenderer) paint() {
	p := buttonPaints[r.b.kind]
	l := look{size: SizeQuiet, color: p.text, bold: r.b.kind != quietKind}
	r.field.FillColor = hueOf(r.b, p.fill)
	r.field.StrokeColor = hueOf(r.b, p.stroke)
	r.field.StrokeWidth = 0
	if p.stroke != "" {
		r.field.StrokeWidth = 1
	}
	r.shade.FillColor = color.Transparent
	if !r.b.bare() {
		l.align = fyne.TextAlignCenter
	}
	switch {
	case r.b.paused:
		l.color = theme.ColorNameDisabled
		if !r.b.bare() {
			r.field.FillColor = hueOf(r.b, theme.ColorNameDisabledButton)
		}
	case r.b.hovered && !r.b.bare():
		r.shade.FillColor = hueOf(r.b, theme.ColorNameHover)
	case r.b.hovered:
		l.color = theme.ColorNameForeground
	}
	radius := r.b.Theme().Size(theme.SizeNameButtonRadius)
	r.field.CornerRadius, r.shade.CornerRadius = radius, radius
	r.b.label.SetLook(l)
	if r.b.sign != nil {
		r.b.sign.Set(r.b.sign.name, l.color)
	}
	r.b.focus.paint(r.b)
}

func (r *buttonRenderer) Destroy() {}

func (r *buttonRenderer) Objects() []fyne.CanvasObject {
	objects := []fyne.CanvasObject{r.field, r.shade, r.b.label, r.ring}
	if r.b.sign != nil {
		objects = append(objects, r.b.sign)
	}
	return objects
}

func (r *buttonRenderer) Layout(size fyne.Size) {
	p := buttonPaints[r.b.kind]
	r.field.Resize(size)
	r.shade.Resize(size)
	w := size.Width - 2*p.across - r.b.signs()
	h := r.b.label.HeightAt(w)
	x := p.across
	if s := r.b.sign; s != nil {
		side := s.MinSize()
		at := x
		if r.b.after {
			at += min(w, r.b.label.natural()) + signGap
		} else {
			x += r.b.signs()
		}
		s.Move(fyne.NewPos(at, (size.Height-side.Height)/2))
		s.Resize(side)
	}
	r.b.label.Move(fyne.NewPos(x, (size.Height-h)/2))
	r.b.label.Resize(fyne.NewSize(w, h))
	r.b.focus.place(size)
}

func (r *buttonRenderer) MinSize() fyne.Size {
	p := buttonPaints[r.b.kind]
	// One more than measured: the last word must not wrap for a rounding.
	w := r.b.label.natural() + r.b.signs() + 2*p.across + 1
	return fyne.NewSize(w, r.b.HeightAt(w))
}

func (r *buttonRenderer) Refresh() {
	r.paint()
	for _, o := range r.Objects() {
		o.Refresh()
	}
	r.Layout(r.b.Size())
}

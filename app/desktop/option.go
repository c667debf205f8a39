package desktop

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// option is something to tick, or one of several things of which one is chosen: a mark
// with a text, and a quieter one below it. Both wrap, which Fyne's own do not.
type option struct {
	widget.DisableableWidget
	label, detail *text
	round         bool // one of several
	boxed         bool // it stands on a card
	on            bool
	changed       func(on bool) // by the person
	group         *choices      // of a round one

	focus   focusRing
	hovered bool
}

// The measures of an option, at the usual size of texts.
const (
	optionMark float32 = 18
	optionPad  float32 = 6
)

// newTick makes something to tick.
func newTick(label string, on bool, changed func(on bool)) *option {
	o := &option{label: newText(look{size: theme.SizeNameText, color: theme.ColorNameForeground}, label), on: on, changed: changed}
	o.ExtendBaseWidget(o)
	record(o)
	return o
}

// choices are several things of which one is chosen.
type choices struct {
	rows    []*option
	picked  int // -1: none yet
	changed func(at int)
}

// add puts a choice below the others.
func (c *choices) add(label, detail string, boxed bool) *option {
	o := &option{label: newText(lookName, label), round: true, boxed: boxed, group: c}
	if !boxed {
		o.label.SetLook(look{size: theme.SizeNameText, color: theme.ColorNameForeground})
	}
	if detail != "" {
		o.detail = quietText(detail)
	}
	o.ExtendBaseWidget(o)
	record(o)
	c.rows = append(c.rows, o)
	return o
}

// pick chooses one without telling anybody.
func (c *choices) pick(at int) {
	c.picked = at
	for i, o := range c.rows {
		if o.on != (i == at) {
			o.on = i == at
			o.Refresh()
		}
	}
}

// choose is a click of the person.
func (c *choices) choose(o *option) {
	for i, row := range c.rows {
		if row == o && c.picked != i {
			c.pick(i)
			if c.changed != nil {
				c.changed(i)
			}
		}
	}
}

// beside chooses the next or the one before that can be chosen.
func (c *choices) beside(o *option, step int) {
	for i, row := range c.rows {
		if row != o {
			continue
		}
		for at := i + step; at >= 0 && at < len(c.rows); at += step {
			if next := c.rows[at]; !next.Disabled() {
				c.choose(next)
				if canvas := fyne.CurrentApp().Driver().CanvasForObject(next); canvas != nil {
					canvas.Focus(next)
				}
				return
			}
		}
	}
}

// objects are the rows.
func (c *choices) objects() (list []fyne.CanvasObject) {
	for _, o := range c.rows {
		list = append(list, o)
	}
	return list
}

// use is a click or the space bar.
func (o *option) use() {
	switch {
	case o.Disabled():
	case o.group != nil:
		o.group.choose(o)
	default:
		o.on = !o.on
		o.Refresh()
		if o.changed != nil {
			o.changed(o.on)
		}
	}
}

// Tapped implements fyne.Tappable.
func (o *option) Tapped(*fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && !o.Disabled() {
		c.Focus(o)
	}
	o.use()
}

// FocusGained implements fyne.Focusable.
func (o *option) FocusGained() { o.focus.show(true) }

// FocusLost implements fyne.Focusable.
func (o *option) FocusLost() { o.focus.show(false) }

// TypedRune implements fyne.Focusable.
func (o *option) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (o *option) TypedKey(e *fyne.KeyEvent) {
	switch {
	case e.Name == fyne.KeySpace:
		o.use()
	case o.group != nil && e.Name == fyne.KeyDown:
		o.group.beside(o, 1)
	case o.group != nil && e.Name == fyne.KeyUp:
		o.group.beside(o, -1)
	default:
		passOn(o, e)
	}
}

// MouseIn implements desktop.Hoverable.
func (o *option) MouseIn(*desktop.MouseEvent) { o.hovered = true; o.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (o *option) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (o *option) MouseOut() { o.hovered = false; o.Refresh() }

func (o *option) describe() Shown {
	kind := "check"
	if o.round {
		kind = "option"
	}
	return Shown{Kind: kind, Text: o.label.Text(), On: o.on, Disabled: o.Disabled()}
}

// AccessibilityLabel implements fyne.Accessible.
func (o *option) AccessibilityLabel() string { return o.label.Text() }

// AccessibilityRole implements fyne.Accessible.
func (o *option) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (o *option) scale() float32 {
	return o.Theme().Size(theme.SizeNameText) / typeScale[theme.SizeNameText]
}

// place gives the places of mark and texts, and the height.
func (o *option) place(width float32) (mark fyne.Position, side float32, texts fyne.Position, inner, height float32) {
	side = optionMark * o.scale()
	down := optionPad
	across := float32(0)
	if o.boxed {
		down, across = 12, 14
	}
	inner = width - 2*across - side - 10
	h := o.label.HeightAt(inner)
	line := fyne.MeasureText("X", o.Theme().Size(theme.SizeNameText), fyne.TextStyle{}).Height
	height = h + 2*down
	if o.detail != nil {
		height += 2 + o.detail.HeightAt(inner)
	}
	return fyne.NewPos(across, down+(line-side)/2), side, fyne.NewPos(across+side+10, down), inner, height
}

// HeightAt implements flexible.
func (o *option) HeightAt(width float32) float32 {
	_, _, _, _, h := o.place(width)
	return h
}

// CreateRenderer implements fyne.Widget.
func (o *option) CreateRenderer() fyne.WidgetRenderer {
	r := &optionRenderer{
		o: o, back: canvas.NewRectangle(color.Transparent), mark: canvas.NewRectangle(color.Transparent),
		dot: canvas.NewCircle(color.Transparent), down: canvas.NewLine(color.Transparent), up: canvas.NewLine(color.Transparent),
	}
	r.ring = o.focus.make(o, 10)
	r.paint()
	return r
}

type optionRenderer struct {
	o        *option
	back     *canvas.Rectangle
	ring     *canvas.Rectangle
	mark     *canvas.Rectangle
	dot      *canvas.Circle
	down, up *canvas.Line // the tick
}

func (r *optionRenderer) Destroy() {}

func (r *optionRenderer) Objects() []fyne.CanvasObject {
	list := []fyne.CanvasObject{r.back, r.mark, r.dot, r.down, r.up, r.o.label, r.ring}
	if r.o.detail != nil {
		list = append(list, r.o.detail)
	}
	return list
}

func (r *optionRenderer) MinSize() fyne.Size {
	return fyne.NewSize(120, r.o.HeightAt(max(r.o.Size().Width, 120)))
}

func (r *optionRenderer) Layout(size fyne.Size) {
	at, side, texts, inner, _ := r.o.place(size.Width)
	r.back.Resize(size)
	r.o.focus.place(size)
	r.mark.Move(at)
	r.mark.Resize(fyne.NewSquareSize(side))
	if r.o.round {
		r.mark.CornerRadius = side / 2
	} else {
		r.mark.CornerRadius = side / 4
	}
	r.dot.Move(at.AddXY(side*.31, side*.31))
	r.dot.Resize(fyne.NewSquareSize(side * .38))
	point := func(x, y float32) fyne.Position { return at.AddXY(side*x, side*y) }
	r.down.Position1, r.down.Position2 = point(.25, .52), point(.43, .70)
	r.up.Position1, r.up.Position2 = point(.43, .70), point(.76, .32)
	r.o.label.Move(texts)
	h := r.o.label.HeightAt(inner)
	r.o.label.Resize(fyne.NewSize(inner, h))
	if d := r.o.detail; d != nil {
		d.Move(texts.AddXY(0, h+2))
		d.Resize(fyne.NewSize(inner, d.HeightAt(inner)))
	}
}

func (r *optionRenderer) Refresh() {
	r.paint()
	r.Layout(r.o.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

func (r *optionRenderer) paint() {
	o := r.o
	hueFor := func(name fyne.ThemeColorName) color.Color { return hueOf(o, name) }
	on, edge, sign := hueFor(theme.ColorNamePrimary), hueFor(theme.ColorNameInputBorder), hueFor(theme.ColorNameForegroundOnPrimary)
	words := theme.ColorNameForeground
	if o.Disabled() {
		on, words = hueFor(theme.ColorNameDisabled), theme.ColorNameDisabled
	}
	style := look{size: theme.SizeNameText, color: words, bold: o.boxed}
	o.label.SetLook(style)
	r.mark.StrokeWidth, r.mark.StrokeColor, r.mark.FillColor = 1.5, edge, hueFor(theme.ColorNameInputBackground)
	r.dot.FillColor, r.down.StrokeColor, r.up.StrokeColor = color.Transparent, color.Transparent, color.Transparent
	if o.on {
		r.mark.FillColor, r.mark.StrokeColor = on, on
		if o.round {
			r.dot.FillColor = sign
		} else {
			r.down.StrokeColor, r.up.StrokeColor = sign, sign
		}
	}
	r.down.StrokeWidth, r.up.StrokeWidth = 2*o.scale(), 2*o.scale()
	r.back.CornerRadius, r.back.StrokeWidth = 8, 0
	r.back.FillColor, r.back.StrokeColor = color.Transparent, color.Transparent
	if o.boxed {
		r.back.StrokeWidth, r.back.FillColor, r.back.StrokeColor = 1, hueFor(ColorCard), hueFor(ColorLine)
		if o.on {
			r.back.StrokeColor = hueFor(theme.ColorNamePrimary)
		}
	}
	if o.hovered && !o.Disabled() {
		r.mark.StrokeColor = on
		if o.boxed {
			r.back.StrokeColor = on
		}
	}
	o.focus.paint(o)
}

package desktop

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// panel is a rectangle in the theme's colours: cards, bars, the sidebar.
type panel struct {
	widget.BaseWidget
	fill, stroke fyne.ThemeColorName // empty: none
	radius       float32
}

func newPanel(fill, stroke fyne.ThemeColorName, radius float32) *panel {
	p := &panel{fill: fill, stroke: stroke, radius: radius}
	p.ExtendBaseWidget(p)
	return p
}

// Paint changes the colours.
func (p *panel) Paint(fill, stroke fyne.ThemeColorName) {
	if p.fill != fill || p.stroke != stroke {
		p.fill, p.stroke = fill, stroke
		p.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (p *panel) CreateRenderer() fyne.WidgetRenderer {
	r := &panelRenderer{p: p, rect: canvas.NewRectangle(color.Transparent)}
	r.paint()
	return r
}

type panelRenderer struct {
	p    *panel
	rect *canvas.Rectangle
}

func (r *panelRenderer) paint() {
	r.rect.FillColor = hueOf(r.p, r.p.fill)
	r.rect.StrokeColor = hueOf(r.p, r.p.stroke)
	r.rect.StrokeWidth = 0
	if r.p.stroke != "" {
		r.rect.StrokeWidth = 1
	}
	r.rect.CornerRadius = r.p.radius
}

func (r *panelRenderer) Destroy()                     {}
func (r *panelRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.rect} }
func (r *panelRenderer) Layout(size fyne.Size)        { r.rect.Resize(size) }
func (r *panelRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *panelRenderer) Refresh()                     { r.paint(); r.rect.Refresh() }

// hueOf is a colour of the theme that the widget is drawn in.
func hueOf(w fyne.Widget, name fyne.ThemeColorName) color.Color {
	if name == "" {
		return color.Transparent
	}
	t, ok := w.(interface{ Theme() fyne.Theme })
	if !ok {
		return color.Transparent
	}
	return t.Theme().Color(name, fyne.CurrentApp().Settings().ThemeVariant())
}

// newCard puts something on a card.
func newCard(content fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{
		Layout:  &insetLayout{across: 20, down: gapNormal},
		Objects: []fyne.CanvasObject{newPanel(ColorCard, ColorLine, 10), content},
	}
}

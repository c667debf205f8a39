package desktop

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// panel is a rectangle in the theme's colours: cards, bars, the sidebar. It is a
// picture that is drawn when it changes, and not by a shader for each of its pixels
// in each frame: without a graphics card that would be most of what a new sample of
// the traffic costs.
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
	r := &panelRenderer{p: p}
	r.raster = canvas.NewRaster(r.draw)
	r.paint()
	return r
}

type panelRenderer struct {
	p      *panel
	raster *canvas.Raster
	paints [2]color.NRGBA // the fill and the stroke that are drawn
}

// paint takes the colours; true: they are not those of before.
func (r *panelRenderer) paint() bool {
	before := r.paints
	for i, name := range []fyne.ThemeColorName{r.p.fill, r.p.stroke} {
		r.paints[i] = color.NRGBAModel.Convert(hueOf(r.p, name)).(color.NRGBA)
	}
	r.raster.Hidden = r.paints[0].A == 0 && r.paints[1].A == 0
	return r.paints != before
}

// draw makes the picture: of one pixel where all are alike.
func (r *panelRenderer) draw(w, h int) image.Image {
	if r.p.radius == 0 && r.paints[1].A == 0 {
		one := image.NewNRGBA(image.Rect(0, 0, 1, 1))
		one.SetNRGBA(0, 0, r.paints[0])
		return one
	}
	scale := 1.0
	if width := r.p.Size().Width; width > 0 {
		scale = float64(w) / float64(width)
	}
	return roundedRect(w, h, float64(r.p.radius)*scale, math.Round(scale), r.paints[0], r.paints[1])
}

func (r *panelRenderer) Destroy()                     {}
func (r *panelRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.raster} }
func (r *panelRenderer) Layout(size fyne.Size)        { r.raster.Resize(size) }
func (r *panelRenderer) MinSize() fyne.Size           { return fyne.Size{} }

func (r *panelRenderer) Refresh() {
	if r.paint() {
		r.raster.Refresh()
	}
}

// roundedRect is a rectangle with round corners and, where it has a colour, a line of
// that width inside of its edge.
func roundedRect(w, h int, radius, line float64, fill, stroke color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	radius = min(radius, float64(w)/2, float64(h)/2)
	if stroke.A == 0 {
		line = 0
	}
	// depth is how far inside of the edge the middle of a pixel is.
	depth := func(x, y int) float64 {
		dx := min(float64(x)+0.5, float64(w-x)-0.5)
		dy := min(float64(y)+0.5, float64(h-y)-0.5)
		if dx < radius && dy < radius {
			return radius - math.Hypot(radius-dx, radius-dy)
		}
		return min(dx, dy)
	}
	near := int(math.Ceil(max(radius, line))) + 1
	for y := range h {
		row := img.Pix[y*img.Stride : (y+1)*img.Stride]
		for x := 0; x < w; x++ {
			if y >= near && y < h-near && x == near && w > 2*near {
				// Between the edges all pixels are alike.
				for ; x < w-near; x++ {
					copy(row[4*x:], []byte{fill.R, fill.G, fill.B, fill.A})
				}
			}
			c := inkAt(depth(x, y), line, fill, stroke)
			copy(row[4*x:], []byte{c.R, c.G, c.B, c.A})
		}
	}
	return img
}

// inkAt is the colour of a pixel that is so far inside of the edge.
func inkAt(depth, line float64, fill, stroke color.NRGBA) color.NRGBA {
	cover := func(d float64) float64 { return min(max(d+0.5, 0), 1) }
	outer, inner := cover(depth), cover(depth-line)
	if line == 0 {
		inner = outer
	}
	// What is covered by the line, and what by the ground inside of it.
	a := float64(stroke.A) / 255 * (outer - inner)
	b := float64(fill.A) / 255 * inner
	if a+b == 0 {
		return color.NRGBA{}
	}
	mix := func(s, f uint8) uint8 { return uint8(math.Round((float64(s)*a + float64(f)*b) / (a + b))) }
	return color.NRGBA{mix(stroke.R, fill.R), mix(stroke.G, fill.G), mix(stroke.B, fill.B), uint8(math.Round((a + b) * 255))}
}

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
		Layout:  &insetLayout{across: 20, down: 15},
		Objects: []fyne.CanvasObject{newPanel(ColorCard, ColorLine, 10), content},
	}
}

package desktop

import (
	"image"
	"image/color"
	"math"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// graph draws the traffic of the last minutes: what was received as a line, what
// was sent as a dotted one. It is one picture, drawn once for each new sample.
type graph struct {
	widget.BaseWidget
	points    []viewmodel.Point
	refreshed int // how often it was drawn for other points
}

const graphHeight float32 = 76

// How wide its lines are: what came in, and what went out.
const lineWidth, dottedWidth = 2.0, 1.5

func newGraph() *graph {
	g := &graph{}
	g.ExtendBaseWidget(g)
	return g
}

// Set draws other points.
func (g *graph) Set(points []viewmodel.Point) {
	if !slices.Equal(g.points, points) {
		g.points = points
		g.refreshed++
		g.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (g *graph) CreateRenderer() fyne.WidgetRenderer {
	return &graphRenderer{g: g, raster: canvas.NewRaster(g.draw)}
}

type graphRenderer struct {
	g      *graph
	raster *canvas.Raster
}

func (r *graphRenderer) Destroy()                     {}
func (r *graphRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.raster} }
func (r *graphRenderer) Layout(size fyne.Size)        { r.raster.Resize(size) }
func (r *graphRenderer) MinSize() fyne.Size           { return fyne.NewSize(0, graphHeight) }
func (r *graphRenderer) Refresh()                     { r.raster.Refresh() }

// draw is the picture in pixels of the screen.
func (g *graph) draw(w, h int) image.Image {
	p := &plot{img: image.NewNRGBA(image.Rect(0, 0, w, h)), scale: 1}
	if width := g.Size().Width; width > 0 {
		p.scale = float64(w) / float64(width)
	}
	p.line(g.points, func(v viewmodel.Point) float64 { return v.Tx }, hueOf(g, ColorQuiet), dottedWidth, true)
	p.line(g.points, func(v viewmodel.Point) float64 { return v.Rx }, hueOf(g, theme.ColorNamePrimary), lineWidth, false)
	return p.img
}

// plot is the picture while it is made.
type plot struct {
	img   *image.NRGBA
	scale float64 // pixels for one of Fyne's
}

// line draws a value of the points from the left edge to the right. Each column
// of pixels is covered as far as the line covers it, seen across: cheap, and
// smooth where the line is steep as well.
func (p *plot) line(points []viewmodel.Point, value func(viewmodel.Point) float64, c color.Color, width float64, dotted bool) {
	w, h := p.img.Rect.Dx(), p.img.Rect.Dy()
	if len(points) < 2 || w < 2 || h < 2 {
		return
	}
	ink := color.NRGBAModel.Convert(c).(color.NRGBA)
	half := width * p.scale / 2
	room := float64(h) - 2*half
	at := func(x float64) float64 {
		pos := min(max(x/float64(w-1), 0), 1) * float64(len(points)-1)
		i := min(int(pos), len(points)-2)
		a, b := share(value(points[i])), share(value(points[i+1]))
		return half + room*(1-(a+(b-a)*(pos-float64(i))))
	}
	dot := max(2, int(math.Round(3*p.scale)))
	for x := range w {
		if dotted && x/dot%2 == 1 {
			continue
		}
		y := at(float64(x))
		slope := math.Abs(at(float64(x)+0.5) - at(float64(x)-0.5))
		// A line of this width, met straight down, is so thick; a steep one ends.
		thick := min(half*math.Sqrt(1+slope*slope), half+slope/2)
		p.column(x, y-thick, y+thick, ink)
	}
}

// share keeps what was counted wrongly in the picture.
func share(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, 0), 1)
}

// column fills a column of pixels from top to bottom, its ends in part.
func (p *plot) column(x int, top, bottom float64, ink color.NRGBA) {
	for y := max(0, int(math.Floor(top))); y < min(p.img.Rect.Dy(), int(math.Ceil(bottom))); y++ {
		cover := min(bottom, float64(y+1)) - max(top, float64(y))
		p.over(x, y, ink, min(cover, 1))
	}
}

// over puts ink on a pixel, which may have some of another line.
func (p *plot) over(x, y int, ink color.NRGBA, cover float64) {
	i := p.img.PixOffset(x, y)
	px := p.img.Pix[i : i+4 : i+4]
	below := float64(px[3]) / 255 * (1 - cover)
	all := cover + below
	if all <= 0 {
		return
	}
	for n, v := range []uint8{ink.R, ink.G, ink.B} {
		px[n] = uint8(math.Round((float64(v)*cover + float64(px[n])*below) / all))
	}
	px[3] = uint8(math.Round(all * 255))
}

// stroke is a piece of one of the graph's lines, for its legend.
type stroke struct {
	widget.BaseWidget
	dotted bool
}

const strokeWidth float32 = 15

func newStroke(dotted bool) *stroke {
	s := &stroke{dotted: dotted}
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer implements fyne.Widget.
func (s *stroke) CreateRenderer() fyne.WidgetRenderer {
	return &strokeRenderer{s, canvas.NewRaster(s.draw)}
}

func (s *stroke) draw(w, h int) image.Image {
	p := &plot{img: image.NewNRGBA(image.Rect(0, 0, w, h)), scale: float64(w) / float64(strokeWidth)}
	middle := []viewmodel.Point{{Rx: 0.5}, {Rx: 0.5}}
	c, width := theme.ColorNamePrimary, lineWidth
	if s.dotted {
		c, width = ColorQuiet, dottedWidth
	}
	p.line(middle, func(v viewmodel.Point) float64 { return v.Rx }, hueOf(s, c), width, s.dotted)
	return p.img
}

type strokeRenderer struct {
	s      *stroke
	raster *canvas.Raster
}

func (r *strokeRenderer) Destroy()                     {}
func (r *strokeRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.raster} }
func (r *strokeRenderer) Layout(size fyne.Size)        { r.raster.Resize(size) }
func (r *strokeRenderer) Refresh()                     { r.raster.Refresh() }

// MinSize is as high as the line that it stands in.
func (r *strokeRenderer) MinSize() fyne.Size {
	return fyne.NewSize(strokeWidth, lineHeight(r.s, SizeSmall))
}

package desktop

import (
	"bytes"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/homeward-vpn/homeward/app/viewmodel"
	"github.com/homeward-vpn/homeward/assets"
)

// AppIcon is the product's icon.
func AppIcon() fyne.Resource { return fyne.NewStaticResource("app.svg", assets.AppIcon) }

// drawing is an icon of one colour, by its file's name.
func drawing(name string) fyne.Resource {
	svg, err := assets.Icons.ReadFile(assets.IconsDir + "/" + name + ".svg")
	if err != nil {
		// The drawings are part of the program: a name that is none is a mistake in it.
		panic(err)
	}
	return fyne.NewStaticResource(name+".svg", svg)
}

// markColors are the marks' colours in the window.
var markColors = map[viewmodel.Mark]fyne.ThemeColorName{
	viewmodel.MarkDisconnected: ColorQuiet,
	viewmodel.MarkConnecting:   ColorWorking,
	viewmodel.MarkConnected:    ColorConnected,
	viewmodel.MarkBlocked:      ColorBlocked,
	viewmodel.MarkNeedsYou:     ColorNeedsYou,
}

// trayColors are the marks' colours in a panel, which may be light or dark
// without a way to know: each can be seen on both.
var trayColors = map[viewmodel.Mark]color.NRGBA{
	viewmodel.MarkDisconnected: {R: 0x7b, G: 0x87, B: 0x94, A: 0xff},
	viewmodel.MarkConnecting:   {R: 0xb5, G: 0x7a, B: 0x08, A: 0xff},
	viewmodel.MarkConnected:    {R: 0x1c, G: 0x94, B: 0x5c, A: 0xff},
	viewmodel.MarkBlocked:      {R: 0xdf, G: 0x4b, B: 0x45, A: 0xff},
	viewmodel.MarkNeedsYou:     {R: 0x5f, G: 0x7c, B: 0xf0, A: 0xff},
}

// known is the mark, or the one for a state that this program does not know.
func known(m viewmodel.Mark) viewmodel.Mark {
	if _, ok := markColors[m]; ok {
		return m
	}
	return viewmodel.MarkNeedsYou
}

// TrayIcon is a mark for the panel, in a colour that is seen in light and in dark
// ones.
func TrayIcon(m viewmodel.Mark) fyne.Resource {
	m = known(m)
	hex := []byte("#000000")
	c := trayColors[m]
	const digits = "0123456789abcdef"
	for i, v := range []uint8{c.R, c.G, c.B} {
		hex[1+2*i], hex[2+2*i] = digits[v>>4], digits[v&15]
	}
	svg := bytes.ReplaceAll(drawing(string(m)).Content(), []byte(inkOfDrawings), hex)
	return fyne.NewStaticResource("tray-"+string(m)+".svg", svg)
}

// inkOfDrawings is the colour that the files have.
const inkOfDrawings = "#14202B"

// TrayTemplate is a mark in one colour, for panels that fill it with their own.
func TrayTemplate(m viewmodel.Mark) fyne.Resource {
	return theme.NewThemedResource(drawing(string(known(m))))
}

// icon is a drawing in a colour of the theme, or in its own.
type icon struct {
	widget.BaseWidget
	name  string
	color fyne.ThemeColorName // empty: its own
	size  float32
}

func newIcon(name string, c fyne.ThemeColorName, size float32) *icon {
	i := &icon{name: name, color: c, size: size}
	i.ExtendBaseWidget(i)
	return i
}

// markIcon is the state's mark, small.
func markIcon(m viewmodel.Mark) *icon {
	i := newIcon("", "", 18)
	i.SetMark(m)
	return i
}

// SetMark shows another state.
func (i *icon) SetMark(m viewmodel.Mark) { i.Set(string(known(m)), markColors[known(m)]) }

// Set shows another drawing.
func (i *icon) Set(name string, c fyne.ThemeColorName) {
	if i.name != name || i.color != c {
		i.name, i.color = name, c
		i.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (i *icon) CreateRenderer() fyne.WidgetRenderer {
	r := &iconRenderer{i: i, image: &canvas.Image{FillMode: canvas.ImageFillContain}}
	r.paint()
	return r
}

type iconRenderer struct {
	i     *icon
	image *canvas.Image
}

func (r *iconRenderer) paint() {
	r.image.Resource = drawing(r.i.name)
	if r.i.color != "" {
		r.image.Resource = theme.NewColoredResource(r.image.Resource, r.i.color)
	}
}

func (r *iconRenderer) Destroy()                     {}
func (r *iconRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.image} }
func (r *iconRenderer) Layout(size fyne.Size)        { r.image.Resize(size) }
func (r *iconRenderer) Refresh()                     { r.paint(); r.image.Refresh() }

// MinSize grows with the text that the icon stands beside.
func (r *iconRenderer) MinSize() fyne.Size { return fyne.NewSquareSize(r.i.size * textScale(r.i)) }

// textScale is how many times as large texts are as the design has them.
func textScale(w interface{ Theme() fyne.Theme }) float32 {
	return w.Theme().Size(theme.SizeNameText) / typeScale[theme.SizeNameText]
}

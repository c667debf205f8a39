package desktop

import (
	"image"
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/software"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"github.com/homeward-vpn/homeward/app/viewmodel"
)

// TestTheSwitchIsReadWithoutItsColour: the knob is at the left, in the middle or at
// the right.
func TestTheSwitchIsReadWithoutItsColour(t *testing.T) {
	newTestApp(t, theme.VariantLight, 1)
	places := map[string]float32{}
	for name, v := range map[string]viewmodel.Switch{
		"off": {Enabled: true}, "working": {Enabled: true, On: true, Working: true}, "on": {Enabled: true, On: true}, "stopping": {Working: true},
		"never": {},
	} {
		s := newToggle(largeCut, func(viewmodel.Action) {})
		r := test.WidgetRenderer(s).(*toggleRenderer)
		s.Set(v)
		s.Resize(s.MinSize())
		places[name] = r.knob.Position().X
	}
	if !(places["off"] < places["working"] && places["working"] < places["on"]) || places["stopping"] != places["working"] || places["never"] != places["off"] {
		t.Errorf("the knob is at %v", places)
	}
}

// TestTheSwitchTurns: a click means the other state, and nothing where it cannot be used.
func TestTheSwitchTurns(t *testing.T) {
	newTestApp(t, theme.VariantLight, 1)
	var got []viewmodel.ActionKind
	s := newToggle(smallCut, func(a viewmodel.Action) { got = append(got, a.Kind) })
	v := viewmodel.Switch{Enabled: true, TurnOn: viewmodel.Action{Kind: "on"}, TurnOff: viewmodel.Action{Kind: "off"}}
	s.Set(v)
	test.Tap(s)
	v.On = true
	s.Set(v)
	test.Tap(s)
	v.Working = true
	s.Set(v)
	test.Tap(s)
	v.Enabled = false
	s.Set(v)
	test.Tap(s)
	if len(got) != 3 || got[0] != "on" || got[1] != "off" || got[2] != "off" {
		t.Errorf("clicks mean %v", got)
	}
}

// TestTheGraphDrawsItsPoints: nothing is drawn at zero but the line at the foot, and
// the top is reached by what is highest; what was counted wrongly stays inside.
func TestTheGraphDrawsItsPoints(t *testing.T) {
	newTestApp(t, theme.VariantLight, 1)
	g := newGraph()
	g.Resize(fyne.NewSize(300, 80))
	ink := func(img image.Image, x int) (top, bottom int) {
		top, bottom = -1, -1
		for y := range img.Bounds().Dy() {
			if _, _, _, a := img.At(x, y).RGBA(); a > 0x8000 {
				if top < 0 {
					top = y
				}
				bottom = y
			}
		}
		return top, bottom
	}
	g.points = []viewmodel.Point{{Rx: 0}, {Rx: 1}, {Rx: 0}}
	img := g.draw(300, 80)
	if top, _ := ink(img, 150); top > 2 {
		t.Errorf("the highest point is drawn at %d of 80", top)
	}
	if top, bottom := ink(img, 0); top < 74 || bottom < 77 {
		t.Errorf("zero is drawn from %d to %d of 80", top, bottom)
	}
	g.points = []viewmodel.Point{{Rx: math.NaN()}, {Rx: math.Inf(1), Tx: -5}, {Rx: -1, Tx: math.Inf(-1)}}
	if img := g.draw(300, 80); img.Bounds().Dx() != 300 {
		t.Error("no picture of absurd points")
	}
	for _, size := range []image.Point{{0, 0}, {1, 1}, {1, 80}, {300, 1}} {
		g.draw(size.X, size.Y)
	}
}

// TestTheGraphIsDrawnForNewSamplesOnly.
func TestTheGraphIsDrawnForNewSamplesOnly(t *testing.T) {
	a := newTestApp(t, theme.VariantLight, 1)
	say := speak(t, "en")
	d := open(t, a, say, "connected", fyne.NewSize(windowWidth, windowHeight))
	d.window.Canvas().Capture()
	g := d.main.traffic.graph
	refreshed := g.refreshed
	for range 5 {
		d.Show(viewmodel.Main(scene("connected"), say))
	}
	if g.refreshed != refreshed {
		t.Errorf("the same samples were drawn %d times more", g.refreshed-refreshed)
	}
	in := scene("connected")
	in.Samples = in.Samples[:200]
	d.Show(viewmodel.Main(in, say))
	if g.refreshed != refreshed+1 {
		t.Errorf("other samples were drawn %d times", g.refreshed-refreshed)
	}
}

// BenchmarkGraph is one sample: the picture of five minutes.
func BenchmarkGraph(b *testing.B) {
	newTestApp(b, theme.VariantLight, 1)
	g := newGraph()
	g.Resize(fyne.NewSize(544, 76))
	g.points = viewmodel.Main(scene("connected"), speak(b, "en")).Traffic.Points
	for b.Loop() {
		g.draw(544, 76)
	}
}

// BenchmarkNothingNew is a view that is as before.
func BenchmarkNothingNew(b *testing.B) {
	a := newTestApp(b, theme.VariantLight, 1)
	say := speak(b, "en")
	d := open(b, a, say, "connected", fyne.NewSize(windowWidth, windowHeight))
	v := viewmodel.Main(scene("connected"), say)
	for b.Loop() {
		d.Show(v)
	}
}

// raster is a drawing in so many pixels.
func raster(res fyne.Resource, side int) image.Image {
	img := canvas.NewImageFromResource(res)
	c := software.NewTransparentCanvas()
	c.SetPadded(false)
	c.SetContent(img)
	c.Resize(fyne.NewSquareSize(float32(side)))
	return c.Capture()
}

// TestMarksDifferInShape: at 16 and 22 pixels, whatever colour they have, each differs
// from each other in a tenth of its pixels at least.
func TestMarksDifferInShape(t *testing.T) {
	newTestApp(t, theme.VariantLight, 1)
	marks := []viewmodel.Mark{viewmodel.MarkDisconnected, viewmodel.MarkConnecting, viewmodel.MarkConnected, viewmodel.MarkBlocked, viewmodel.MarkNeedsYou}
	for _, side := range []int{16, 22} {
		shapes := map[viewmodel.Mark]image.Image{}
		for _, m := range marks {
			shapes[m] = raster(TrayIcon(m), side)
		}
		for i, a := range marks {
			for _, b := range marks[:i] {
				n := 0
				for y := range side {
					for x := range side {
						_, _, _, p := shapes[a].At(x, y).RGBA()
						_, _, _, q := shapes[b].At(x, y).RGBA()
						if max(p, q)-min(p, q) > 0x6000 {
							n++
						}
					}
				}
				if n < side*side/20 {
					t.Errorf("at %d pixels %s and %s differ in %d pixels of %d", side, a, b, n, side*side)
				}
			}
		}
	}
}

// TestTrayMarksHaveTheirColour, and a mark that is not known is one that asks.
func TestTrayMarksHaveTheirColour(t *testing.T) {
	newTestApp(t, theme.VariantLight, 1)
	for m, want := range trayColors {
		img := raster(TrayIcon(m), 64)
		found := 0
		for y := range 64 {
			for x := range 64 {
				if color.NRGBAModel.Convert(img.At(x, y)) == want {
					found++
				}
			}
		}
		if found < 300 {
			t.Errorf("%s has %d pixels of its colour", m, found)
		}
	}
	if TrayIcon("unheard-of").Name() != TrayIcon(viewmodel.MarkNeedsYou).Name() {
		t.Error("an unknown mark is not shown as one that needs the person")
	}
	if _, ok := TrayTemplate(viewmodel.MarkBlocked).(*theme.ThemedResource); !ok {
		t.Error("the template has a colour of its own")
	}
}

// TestTheIconIsDrawn at every size that a desktop asks for.
func TestTheIconIsDrawn(t *testing.T) {
	newTestApp(t, theme.VariantLight, 1)
	for _, side := range []int{16, 22, 32, 48, 128, 256, 512} {
		img := raster(AppIcon(), side)
		at := func(x, y float64) color.NRGBA {
			return color.NRGBAModel.Convert(img.At(int(x*float64(side)), int(y*float64(side)))).(color.NRGBA)
		}
		ground, wall, door := at(0.5, 0.07), at(0.75, 0.6), at(0.5, 0.5)
		if contrast(ground, wall) < 4 || contrast(door, wall) < 1.3 || contrast(door, ground) < 2 {
			t.Errorf("at %d pixels the ground is %v, the house %v, its door %v", side, ground, wall, door)
		}
	}
}

// TestPanelsAreRound: clear corners, a line at the edge, the ground inside; and the
// same at twice as many pixels.
func TestPanelsAreRound(t *testing.T) {
	t.Parallel()
	fill, stroke := color.NRGBA{0xf8, 0xfa, 0xfc, 0xff}, color.NRGBA{0xdd, 0xe4, 0xec, 0xff}
	for _, scale := range []int{1, 2} {
		w, h := 100*scale, 60*scale
		img := roundedRect(w, h, float64(10*scale), float64(scale), fill, stroke)
		for _, p := range []struct {
			x, y int
			want color.NRGBA
		}{
			{0, 0, color.NRGBA{}}, {w - 1, h - 1, color.NRGBA{}},
			{w / 2, 0, stroke}, {0, h / 2, stroke}, {w - 1, h / 2, stroke}, {w / 2, h - 1, stroke},
			{w / 2, h / 2, fill}, {w / 2, scale, fill}, {scale, h / 2, fill}, {w - 1 - scale, h / 2, fill}, {w / 2, h - 1 - scale, fill},
		} {
			if got := img.NRGBAAt(p.x, p.y); got != p.want {
				t.Errorf("%d times: at %d, %d there is %v, want %v", scale, p.x, p.y, got, p.want)
			}
		}
	}
	for _, size := range []image.Point{{0, 0}, {1, 1}, {3, 50}, {50, 3}} {
		roundedRect(size.X, size.Y, 10, 1, fill, stroke)
	}
}

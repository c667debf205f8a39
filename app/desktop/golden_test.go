package desktop

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// go test ./app/desktop -run Golden -update writes the pictures anew. Look at them
// before they are committed.
var update = flag.Bool("update", false, "write the golden pictures anew")

// How far a picture may be from the golden one: fonts are drawn by the same code
// everywhere, but floating point differs between processors.
const (
	goldenSlack  = 24    // of 255, in any channel of a pixel
	goldenPixels = 0.002 // of all pixels may differ by more
)

// golden compares a picture with the one that is kept.
func golden(t *testing.T, name string, got image.Image) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".png")
	got = fewColours(got)
	if *update {
		var b bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, got); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Errorf("%v; make it with -update", err)
		return
	}
	defer f.Close()
	want, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if want.Bounds() != got.Bounds() {
		t.Errorf("%s is %v, was %v", name, got.Bounds().Size(), want.Bounds().Size())
		return
	}
	all := float64(got.Bounds().Dx() * got.Bounds().Dy())
	if n := float64(different(want, got)); n > all*goldenPixels {
		t.Errorf("%s: %.2f %% of the picture differ from %s%s", name, 100*n/all, path, keep(t, name, got))
	}
}

// keep writes a picture that is not as it was where HOMEWARD_TEST_OUTPUT says.
func keep(t *testing.T, name string, got image.Image) string {
	dir := os.Getenv("HOMEWARD_TEST_OUTPUT")
	if dir == "" {
		return ""
	}
	path := filepath.Join(dir, name+".png")
	var b bytes.Buffer
	if err := png.Encode(&b, got); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return ", it is in " + path
}

// fewColours makes a small picture of one: a window has few colours, and those
// between them, at the edges of letters, may be as coarse as a palette needs.
func fewColours(img image.Image) *image.Paletted {
	for step := uint32(8); ; step *= 2 {
		if out := paletted(img, step); out != nil {
			return out
		}
	}
}

// paletted gives a picture with a palette, nil: there are too many colours at this step.
func paletted(img image.Image, step uint32) *image.Paletted {
	b := img.Bounds()
	out := image.NewPaletted(b, nil)
	coarse := func(v uint32) uint8 { return uint8(min((v>>8+step/2)/step*step, 255)) }
	known := map[color.RGBA]uint8{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			c := color.RGBA{coarse(r), coarse(g), coarse(bl), 0xff}
			at, ok := known[c]
			if !ok {
				if len(known) == 256 {
					return nil
				}
				at = uint8(len(known))
				known[c] = at
				out.Palette = append(out.Palette, c)
			}
			out.SetColorIndex(x, y, at)
		}
	}
	return out
}

// different is how many pixels differ clearly.
func different(a, b image.Image) (n int) {
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > goldenSlack<<8 }
	r := a.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			ar, ag, ab, _ := a.At(x, y).RGBA()
			br, bg, bb, _ := b.At(x, y).RGBA()
			if far(ar, br) || far(ag, bg) || far(ab, bb) {
				n++
			}
		}
	}
	return n
}

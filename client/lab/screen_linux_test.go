package lab

import (
	"errors"
	"image/color"
	"path/filepath"
	"testing"
)

// TestScreen brings a desktop up twice at the same time: both have the same number,
// and see nothing of each other.
func TestScreen(t *testing.T) {
	t.Parallel()
	for range 2 {
		l, ctx := start(t, Options{NoGateway: true})
		h, err := l.InstallHomeward()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = h.StartKeychain(ctx, l); errors.Is(err, ErrNoKeyring) {
			t.Skip("no keychain on this machine: ", err)
		} else if err != nil {
			t.Fatal(err)
		}
		s, err := h.StartScreen(ctx, l, ScreenOptions{})
		if errors.Is(err, ErrNoScreen) {
			t.Skip("no desktop on this machine: ", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		img, err := s.Picture(ctx, filepath.Join(t.TempDir(), "screen.png"))
		if err != nil {
			t.Fatal(err)
		}
		if size := img.Bounds().Size(); size.X != screenWidth || size.Y != screenHeight {
			t.Errorf("the picture has %v", size)
		}
		black := color.GrayModel.Convert(color.Black)
		if c := color.GrayModel.Convert(img.At(screenWidth/2, panelHeight/2)); c == black {
			t.Error("there is no panel along the top")
		}
		if ids, err := s.Windows(ctx, "Homeward"); err != nil || len(ids) > 0 {
			t.Errorf("windows of nobody: %v, %v", ids, err)
		}
	}
}

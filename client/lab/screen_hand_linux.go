package lab

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Picture writes what the whole screen shows into a PNG file, and gives it.
func (s *Screen) Picture(ctx context.Context, path string) (image.Image, error) {
	return s.settled(ctx, "root", path)
}

// WindowPicture writes what the window with this title shows.
func (s *Screen) WindowPicture(ctx context.Context, title, path string) (image.Image, error) {
	id, err := s.Window(ctx, title)
	if err != nil {
		return nil, err
	}
	return s.settled(ctx, id, path)
}

// settled takes pictures until two are alike, or, of what never stands still, a few: a
// switch that was just turned is on its way.
func (s *Screen) settled(ctx context.Context, window, path string) (img image.Image, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lab: taking a picture: %w", err)
	}
	var before []byte
	for range 8 {
		if _, err := s.run(ctx, "import", "-window", window, "+set", "date:create", "+set", "date:modify", "+set", "date:timestamp", "png:"+path); err != nil {
			return nil, err
		}
		if img, err = readPicture(path); err != nil {
			return nil, err
		}
		now := pixels(img)
		if bytes.Equal(before, now) {
			break
		}
		before = now
	}
	return img, nil
}

func pixels(img image.Image) []byte {
	b := img.Bounds()
	all := image.NewRGBA(b)
	draw.Draw(all, b, img, b.Min, draw.Src)
	return all.Pix
}

func readPicture(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("lab: reading a picture: %w", err)
	}
	img, err := png.Decode(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("lab: reading a picture: %w", err)
	}
	return img, nil
}

// Window waits for a visible window with exactly this title and gives its number.
func (s *Screen) Window(ctx context.Context, title string) (string, error) {
	var id string
	err := Until(ctx, "there is a window "+title, func() (bool, error) {
		ids, err := s.Windows(ctx, title)
		if err != nil || len(ids) == 0 {
			return false, err
		}
		id = ids[0]
		return true, nil
	})
	return id, err
}

// Windows lists the visible windows with exactly this title.
func (s *Screen) Windows(ctx context.Context, title string) ([]string, error) {
	out, err := s.run(ctx, "sh", "-c", `xdotool search --onlyvisible --name "$0" || true`, "^"+title+"$")
	return strings.Fields(out), err
}

// Active is the title of the window that has the keyboard; empty: none.
func (s *Screen) Active(ctx context.Context) (string, error) {
	out, err := s.run(ctx, "sh", "-c", `xdotool getactivewindow getwindowname || true`)
	return strings.TrimSpace(out), err
}

// Click presses the first mouse button at a place of a window, in its pixels.
func (s *Screen) Click(ctx context.Context, window string, at image.Point) error {
	_, err := s.run(ctx, "xdotool", "mousemove", "--window", window, "--sync", strconv.Itoa(at.X), strconv.Itoa(at.Y), "click", "1")
	return err
}

// ClickScreen presses a mouse button at a place of the screen.
func (s *Screen) ClickScreen(ctx context.Context, button int, at image.Point) error {
	_, err := s.run(ctx, "xdotool", "mousemove", "--sync", strconv.Itoa(at.X), strconv.Itoa(at.Y), "click", strconv.Itoa(button))
	return err
}

// Type types a text, key by key.
func (s *Screen) Type(ctx context.Context, text string) error {
	cmd := s.h.machine.Command(ctx, "xdotool", "type", "--file", "-")
	cmd.Env = s.h.Environment()
	cmd.Stdin = strings.NewReader(text)
	_, err := output(cmd)
	return err
}

// Key presses keys together, by their X names: "Return", "ctrl+q".
func (s *Screen) Key(ctx context.Context, keys string) error {
	_, err := s.run(ctx, "xdotool", "key", keys)
	return err
}

// CloseWindow asks a window to close, as its frame's button does.
func (s *Screen) CloseWindow(ctx context.Context, window string) error {
	_, err := s.run(ctx, "wmctrl", "-i", "-c", window)
	return err
}

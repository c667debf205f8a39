package lab

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Picture writes what the whole screen shows now into a PNG file, and gives it.
func (s *Screen) Picture(ctx context.Context, path string) (image.Image, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lab: taking a picture: %w", err)
	}
	if _, err := s.run(ctx, "import", "-window", "root", "png:"+path); err != nil {
		return nil, err
	}
	return readPicture(path)
}

// WindowPicture writes what the window with this title shows.
func (s *Screen) WindowPicture(ctx context.Context, title, path string) (image.Image, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lab: taking a picture: %w", err)
	}
	id, err := s.Window(ctx, title)
	if err != nil {
		return nil, err
	}
	if _, err := s.run(ctx, "import", "-window", id, "png:"+path); err != nil {
		return nil, err
	}
	return readPicture(path)
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

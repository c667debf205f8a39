package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// desktopProgram is the folder of homeward's own build: windows need a C compiler, and
// a build from nothing takes minutes, so that only tests of the desktop make one.
var desktopProgram = sync.OnceValues(func() (string, error) {
	programs, err := Programs()
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(programs.Desktop); err == nil {
		return programs.Desktop, nil
	}
	if os.Getenv(BinariesVariable) != "" {
		return "", fmt.Errorf("lab: %w: the desktop program was not built", ErrNoScreen)
	}
	if _, err := exec.LookPath("clang"); err != nil {
		return "", fmt.Errorf("lab: clang: %w", ErrNoScreen)
	}
	root, err := sourceRoot()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Dir(programs.Desktop)+"/", "./app/homeward")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "CC=clang", "CXX=clang++", "GOFLAGS=-mod=readonly")
	if _, err := output(cmd); err != nil {
		return "", fmt.Errorf("lab: building the desktop program: %w", err)
	}
	return programs.Desktop, nil
})

// HasDesktop says why there is no desktop program to be started; nil: there is one.
func HasDesktop() error {
	_, err := desktopProgram()
	return err
}

// Desktop is the desktop program while it runs.
type Desktop struct {
	*Process
	screen   *Screen // nil: it is on the screen of the person who has started the lab
	describe string  // the socket on which it says what it shows
	said     *syncBuffer
}

// StartDesktop starts the desktop program on the screen and returns at once. Without
// it the error is an ErrNoScreen.
func (s *Screen) StartDesktop(args ...string) (*Desktop, error) {
	d, err := s.h.StartDesktop(nil, args...)
	if err != nil {
		return nil, err
	}
	d.screen = s
	s.processes = append(s.processes, d.Process)
	return d, nil
}

// StartDesktop starts the desktop program on another screen, which env leads to (see
// Display).
func (h *Homeward) StartDesktop(env []string, args ...string) (*Desktop, error) {
	program, err := desktopProgram()
	if err != nil {
		return nil, err
	}
	d := &Desktop{describe: filepath.Join(h.Home, ".describe"), said: &syncBuffer{}}
	cmd := h.machine.Command(context.Background(), program, args...)
	cmd.Env = append(append(h.Environment(), "HOMEWARD_DESCRIBE="+d.describe), env...)
	cmd.Stdout, cmd.Stderr = d.said, d.said
	if d.Process, err = startProcess("homeward", cmd); err != nil {
		return nil, err
	}
	return d, nil
}

// Said is what the program has written to its terminal.
func (d *Desktop) Said() string { return d.said.String() }

// Shown is one thing that a window shows. Places are in pixels of the window.
type Shown struct {
	Window   string `json:"window"` // its title
	Kind     string `json:"kind"`   // text, button, entry, check, switch, row, ...
	Text     string `json:"text"`   // never what was typed
	X        int    `json:"x"`
	Y        int    `json:"y"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	Disabled bool   `json:"disabled"`
	Focused  bool   `json:"focused"`
	On       bool   `json:"on"` // a switch or a check
}

func (c Shown) centre() image.Point { return image.Pt(c.X+c.Width/2, c.Y+c.Height/2) }

// See asks the program what it shows now.
func (d *Desktop) See() (all []Shown, err error) {
	select {
	case <-d.Done():
		return nil, fmt.Errorf("lab: the desktop program has ended: %v: %s", d.err, d.said)
	default:
	}
	conn, err := net.Dial("unix", d.describe)
	if err != nil {
		return nil, fmt.Errorf("lab: asking what is shown: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, fmt.Errorf("lab: asking what is shown: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, 16<<20)).Decode(&all); err != nil {
		return nil, fmt.Errorf("lab: asking what is shown: %w", err)
	}
	return all, nil
}

// Await waits until something is shown that fits, and gives it.
func (d *Desktop) Await(ctx context.Context, what string, fits func(Shown) bool) (Shown, error) {
	var found Shown
	var last []Shown
	err := until(ctx, 30*time.Millisecond, "the window shows "+what, func() (bool, error) {
		all, err := d.See()
		if isNotYet(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		last = all
		for _, c := range all {
			if fits(c) {
				found = c
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return Shown{}, fmt.Errorf("%w; shown is %s", err, texts(last))
	}
	return found, nil
}

// isNotYet: the program has not come so far as to answer.
func isNotYet(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

func texts(all []Shown) string {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "[%s %q] ", c.Kind, c.Text)
	}
	return b.String()
}

// AwaitText waits until a text with this in it is shown.
func (d *Desktop) AwaitText(ctx context.Context, text string) (Shown, error) {
	return d.Await(ctx, fmt.Sprintf("%q", text), func(c Shown) bool { return strings.Contains(c.Text, text) })
}

// Press clicks what has exactly this text, as soon as it can be used.
func (d *Desktop) Press(ctx context.Context, kind, text string) error {
	c, err := d.Await(ctx, fmt.Sprintf("the %s %q", kind, text), func(c Shown) bool {
		return c.Kind == kind && c.Text == text && !c.Disabled
	})
	if err != nil {
		return err
	}
	return d.Click(ctx, c)
}

// Click clicks what is shown, with the mouse.
func (d *Desktop) Click(ctx context.Context, c Shown) error {
	window, err := d.screen.Window(ctx, c.Window)
	if err != nil {
		return err
	}
	return d.screen.Click(ctx, window, c.centre())
}

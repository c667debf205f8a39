package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/client/lab"
)

// picturesVariable names the folder in which a test of the desktop keeps a picture of
// each of its steps; unset: they are gone with the test.
const picturesVariable = "HOMEWARD_PICTURES"

// seat is a rig with a person at a screen.
type seat struct {
	*rig
	*lab.Screen
	desktop  *lab.Desktop
	notices  *lab.Notices
	pictures string
	taken    int
}

// sit starts a rig with a desktop, a keychain and somebody who reads notifications, or
// skips where there is none.
func sit(t *testing.T, o lab.Options, so lab.ScreenOptions) *seat {
	t.Helper()
	s := &seat{rig: start(t, o), pictures: os.Getenv(picturesVariable)}
	if s.pictures == "" {
		s.pictures = t.TempDir()
	}
	_, err := s.StartKeychain(s.ctx, s.Lab)
	if errors.Is(err, lab.ErrNoKeyring) {
		t.Skip("no keychain on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.Screen, err = s.StartScreen(s.ctx, s.Lab, so); errors.Is(err, lab.ErrNoScreen) {
		t.Skip("no desktop on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.HasDesktop(); errors.Is(err, lab.ErrNoScreen) {
		t.Skip("no desktop program on this machine: ", err)
	}
	if s.notices, err = s.KeepNotices(s.ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.notices.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() && s.desktop != nil {
			s.picture("failed")
			t.Log("the desktop program said:\n", s.desktop.Said())
		}
	})
	return s
}

// open starts the desktop program.
func (s *seat) open(args ...string) {
	s.t.Helper()
	var err error
	if s.desktop, err = s.StartDesktop(args...); err != nil {
		s.t.Fatal(err)
	}
}

// picture keeps what the screen shows now.
func (s *seat) picture(name string) {
	s.t.Helper()
	s.taken++
	path := filepath.Join(s.pictures, fmt.Sprintf("%s-%02d-%s.png", strings.ReplaceAll(s.t.Name(), "/", "-"), s.taken, name))
	if _, err := s.Picture(s.ctx, path); err != nil {
		s.t.Error(err)
	}
}

// sees waits until the window shows a text.
func (s *seat) sees(text string) lab.Shown {
	s.t.Helper()
	c, err := s.desktop.AwaitText(s.ctx, text)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// press clicks a button, a switch or a row by what is written on it.
func (s *seat) press(kind, text string) {
	s.t.Helper()
	if err := s.desktop.Press(s.ctx, kind, text); err != nil {
		s.t.Fatal(err)
	}
}

// fill clicks a field and types.
func (s *seat) fill(field, text string) {
	s.t.Helper()
	s.press("field", field)
	if _, err := s.desktop.Await(s.ctx, "the keyboard in "+field, func(c lab.Shown) bool {
		return c.Kind == "field" && c.Text == field && c.Focused
	}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Type(s.ctx, text); err != nil {
		s.t.Fatal(err)
	}
}

// key presses keys.
func (s *seat) key(keys string) {
	s.t.Helper()
	if err := s.Key(s.ctx, keys); err != nil {
		s.t.Fatal(err)
	}
}

// turn turns a switch.
func (s *seat) turn(label string, on bool) {
	s.t.Helper()
	c, err := s.desktop.Await(s.ctx, "the switch "+label, func(c lab.Shown) bool {
		return c.Kind == "switch" && c.Text == label && !c.Disabled && c.On != on
	})
	if err == nil {
		err = s.desktop.Click(s.ctx, c)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// choose clicks a line of the menu in the panel.
func (s *seat) choose(label string) {
	s.t.Helper()
	tray, err := s.Tray(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(tray.Choose(s.ctx, label), tray.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// told waits until the person was told something by a notification.
func (s *seat) told(text string) {
	s.t.Helper()
	if _, err := s.notices.Await(s.ctx, text); err != nil {
		s.t.Fatal(err)
	}
}

// quits ends the program by its menu.
func (s *seat) quits(label string) {
	s.t.Helper()
	s.choose(label)
	if err := s.desktop.Wait(s.ctx); err != nil {
		s.t.Errorf("the program ended with %v: %s", err, s.desktop.Said())
	}
}

const intranetPage = "http://" + lab.IntranetName + "/"

// intranetOpens fetches the intranet's page by its name.
func (s *seat) intranetOpens() {
	s.t.Helper()
	page, err := s.Client.Fetch(s.ctx, intranetPage)
	if err != nil || !strings.HasPrefix(page.Body, lab.IntranetGreeting) {
		s.t.Fatalf("the intranet answers %q, %v", page.Body, err)
	}
}

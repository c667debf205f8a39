//go:build cgo

package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// within is how long anything may take on a screen.
const within = 30 * time.Second

// wished gives the next thing that the program asks the service for.
func (s *screen) wished() string {
	s.t.Helper()
	select {
	case w := <-s.service.wishes:
		return w
	case <-time.After(within):
		s.t.Fatal("nothing was wished")
		panic("unreachable")
	}
}

// TestTray: at login the program starts without a window, in the tray, from where a line
// is asked for and ended, the kill switch is set and the window opened; its cross hides
// it again, and the menu's last row ends the program.
func TestTray(t *testing.T) {
	s := newScreen(t)
	p := s.panel()
	s.service.furnish(2)
	cmd := s.command(s.program, "--hidden")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var tray string
	select {
	case tray = <-p.items:
	case <-time.After(within):
		t.Fatal("there is no tray")
	}
	first := s.service.profiles[0]
	p.click(tray, first.Name)
	if w := s.wished(); w != "connect "+first.ID {
		t.Errorf("wished %q", w)
	}
	s.service.connect()
	p.await(tray, "Quit, and stay connected")
	if i := p.await(tray, "Kill switch"); i.checked || !i.enabled {
		t.Errorf("the kill switch is %+v", i)
	}
	p.click(tray, "Kill switch")
	if w := s.wished(); w != "kill switch on" {
		t.Errorf("wished %q", w)
	}
	p.click(tray, "Disconnect")
	if w := s.wished(); w != "disconnect" {
		t.Errorf("wished %q", w)
	}
	if n := s.windows(); n != 0 {
		t.Errorf("%d windows before one was opened", n)
	}
	p.click(tray, "Open")
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	window := s.window(ctx)
	if out, err := s.command("wmctrl", "-i", "-c", window).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.await("the window is hidden", func() bool { return s.windows() == 0 })
	s.service.show(func(st *control.Status) { st.State, st.ESP, st.IKE = control.StateDisconnected, nil, nil })
	labels := func() (all []string) {
		for _, i := range p.menu(tray) {
			all = append(all, i.label)
		}
		return all
	}
	s.await("nothing stays", func() bool { return slices.Contains(labels(), "Quit") })
	p.click(tray, "Quit")
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// await waits until something is so.
func (s *screen) await(what string, is func() bool) {
	s.t.Helper()
	for limit := time.Now().Add(within); time.Now().Before(limit); <-time.After(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	s.t.Fatalf("not within %v: %s", within, what)
}

// TestOneWindow: without a tray the window's cross ends the program; a second start while
// it runs opens no second one, brings the first to the front and ends well.
func TestOneWindow(t *testing.T) {
	s := newScreen(t)
	s.service.furnish(1)
	first := s.command(s.program)
	first.Stderr = os.Stderr
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	window := s.window(ctx)
	cover := s.command("xdotool", "getactivewindow")
	if out, err := s.command(s.program).CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("the second start: %v: %s", err, out)
	}
	if n := s.windows(); n != 1 {
		t.Errorf("%d windows", n)
	}
	if out, err := cover.Output(); err != nil || strings.TrimSpace(string(out)) != window {
		t.Errorf("in front is %s, not %s (%v)", out, window, err)
	}
	if out, err := s.command("wmctrl", "-i", "-c", window).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := first.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

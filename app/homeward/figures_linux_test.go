//go:build cgo

package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
)

// figuresVariable has TestFigures measure.
const figuresVariable = "HOMEWARD_FIGURES"

// TestFigures measures the program with 500 profiles and a line that carries traffic, in
// software rendering: how soon its window is there, what it holds of memory, and what it
// costs while it is shown and while it is hidden. It prints the figures, which depend on
// the machine, and asserts none of them.
func TestFigures(t *testing.T) {
	if os.Getenv(figuresVariable) == "" {
		t.Skipf("figures are measured where %s is set, as «make bench» does: they take a minute on a machine that does nothing else", figuresVariable)
	}
	s := newScreen(t)
	s.panel()
	s.service.furnish(500)
	span := 15 * time.Second
	for _, round := range []string{"cold", "warm", "warm"} {
		begun := time.Now()
		cmd := s.command(s.program)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		window := s.window(ctx)
		cancel()
		t.Logf("%s start: on screen after %.2f s", round, time.Since(begun).Seconds())
		share := func(what string) {
			before := used(t, cmd.Process.Pid)
			<-time.After(span)
			after := used(t, cmd.Process.Pid)
			t.Logf("%s: %d MB, %.2f%% CPU", what, after.resident, 100*float64(after.cpu-before.cpu)/float64(span))
		}
		if round == "warm" {
			<-time.After(5 * time.Second)
			share("shown, 500 profiles")
			s.service.connect()
			<-time.After(3 * time.Second)
			share("connected and shown, 500 profiles")
			if out, err := s.command("wmctrl", "-i", "-c", window).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			<-time.After(2 * time.Second)
			if n := s.windows(); n != 0 {
				t.Errorf("%d windows while it is hidden", n)
			}
			share("connected and hidden")
		}
		end(t, cmd)
		s.service.show(func(st *control.Status) { st.State, st.ESP = control.StateDisconnected, nil })
	}
}

// end ends the program as a person does at a terminal.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}

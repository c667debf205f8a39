package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The sign-in to a network is homewardctl's: it lets itself and one browser out, with
// names asked of nobody else, and starts in a process of its own for that. The window
// only shows what becomes of it.

// ctlName is the command line, which is installed beside this program.
const ctlName = "homewardctl"

// findCtl gives the command line's path: beside this program, or where programs are.
func findCtl(self string, look func(string) (string, error)) (string, error) {
	beside := filepath.Join(filepath.Dir(self), ctlName)
	if runtime.GOOS == "windows" {
		beside += ".exe"
	}
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
		return beside, nil
	}
	path, err := look(ctlName)
	if err != nil {
		return "", fmt.Errorf("%s is not installed, which opens the sign-in page; install Homeward whole: %w", ctlName, err)
	}
	return path, nil
}

// lastPatience is how long a sign-in that was called back has to close its browser.
const lastPatience = 5 * time.Second

// signIn runs a sign-in to its end. The error's text is homewardctl's own last sentence.
// The end of ctx closes the browser and is no error.
func signIn(ctx context.Context, ctl string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, ctl, "portal", "sign-in")
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = lastPatience
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil || ctx.Err() != nil:
		return nil
	case errors.As(err, &exit):
		if last := lastLine(said.String()); last != "" {
			return errors.New(last)
		}
	}
	return fmt.Errorf("%s portal sign-in: %w", ctlName, err)
}

// lastLine is what a program said last, without its name before it.
func lastLine(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), ctlName+": ")
}

// Command homeward is the desktop program: the window and the tray that an
// employee sees. It speaks the local API and nothing else; whatever it can do,
// homewardctl can do as well.
//
//	homeward [FILE]      opens the window, and FILE as a profile to be taken over
//	homeward --hidden    starts without a window, as at login
//	homeward --version
//
// It joins app/attendant, which does, with app/desktop, which draws; only here a
// fyne.App is made. Of each session there is one: a second start hands its file to the
// first, whose window comes to the front.
//
//	options -> a display? -> the one of its session? (app/instance) -> openWindow (Fyne)
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/homeward-vpn/homeward/app/instance"
	"github.com/homeward-vpn/homeward/client/control"
)

func main() {
	os.Exit(start(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// start does what the command line says, and gives the exit code.
func start(args []string, env func(string) string, out, errOut io.Writer) int {
	o, err := parse(args)
	switch {
	case err != nil:
		fmt.Fprintln(errOut, "homeward:", sentence(err))
		return 2
	case o.help:
		fmt.Fprint(out, usage)
		return 0
	case o.version:
		fmt.Fprintf(out, "homeward %s\n", control.Version())
		return 0
	}
	if err := run(o, env); err != nil {
		fmt.Fprintln(errOut, "homeward:", sentence(err))
		return 1
	}
	return 0
}

// run opens the window, or hands over to the program that has it already.
func run(o options, env func(string) string) error {
	if err := display(env); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if err := noCoreDump(); err != nil {
		logger.Warn("a crash may write what is in memory to disk", "error", err)
	}
	fallback, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("you have no folder for what a session leaves behind (%w); set HOME", err)
	}
	path := instance.Path(env, fallback)
	claim, err := instance.Claim(path, logger)
	if errors.Is(err, instance.ErrRunning) {
		return instance.HandOver(context.Background(), path, instance.Request{File: o.file, Hidden: o.hidden})
	}
	if err != nil {
		return err
	}
	// A start that comes while the program ends is the next one.
	var released error
	release := sync.OnceFunc(func() { released = claim.Close() })
	err = openWindow(o, claim.Requests(), release, logger)
	release()
	return errors.Join(err, released)
}

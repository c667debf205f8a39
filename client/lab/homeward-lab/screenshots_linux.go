package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/client/lab"
)

// screenshotsLimit is the longest that all pictures may take.
const screenshotsLimit = 4 * time.Minute

// album takes pictures of the desktop program at work in a lab, for the README.
type album struct {
	dir     string
	ctx     context.Context
	lab     *lab.Lab
	h       *lab.Homeward
	screen  *lab.Screen
	desktop *lab.Desktop
	files   map[string]string
}

// screenshots takes all pictures, each in light and in dark.
func screenshots(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), screenshotsLimit)
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	for _, look := range []string{"light", "dark"} {
		a := &album{dir: dir, ctx: ctx}
		if err := a.take(look); err != nil {
			if a.desktop != nil {
				fmt.Fprintln(os.Stderr, a.desktop.Said())
			}
			return err
		}
	}
	return nil
}

// take is one person's first minutes, in one look.
func (a *album) take(look string) (err error) {
	if a.lab, err = lab.Start(a.ctx, lab.Options{}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.lab.Close()) }()
	if a.h, err = a.lab.InstallHomeward(); err != nil {
		return err
	}
	if _, err = a.h.StartKeychain(a.ctx, a.lab); err != nil {
		return err
	}
	if a.screen, err = a.h.StartScreen(a.ctx, a.lab, lab.ScreenOptions{}); err != nil {
		return err
	}
	a.h.Setenv("FYNE_THEME", look)
	if err = a.h.Start(a.ctx); err != nil {
		return err
	}
	if a.files, err = a.lab.PKI.WriteSamples(a.h.Home); err != nil {
		return err
	}
	if a.desktop, err = a.screen.StartDesktop(); err != nil {
		return err
	}
	for _, page := range []struct {
		name string
		turn func() error
	}{
		{"first-run", func() error { return a.sees("Open the profile that your IT sent you") }},
		{"import", func() error { return a.hand(lab.OfficeProfile, "wants to set up a connection") }},
		{"password", a.signIn},
		{"connected", a.connect},
		{"details", func() error { return a.press("button", "Technical details") }},
		{"settings", func() error { return a.press("button", "Settings") }},
		{"log", func() error { return a.press("button", "Log") }},
	} {
		if err := page.turn(); err != nil {
			return fmt.Errorf("%s: %w", page.name, err)
		}
		path := filepath.Join(a.dir, page.name+"-"+look+".png")
		if _, err := a.screen.WindowPicture(a.ctx, "Homeward", path); err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}

func (a *album) sees(text string) error {
	_, err := a.desktop.AwaitText(a.ctx, text)
	return err
}

func (a *album) press(kind, text string) error { return a.desktop.Press(a.ctx, kind, text) }

// hand gives a file to the program that runs, as the file manager does.
func (a *album) hand(name, until string) error {
	second, err := a.h.StartDesktop(nil, a.files[name])
	if err != nil {
		return err
	}
	if err := second.Wait(a.ctx); err != nil {
		return fmt.Errorf("%w: %s", err, second.Said())
	}
	return a.sees(until)
}

// signIn takes the profile over, up to the question for the password.
func (a *album) signIn() error {
	return errors.Join(a.press("button", "Add and connect"), a.press("field", "User name"), a.screen.Type(a.ctx, lab.UserName),
		a.press("field", "Password"), a.screen.Type(a.ctx, lab.UserPassword))
}

// connect answers, sets the kill switch, and gives the graph something to show.
func (a *album) connect() error {
	if err := errors.Join(a.screen.Key(a.ctx, "Return"), a.sees("since ")); err != nil {
		return err
	}
	if err := a.press("switch", "Kill switch"); err != nil {
		return err
	}
	// As somebody reads pages: some larger, some smaller, with pauses.
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for _, kilobytes := range []int64{40, 220, 610, 880, 930, 700, 310, 90, 20, 60, 340, 720, 980, 860, 520, 250, 110, 170, 260, 240} {
		if _, err := a.lab.Client.Fetch(a.ctx, fmt.Sprintf("%sblob?n=%d", intranetURL, kilobytes<<10)); err != nil {
			return err
		}
		select {
		case <-second.C:
		case <-a.ctx.Done():
			return a.ctx.Err()
		}
	}
	return a.sees("Verified at ")
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/client/lab"
)

// windowDemo opens the desktop program on the person's own screen, beside a lab, with a
// profile that waits to be taken over, and lasts until the program or the person ends it.
func windowDemo(display []string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	s := &story{start: time.Now()}
	s.tell("Building a company network in a box: a client, a home router with NAT, the")
	quote("internet, a strongSwan gateway, and an intranet that answers inside only.")
	if s.lab, err = lab.Start(ctx, lab.Options{}); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.lab.Close())
		if err == nil {
			s.tell("Everything is down, and nothing is left behind.")
		}
	}()
	if s.before, err = s.lab.Client.Snapshot(ctx); err != nil {
		return err
	}
	if s.h, err = s.lab.InstallHomeward(); err != nil {
		return err
	}
	if _, err := s.h.StartKeychain(ctx, s.lab); errors.Is(err, lab.ErrNoKeyring) {
		s.tell("No keychain runs: %v.", err)
	} else if err != nil {
		return err
	}
	if err := s.h.Start(ctx); err != nil {
		return err
	}
	samples, err := s.lab.PKI.WriteSamples(s.h.Home)
	if err != nil {
		return err
	}
	window, err := s.h.StartDesktop(display, samples[lab.OfficeProfile])
	if err != nil {
		return err
	}
	s.tell("The window opens with a profile as IT has sent it. Add it, and sign in as")
	quote(fmt.Sprintf("user name  %s\npassword   %s", lab.UserName, lab.UserPassword))
	s.tell("The service and the company are in the box; the window is on your screen.")
	quote("Quit Homeward there, or press Ctrl-C here, and everything is taken down.")
	select {
	case <-window.Done():
		if err := window.Wait(ctx); err != nil {
			return fmt.Errorf("the desktop program has failed: %w: %s", err, window.Said())
		}
	case <-ctx.Done():
	}
	return s.leave()
}

// leave stops the service and looks whether the client is as it was.
func (s *story) leave() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.h.Stop(ctx); err != nil {
		return err
	}
	after, err := s.lab.Client.Snapshot(ctx)
	if err != nil {
		return err
	}
	if diff := s.before.Diff(after); diff != "" {
		return fmt.Errorf("the client is not as it was before:\n%s", diff)
	}
	s.tell("Devices, routes, rules and DNS of the client are as they were before.")
	s.tell("Taking the lab down.")
	return nil
}

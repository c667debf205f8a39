package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
)

// shell brings a lab up and puts the person on the client's machine.
func shell() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	h, err := l.InstallHomeward()
	if err != nil {
		return err
	}
	// Without a keychain only what is kept in it does not work.
	keychain := "A keychain runs, unlocked."
	if _, err := h.StartKeychain(ctx, l); errors.Is(err, lab.ErrNoKeyring) {
		keychain = "No keychain runs: " + err.Error() + "."
	} else if err != nil {
		return err
	}
	if err := h.Start(ctx); err != nil {
		return err
	}
	if _, err := l.PKI.WriteSamples(h.Home); err != nil {
		return err
	}
	prompt := filepath.Join(h.Home, ".bashrc")
	if err := os.WriteFile(prompt, []byte(`PS1='[client of the lab] \w \$ '`+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the prompt: %w", err)
	}
	greet(keychain)
	return run(l, h)
}

func greet(keychain string) {
	fmt.Printf(`
You are on the client's machine, behind a home router. The service runs. %s
In this folder are profiles as IT would send them. Try:

  homewardctl import office.mobileconfig
  homewardctl connect office --user %s          the password is: %s
  curl http://%s/
  curl http://%s/                 who does the internet say you are?
  homewardctl status
  homewardctl disconnect

"exit" takes everything down.

`, keychain, lab.UserName, lab.UserPassword, lab.IntranetName, lab.PublicName)
}

// run gives the terminal to a shell until it ends. How it ended is the
// person's own business.
func run(l *lab.Lab, h *lab.Homeward) error {
	program := os.Getenv("SHELL")
	if program == "" {
		program = "/bin/sh"
	}
	cmd := l.Client.Command(context.Background(), "sh", "-c", `cd && exec "$0"`, program)
	cmd.Env = append(h.Environment(), "PATH="+filepath.Dir(h.Binaries.Control)+":"+os.Getenv("PATH"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", program, err)
	}
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		return err
	}
	return nil
}

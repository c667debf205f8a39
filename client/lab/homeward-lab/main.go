// Command homeward-lab shows Homeward at work in a company network in a box:
//
//	homeward-lab demo              connects, reads the intranet's page, takes all down
//	homeward-lab shell             leaves the lab up, with a shell on the client's machine
//	homeward-lab screenshots DIR   takes pictures of the desktop program at work
//	homeward-lab check             says whether this machine allows a lab
//
// It needs homewardd and homewardctl in the folder that HOMEWARD_LAB_BIN
// names, or a Go tool chain and the source tree to build them. It is a tool
// for developers and no part of an installation.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/homeward-vpn/homeward/client/lab"
)

const usage = `usage: homeward-lab demo | shell | screenshots DIR | check
`

func main() {
	// Enter comes first: the lab starts this program again for its own ends.
	err := lab.Enter()
	run, ok := command(os.Args[1:])
	if !ok {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		err = outside(err)
	} else {
		err = run()
	}
	if err != nil {
		fail(err)
	}
}

// command is what the arguments mean; false: nothing.
func command(args []string) (run func() error, ok bool) {
	switch {
	case len(args) == 2 && args[0] == "screenshots":
		return func() error { return screenshots(args[1]) }, true
	case len(args) == 1:
		run, ok = map[string]func() error{"demo": demo, "shell": shell, "check": check}[args[0]]
	}
	return run, ok
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "homeward-lab:", err)
	os.Exit(1)
}

// check has nothing to do: to be here is the answer.
func check() error { return nil }

// outside is what happens where an ordinary user may not make namespaces: the
// same program once more under sudo, when that asks no password.
func outside(err error) error {
	forbidden := (*lab.NotPermittedError)(nil)
	if !errors.As(err, &forbidden) || os.Geteuid() == 0 || os.Args[1] == "check" {
		return err
	}
	sudo, lookErr := exec.LookPath("sudo")
	self, selfErr := os.Executable()
	if lookErr != nil || selfErr != nil || exec.Command(sudo, "-n", "true").Run() != nil {
		return err
	}
	fmt.Println("This machine lets only root make namespaces, so the lab runs under sudo.")
	kept := []string{"-n", "env"}
	for _, name := range []string{lab.BinariesVariable, "PATH", "HOME", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"} {
		if value, set := os.LookupEnv(name); set {
			kept = append(kept, name+"="+value)
		}
	}
	again := exec.Command(sudo, append(append(kept, self), os.Args[1:]...)...)
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	runErr := again.Run()
	if again.ProcessState != nil && again.ProcessState.ExitCode() >= 0 {
		os.Exit(again.ProcessState.ExitCode())
	}
	return runErr
}

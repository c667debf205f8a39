package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How a program gets inside, in the order of the functions below:
//
//	outside  Enter finds flags of unshare(1) that work (probe), starts it and waits
//	init     process 1 of the new namespaces: mounts, then starts the program again
//	inside   Enter returns nil and the program goes on
//
// Inside, the same program is started again as a holder (keeps one network
// namespace of the lab alive), as a helper (a small client in a namespace) or as
// a domain controller's program.
const (
	stageVariable = "HOMEWARD_LAB_STAGE"

	stageProbe  = "probe"
	stageInit   = "init"
	stageInside = "inside"
	stageHolder = "holder"
	stageHelper = "helper"
	stageDomain = "domain"
	stageSystem = "system"
)

// inside is true once Enter has returned nil.
var inside bool

// Enter runs the current program again inside namespaces of the lab's own: on
// success the caller goes on, as (fake) root and with the same arguments,
// environment, input and output, and everything it starts ends with it. Call
// it first thing in main, before flags are parsed or goroutines are started.
//
// The error is a *NotPermittedError where the system refuses, and an
// ErrNotInstalled where it lacks a program; then nothing has happened and the
// program goes on outside.
func Enter() error {
	if inside {
		return nil
	}
	stage := os.Getenv(stageVariable)
	if err := os.Unsetenv(stageVariable); err != nil {
		return fmt.Errorf("lab: clearing the environment: %w", err)
	}
	switch stage {
	case "":
		return goInside()
	case stageProbe:
		exit(prepareMounts())
	case stageInit:
		os.Exit(runInit())
	case stageHolder:
		exit(runHolder(os.Args[1:]))
	case stageHelper:
		exit(runHelper(os.Args[1:]))
	case stageDomain:
		exit(runDomain(os.Args[1:]))
	case stageSystem:
		exit(runSystem(os.Args[1:]))
	}
	inside = true
	return nil
}

// exit ends a stage with its error as the only output.
func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// goInside runs the program again under unshare(1) and, when that has ended,
// exits with its code. It returns only where it could not start.
//
// A pipe is the line of life: through it the signals go to the init stage, and
// when this process ends, by whatever cause, the pipe closes and init ends too.
func goInside() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("lab: finding the own program: %w", err)
	}
	var unshare string // the last of these
	for _, program := range []string{"ip", "nft", "mount", "nsenter", "unshare"} {
		if unshare, err = findProgram(program); err != nil {
			return fmt.Errorf("lab: %w: %w", ErrNotInstalled, err)
		}
	}
	flags, err := workingFlags(unshare, self)
	if err != nil {
		return err
	}
	far, near, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("lab: making a pipe: %w", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP)

	cmd := exec.Command(unshare, append(append(flags, self), os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), stageVariable+"="+stageInit)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{far}
	if err := cmd.Start(); err != nil {
		signal.Stop(signals)
		return fmt.Errorf("lab: starting %s: %w", unshare, err)
	}
	go func() {
		for s := range signals {
			if _, err := near.Write([]byte{byte(s.(unix.Signal))}); err != nil {
				return // init is gone, and so is everything inside
			}
		}
	}()
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		os.Exit(code)
	}
	fmt.Fprintln(os.Stderr, "lab:", err)
	os.Exit(1)
	return nil
}

// findProgram is exec.LookPath with the PATH that the program has inside.
func findProgram(name string) (string, error) {
	for _, dir := range filepath.SplitList(rootPath(os.Getenv("PATH"))) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(dir) {
			return path, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// isolation is what every way in has in common: mount, network, IPC and
// process namespaces, the latter with their own /proc and ended with unshare.
var isolation = []string{"--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "--"}

// waysIn lists the flags to try, best first. Real root needs no user
// namespace and so keeps all user IDs; an ordinary user gets 65,536 of them
// where /etc/subuid has an entry for them, else only root.
func waysIn(root bool) [][]string {
	users := [][]string{
		{"--user", "--map-root-user", "--map-auto"},
		{"--user", "--map-root-user"},
	}
	if root {
		users = append([][]string{nil}, users...)
	}
	ways := make([][]string, 0, len(users))
	for _, u := range users {
		ways = append(ways, append(append([]string{}, u...), isolation...))
	}
	return ways
}

// workingFlags tries each way in for real, for a permitted unshare can still
// give a root that may not mount (AppArmor on Ubuntu 24.04).
func workingFlags(unshare, self string) ([]string, error) {
	var tried []string
	for _, flags := range waysIn(os.Geteuid() == 0) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		cmd := exec.CommandContext(ctx, unshare, append(append([]string{}, flags...), self)...)
		cmd.Env = append(os.Environ(), stageVariable+"="+stageProbe)
		out, err := cmd.CombinedOutput()
		cancel()
		if err == nil {
			return flags, nil
		}
		tried = append(tried, strings.TrimSpace(string(bytes.TrimSpace(out))+" ("+err.Error()+")"))
	}
	return nil, &NotPermittedError{Detail: strings.Join(tried, "; "), Advice: advice()}
}

// advice names the way out for the settings that are known to forbid
// unprivileged user namespaces.
func advice() string {
	for _, s := range []struct{ path, bad, name string }{
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"},
	} {
		if b, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(b)) == s.bad {
			return "run the same command with sudo, or allow user namespaces with `sudo sysctl " + s.name + "`"
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return "load the tun module with `sudo modprobe tun`"
	}
	return "run the same command with sudo"
}

// errOutside is what Start says when Enter was never called.
var errOutside = errors.New("lab: the program is not inside: call lab.Enter, or lab.Main from TestMain, first")

func requireInside() error {
	if inside {
		return nil
	}
	if enterErr != nil {
		return enterErr
	}
	return errOutside
}

package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How a system boots:
//
//	System.Boot  power on: starts the stage in a control group of its own, on
//	             the cable of the client's machine
//	runSystem    process 1: mounts the disk over the machine's own, hides what is
//	             the machine's, and becomes systemd(1)
//	System.Run   commands inside
//	System.Cut   the power goes; what was written stays on the disk

// NoSystemError says that this machine cannot boot a system inside, and why.
type NoSystemError struct{ Reason string }

// Error implements error.
func (e *NoSystemError) Error() string {
	return "no system can be booted in the lab of this machine: " + e.Reason
}

const systemdProgram = "/lib/systemd/systemd"

// System is a whole Linux system with systemd as its process 1 in place of the
// client's bare machine: same network, same cable, but the system brings it up
// itself. Its disk is the machine's root file system under a layer of its own,
// which is kept from one boot to the next and gone with the lab. Not safe for
// concurrent use.
type System struct {
	lab    *Lab
	dir    string // upper, work, root, console
	groups string // where this lab sees cgroup2
	first  *Process
	boots  int
}

// InstallSystem prepares a disk. The error is a *NoSystemError where this
// machine cannot boot a system: without real root, systemd, overlayfs or cgroup2.
func (l *Lab) InstallSystem(ctx context.Context) (*System, error) {
	s := &System{lab: l, dir: filepath.Join(l.Dir, "system"), groups: filepath.Join(l.Dir, "cgroup")}
	if err := systemPossible(); err != nil {
		return nil, err
	}
	for _, d := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("lab: making a disk: %w", err)
		}
	}
	if err := os.MkdirAll(s.groups, 0o755); err != nil {
		return nil, fmt.Errorf("lab: making a disk: %w", err)
	}
	if err := unix.Mount("cgroup2", s.groups, "cgroup2", 0, ""); err != nil {
		return nil, &NoSystemError{Reason: "cgroup2 cannot be mounted: " + err.Error()}
	}
	l.onClose(func() error { return unix.Unmount(s.groups, unix.MNT_DETACH) })
	l.onClose(s.Cut)
	for path, text := range systemFiles {
		if err := s.Write(path, text, 0o644); err != nil {
			return nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("lab: finding the own program: %w", err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return nil, fmt.Errorf("lab: copying the own program: %w", err)
	}
	if err := s.Write(noiseProgram, string(program), 0o755); err != nil {
		return nil, err
	}
	return s, s.powerless(ctx)
}

// systemPossible looks for what no lab can make by itself.
func systemPossible() error {
	users, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return &NoSystemError{Reason: err.Error()}
	}
	if f := strings.Fields(string(users)); os.Geteuid() != 0 || len(f) != 3 || f[0] != "0" || f[1] != "0" {
		return &NoSystemError{Reason: "it needs real root, not one of a user namespace"}
	}
	for _, program := range []string{systemdProgram, "/lib/systemd/systemd-networkd"} {
		if _, err := os.Stat(program); err != nil {
			return &NoSystemError{Reason: err.Error()}
		}
	}
	kinds, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return &NoSystemError{Reason: err.Error()}
	}
	for _, kind := range []string{"overlay", "cgroup2"} {
		if !slices.Contains(strings.Fields(string(kinds)), kind) {
			return &NoSystemError{Reason: "the kernel has no " + kind}
		}
	}
	return nil
}

// Write puts a file on the disk, also while the system is off.
func (s *System) Write(path, text string, mode fs.FileMode) error {
	disk := s.disk()
	path = filepath.Join(disk, path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), mode)
	}
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		return fmt.Errorf("lab: writing to the system's disk: %w", err)
	}
	return nil
}

// disk is where the system's files are seen from the test. While the system is
// off they are only those that it or the test has written.
func (s *System) disk() string {
	if s.first == nil {
		return filepath.Join(s.dir, "upper")
	}
	return filepath.Join("/proc", fmt.Sprint(s.first.PID()), "root")
}

// Path is where a file of the system is seen from the test.
func (s *System) Path(path string) string { return filepath.Join(s.disk(), path) }

// Boot switches the system on, and returns when systemd is there, long before
// the system has booted.
func (s *System) Boot(ctx context.Context) error {
	if s.first != nil {
		return errors.New("lab: the system is on already")
	}
	s.boots++
	group := filepath.Join(s.groups, fmt.Sprintf("homeward-lab-%d-%d", os.Getpid(), s.boots))
	if err := os.Mkdir(group, 0o755); err != nil {
		return fmt.Errorf("lab: making a control group: %w", err)
	}
	fd, err := os.Open(group)
	if err != nil {
		return fmt.Errorf("lab: making a control group: %w", err)
	}
	cmd, err := stageCommand(stageSystem, s.dir)
	if err == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
			UseCgroupFD: true, CgroupFD: int(fd.Fd()),
		}
		said := &syncBuffer{}
		cmd.Stdout, cmd.Stderr = said, said
		// The process is born where the thread is: on the client's network.
		err = s.lab.Client.Do(func() (err error) {
			s.first, err = startProcess("systemd", cmd)
			return err
		})
		if s.first != nil {
			s.first.said = said
		}
	}
	if err = errors.Join(err, fd.Close()); err != nil {
		return errors.Join(err, os.Remove(group))
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return Until(ctx, "systemd is there", func() (bool, error) {
		select {
		case <-s.first.Done():
			return false, &NoSystemError{Reason: fmt.Sprintf("systemd has ended at once: %v: %s", s.first.err, s.first.said)}
		default:
		}
		_, err := os.Stat(s.Path("/run/systemd/private"))
		return err == nil, nil
	})
}

// Booted waits until nothing is left to be started, and gives the units that
// have failed.
func (s *System) Booted(ctx context.Context) ([]string, error) {
	// The exit code only says that a unit has failed.
	out, err := s.Run(ctx, "systemctl", "is-system-running", "--wait")
	switch state := strings.TrimSpace(out); {
	case ctx.Err() != nil:
		return nil, err
	case state == "running":
		return nil, nil
	case state != "degraded":
		return nil, fmt.Errorf("lab: the system is %s: %w", state, err)
	}
	out, err = s.Run(ctx, "systemctl", "--failed", "--plain", "--no-legend")
	if err != nil {
		return nil, err
	}
	var failed []string
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 0 {
			failed = append(failed, f[0])
		}
	}
	return failed, nil
}

// Command prepares a command inside the system.
func (s *System) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	enter := []string{"--target", fmt.Sprint(s.first.PID()), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd",
		"--", name}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root", "DEBIAN_FRONTEND=noninteractive"}
	return cmd
}

// Run runs a command inside to its end and returns what it wrote. The error is
// a *CommandError.
func (s *System) Run(ctx context.Context, name string, args ...string) (string, error) {
	return output(s.Command(ctx, name, args...))
}

// Cut cuts the power: every process of the system ends at once, and the kernel
// forgets what it had set up in the network. The disk stays as it is. Where the
// power is off already it does nothing.
func (s *System) Cut() error {
	if s.first == nil {
		return nil
	}
	err := s.first.Kill()
	s.first = nil
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	groups, gerr := filepath.Glob(filepath.Join(s.groups, fmt.Sprintf("homeward-lab-%d-*", os.Getpid())))
	for _, g := range groups {
		gerr = errors.Join(gerr, Until(ctx, "the control group is empty", func() (bool, error) { return removeGroup(g) }))
	}
	return errors.Join(err, gerr, s.powerless(ctx))
}

// removeGroup removes a control group and those in it; false: a process that is
// ending is still there.
func removeGroup(dir string) (bool, error) {
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	slices.Reverse(all)
	for _, g := range all {
		if err == nil {
			err = os.Remove(g)
		}
	}
	if errors.Is(err, unix.EBUSY) {
		return false, nil
	}
	return err == nil, err
}

// powerless brings the client's network to what a kernel has that has just started.
func (s *System) powerless(ctx context.Context) error {
	_, err := s.lab.Client.Run(ctx, "sh", "-ec", `
		nft flush ruleset
		ip link set eth0 down
		ip addr flush dev eth0
		ip rule flush
		ip rule add from all lookup main pref 32766
		ip rule add from all lookup default pref 32767
		ip -6 rule flush
		ip -6 rule add from all lookup main pref 32766`)
	return err
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/client/control"
)

// The files of a directory for one sign-in, each in place of one of the system's.
// Name service switches that ask a daemon (systemd-resolved) would have names asked by
// somebody who may not leave.
var replaced = map[string]string{"resolv.conf": "/etc/resolv.conf", "nsswitch.conf": "/etc/nsswitch.conf"}

// startBrowser starts the next step, which is let in before it starts the browser.
func (a *app) startBrowser(v control.PortalSignIn, dir string, command []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := writeNameService(dir, resolvConf(v.Resolvers)); err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{"portal", "enter", strconv.FormatUint(v.Session, 10), dir, "--"}, command...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, a.out, a.errOut
	return cmd, cmd.Start()
}

// writeNameService writes the files.
func writeNameService(dir, resolv string) error {
	switches, err := os.ReadFile(replaced["nsswitch.conf"])
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines := []string{"hosts: files dns"}
	for line := range strings.Lines(string(switches)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "hosts:") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte(resolv), 0o600),
		os.WriteFile(filepath.Join(dir, "nsswitch.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// portalEnterCommand is the step that lets itself in. It asks the service while the
// socket's owner can still be seen, and starts the browser where files of the system
// can be replaced for it alone.
func (a *app) portalEnterCommand() *cobra.Command {
	return &cobra.Command{
		Use: "enter SESSION DIR -- BROWSER...", Hidden: true, Args: cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			session, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return err
			}
			if err := a.client.EnterPortal(cmd.Context(), session); err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			browser := exec.Command(self, append([]string{"portal", "confined", args[1], "--"}, args[2:]...)...)
			browser.Stdin, browser.Stdout, browser.Stderr = os.Stdin, os.Stdout, os.Stderr
			browser.SysProcAttr = apart(os.Getuid(), os.Getgid())
			err = browser.Start()
			if mayNotMount(err) {
				fmt.Fprintln(a.errOut, ownNamesMissing)
				browser = exec.Command(args[2], args[3:]...)
				browser.Stdin, browser.Stdout, browser.Stderr = os.Stdin, os.Stdout, os.Stderr
				err = browser.Start()
			}
			if err != nil {
				return err
			}
			return browser.Wait()
		},
	}
}

// ownNamesMissing is told where the files cannot be replaced: distributions that let no
// ordinary user have namespaces (user.max_user_namespaces, AppArmor) do not.
const ownNamesMissing = "homewardctl: this system lets no user replace files for one program, so the browser asks names as all programs do, which may find nobody. If the page does not open, run «sudo homewardctl portal sign-in -- BROWSER» with one for terminals, such as w3m."

// mayNotMount says that the system forbids it, or has too many of it already.
func mayNotMount(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EACCES)
}

// apart starts a program with a view of the file system that is its own. An ordinary
// user may have one in a user namespace alone, where he stays who he is.
func apart(uid, gid int) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN} // for the mounts, given up before the browser
	}
	return attr
}

// confinedCommand puts the files in place and becomes the browser.
func (a *app) confinedCommand() *cobra.Command {
	return &cobra.Command{
		Use: "confined DIR -- BROWSER...", Hidden: true, Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			// Some systems let a user begin a namespace and then do nothing in it.
			switch err := replaceFiles(args[0]); {
			case mayNotMount(err):
				fmt.Fprintln(a.errOut, ownNamesMissing)
			case err != nil:
				return err
			}
			if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
				return fmt.Errorf("giving up what the browser must not have: %w", err)
			}
			return unix.Exec(args[1], args[1:], os.Environ())
		},
	}
}

// replaceFiles mounts the files of dir over the system's, for this process and what it
// becomes. One that the system does not have is not missed.
func replaceFiles(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("taking the file system apart: %w", err)
	}
	for name, over := range replaced {
		err := unix.Mount(filepath.Join(dir, name), over, "", unix.MS_BIND, "")
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("putting the network's name servers in the place of %s: %w", over, err)
		}
	}
	return nil
}

package lab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// runDir holds every file of every lab of this process, on a tmpfs.
	runDir = "/run/homeward-lab"
	// realEtc is where the machine's own /etc can be read inside.
	realEtc = runDir + "/etc"
	// realUsers is where the machine's own /run/user can be read inside: sockets of
	// the screen of the person who has started the lab.
	realUsers = runDir + "/user"
	// tempDir is TMPDIR inside, so that a kill -9 leaves no files in /tmp.
	tempDir = runDir + "/tmp"
)

// prepareMounts makes the private file system: a tmpfs on /run. It is also the
// probe: it fails wherever a lab would.
func prepareMounts() (err error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	users, err := unix.Open("/run/user", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer func() { err = errors.Join(err, unix.Close(users)) }()
	} else if !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("opening /run/user: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mounting a tmpfs on /run: %w", err)
	}
	for _, dir := range []string{runDir, realEtc, realUsers, tempDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making %s: %w", dir, err)
		}
	}
	if err := unix.Mount("/etc", realEtc, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("binding /etc: %w", err)
	}
	if users >= 0 {
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", users), realUsers, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("binding /run/user: %w", err)
		}
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening the TUN device: %w", err)
	}
	return tun.Close()
}

// runInit is process 1 of the namespaces: it starts the program for good,
// hands signals on, collects orphans, and ends with the program's exit code.
// Its end is the end of every process inside.
func runInit() int {
	unix.CloseOnExec(lifelineFD)
	lifeline := os.NewFile(lifelineFD, "lifeline")
	// The program inside gets its signals through the lifeline. Here they are
	// caught and left alone; ignoring them would be inherited.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGHUP)
	if err := errors.Join(prepareMounts(), os.Setenv("PATH", rootPath(os.Getenv("PATH")))); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	if err := ipBatch(nil, "link set lo up"); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab: finding the own program:", err)
		return 1
	}
	env := append(os.Environ(), stageVariable+"="+stageInside, "TMPDIR="+tempDir)
	pid, err := syscall.ForkExec(self, os.Args, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab: starting the program inside:", err)
		return 1
	}
	go followOutside(lifeline, pid)
	return reap(pid)
}

// rootPath is PATH as root has it: where the lab's programs are, the PATH of an
// ordinary user often does not lead.
func rootPath(path string) string { return path + ":/usr/local/sbin:/usr/sbin:/sbin" }

// lifelineFD is the end of the pipe that goInside hands to init.
const lifelineFD = 3

// followOutside hands on each signal that the process outside has caught, and
// ends init, and with it everything, when that process is gone.
func followOutside(lifeline *os.File, pid int) {
	var b [1]byte
	for {
		if _, err := io.ReadFull(lifeline, b[:]); err != nil {
			os.Exit(1)
		}
		if err := unix.Kill(pid, unix.Signal(b[0])); err != nil {
			fmt.Fprintln(os.Stderr, "lab: handing on a signal:", err)
		}
	}
}

// reap waits for all children until the one with this pid has ended.
func reap(pid int) int {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "lab: waiting:", err)
			return 1
		case got == pid && status.Exited():
			return status.ExitStatus()
		case got == pid && status.Signaled():
			return 128 + int(status.Signal())
		}
	}
}

// privateEtc puts a tmpfs over /etc in the current mount namespace, on which
// everything of the real /etc can be seen through symbolic links, except the
// files given. So a program may write, and rename over, /etc/resolv.conf as it
// would on a real machine, and only its own namespace sees that.
func privateEtc(files map[string]string) error {
	if err := unix.Mount("tmpfs", "/etc", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mounting a tmpfs on /etc: %w", err)
	}
	entries, err := os.ReadDir(realEtc)
	if err != nil {
		return fmt.Errorf("reading the real /etc: %w", err)
	}
	for _, e := range entries {
		if _, own := files[e.Name()]; own {
			continue
		}
		if err := os.Symlink(filepath.Join(realEtc, e.Name()), filepath.Join("/etc", e.Name())); err != nil {
			return fmt.Errorf("linking into /etc: %w", err)
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join("/etc", name), []byte(content), fs.FileMode(0o644)); err != nil {
			return fmt.Errorf("writing into /etc: %w", err)
		}
	}
	return nil
}

package confine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The files of a group (cgroups(7)).
const (
	membersFile = "cgroup.procs"
	eventsFile  = "cgroup.events"
	killFile    = "cgroup.kill"
)

// endTime bounds the wait for processes that were killed.
const endTime = 5 * time.Second

func newGroup(name string) (*Group, error) {
	g, err := place(name)
	if err != nil {
		return nil, err
	}
	if err := g.remove(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGroups, err)
	}
	return g, nil
}

func endFormer(name string) error {
	g, err := place(name)
	if errors.Is(err, ErrNoGroups) {
		return nil
	}
	if err != nil {
		return err
	}
	return g.remove()
}

// place says where the group of a name is, or would be.
func place(name string) (*Group, error) {
	mount, err := mounted("/proc/self/mountinfo", func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, membersFile))
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	own, err := membership("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	return below(mount, own, name)
}

func below(mount, own, name string) (*Group, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("confine: %q is no name of a group", name)
	}
	inside := strings.TrimPrefix(path.Join(own, name), "/")
	g := &Group{path: inside, dir: filepath.Join(mount, inside)}
	g.over, g.end = context.WithCancel(context.Background())
	return g, nil
}

// mounted finds where cgroup2 is mounted. A mount that another has covered is still
// listed, but its files are not there.
func mounted(mountinfo string, has func(dir string) bool) (string, error) {
	raw, err := os.ReadFile(mountinfo)
	if err != nil {
		return "", fmt.Errorf("confine: the mounts of this process: %w", err)
	}
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		// ... 4: root 5: where 6: options ... - type source options (proc(5))
		before, after, ok := strings.Cut(s.Text(), " - ")
		fields := strings.Fields(before)
		if kind, _, _ := strings.Cut(after, " "); ok && kind == "cgroup2" && len(fields) > 4 && has(unescape(fields[4])) {
			return unescape(fields[4]), nil
		}
	}
	return "", ErrNoGroups
}

// unescape takes back how proc(5) writes blanks in a path.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// membership finds the group of this process: the line of hierarchy 0.
func membership(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("confine: the group of this process: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if own, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::/"); ok {
			if strings.HasPrefix(own, "..") {
				break // outside what this process sees
			}
			return own, nil
		}
	}
	return "", ErrNoGroups
}

func (g *Group) admit(pid int, uid uint32) (err error) {
	if pid <= 1 {
		return fmt.Errorf("confine: %d is no program of a user", pid)
	}
	// The descriptor stays with the process, whoever has its number later.
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("confine: taking process %d in: %w", pid, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if err := belongs(filepath.Join("/proc", strconv.Itoa(pid), "status"), uid); err != nil {
		return err
	}
	if err := g.write(membersFile, strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("confine: taking process %d in: %w", pid, err)
	}
	// It was there all the time, or somebody else could have come in under its number.
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0); n != 0 || err != nil {
		return errors.Join(fmt.Errorf("confine: process %d has ended meanwhile", pid), err)
	}
	return nil
}

// belongs looks whether a process is a user's, by all the numbers that say on whose
// behalf it acts (proc(5), status): a program that has taken others' rights is not.
func belongs(status string, uid uint32) error {
	raw, err := os.ReadFile(status)
	if err != nil {
		return fmt.Errorf("confine: whose process it is: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		users, ok := strings.CutPrefix(line, "Uid:")
		if !ok {
			continue
		}
		for _, u := range strings.Fields(users) {
			if u != strconv.FormatUint(uint64(uid), 10) {
				return fmt.Errorf("confine: a process of user %s is not let in for user %d", u, uid)
			}
		}
		return nil
	}
	return errors.New("confine: the system does not say whose process it is")
}

// ended follows cgroup.events, which the kernel marks as changed when the group
// becomes empty (cgroups(7), cgroup.events).
func (g *Group) ended(ctx context.Context) (err error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("confine: watching the group: %w", err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	defer func() { err = errors.Join(err, f.Close()) }()
	events := filepath.Join(g.dir, eventsFile)
	if _, err := unix.InotifyAddWatch(fd, events, unix.IN_MODIFY); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil // the group is gone, and so is everybody in it
		}
		return fmt.Errorf("confine: watching the group: %w", err)
	}
	wake := func() { _ = f.SetReadDeadline(time.Unix(1, 0)) } // fails on a closed file alone
	defer context.AfterFunc(ctx, wake)()
	defer context.AfterFunc(g.over, wake)()
	buf := make([]byte, 4096)
	for {
		if empty, err := g.empty(); empty || err != nil {
			return err
		}
		if _, err := f.Read(buf); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if g.over.Err() != nil {
				return nil
			}
			return fmt.Errorf("confine: watching the group: %w", err)
		}
	}
}

// empty says that nobody is in the group, or below it.
func (g *Group) empty() (bool, error) {
	raw, err := os.ReadFile(filepath.Join(g.dir, eventsFile))
	if gone(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("confine: reading the group: %w", err)
	}
	return !bytes.Contains(raw, []byte("populated 1")), nil
}

// remove ends the members and takes the group away; one that is not there is no error.
func (g *Group) remove() error {
	if _, err := os.Stat(g.dir); gone(err) {
		return nil
	}
	if err := g.kill(); err != nil && !gone(err) {
		return fmt.Errorf("confine: ending the group: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if err := g.ended(ctx); err != nil {
		return err
	}
	if err := os.Remove(g.dir); err != nil && !gone(err) {
		return fmt.Errorf("confine: taking the group away: %w", err)
	}
	return nil
}

// kill ends all members at once, also those that are being started just now
// (cgroup.kill, Linux 5.14); on an older kernel one after the other.
func (g *Group) kill() error {
	err := g.write(killFile, "1")
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(g.dir, membersFile))
	if err != nil {
		return err
	}
	var errs []error
	for _, word := range strings.Fields(string(raw)) {
		pid, err := strconv.Atoi(word)
		if err == nil {
			err = unix.Kill(pid, unix.SIGKILL)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// write writes to a file of the group, which the kernel has made or has not.
func (g *Group) write(file, text string) error {
	f, err := os.OpenFile(filepath.Join(g.dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// gone says that a file of a group is not there any more: the kernel has two words
// for it.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}

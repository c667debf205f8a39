package killswitch

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// cgroupID is the kernel's number of a control group: its inode's.
func cgroupID(path string) (uint64, error) {
	root, err := cgroupMount()
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(filepath.Join(root, path))
	if err != nil {
		return 0, fmt.Errorf("the portal's control group: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() {
		return 0, fmt.Errorf("the portal's control group: %s is none", path)
	}
	return stat.Ino, nil
}

// cgroupMount finds where control groups are (proc_pid_mountinfo(5)). A mount that
// another has covered is still listed, but its files are not there.
func cgroupMount() (where string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("looking for control groups: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if !strings.HasPrefix(after, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		if _, err := os.Stat(filepath.Join(fields[4], "cgroup.procs")); err == nil {
			return fields[4], nil
		}
	}
	return "", errors.Join(lines.Err(), errors.New("no control groups (cgroup2) are mounted on this machine"))
}

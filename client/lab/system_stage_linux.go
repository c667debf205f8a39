package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// noiseProgram is where the lab's own program lies on a system's disk.
const noiseProgram = "/usr/lib/homeward-lab/program"

// systemFiles are on the disk of every system: an ordinary small one, whose
// network is brought up by systemd-networkd, as distributions do.
var systemFiles = map[string]string{
	"/etc/machine-id":  "5a1f0c0e7a0b4a0f8f0b7f6c5d4e3f21\n",
	"/etc/hostname":    "notebook\n",
	"/etc/hosts":       "127.0.0.1 localhost notebook\n::1 localhost\n",
	"/etc/resolv.conf": publicResolv,
	"/etc/fstab":       "",
	"/etc/systemd/network/10-eth0.network": `[Match]
Name=eth0

[Network]
Address=192.168.77.2/24
Address=fd00:77::2/64
Gateway=192.168.77.1
Gateway=fd00:77::1
IPv6AcceptRA=no
`,
	"/etc/systemd/system.conf.d/lab.conf":   "[Manager]\nDefaultTimeoutStopSec=10s\n",
	"/etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\nForwardToConsole=yes\nTTYPath=/dev/console\n",
	// Any user may send echo requests, as on distributions of today.
	"/etc/systemd/system/lab-echo.service": `[Unit]
DefaultDependencies=no
Before=network-pre.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "0 4242" > /proc/sys/net/ipv4/ping_group_range'
`,
}

// systemWants are the units that a fresh system starts, beside what lies in
// /lib/systemd/system; what the machine itself has enabled is not among them.
var systemWants = map[string][]string{
	"multi-user.target.wants":     {"/lib/systemd/system/systemd-networkd.service"},
	"network-online.target.wants": {"/lib/systemd/system/systemd-networkd-wait-online.service"},
	"sysinit.target.wants":        {"/etc/systemd/system/lab-echo.service"},
}

// systemMasks are units that would only look for what a lab has not.
var systemMasks = []string{"console-getty.service", "dev-hugepages.mount", "sys-fs-fuse-connections.mount"}

// runSystem is process 1 of a system's namespaces, until it is systemd.
func runSystem(args []string) error {
	if len(args) != 1 {
		return errors.New("the system stage wants a folder")
	}
	dir := args[0]
	root := filepath.Join(dir, "root")
	runtime.LockOSThread() // the namespace of control groups is the thread's
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("making a namespace of control groups: %w", err)
	}
	if err := unix.Sethostname([]byte("notebook")); err != nil {
		return fmt.Errorf("naming the system: %w", err)
	}
	for _, step := range []func(dir, root string) error{mountDisk, mountDevices, mountKernel, forgetUnits, turnRoot} {
		if err := step(dir, root); err != nil {
			return err
		}
	}
	// It is real root, in a network of its own: what would reach the machine goes.
	for _, c := range []uintptr{unix.CAP_SYS_MODULE, unix.CAP_SYS_TIME, unix.CAP_SYS_RAWIO, unix.CAP_SYSLOG, unix.CAP_AUDIT_CONTROL,
		unix.CAP_AUDIT_WRITE, unix.CAP_AUDIT_READ, unix.CAP_WAKE_ALARM, unix.CAP_MAC_ADMIN, unix.CAP_MAC_OVERRIDE, unix.CAP_SYS_PACCT} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("giving up a capability: %w", err)
		}
	}
	env := []string{"container=lab", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	return fmt.Errorf("becoming systemd: %w", syscall.Exec(systemdProgram,
		[]string{systemdProgram, "--system", "--unit=multi-user.target", "--log-target=console", "--show-status=no"}, env))
}

type mountPoint struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

func mountAll(points ...mountPoint) error {
	for _, p := range points {
		if err := unix.Mount(p.source, p.target, p.kind, p.flags, p.data); err != nil {
			return fmt.Errorf("mounting %s on %s: %w", p.source, p.target, err)
		}
	}
	return nil
}

// mountDisk lays the system's layer over the machine's root.
func mountDisk(dir, root string) error {
	layers := "lowerdir=/,upperdir=" + filepath.Join(dir, "upper") + ",workdir=" + filepath.Join(dir, "work")
	return mountAll(
		mountPoint{"", "/", "", unix.MS_REC | unix.MS_PRIVATE, ""},
		mountPoint{"overlay", root, "overlay", 0, layers},
		mountPoint{"tmpfs", root + "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755"},
		mountPoint{"tmpfs", root + "/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		mountPoint{"tmpfs", root + "/dev", "tmpfs", unix.MS_NOSUID, "mode=0755"},
	)
}

// mountDevices gives the system the devices that hold nothing of the machine's.
func mountDevices(dir, root string) error {
	for _, d := range []string{"net", "pts", "shm"} {
		if err := os.Mkdir(filepath.Join(root, "dev", d), 0o755); err != nil {
			return fmt.Errorf("making /dev: %w", err)
		}
	}
	console := filepath.Join(dir, "console")
	for source, name := range map[string]string{"/dev/null": "null", "/dev/zero": "zero", "/dev/full": "full", "/dev/random": "random",
		"/dev/urandom": "urandom", "/dev/tty": "tty", "/dev/net/tun": "net/tun", console: "console"} {
		target := filepath.Join(root, "dev", name)
		// Also makes the console, which is a file.
		for _, path := range []string{source, target} {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o600)
			if err != nil && path == target {
				return fmt.Errorf("making /dev: %w", err)
			}
			if err == nil {
				if err := f.Close(); err != nil {
					return fmt.Errorf("making /dev: %w", err)
				}
			}
		}
		if err := mountAll(mountPoint{source, target, "", unix.MS_BIND, ""}); err != nil {
			return err
		}
	}
	return os.Symlink("/proc/self/fd", filepath.Join(root, "dev", "fd"))
}

// mountKernel gives the system its own view of the kernel. Of what the kernel
// has once for all, it can change nothing; and each boot has another name.
func mountKernel(dir, root string) error {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	boot := filepath.Join(dir, "boot_id")
	text := fmt.Sprintf("%x-%x-%x-%x-%x\n", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	if err := os.WriteFile(boot, []byte(text), 0o444); err != nil {
		return fmt.Errorf("naming the boot: %w", err)
	}
	sys := root + "/proc/sys"
	return mountAll(
		mountPoint{"proc", root + "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		mountPoint{sys, sys, "", unix.MS_BIND, ""},
		mountPoint{sys + "/net", sys + "/net", "", unix.MS_BIND, ""},
		mountPoint{boot, sys + "/kernel/random/boot_id", "", unix.MS_BIND, ""},
		mountPoint{"", sys, "", unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY, ""},
		mountPoint{"sysfs", root + "/sys", "sysfs", unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		mountPoint{"cgroup2", root + "/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
	)
}

// forgetUnits replaces what the machine itself has enabled by systemWants, once.
func forgetUnits(dir, root string) error {
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	units := filepath.Join(root, "etc/systemd/system")
	old, err := filepath.Glob("/etc/systemd/system/*.wants/*")
	if err != nil {
		return err
	}
	for _, link := range old {
		if err := os.Remove(filepath.Join(root, link)); err != nil {
			return fmt.Errorf("disabling the machine's units: %w", err)
		}
	}
	for target, wanted := range systemWants {
		if err := os.MkdirAll(filepath.Join(units, target), 0o755); err != nil {
			return fmt.Errorf("enabling units: %w", err)
		}
		for _, unit := range wanted {
			if err := os.Symlink(unit, filepath.Join(units, target, filepath.Base(unit))); err != nil {
				return fmt.Errorf("enabling units: %w", err)
			}
		}
	}
	for _, unit := range systemMasks {
		if err := os.Symlink("/dev/null", filepath.Join(units, unit)); err != nil {
			return fmt.Errorf("masking units: %w", err)
		}
	}
	return os.WriteFile(done, nil, 0o600)
}

// turnRoot makes the disk the root of everything, and lets go of the old one.
func turnRoot(_, root string) error {
	if err := errors.Join(os.Chdir(root), unix.PivotRoot(".", ".")); err != nil {
		return fmt.Errorf("turning the root: %w", err)
	}
	if err := errors.Join(unix.Unmount(".", unix.MNT_DETACH), os.Chdir("/")); err != nil {
		return fmt.Errorf("letting go of the machine's root: %w", err)
	}
	return nil
}

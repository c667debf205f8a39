package dns

import (
	"bytes"
	"context"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// System is the machine that this program runs on.
func System() Environment {
	return Environment{
		ResolvConf:     "/etc/resolv.conf",
		ResolvconfConf: "/etc/resolvconf.conf",
		NscdSocket:     "/run/nscd/socket",
		// openresolv's, its newer releases', and Debian's resolvconf's.
		ResolvconfEntries: []string{"/run/resolvconf/interfaces", "/run/resolvconf/keys", "/run/resolvconf/interface"},
		Uplinks:           "/run/systemd/resolve/resolv.conf",
		Files:             disk{},
		LookPath:          lookPath,
		Run:               run,
		Resolved:          dialResolved,
		NetworkManager:    askNetworkManager,
		Changes:           changes,
		InterfaceIndex: func(name string) (int, error) {
			i, err := net.InterfaceByName(name)
			if err != nil {
				return 0, err
			}
			return i.Index, nil
		},
		InterfaceName: func(index int) (string, error) {
			i, err := net.InterfaceByIndex(index)
			if err != nil {
				return "", err
			}
			return i.Name, nil
		},
	}
}

// lookPath finds a program in the system's own directories, whatever PATH says:
// the service is privileged, and may have been started from anywhere.
func lookPath(program string) (string, error) {
	for _, dir := range []string{"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"} {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

// run runs a program and returns all that it printed. It ends with the context,
// even where a child of its own keeps the output open.
func run(ctx context.Context, stdin []byte, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.WaitDelay = time.Second
	return cmd.CombinedOutput()
}

func owner(info fs.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return 0, 0
}

// chown gives a file its owner, where it has another. -1: it keeps the one it has.
func chown(f *os.File, uid, gid int) error {
	if uid < 0 || gid < 0 {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if u, g := owner(info); u == uid && g == gid {
		return nil
	}
	return f.Chown(uid, gid)
}

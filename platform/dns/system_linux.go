package dns

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// System is the machine that this program runs on.
func System() Environment {
	return Environment{
		ResolvConf:     "/etc/resolv.conf",
		ResolvconfConf: "/etc/resolvconf.conf",
		NscdSocket:     "/run/nscd/socket",
		Files:          disk{},
		LookPath:       lookPath,
		Run:            run,
		Resolved:       dialResolved,
		InterfaceIndex: func(name string) (int, error) {
			i, err := net.InterfaceByName(name)
			if err != nil {
				return 0, err
			}
			return i.Index, nil
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

// The names of systemd-resolved on the system bus
// (org.freedesktop.resolve1, see its manual page).
const (
	resolveName = "org.freedesktop.resolve1"
	resolvePath = dbus.ObjectPath("/org/freedesktop/resolve1")
	resolveCall = "org.freedesktop.resolve1.Manager."
)

// resolveBus is one connection to the bus.
type resolveBus struct {
	conn   *dbus.Conn
	object dbus.BusObject
}

// dialResolved connects, and makes sure that systemd-resolved owns its name.
// One that is not running is not started: nobody reads from it.
func dialResolved(ctx context.Context) (Resolved, error) {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("connecting to the system bus: %w", err)
	}
	var owned bool
	err = conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, resolveName).Store(&owned)
	if err == nil && !owned {
		err = errNoResolved
	}
	if err != nil {
		if closeErr := conn.Close(); closeErr != nil {
			return nil, fmt.Errorf("%w (closing: %v)", err, closeErr)
		}
		return nil, err
	}
	return &resolveBus{conn: conn, object: conn.Object(resolveName, resolvePath)}, nil
}

func (b *resolveBus) Close() error { return b.conn.Close() }

func (b *resolveBus) call(ctx context.Context, method string, args ...any) error {
	err := b.object.CallWithContext(ctx, resolveCall+method, 0, args...).Err
	if err != nil {
		return fmt.Errorf("systemd-resolved, %s: %w", method, err)
	}
	return nil
}

// linkAddress is the bus's (iay): family and address.
type linkAddress struct {
	Family  int32
	Address []byte
}

func (b *resolveBus) SetLinkDNS(ctx context.Context, index int, servers []netip.Addr) error {
	list := make([]linkAddress, 0, len(servers))
	for _, a := range servers {
		family := int32(unix.AF_INET)
		if a.Is6() {
			family = unix.AF_INET6
		}
		list = append(list, linkAddress{family, a.AsSlice()})
	}
	return b.call(ctx, "SetLinkDNS", int32(index), list)
}

// linkDomain is the bus's (sb): name and "for routing only".
type linkDomain struct {
	Name        string
	RoutingOnly bool
}

func (b *resolveBus) SetLinkDomains(ctx context.Context, index int, domains []LinkDomain) error {
	list := make([]linkDomain, 0, len(domains))
	for _, d := range domains {
		list = append(list, linkDomain(d))
	}
	return b.call(ctx, "SetLinkDomains", int32(index), list)
}

func (b *resolveBus) SetLinkDefaultRoute(ctx context.Context, index int, on bool) error {
	return b.call(ctx, "SetLinkDefaultRoute", int32(index), on)
}

func (b *resolveBus) SetLinkQuiet(ctx context.Context, index int) error {
	for _, method := range []string{"SetLinkLLMNR", "SetLinkMulticastDNS", "SetLinkDNSSEC", "SetLinkDNSOverTLS"} {
		if err := b.call(ctx, method, int32(index), "no"); err != nil {
			return err
		}
	}
	return nil
}

func (b *resolveBus) RevertLink(ctx context.Context, index int) error {
	return b.call(ctx, "RevertLink", int32(index))
}

func (b *resolveBus) FlushCaches(ctx context.Context) error { return b.call(ctx, "FlushCaches") }

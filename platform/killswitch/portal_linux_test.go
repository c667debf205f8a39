package killswitch

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestPortal: one control group may sign in to a captive portal, by TCP and with
// the portal's resolvers; nobody else, and no other way.
func TestPortal(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	root, name := controlGroups(t)
	group := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Join(group, "portal"), 0o755); err != nil {
		t.Skip("a control group cannot be made here: ", err)
	}
	move := func(to string) { t.Helper(); enterGroup(t, to) }
	t.Cleanup(func() {
		move(root)
		if err := errors.Join(os.Remove(filepath.Join(group, "portal")), os.Remove(group)); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t)
	p := states()["portal"]
	p.Portal.Cgroup = name + "/portal"
	if err := newSwitch(t).Set(p); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) {
		t.Skip("this kernel does not look at control groups for this user: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	udp := func(to string) how { return how{to: netip.MustParseAddrPort(to)} }
	tcp := func(to string) how {
		return how{to: netip.MustParseAddrPort(to), protocol: unix.IPPROTO_TCP}
	}
	denied, reset := []error{unix.EPERM}, []error{unix.ECONNREFUSED}
	all := []kind{
		{"web, IPv4", tcp("198.51.100.1:443"), false, always, reset},
		{"web, IPv6", tcp("[2001:db8:1::1]:80"), false, always, reset},
		{"names, IPv4", udp("192.0.2.53:53"), false, always, denied},
		{"names, IPv6", udp("[2001:db8::53]:53"), false, always, denied},
		{"names by TCP", tcp("192.0.2.53:53"), false, always, reset},
		{"other names", udp("198.51.100.1:53"), false, never, denied},
		{"other names by TCP", tcp("198.51.100.1:53"), false, never, reset},
		{"other names by TLS", tcp("192.0.2.53:853"), false, never, reset},
		{"UDP", udp("198.51.100.1:443"), false, never, denied},
	}
	move(filepath.Join(group, "portal"))
	for _, k := range all {
		w.try(t, "inside", k, k.leaves(p))
	}
	move(group)
	for _, k := range all {
		w.try(t, "outside", k, false)
	}
}

// TestBesideTheTunnel: what comes in by another device for the tunnel's address
// is not heard (CVE-2019-14899); for the machine's own, it is.
func TestBesideTheTunnel(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	setPolicy(t, newSwitch(t), states()["connected"])
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet6{Port: 7000})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	})
	timeout := unix.NsecToTimeval(int64(patient))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	// The last of each family is heard; what came before it was not.
	for _, c := range []struct{ device, to, says, hears string }{
		{"wire", "10.98.0.2:7000", "beside", ""},
		{"wire", "192.168.77.2:7000", "own", "own"},
		{"wire", "[fd98::2]:7000", "beside", ""},
		{"wire", "[fd77::2]:7000", "own", "own"},
		{"inner", "10.98.0.2:7000", "through", "through"},
		{"inner", "[fd98::2]:7000", "through", "through"},
	} {
		h := how{to: netip.MustParseAddrPort(c.to), device: c.device, raw: []byte(c.says)}
		w.far.do(func() {
			if err := h.send(); err != nil {
				t.Errorf("to %s by %s: %v", c.to, c.device, err)
			}
		})
		if c.hears == "" {
			continue
		}
		b := make([]byte, 16)
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil || string(b[:n]) != c.hears {
			t.Errorf("to %s by %s: heard %q (%v), want %q", c.to, c.device, b[:max(n, 0)], err, c.hears)
		}
	}
}

// controlGroups mounts control groups for a test and gives where they are, and a name
// that no other test uses.
func controlGroups(t *testing.T) (root, name string) {
	t.Helper()
	mount := t.TempDir()
	if err := unix.Mount("cgroup2", mount, "cgroup2", 0, ""); err != nil {
		t.Skip("control groups cannot be mounted here: ", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	root, err := cgroupMount()
	if err != nil {
		t.Fatal(err)
	}
	return root, "homeward-test-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// enterGroup moves this process into a group.
func enterGroup(t *testing.T, group string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
}

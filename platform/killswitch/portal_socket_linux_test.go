package killswitch

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestPortalSocketOutlivesNothing: a socket keeps the group that it was made in, also in
// the hands of a program outside (unix(7), SCM_RIGHTS). It leaves as long as that sign-in
// lasts, and never again: a later group of the same name is another.
func TestPortalSocketOutlivesNothing(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	root, name := controlGroups(t)
	group := filepath.Join(root, name)
	move := func(to string) { t.Helper(); enterGroup(t, to) }
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Skip("a control group cannot be made here: ", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
	newWorld(t)
	s, p := newSwitch(t), states()["portal"]
	p.Portal.Cgroup = name
	if err := s.Set(p); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) {
		t.Skip("this kernel does not look at control groups for this user: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	move(group)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	move(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	})
	to := &unix.SockaddrInet4{Port: 53, Addr: netip.MustParseAddr("192.0.2.53").As4()}
	send := func() error { return unix.Sendto(fd, []byte("x"), 0, to) }
	if err := send(); err != nil {
		t.Fatalf("during the sign-in: %v, so nothing is seen of its end", err)
	}
	ended := p
	ended.Portal = nil
	if err := s.Set(ended); err != nil {
		t.Fatal(err)
	}
	if err := send(); !errors.Is(err, unix.EPERM) {
		t.Errorf("after the sign-in: %v", err)
	}
	if err := errors.Join(os.Remove(group), os.Mkdir(group, 0o755), s.Set(p)); err != nil {
		t.Fatal(err)
	}
	if err := send(); !errors.Is(err, unix.EPERM) {
		t.Errorf("in the next sign-in, whose group has the same name: %v", err)
	}
}

//go:build linux

package route

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// wantNoWay checks that a program is told at once that it cannot send.
func wantNoWay(t *testing.T, to string) {
	t.Helper()
	if out, err := exec.Command("ip", "route", "get", to).CombinedOutput(); err == nil {
		t.Errorf("%s has a way: %s", to, out)
	}
}

// TestNoFamilyLeavesBesideAFullTunnel: a full tunnel of one family holds the
// other back, but for the service's own datagrams and the local network, and
// lets it go with everything else.
func TestNoFamilyLeavesBesideAFullTunnel(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	d := tunnel(t, nil)
	before := namespace.Take(t)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	mark := fmt.Sprintf("mark %#x", uint32(DefaultMark))

	set(t, r, Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0"), Full: true})
	wantNoWay(t, "2001:db8::1")
	wantWays(t, "203.0.113.1 homeward0", "2001:db8::1 eth0 "+mark, "fd77::9 eth0", "::1 lo", "fe80::1 eth0 oif eth0", "ff02::1 eth0 oif eth0")

	// The gateway gives the other family as well, and takes it back.
	set(t, r, Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0 ::/0"), Full: true})
	wantWays(t, "2001:db8::1 homeward0")
	set(t, r, Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0 2001:db8:1::/48"), Full: true})
	wantNoWay(t, "2001:db8::1")
	wantWays(t, "2001:db8:1::1 homeward0")

	// The other way round, IPv4 ends in the tunnel, and the kernel still takes
	// what a gateway of that family sends.
	set(t, r, Config{Interface: d.Name(), Routes: prefixes("::/0"), Full: true})
	wantWays(t, "203.0.113.1 homeward0", "203.0.113.1 eth0 "+mark, "192.168.77.9 eth0", "2001:db8::1 homeward0")
	if out, err := exec.Command("ip", "route", "get", "192.168.77.2", "from", "203.0.113.1", "iif", "eth0").CombinedOutput(); err != nil {
		t.Errorf("the gateway's answers are dropped: %v: %s", err, out)
	}

	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := namespace.Take(t); got != before {
		t.Errorf("after Clear:\n%+v\nbefore:\n%+v", got, before)
	}
}

// TestAccessPointCannotBeTheNameServer: an access point whose network holds the
// company's name server does not get the questions.
func TestAccessPointCannotBeTheNameServer(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	namespace.Run(t, "ip", "addr", "add", "10.99.0.7/24", "dev", "eth0")
	d := tunnel(t, nil)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Interface: d.Name(), Routes: prefixes("0.0.0.0/0"), Full: true}
	set(t, r, c)
	wantWays(t, "10.99.0.2 eth0") // else this test shows nothing
	c.Hosts = addrs("10.99.0.2")
	set(t, r, c)
	wantWays(t, "10.99.0.2 homeward0", "10.99.0.3 eth0")
	if err := r.Clear(); err != nil {
		t.Fatal(err)
	}
}

// TestWholeListings: what a change interrupted is asked for again, and never
// taken for all there is.
func TestWholeListings(t *testing.T) {
	t.Parallel()
	calls := 0
	got, err := whole(func() ([]int, error) {
		if calls++; calls < 3 {
			return []int{1}, fmt.Errorf("dump: %w", netlink.ErrDumpInterrupted)
		}
		return []int{1, 2}, nil
	})
	if len(got) != 2 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := whole(func() ([]int, error) { return []int{1}, netlink.ErrDumpInterrupted }); !errors.Is(err, netlink.ErrDumpInterrupted) {
		t.Errorf("a listing that is never whole gives %v", err)
	}
	calls = 0
	if _, err := whole(func() ([]int, error) { calls++; return nil, unix.EAFNOSUPPORT }); !errors.Is(err, unix.EAFNOSUPPORT) || calls != 1 {
		t.Errorf("another error: %v after %d calls", err, calls)
	}
}

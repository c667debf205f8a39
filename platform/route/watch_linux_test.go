package route

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestWatchKernel: what another program does to a real kernel's rules, routes,
// filters and addresses is noticed and made good, byte for byte; what it does to its
// own is left as it is, and not told.
func TestWatchKernel(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	uplink(t)
	d := tunnel(t, nil)
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Interface: d.Name(), Addresses: prefixes("10.98.0.2/32 fd98::2/128"), Routes: prefixes("0.0.0.0/0 ::/0"), Full: true}
	if err := r.Set(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told, err := r.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	as := func() []string {
		var all []string
		for _, args := range []string{"-4 rule", "-6 rule", "-4 route show table 26733", "-6 route show table 26733", "-4 addr show dev " + d.Name(), "-6 addr show dev " + d.Name()} {
			lines := strings.Split(namespace.Run(t, "ip", strings.Fields(args)...), "\n")
			slices.Sort(lines)
			all = append(all, lines...)
		}
		value, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/rp_filter")
		if err != nil {
			t.Fatal(err)
		}
		return append(all, string(value))
	}
	quiet := func() {
		t.Helper()
		select {
		case <-told:
			t.Error("told of what is not ours, or of our own doing")
		case <-time.After(3 * lookPause):
		}
	}
	quiet()
	before := as()
	for _, step := range []string{
		"ip rule del priority 26700",
		"ip -6 rule del priority 26700",
		"ip rule flush",
		"ip route flush table 26733",
		"ip route del default table 26733",
		"ip -6 route flush table 26733",
		"sysctl -qw net.ipv4.conf.eth0.rp_filter=1",
		"ip addr flush dev " + d.Name(),
		"ip link set " + d.Name() + " down",
		"ip route replace default dev eth0 table 26733",
	} {
		if step == "ip rule flush" { // it leaves the rule of table local alone
			namespace.Run(t, "ip", "rule", "flush")
			namespace.Run(t, "ip", "rule", "add", "lookup", "main", "priority", "32766")
			namespace.Run(t, "ip", "rule", "add", "lookup", "default", "priority", "32767")
		} else {
			f := strings.Fields(step)
			namespace.Run(t, f[0], f[1:]...)
		}
		r.mu.Lock()
		r.peace() // ten in a row are no fight here
		r.mu.Unlock()
		for again := true; again; { // until it stands
			select {
			case <-told:
				if err := r.Set(c); err != nil {
					t.Fatalf("%s: %v", step, err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s is not noticed:\n%s", step, strings.Join(as(), "\n"))
			}
			again = !slices.Equal(as(), before)
		}
		quiet()
	}
	for _, step := range []string{
		"rule add fwmark 0x77 lookup 77 priority 100",
		"route add 203.0.113.0/24 via 192.168.77.9",
		"route add default via 192.168.77.9 table 77",
		"rule del priority 100",
		"addr add 192.168.77.3/24 dev eth0",
	} {
		namespace.Run(t, "ip", strings.Fields(step)...)
	}
	quiet()
	// Another local network: its addresses are to be reached beside the tunnel.
	namespace.Run(t, "ip", "addr", "add", "192.168.5.2/24", "dev", "eth0")
	select {
	case <-told:
	case <-time.After(10 * time.Second):
		t.Fatal("another local network is not noticed")
	}
	if err := r.Set(c); err != nil {
		t.Fatal(err)
	}
	wantWays(t, "192.168.5.9 eth0", "192.0.2.1 "+d.Name())
	if err := r.Clear(); err != nil {
		t.Error(err)
	}
	quiet()
	cancel()
	for range told {
		continue
	}
}

// FuzzChanges: whatever a message holds, reading it ends.
func FuzzChanges(f *testing.F) {
	f.Add(appendRoute(nil, routeEntry{prefix: prefixes("10.0.0.0/8")[0], link: 5}, unix.RTM_DELROUTE, 0, 1))
	f.Add(appendRoute(nil, routeEntry{prefix: prefixes("::/0")[0], throw: true}, unix.RTM_NEWROUTE, 0, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if concerns(nil) {
			t.Error("nothing concerns us")
		}
		concerns(b)
	})
}

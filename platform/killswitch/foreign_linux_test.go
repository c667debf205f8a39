package killswitch

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// Others on the machine have rules, too.

// others are tables like Docker's and a second VPN's, and one that accepts
// everything as late as it can.
const others = `
table ip docker_like {
	chain source { type nat hook postrouting priority srcnat; ip saddr 172.30.0.0/24 oifname != "guest0" masquerade; }
	chain passing { type filter hook forward priority filter; policy accept; iifname "guest0" accept; }
}
table inet second_vpn {
	chain early { type route hook output priority mangle; udp dport 4009 meta mark set 0x99; }
	chain late { type route hook output priority 2000000000; udp dport 4010 meta mark set 0x99; }
}
table inet accepts {
	chain last { type filter hook output priority 2000000000; policy accept; accept; }
	chain first { type filter hook output priority -300; policy accept; notrack accept; }
	chain leaving { type filter hook postrouting priority -2000000000; policy accept; accept; }
}`

// TestForeignTables: what others accept is refused all the same, what they send
// another way is judged by that way, and their tables are left as they are.
func TestForeignTables(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	file := t.TempDir() + "/others"
	if err := os.WriteFile(file, []byte(others), 0o600); err != nil {
		t.Fatal(err)
	}
	w.machine.run(`
		nft -f ` + file + `
		ip rule add fwmark 0x99 lookup 99
		ip route add default via 192.168.77.1 table 99`)
	theirs := func() (out string) {
		for _, table := range []string{"ip docker_like", "inet second_vpn", "inet accepts"} {
			out += namespace.Run(t, "nft", "list table "+table)
		}
		return out
	}
	before := theirs()
	s := newSwitch(t)
	setPolicy(t, s, states()["connected"])
	to := func(a string) how { return how{to: netip.MustParseAddrPort(a)} }
	for _, k := range []kind{
		{"accepted by others", to("198.51.100.1:4000"), false, never, []error{unix.EPERM}},
		{"a container, accepted by others", to("198.51.100.1:4000"), true, never, nil},
		{"a container, rewritten by others", to("203.0.113.1:4000"), true, always, nil},
		{"sent beside the tunnel by a mark, before", to("203.0.113.1:4009"), false, never, []error{unix.EPERM}},
		{"sent beside the tunnel by a mark, after", to("203.0.113.1:4010"), false, never, []error{unix.EPERM}},
	} {
		w.try(t, "others' tables", k, k.leaves(Policy{}))
	}
	if err := s.Clear(); err != nil {
		t.Fatal(err)
	}
	if after := theirs(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestWatch: a flushed ruleset, a rule of somebody's own and a dormant table are
// noticed; what others do to their own tables is not.
func TestWatch(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	s := newSwitch(t)
	ctx, cancel := context.WithCancel(t.Context())
	word, err := s.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, does := range []string{
		"flush ruleset",
		"delete table inet homeward",
		"insert rule inet homeward output accept",
		"flush chain inet homeward output",
		"add element inet homeward gateways4 { 198.51.100.1 . 500 }",
		"add chain inet homeward output { policy accept; }",
		"add table inet homeward { flags dormant; }",
	} {
		setPolicy(t, s, states()["connected"])
		namespace.Run(t, "nft", "add table inet theirs; add chain inet theirs c; add rule inet theirs c accept")
		namespace.Run(t, "nft", does)
		select {
		case <-word:
		case <-time.After(patient):
			t.Fatalf("%s is not noticed", does)
		}
		var altered *AlteredError
		if err := s.Check(); !errors.As(err, &altered) {
			t.Errorf("after %s: %v", does, err)
		}
	}
	setPolicy(t, s, states()["connected"])
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	cancel()
	for range word { // what was said before the end
	}
}

// TestKernelRefuses: a transaction of which the kernel refuses one part changes
// nothing, and says so.
func TestKernelRefuses(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	s := newSwitch(t)
	setPolicy(t, s, states()["connecting"])
	bad, err := build(states()["connected"])
	if err != nil {
		t.Fatal(err)
	}
	last := &bad.chains[0]
	last.rules = append(last.rules, rule{when: []match{within{[]field{ip4Source}, "nowhere"}}, do: []action{accept{}}})
	if _, err := s.kernel.replace(bad); !errors.Is(err, unix.ENOENT) {
		t.Errorf("a rule with a set that is not there: %v", err)
	}
	if err := s.Check(); err != nil {
		t.Errorf("the old policy: %v", err)
	}
	if err := s.Set(Policy{Mark: 1, Portal: &Portal{Cgroup: "there/is/none"}}); err == nil {
		t.Error("a portal without its control group was set")
	}
	if err := s.Check(); err != nil {
		t.Errorf("the old policy: %v", err)
	}
}

// TestNotAllowed: a process without the right is told so, and what stands stays.
func TestNotAllowed(t *testing.T) {
	if os.Getenv(senderVariable) == "powerless" {
		s, err := New(Config{})
		if err == nil {
			err = s.Set(Policy{})
		}
		var no *UnavailableError
		if !errors.As(err, &no) || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("without the right: %v", err)
		}
		return
	}
	if !namespace.Enter(t) {
		return
	}
	s := newSwitch(t)
	setPolicy(t, s, states()["connecting"])
	other := exec.Command("/proc/self/exe", "-test.run=^TestNotAllowed$", "-test.v")
	other.Env = append(os.Environ(), senderVariable+"=powerless")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
	if out, err := other.CombinedOutput(); errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("there is no other user here: ", err)
	} else if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

// TestExplain: what a machine cannot do is told from what went wrong.
func TestExplain(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		unix.EPERM: true, unix.EPROTONOSUPPORT: true, unix.EOPNOTSUPP: true, unix.EAFNOSUPPORT: true,
		unix.ENOENT: false, unix.ENOBUFS: false,
	} {
		var no *UnavailableError
		got := explain(fmt.Errorf("somewhere: %w", err))
		if errors.As(got, &no) != want || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestDeviceComesLater: a policy may stand before its tunnel's device does, and
// outlives it.
func TestDeviceComesLater(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	w := newWorld(t)
	w.machine.run("ip link del homeward0")
	setPolicy(t, newSwitch(t), states()["connected"])
	h := how{to: netip.MustParseAddrPort("203.0.113.1:4000")}
	w.machine.do(func() {
		if err := h.send(); !errors.Is(err, unix.EPERM) {
			t.Errorf("without the device: %v", err)
		}
	})
	w.machine.run(`
		ip link add homeward0 type veth peer name other
		ip link set homeward0 up
		ip link set other up
		ip addr add 10.98.0.2/32 dev homeward0
		ip route add 203.0.113.0/24 dev homeward0`)
	w.machine.do(func() {
		if err := h.send(); err != nil {
			t.Errorf("with the device: %v", err)
		}
	})
}

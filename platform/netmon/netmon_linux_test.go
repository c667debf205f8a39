package netmon

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestKernel watches a real kernel: what a person would call a change is told,
// with its kind, and what only repeats is not.
func TestKernel(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire")
	namespace.Run(t, "ip", "link", "set", "wire", "up")
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := Watch(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	await := func(want Kind) {
		t.Helper()
		var kinds Kind
		limit := time.After(5 * time.Second)
		for kinds&want != want {
			select {
			case c := <-changes:
				kinds |= c.Kinds
			case <-limit:
				t.Fatalf("told %03b, want %03b", kinds, want)
			}
		}
	}
	quiet := func() {
		t.Helper()
		for { // what still belongs to the change before
			select {
			case <-changes:
				continue
			case <-time.After(2500 * time.Millisecond): // the kernel settles IPv6 addresses in two seconds
			}
			return
		}
	}
	for _, step := range []struct {
		command string
		want    Kind
	}{
		{"link set eth0 up", Links},
		{"addr add 192.168.77.2/24 dev eth0", Addresses},
		{"addr add fd77::2/64 dev eth0 nodad", Addresses},
		{"route add default via 192.168.77.1", Routes},
		{"route del default", Routes},
		{"addr del 192.168.77.2/24 dev eth0", Addresses},
		{"link set wire down", Links},
		{"link del eth0", Links},
	} {
		namespace.Run(t, "ip", strings.Fields(step.command)...)
		await(step.want)
	}
	quiet()
	namespace.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire")
	namespace.Run(t, "ip", "link", "set", "eth0", "up")
	namespace.Run(t, "ip", "addr", "add", "192.168.77.2/24", "dev", "eth0", "valid_lft", "1000", "preferred_lft", "1000")
	quiet()
	// The same address with a new lifetime, as a DHCP client renews it, and a name
	// for the link: messages, but no change.
	namespace.Run(t, "ip", "addr", "change", "192.168.77.2/24", "dev", "eth0", "valid_lft", "2000", "preferred_lft", "2000")
	namespace.Run(t, "ip", "link", "set", "eth0", "alias", "wifi")
	select {
	case c := <-changes:
		t.Errorf("a change %03b out of a repetition", c.Kinds)
	case <-time.After(time.Second):
	}
	cancel()
	for range changes {
		continue
	}
}

// TestWatchLeavesNothing: the end of the context ends socket and goroutines.
func TestWatchLeavesNothing(t *testing.T) {
	if err := openContinued().close(); err != nil { // package signal keeps a goroutine, once begun
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		changes, err := Watch(ctx, Config{})
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EAFNOSUPPORT) {
			t.Skipf("no netlink here: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for range changes {
			continue
		}
	}
	for limit := time.After(5 * time.Second); runtime.NumGoroutine() > before; {
		select {
		case <-limit:
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestUnknownMessages: what cannot be read is a reason to look, and never a panic.
func TestUnknownMessages(t *testing.T) {
	t.Parallel()
	for kind, want := range map[uint16]Kind{
		unix.RTM_NEWLINK: Links, unix.RTM_DELADDR: Addresses, unix.RTM_NEWROUTE: Routes, unix.RTM_NEWRULE: 0,
	} {
		for size := range 12 {
			if got := (seen{said: map[string]string{}}).change(kind, make([]byte, size)); got != want && size < 8 {
				t.Errorf("message %d of %d octets: %03b, want %03b", kind, size, got, want)
			}
		}
	}
	attributes([]byte{255, 255, 1, 0, 1})
	attributes([]byte{0, 0, 0, 0})
	s := seen{said: map[string]string{}}
	for i := range uint32(3 * mostKept) {
		m := make([]byte, unix.SizeofIfAddrmsg)
		m[4], m[5], m[6], m[7] = byte(i), byte(i>>8), byte(i>>16), byte(i>>24)
		s.change(unix.RTM_NEWADDR, m)
	}
	if len(s.said) > mostKept+1 {
		t.Errorf("%d things are remembered", len(s.said))
	}
}

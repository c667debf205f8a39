//go:build linux

package tun

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

var addresses = []netip.Prefix{netip.MustParsePrefix("10.98.0.2/32"), netip.MustParsePrefix("fd98::2/128")}

func createTest(t *testing.T, c Config) *Device {
	t.Helper()
	d, err := Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func openLedger(t *testing.T, dir string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestDevice makes a device, sends a packet each way, and takes it down.
func TestDevice(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	before := namespace.Take(t)
	l := openLedger(t, t.TempDir())
	d := createTest(t, Config{MTU: 1380, Addresses: addresses, Ledger: l})
	if d.Name() != DefaultName || d.MTU() != 1380 {
		t.Fatalf("%s with MTU %d", d.Name(), d.MTU())
	}
	if l.Len() != 1 {
		t.Fatalf("%d records in the ledger, want 1", l.Len())
	}
	link, err := net.InterfaceByName(d.Name())
	if err != nil {
		t.Fatal(err)
	}
	if link.MTU != 1380 || link.Flags&net.FlagUp == 0 {
		t.Fatalf("the system sees MTU %d, flags %v", link.MTU, link.Flags)
	}
	addrs, err := link.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	// Ours and no link-local one: a device that speaks for itself would fill the tunnel.
	if got := fmt.Sprint(addrs); got != "[10.98.0.2/32 fd98::2/128]" {
		t.Errorf("addresses %s", got)
	}
	packetsPass(t, d)
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if l.Len() != 0 {
		t.Errorf("%d records stay in the ledger", l.Len())
	}
	if got := namespace.Take(t); got != before {
		t.Errorf("at the end:\n%+v\nat the start:\n%+v", got, before)
	}
}

// TestSetAddresses: new ones come, old ones go, and one that stays, with the
// routes of the device, is not touched.
func TestSetAddresses(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	d := createTest(t, Config{Addresses: addresses})
	namespace.Run(t, "ip", "route", "add", "10.99.0.0/24", "dev", d.Name())
	next := []netip.Prefix{netip.MustParsePrefix("10.98.0.9/32"), addresses[1]}
	if err := d.SetAddresses(next); err != nil {
		t.Fatal(err)
	}
	link, err := net.InterfaceByName(d.Name())
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := link.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(addrs); got != "[10.98.0.9/32 fd98::2/128]" {
		t.Errorf("addresses %s", got)
	}
	if err := d.SetAddresses(make([]netip.Prefix, 1)); err == nil {
		t.Error("an address that is none is taken")
	}
	c, err := net.Dial("udp4", "10.99.0.1:53")
	if err != nil {
		t.Fatalf("the route is gone: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// packetsPass sends a datagram into the tunnel, turns it round by hand, and
// receives it.
func packetsPass(t *testing.T, d *Device) {
	t.Helper()
	namespace.Run(t, "ip", "route", "add", "10.99.0.0/24", "dev", d.Name())
	c, err := net.Dial("udp4", "10.99.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	const offset = 32
	bufs := make([][]byte, d.BatchSize())
	for i := range bufs {
		bufs[i] = make([]byte, 65536)
	}
	sizes := make([]int, len(bufs))
	var p []byte
	for p == nil {
		n, err := d.Read(bufs, sizes, offset)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if got := bufs[i][offset : offset+sizes[i]]; got[0]>>4 == 4 {
				p = got
				break
			}
		}
	}
	if !bytes.HasSuffix(p, []byte("ping")) {
		t.Fatalf("read %x", p)
	}
	// Swapping addresses and ports changes no checksum.
	answer := append(make([]byte, offset), p...)
	copy(answer[offset+12:], p[16:20])
	copy(answer[offset+16:], p[12:16])
	copy(answer[offset+20:], p[22:24])
	copy(answer[offset+22:], p[20:22])
	if _, err := d.Write([][]byte{answer}, offset); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if n, err := c.Read(b); err != nil || string(b[:n]) != "ping" {
		t.Fatalf("received %q, %v", b[:n], err)
	}
}

func TestCloseEndsRead(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	d := createTest(t, Config{})
	ended := make(chan error, 1)
	go func() {
		bufs := [][]byte{make([]byte, 65536)}
		for {
			if _, err := d.Read(bufs, make([]int, 1), 16); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Fatalf("Read ended with %v", err)
	}
}

// TestNames: a name that is taken belongs to somebody else.
func TestNames(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	first := createTest(t, Config{})
	second := createTest(t, Config{})
	if first.Name() != "homeward0" || second.Name() != "homeward1" {
		t.Fatalf("names %s and %s", first.Name(), second.Name())
	}
	namespace.Run(t, "ip", "tuntap", "add", "mine", "mode", "tun")
	namespace.Run(t, "ip", "link", "add", "bridge", "type", "bridge")
	before := namespace.Take(t)
	for _, name := range []string{"homeward0", "mine", "bridge", "lo"} {
		var taken *NameTakenError
		if _, err := Create(Config{Name: name}); !errors.As(err, &taken) || taken.Name != name {
			t.Errorf("taking %s gives %v", name, err)
		}
	}
	if _, err := Create(Config{Name: strings.Repeat("x", 20)}); err == nil {
		t.Error("a name that is too long is accepted")
	}
	if got := namespace.Take(t); got != before {
		t.Errorf("refused devices have changed something:\n%+v\nbefore:\n%+v", got, before)
	}
}

// TestNothingIsLeftAfterAnError: an address that cannot be set.
func TestNothingIsLeftAfterAnError(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	before := namespace.Take(t)
	l := openLedger(t, t.TempDir())
	bad := []netip.Prefix{addresses[0], netip.MustParsePrefix("ff02::1/128")}
	for name, c := range map[string]Config{
		"address":           {Addresses: bad, Ledger: l},
		"no address at all": {Addresses: make([]netip.Prefix, 1), Ledger: l},
		"MTU":               {MTU: 70000, Ledger: l},
	} {
		if d, err := Create(c); err == nil {
			t.Errorf("%s: %s was made", name, d.Name())
		}
	}
	if got := namespace.Take(t); got != before || l.Len() != 0 {
		t.Errorf("%d records, and\n%+v\nbefore:\n%+v", l.Len(), got, before)
	}
}

func TestIPv6Off(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	for _, name := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	createTest(t, Config{Addresses: addresses})
	if _, err := Create(Config{Addresses: addresses[1:]}); err == nil {
		t.Error("a device without any address is made")
	}
}

const ledgerVariable = "HOMEWARD_TEST_LEDGER"

// TestMain turns this program into the one that dies, where the variable says so.
func TestMain(m *testing.M) {
	dir := os.Getenv(ledgerVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	l, err := ledger.Open(dir)
	if err == nil {
		_, err = Create(Config{Addresses: addresses, Ledger: l})
	}
	if err == nil {
		err = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestKilled: the kernel takes the device, and Replay leaves alone what has got
// its name since.
func TestKilled(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	before := namespace.Take(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), ledgerVariable+"="+dir)
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("not killed: %v\n%s", err, out)
	}
	if got := namespace.Take(t); got != before {
		t.Errorf("after the kill:\n%+v\nbefore:\n%+v", got, before)
	}
	namespace.Run(t, "ip", "tuntap", "add", DefaultName, "mode", "tun")
	foreign := namespace.Take(t)
	l := openLedger(t, dir)
	if l.Len() != 1 {
		t.Fatalf("%d records in the ledger, want 1", l.Len())
	}
	if err := l.Replay(Undo()); err != nil {
		t.Fatal(err)
	}
	if got := namespace.Take(t); got != foreign {
		t.Errorf("Replay has changed somebody else's device:\n%+v\nbefore:\n%+v", got, foreign)
	}
}

// TestUndoRemovesALiveDevice: a record whose very device still stands.
func TestUndoRemovesALiveDevice(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	before := namespace.Take(t)
	l := openLedger(t, t.TempDir())
	createTest(t, Config{Addresses: addresses, Ledger: l})
	if err := l.Replay(Undo()); err != nil {
		t.Fatal(err)
	}
	if got := namespace.Take(t); got != before {
		t.Errorf("after Replay:\n%+v\nbefore:\n%+v", got, before)
	}
}

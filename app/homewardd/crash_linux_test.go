package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/client/tunnel"
	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
	"github.com/homeward-vpn/homeward/platform/route"
	"github.com/homeward-vpn/homeward/platform/tun"
)

// A service lives a whole connection (device, routes, name servers; all of it
// again with other ones; and everything back) and is killed at each operation of
// its ledger's disk, by SIGKILL, in the kernel's own network. The next one then
// replays the ledger, and the world must be what it was before, byte for byte.

// fate says at which operation, and how, a life ends.
type fate struct {
	At   int    // counted from 1; 0: never
	How  string // one of the ways
	Dir  string // of the ledger
	Full bool   // a full tunnel
}

// The ways in which an operation can end a life.
const (
	dieBefore = "before it"
	dieAmid   = "with half of it done"
	dieAfter  = "after it"
)

// fateVariable hands a fate to the life.
const fateVariable = "HOMEWARD_TEST_FATE"

// fatalDisk is the real disk, until its time has come.
type fatalDisk struct {
	ledger.Disk
	fate fate
	ops  *int
}

// do performs an operation, and dies as the fate says.
func (d fatalDisk) do(operation, partly func() error) error {
	*d.ops++
	if *d.ops != d.fate.At {
		return operation()
	}
	var err error
	switch d.fate.How {
	case dieAmid:
		err = partly()
	case dieAfter:
		err = operation()
	}
	if kill := syscall.Kill(os.Getpid(), syscall.SIGKILL); kill != nil || err != nil {
		panic(errors.Join(kill, err))
	}
	select {} // the signal is on its way
}

// atOnce: an operation that has no half.
func atOnce() error { return nil }

func (d fatalDisk) OpenFile(path string) (f ledger.File, err error) {
	err = d.do(func() (err error) {
		f, err = d.Disk.OpenFile(path)
		return err
	}, atOnce)
	return fatalFile{f, d}, err
}

func (d fatalDisk) Rename(from, to string) error {
	return d.do(func() error { return d.Disk.Rename(from, to) }, atOnce)
}

func (d fatalDisk) SyncDir(dir string) error {
	return d.do(func() error { return d.Disk.SyncDir(dir) }, atOnce)
}

type fatalFile struct {
	ledger.File
	disk fatalDisk
}

func (f fatalFile) WriteAt(b []byte, at int64) (n int, err error) {
	write := func(b []byte) func() error {
		return func() (err error) {
			n, err = f.File.WriteAt(b, at)
			return err
		}
	}
	err = f.disk.do(write(b), write(b[:len(b)/2]))
	return n, err
}

func (f fatalFile) Truncate(size int64) error {
	return f.disk.do(func() error { return f.File.Truncate(size) }, atOnce)
}

func (f fatalFile) Sync() error { return f.disk.do(f.File.Sync, atOnce) }

// networks are two that one life has, one after the other.
func networks(device string, full bool) []tunnel.Network {
	prefixes := func(text string) (ps []netip.Prefix) {
		for f := range strings.FieldsSeq(text) {
			ps = append(ps, netip.MustParsePrefix(f))
		}
		return ps
	}
	one := tunnel.Network{
		Interface: device, Addresses: prefixes("10.98.0.2/32 fd98::2/128"), Routes: prefixes("10.99.0.0/16 10.64.0.0/10 fd99::/48"),
		DNS: []netip.Addr{netip.MustParseAddr("10.99.0.2")}, Domains: []string{"corp.example"}, Search: []string{"corp.example"},
	}
	two := one
	two.Addresses, two.DNS = prefixes("10.98.0.3/32"), []netip.Addr{netip.MustParseAddr("10.99.0.3"), netip.MustParseAddr("fd99::3")}
	two.Routes, two.Domains = prefixes("10.99.0.0/16 10.98.0.0/16"), nil
	if full {
		one.Full, one.Domains, one.Routes, one.Exclude = true, nil, prefixes("0.0.0.0/0 ::/0"), prefixes("192.0.2.0/24")
		two.Full, two.Routes = true, prefixes("0.0.0.0/0")
	}
	return []tunnel.Network{one, two}
}

// TestLife is one life. It is no test of its own: TestCrashAtEveryStep starts it.
func TestLife(t *testing.T) {
	text := os.Getenv(fateVariable)
	if text == "" {
		t.Skip("only TestCrashAtEveryStep starts this")
	}
	var f fate
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	ops := 0
	l, err := ledger.OpenOn(f.Dir, fatalDisk{ledger.OSDisk(), f, &ops})
	if err != nil {
		t.Fatal(err)
	}
	if err := live(l, f.Full); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("operations=%d\n", ops)
}

// live connects, changes everything, and takes it all back, also where it came to
// nothing half way.
func live(l *ledger.Ledger, full bool) (err error) {
	logger := slog.New(slog.DiscardHandler)
	router, err := route.New(l, logger)
	if err != nil {
		return err
	}
	resolver, err := dns.New(l, logger, dns.System())
	if err != nil {
		return err
	}
	all := networks("", full)
	device, err := tun.Create(tun.Config{Addresses: all[0].Addresses, Ledger: l, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resolver.Clear(), router.Clear(), device.Close()) }()
	for i, n := range all {
		n.Interface = device.Name()
		if i > 0 {
			if err := device.SetAddresses(n.Addresses); err != nil {
				return err
			}
		}
		if err := (&routes{Router: router}).Set(n); err != nil {
			return err
		}
		if _, err := (names{resolver}).Set(n); err != nil {
			return err
		}
	}
	return nil
}

// TestCrashAtEveryStep kills at every operation, in every way.
func TestCrashAtEveryStep(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	busyMachine(t)
	want := panorama(t)
	for _, full := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "state")
		last := operations(t, fate{Dir: dir, Full: full})
		if got := panorama(t); got != want {
			t.Fatalf("an orderly life, full %v, leaves\n%s", full, difference(got, want))
		}
		if last < 10 {
			t.Fatalf("a life has %d operations", last)
		}
		touched := 0
		for at := 1; at <= last; at++ {
			for _, how := range []string{dieBefore, dieAmid, dieAfter} {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				if operations(t, fate{At: at, How: how, Dir: dir, Full: full}) != 0 {
					t.Fatalf("operation %d, %s: it lives", at, how)
				}
				if panorama(t) != want {
					touched++
				}
				again, err := ledger.Open(dir)
				if err != nil {
					t.Fatalf("operation %d, %s: %v", at, how, err)
				}
				if err := errors.Join(again.Replay(undo()), again.Close()); err != nil {
					t.Errorf("operation %d, %s: %v", at, how, err)
				}
				if got := panorama(t); got != want {
					t.Fatalf("full %v, killed at operation %d, %s:\n%s", full, at, how, difference(got, want))
				}
			}
		}
		t.Logf("full %v: %d operations, killed %d times, which left something %d times", full, last, 3*last, touched)
		if touched < last {
			t.Errorf("only %d deaths left anything: the test shows little", touched)
		}
	}
}

// operations runs a life and gives how many operations it had, 0: it was killed.
func operations(t *testing.T, f fate) int {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLife$", "-test.count=1")
	cmd.Env = append(os.Environ(), fateVariable+"="+string(text))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return 0
	}
	if err != nil {
		t.Fatalf("a life ends: %v\n%s", err, out)
	}
	_, count, _ := strings.Cut(string(out), "operations=")
	count, _, _ = strings.Cut(count, "\n")
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Fatalf("a life says %q", out)
	}
	return n
}

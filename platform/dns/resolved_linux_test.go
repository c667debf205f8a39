//go:build linux

package dns

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// startBus runs the system bus and returns when it listens.
func startBus(t *testing.T) (stop func()) {
	t.Helper()
	if err := os.MkdirAll("/run/dbus", 0o755); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--system", "--nofork", "--nopidfile", "--print-address")
	cmd.Stdout = w
	stop = start(t, cmd)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 256)); err != nil {
		t.Fatalf("dbus-daemon did not start: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return stop
}

// startResolved runs systemd-resolved and returns when it owns its name.
func startResolved(t *testing.T) (stop func()) {
	t.Helper()
	if err := os.MkdirAll("/run/systemd", 0o755); err != nil {
		t.Fatal(err)
	}
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, resolveName))
	if err != nil {
		t.Fatal(err)
	}
	stop = start(t, exec.Command("/lib/systemd/systemd-resolved"))
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case s := <-signals:
			if len(s.Body) == 3 && s.Body[0] == resolveName && s.Body[2] != "" {
				return stop
			}
		case <-timer.C:
			t.Fatal("systemd-resolved does not take its name")
		}
	}
}

// TestRealResolved talks to a real systemd-resolved: names go where they
// should, and everything goes back.
func TestRealResolved(t *testing.T) {
	if !namespace.EnterRoot(t, "systemd-resolved") {
		return
	}
	namespace.Run(t, "ip", "link", "set", "lo", "up")
	stopBus := startBus(t)
	stopResolved := startResolved(t)
	before, err := os.Readlink("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	stub := read(t, "/etc/resolv.conf")
	unset := func() {
		t.Helper()
		if got, err := os.Readlink("/etc/resolv.conf"); err != nil || got != before {
			t.Errorf("resolv.conf leads to %q, %v", got, err)
		}
		if got := namespace.Run(t, "resolvectl", "status"); strings.Contains(got, "10.99.0.2") || strings.Contains(got, "corp.example") {
			t.Errorf("left in systemd-resolved:\n%s", got)
		}
		if got := read(t, "/etc/resolv.conf"); got != stub {
			t.Errorf("resolv.conf is %q, was %q", got, stub)
		}
	}
	c := newCompany(t)
	l := openLedger(t, t.TempDir())
	d, err := New(l, nil, System())
	if err != nil {
		t.Fatal(err)
	}
	if !d.SupportsSplit() {
		t.Fatal("no split DNS with systemd-resolved")
	}

	split := Config{Interface: c.Name(), Servers: addrs("10.99.0.2"), Domains: []string{"corp.example"}, Search: []string{"corp.example"}}
	mustSet(t, d, split)
	mustSet(t, d, split)
	if d.Mode() != ModeResolved || l.Len() != 1 {
		t.Fatalf("mode %q, %d records", d.Mode(), l.Len())
	}
	refused(t, "www.other.test-name.org")
	ask(t, "www.corp.example")
	if got := c.asked(t); got != "www.corp.example." {
		t.Errorf("the company's resolver is asked for %s", got)
	}

	mustSet(t, d, Config{Interface: c.Name(), Servers: addrs("10.99.0.2")})
	ask(t, "every.test-name.org")
	for got := ""; got != "every.test-name.org."; {
		got = c.asked(t) // the question of before may come again
	}
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	unset()
	refused(t, "again.corp.example")

	// A process that dies leaves the ledger alone behind.
	mustSet(t, d, split)
	if err := l.Replay(Undo()); err != nil || l.Len() != 0 {
		t.Fatalf("%v, %d records", err, l.Len())
	}
	unset()

	// systemd-resolved goes while the tunnel is up, then the bus does.
	d2, err := New(l, nil, System())
	if err != nil {
		t.Fatal(err)
	}
	mustSet(t, d2, split)
	stopResolved()
	withoutResolved(t, d2, l, split, before)
	stopBus()
	withoutResolved(t, d2, l, split, before)
}

// withoutResolved: the file is what remains, and the link comes back.
func withoutResolved(t *testing.T, d *Configurator, l *ledger.Ledger, c Config, link string) {
	t.Helper()
	var warning *SplitUnsupportedError
	if err := d.Set(c); !errors.As(err, &warning) || d.Mode() != ModeFile {
		t.Fatalf("mode %q, %v", d.Mode(), err)
	}
	if got := read(t, "/etc/resolv.conf"); !strings.Contains(got, "nameserver 10.99.0.2") {
		t.Errorf("resolv.conf holds %q", got)
	}
	if err := d.Clear(); err != nil || l.Len() != 0 {
		t.Fatalf("%v, %d records", err, l.Len())
	}
	if got, err := os.Readlink("/etc/resolv.conf"); err != nil || got != link {
		t.Errorf("resolv.conf leads to %q, %v", got, err)
	}
}

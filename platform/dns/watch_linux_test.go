package dns

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// told waits until a watch tells something.
func told(t *testing.T, watch <-chan struct{}, what string) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case _, ok := <-watch:
		if !ok {
			t.Fatalf("%s: the watch is over", what)
		}
	case <-timer.C:
		t.Fatalf("%s is not told", what)
	}
}

// TestWatchFiles: every way in which somebody changes resolv.conf for real is
// told, also of the file behind a link and of one that is a mount point.
func TestWatchFiles(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	dir := t.TempDir()
	env := System()
	env.ResolvConf = filepath.Join(dir, "resolv.conf")
	env.LookPath = nil
	real, later := filepath.Join(dir, "real.conf"), filepath.Join(dir, "deep", "later.conf")
	d, err := New(nil, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := d.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a new file", func() error { return os.WriteFile(env.ResolvConf, []byte(plain), 0o644) }},
		{"written in place", func() error { return os.WriteFile(env.ResolvConf, []byte("# other\n"), 0o644) }},
		{"renamed over", func() error {
			return errors.Join(os.WriteFile(real, []byte("# renamed\n"), 0o644), os.Rename(real, env.ResolvConf))
		}},
		{"another mode", func() error { return os.Chmod(env.ResolvConf, 0o600) }},
		{"removed", func() error { return os.Remove(env.ResolvConf) }},
		{"a link that leads nowhere yet", func() error { return os.Symlink("deep/later.conf", env.ResolvConf) }},
		{"the file behind it", func() error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "deep"), 0o755), os.WriteFile(later, []byte(plain), 0o644))
		}},
		{"the file behind it, again", func() error { return os.WriteFile(later, []byte("# again\n"), 0o644) }},
		{"the link turned", func() error {
			return errors.Join(os.WriteFile(real, []byte(plain), 0o644), os.Remove(env.ResolvConf), os.Symlink(real, env.ResolvConf))
		}},
		{"ours, edited by somebody", func() error {
			mustSet(t, d, everyName)
			f, err := os.OpenFile(env.ResolvConf, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = io.WriteString(f, "nameserver 9.9.9.9\n")
			return errors.Join(err, f.Close())
		}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		told(t, watch, step.what)
	}
	mustSet(t, d, everyName)
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, env.ResolvConf); got != plain+"nameserver 9.9.9.9\n" {
		t.Errorf("after it all: %q", got)
	}
}

// TestWatchMounted: a resolv.conf that is a mount point is changed through the
// file that is mounted there, of which its folder learns nothing.
func TestWatchMounted(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	dir, other := t.TempDir(), t.TempDir()
	env := System()
	env.ResolvConf = filepath.Join(dir, "resolv.conf")
	env.LookPath = nil
	inner := filepath.Join(other, "inner")
	write(t, env.ResolvConf, "")
	write(t, inner, plain)
	namespace.Run(t, "mount", "--bind", inner, env.ResolvConf)
	defer namespace.Run(t, "umount", env.ResolvConf)
	d, err := New(nil, nil, env)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := d.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(t, inner, "nameserver 172.20.0.1\n")
	told(t, watch, "an edit")
	mustSet(t, d, everyName)
	write(t, inner, read(t, inner)+"options rotate\n")
	told(t, watch, "an edit of ours")
	mustSet(t, d, everyName)
	if err := d.Clear(); err != nil || read(t, inner) != "nameserver 172.20.0.1\noptions rotate\n" {
		t.Errorf("%v, %q", err, read(t, inner))
	}
}

// TestReadOnlyForReal: /etc on a disk that is mounted read-only, and a disk
// without a free byte, as the kernel has them.
func TestReadOnlyForReal(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	namespace.Run(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	env := System()
	env.LookPath = nil
	use := func(dir string) (*Configurator, string) {
		env.ResolvConf = filepath.Join(dir, "resolv.conf")
		d, err := New(openLedger(t, t.TempDir()), nil, env)
		if err != nil {
			t.Fatal(err)
		}
		return d, picture(t, dir)
	}
	unchanged := func(what string, d *Configurator, dir, before string, fails bool) {
		t.Helper()
		if err := d.Set(everyName); (err != nil) != fails {
			t.Errorf("%s: Set gives %v", what, err)
		}
		if err := d.Clear(); err != nil || d.ledger.Len() != 0 {
			t.Errorf("%s: Clear gives %v, %d records", what, err, d.ledger.Len())
		}
		if got := picture(t, dir); got != before {
			t.Errorf("%s:\n%s--- before\n%s", what, got, before)
		}
	}

	dir := t.TempDir()
	namespace.Run(t, "mount", "-t", "tmpfs", "tmpfs", dir)
	defer namespace.Run(t, "umount", dir)
	write(t, dir+"/resolv.conf", plain)
	namespace.Run(t, "mount", "-o", "remount,ro", dir)
	d, before := use(dir)
	unchanged("a read-only file", d, dir, before, true)

	outside := filepath.Join(t.TempDir(), "real.conf")
	write(t, outside, plain)
	namespace.Run(t, "mount", "-o", "remount,rw", dir)
	if err := os.Remove(dir + "/resolv.conf"); err != nil {
		t.Fatal(err)
	}
	symlink(t, outside, dir+"/resolv.conf")
	namespace.Run(t, "mount", "-o", "remount,ro", dir)
	d, before = use(dir)
	unchanged("a read-only link to a writable file", d, dir, before, false)

	small := t.TempDir()
	namespace.Run(t, "mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small)
	defer namespace.Run(t, "umount", small)
	write(t, small+"/resolv.conf", plain)
	d, _ = use(small)
	if err := os.WriteFile(small+"/fill", make([]byte, 1<<20), 0o644); err == nil {
		t.Fatal("the disk does not get full")
	}
	before = picture(t, small)
	unchanged("a full disk, where ours has room in place", d, small, before, false)
	big := everyName
	for i := range 200 {
		big.Search = append(big.Search, strings.Repeat("long.", 20)+"n"+string(rune('a'+i%26))+string(rune('a'+i/26))+".example")
	}
	if err := d.Set(big); err == nil {
		t.Error("12 KB have room on a full disk")
	}
	if got := picture(t, small); got != before {
		t.Errorf("a full disk, after Set has failed:\n%s--- before\n%s", got, before)
	}
	if err := d.Clear(); err != nil || picture(t, small) != before {
		t.Errorf("a full disk: %v", err)
	}
}

// TestRealResolvedRestarts: systemd-resolved is killed while the tunnel's link
// is set, and comes back without it; Watch tells, and Set sets it again. The bus
// restarts, too.
func TestRealResolvedRestarts(t *testing.T) {
	if !namespace.EnterRoot(t, "systemd-resolved") {
		return
	}
	namespace.Run(t, "ip", "link", "set", "lo", "up")
	namespace.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "wire")
	d, err := New(openLedger(t, t.TempDir()), nil, System())
	if err != nil {
		t.Fatal(err)
	}
	watch, err := d.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stopBus := startBus(t)
	stopResolved := startResolved(t)
	told(t, watch, "that systemd-resolved has started")
	c := newCompany(t)
	split := Config{Interface: c.Name(), Servers: addrs("10.99.0.2"), Domains: []string{"corp.example"}}
	underlay := func() {
		t.Helper()
		namespace.Run(t, "resolvectl", "dns", "eth0", "192.168.77.1", "fd77::1")
		namespace.Run(t, "resolvectl", "domain", "eth0", "home.lan", "~lab.example")
		u, err := d.Underlay()
		want := []netip.AddrPort{netip.MustParseAddrPort("192.168.77.1:53"), netip.MustParseAddrPort("[fd77::1]:53")}
		if err != nil || !slices.Equal(u.Servers, want) || strings.Join(u.Domains, " ") != "home.lan lab.example" {
			t.Errorf("the physical network is %v, %v", u, err)
		}
	}
	stands := func(when string) {
		t.Helper()
		if got := namespace.Run(t, "resolvectl", "dns", c.Name()); !strings.Contains(got, "10.99.0.2") {
			t.Errorf("%s: %s", when, got)
		}
		if d.Mode() != ModeResolved {
			t.Errorf("%s: mode %q", when, d.Mode())
		}
		ask(t, "www.corp.example")
		for got := ""; got != "www.corp.example."; {
			got = c.asked(t) // systemd-resolved looks for itself, too
		}
	}
	underlay()
	mustSet(t, d, split)
	stands("set")
	underlay()

	stopResolved()
	// It keeps some of it here, but not all, and not where it is set up otherwise.
	if err := os.RemoveAll("/run/systemd/resolve/netif"); err != nil {
		t.Fatal(err)
	}
	stopResolved = startResolved(t)
	if got := namespace.Run(t, "resolvectl", "dns", c.Name()); strings.Contains(got, "10.99.0.2") {
		t.Fatalf("a restart forgets nothing: %s", got)
	}
	told(t, watch, "a restart of systemd-resolved")
	mustSet(t, d, split)
	stands("after a restart")
	underlay()

	stopBus()
	stopResolved()
	startBus(t)
	startResolved(t)
	told(t, watch, "a restart of the bus")
	mustSet(t, d, split)
	for d.Mode() != ModeResolved { // told when the bus was back, systemd-resolved a moment later
		told(t, watch, "a restart behind the bus's")
		mustSet(t, d, split)
	}
	stands("after a restart of the bus")
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := namespace.Run(t, "resolvectl", "status"); strings.Contains(got, "10.99.0.2") {
		t.Errorf("left:\n%s", got)
	}
}

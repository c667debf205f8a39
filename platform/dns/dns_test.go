package dns

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

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

func newTest(t *testing.T, w *fakeWorld, l *ledger.Ledger) *Configurator {
	t.Helper()
	d, err := New(l, nil, w.env())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustSet(t *testing.T, d *Configurator, c Config) {
	t.Helper()
	if err := d.Set(c); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	everyName = Config{Interface: "homeward0", Servers: addrs("10.99.0.2 fd99::2"), Search: []string{"corp.example"}}
	splitName = Config{Interface: "homeward0", Servers: addrs("10.99.0.2"), Domains: []string{"corp.example", "Intra."}, Search: []string{"corp.example"}}
)

// TestResolved: what systemd-resolved is told.
func TestResolved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.resolved = &fakeResolved{}
	write(t, w.conf, "nameserver 127.0.0.53\n")
	l := openLedger(t, t.TempDir())
	d := newTest(t, w, l)
	if !d.SupportsSplit() || d.Mode() != ModeNone {
		t.Fatalf("split %v, mode %q", d.SupportsSplit(), d.Mode())
	}
	told := func(want ...string) {
		t.Helper()
		if got := strings.Join(w.resolved.said, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("told:\n%s\n--- want\n%s", got, strings.Join(want, "\n"))
		}
		w.resolved.said = nil
	}
	mustSet(t, d, everyName)
	told("quiet 7", "domains 7 [{corp.example false} {. true}]", "default 7 true", "dns 7 [10.99.0.2 fd99::2]", "flush")
	mustSet(t, d, splitName)
	told("quiet 7", "domains 7 [{corp.example false} {intra true}]", "default 7 false", "dns 7 [10.99.0.2]", "flush")
	if l.Len() != 1 || d.Mode() != ModeResolved {
		t.Errorf("%d records, mode %q", l.Len(), d.Mode())
	}
	for range 2 {
		if err := d.Clear(); err != nil {
			t.Fatal(err)
		}
	}
	told("revert 7", "flush")
	if l.Len() != 0 || d.Mode() != ModeNone || read(t, w.conf) != "nameserver 127.0.0.53\n" {
		t.Errorf("%d records, mode %q", l.Len(), d.Mode())
	}
	mustSet(t, d, everyName)
	w.resolved.said = nil
	w.index["homeward0"] = 8 // a new device of the same name
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	told("flush")
}

// TestResolvedFails: the error names it, and Clear still works.
func TestResolvedFails(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"quiet", "domains", "default", "dns"} {
		w := newWorld(t)
		w.resolved = &fakeResolved{fail: method}
		write(t, w.conf, "nameserver 127.0.0.53\n")
		l := openLedger(t, t.TempDir())
		d := newTest(t, w, l)
		if err := d.Set(everyName); err == nil || !strings.Contains(err.Error(), ModeResolved) {
			t.Errorf("%s fails: %v", method, err)
		}
		if err := d.Clear(); err != nil || l.Len() != 0 {
			t.Errorf("%s fails: Clear gives %v, %d records", method, err, l.Len())
		}
		if !slices.Contains(w.resolved.said, "revert 7") {
			t.Errorf("%s fails: not reverted", method)
		}
	}
}

// TestFlushFailureIsNoFailure: what cannot be flushed is logged.
func TestFlushFailureIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.resolved = &fakeResolved{fail: "flush"}
	write(t, w.conf, plain)
	d := newTest(t, w, nil)
	mustSet(t, d, everyName)
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	if read(t, w.conf) != plain {
		t.Error("not restored")
	}
}

// TestResolvconf: what openresolv and Debian's resolvconf are run with.
func TestResolvconf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says, conf, openresolvConf string
		config                     Config
		warning                    bool
		ran                        []string
	}{
		"openresolv": {
			"openresolv 3.12", byOpenresolv, "", everyName, false,
			[]string{
				"/sbin/resolvconf -m 0 -x -a homeward0.homeward\nnameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\n",
				"/sbin/resolvconf -f -d homeward0.homeward\n",
			},
		},
		"openresolv, split without a local resolver": {
			"openresolv 3.12", byOpenresolv, "", splitName, true,
			[]string{
				"/sbin/resolvconf -m 0 -x -a homeward0.homeward\nnameserver 10.99.0.2\nsearch corp.example\n",
				"/sbin/resolvconf -f -d homeward0.homeward\n",
			},
		},
		"openresolv, split by a local resolver": {
			"openresolv 3.12", byOpenresolv, "unbound_conf=/etc/unbound/x.conf\n", splitName, false,
			[]string{
				"/sbin/resolvconf -m 0 -p -a homeward0.homeward\nnameserver 10.99.0.2\nsearch corp.example intra\n",
				"/sbin/resolvconf -f -d homeward0.homeward\n",
			},
		},
		"Debian": {
			"resolvconf: Error: Command not recognized", byDebian, "", splitName, true,
			[]string{
				"/sbin/resolvconf -a tun.homeward0.homeward\nnameserver 10.99.0.2\nsearch corp.example\n",
				"/sbin/resolvconf -d tun.homeward0.homeward\n",
			},
		},
	} {
		w := newWorld(t)
		w.programs["resolvconf"] = func([]byte, ...string) (string, error) { return c.says, nil }
		write(t, w.conf, c.conf)
		write(t, w.conf+".openresolv", c.openresolvConf)
		l := openLedger(t, t.TempDir())
		d := newTest(t, w, l)
		for range 2 { // the second time changes nothing
			var warning *SplitUnsupportedError
			if err := d.Set(c.config); errors.As(err, &warning) != c.warning || err != nil && warning == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if l.Len() != 1 {
			t.Errorf("%s: %d records", name, l.Len())
		}
		if err := d.Clear(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(w.ran, c.ran) {
			t.Errorf("%s ran:\n%s\n--- want\n%s", name, strings.Join(w.ran, "\n"), strings.Join(c.ran, "\n"))
		}
		if l.Len() != 0 || read(t, w.conf) != c.conf {
			t.Errorf("%s: %d records, file %q", name, l.Len(), read(t, w.conf))
		}
	}
}

// TestResolvconfFails: what the program printed is in the error.
func TestResolvconfFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.programs["resolvconf"] = func(_ []byte, args ...string) (string, error) {
		if slices.Contains(args, "-a") {
			return "signature mismatch\n", errors.New("exit status 1")
		}
		return "openresolv 3.12", nil
	}
	write(t, w.conf, byOpenresolv)
	d := newTest(t, w, nil)
	if err := d.Set(everyName); err == nil || !strings.Contains(err.Error(), "signature mismatch") {
		t.Errorf("%v", err)
	}
	if err := d.Clear(); err != nil {
		t.Error(err)
	}
}

// TestKeeperChanges: systemd-resolved starts while our file stands, and goes again.
func TestKeeperChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	link := w.conf + ".target/systemd/resolve/stub-resolv.conf"
	if err := os.Symlink(link, w.conf); err != nil {
		t.Fatal(err)
	}
	l := openLedger(t, t.TempDir())
	d := newTest(t, w, l)
	mustSet(t, d, everyName)
	if d.Mode() != ModeFile || !strings.Contains(read(t, w.conf), "nameserver 10.99.0.2") {
		t.Fatalf("mode %q", d.Mode())
	}
	w.resolved = &fakeResolved{}
	mustSet(t, d, everyName)
	if got, err := os.Readlink(w.conf); d.Mode() != ModeResolved || err != nil || got != link {
		t.Fatalf("mode %q, link %q, %v", d.Mode(), got, err)
	}
	w.resolved = nil
	mustSet(t, d, everyName)
	if d.Mode() != ModeFile || l.Len() != 1 {
		t.Fatalf("mode %q, %d records", d.Mode(), l.Len())
	}
	mustSet(t, d, Config{}) // no servers: as Clear
	if got, err := os.Readlink(w.conf); d.Mode() != ModeNone || err != nil || got != link || l.Len() != 0 {
		t.Fatalf("mode %q, link %q, %v, %d records", d.Mode(), got, err, l.Len())
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	write(t, w.conf, plain)
	d := newTest(t, w, nil)
	for name, c := range map[string]Config{
		"no interface": {Servers: addrs("10.99.0.2")},
		"zero server":  {Interface: "homeward0", Servers: make([]netip.Addr, 1)},
		"bad domain":   {Interface: "homeward0", Servers: addrs("10.99.0.2"), Domains: []string{"a b"}},
		"injection":    {Interface: "homeward0", Servers: addrs("10.99.0.2"), Search: []string{"x\nnameserver 6.6.6.6"}},
	} {
		var warning *SplitUnsupportedError
		if err := d.Set(c); err == nil || errors.As(err, &warning) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if read(t, w.conf) != plain || d.Mode() != ModeNone {
		t.Error("a refused configuration has changed something")
	}
	if _, err := New(nil, nil, Environment{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a system without files gives %v", err)
	}
}

func TestUndoCoversEveryKind(t *testing.T) {
	t.Parallel()
	undo := undoWith(newWorld(t).env())
	for _, kind := range []string{fileKind, resolvedKind, resolvconfKind} {
		if undo[kind] == nil {
			t.Fatalf("no undo for %q", kind)
		}
		if err := undo[kind](json.RawMessage("{")); err == nil {
			t.Errorf("%q: a broken record is accepted", kind)
		}
	}
}

// TestNscd: a cache that runs is emptied, one that does not is left alone.
func TestNscd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.programs["nscd"] = func([]byte, ...string) (string, error) { return "", nil }
	env := w.env()
	env.NscdSocket = w.conf + ".nscd"
	if err := flushCaches(env); err != nil || len(w.ran) != 0 {
		t.Fatalf("ran %v, %v", w.ran, err)
	}
	write(t, env.NscdSocket, "")
	if err := flushCaches(env); err != nil || len(w.ran) != 1 || !strings.HasPrefix(w.ran[0], "/sbin/nscd --invalidate=hosts") {
		t.Fatalf("ran %v, %v", w.ran, err)
	}
}

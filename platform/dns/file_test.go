package dns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

var errKilled = errors.New("killed")

// mortalFiles is the real file system of a process that is killed at a chosen
// call: that one happens in part, or not at all, and nothing after it.
type mortalFiles struct {
	disk
	calls   int
	dieAt   int
	torn    int    // eighths of the dying call's bytes that arrive
	mounted string // a bind mount: cannot be renamed over or removed
}

// step tells whether the call happens wholly; dying: whether it happens in part.
func (m *mortalFiles) step() (whole, dying bool) {
	m.calls++
	return m.dieAt == 0 || m.calls < m.dieAt, m.calls == m.dieAt
}

func (m *mortalFiles) Write(path string, s FileState) error {
	whole, dying := m.step()
	if !whole {
		if dying && m.torn > 0 {
			s.Content = s.Content[:len(s.Content)*m.torn/8]
			return errors.Join(errKilled, m.disk.Write(path, s))
		}
		return errKilled
	}
	return m.disk.Write(path, s)
}

func (m *mortalFiles) WriteAt(path string, b []byte) error {
	whole, dying := m.step()
	if !whole {
		if dying {
			return errors.Join(errKilled, m.disk.WriteAt(path, b[:len(b)*m.torn/8]))
		}
		return errKilled
	}
	return m.disk.WriteAt(path, b)
}

func (m *mortalFiles) Truncate(path string, size int64) error {
	return m.plain(func() error { return m.disk.Truncate(path, size) })
}

func (m *mortalFiles) Symlink(target, path string) error {
	return m.plain(func() error { return m.disk.Symlink(target, path) })
}

func (m *mortalFiles) Rename(from, to string) error {
	if to == m.mounted {
		return syscall.EBUSY
	}
	return m.plain(func() error { return m.disk.Rename(from, to) })
}

func (m *mortalFiles) Remove(path string) error {
	if path == m.mounted {
		return syscall.EBUSY
	}
	return m.plain(func() error { return m.disk.Remove(path) })
}

func (m *mortalFiles) plain(do func() error) error {
	if whole, _ := m.step(); !whole {
		return errKilled
	}
	return do()
}

// origins are the ways in which a resolv.conf can stand there before us.
var origins = map[string]func(t *testing.T, path string){
	"file":    func(t *testing.T, path string) { write(t, path, "nameserver 192.168.77.1\nsearch home.lan\n") },
	"long":    func(t *testing.T, path string) { write(t, path, strings.Repeat("# long comment\n", 60)+plain) },
	"empty":   func(t *testing.T, path string) { write(t, path, "") },
	"no end":  func(t *testing.T, path string) { write(t, path, "nameserver 192.168.77.1") },
	"private": func(t *testing.T, path string) { write(t, path, plain); chmod(t, path, 0o600) },
	"absent":  func(*testing.T, string) {},
	"link": func(t *testing.T, path string) {
		write(t, path+".real", plain)
		symlink(t, filepath.Base(path)+".real", path)
	},
	"dangling": func(t *testing.T, path string) { symlink(t, "/nowhere/resolv.conf", path) },
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// picture is everything in a directory: kinds, modes, targets and bytes.
func picture(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		s, err := disk{}.State(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s %v %q %q\n", e.Name(), s.Kind, s.Mode, s.Target, s.Content)
	}
	return b.String()
}

// TestFileRestored: set, set again, cleared: the directory is as it was.
func TestFileRestored(t *testing.T) {
	t.Parallel()
	for name, make := range origins {
		w := newWorld(t)
		make(t, w.conf)
		before := picture(t, filepath.Dir(w.conf))
		l := openLedger(t, t.TempDir())
		d := newTest(t, w, l)
		mustSet(t, d, everyName)
		ours := read(t, w.conf)
		if !strings.Contains(ours, "nameserver 10.99.0.2\nnameserver fd99::2\nsearch corp.example\n") {
			t.Errorf("%s: wrote %q", name, ours)
		}
		info, err := os.Stat(w.conf)
		if err != nil {
			t.Fatal(err)
		}
		mustSet(t, d, everyName)
		if again, err := os.Stat(w.conf); err != nil || !os.SameFile(info, again) || !info.ModTime().Equal(again.ModTime()) {
			t.Errorf("%s: setting the same again writes the file (%v)", name, err)
		}
		var warning *SplitUnsupportedError
		if err := d.Set(splitName); !errors.As(err, &warning) || warning.Mode != ModeFile {
			t.Errorf("%s: %v", name, err)
		}
		if l.Len() != 1 {
			t.Errorf("%s: %d records", name, l.Len())
		}
		if err := d.Clear(); err != nil {
			t.Fatal(err)
		}
		if got := picture(t, filepath.Dir(w.conf)); got != before || l.Len() != 0 {
			t.Errorf("%s: %d records, and\n%s--- before\n%s", name, l.Len(), got, before)
		}
	}
}

// TestFileKilledAnywhere kills a life of the file backend at every call, with
// every way in which the dying write may be torn, by rename and in place.
func TestFileKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"file", "long", "empty", "absent", "link"} {
		make := origins[name]
		for _, inPlace := range []bool{false, true} {
			if inPlace && (name == "absent" || name == "link") {
				continue // what is mounted there is a file
			}
			t.Run(fmt.Sprintf("%s in place=%v", name, inPlace), func(t *testing.T) {
				t.Parallel()
				survived := false
				for dieAt := 1; !survived; dieAt++ {
					for _, torn := range []int{0, 3, 8} {
						survived = killedAt(t, make, inPlace, dieAt, torn)
					}
				}
			})
		}
	}
}

// killedAt lives until the call dieAt, replays, and looks. It returns true when
// that life has ended before.
func killedAt(t *testing.T, make func(*testing.T, string), inPlace bool, dieAt, torn int) bool {
	t.Helper()
	w := newWorld(t)
	make(t, w.conf)
	before := picture(t, filepath.Dir(w.conf))
	m := &mortalFiles{dieAt: dieAt, torn: torn}
	if inPlace {
		m.mounted = w.conf
	}
	w.files = m
	dir := t.TempDir()
	l := openLedger(t, dir)
	err := fileLife(t, w, l)
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w.files = &mortalFiles{mounted: m.mounted}
	l = openLedger(t, dir)
	if err := errors.Join(l.Replay(undoWith(w.env())), l.Close()); err != nil {
		t.Fatal(err)
	}
	if got := picture(t, filepath.Dir(w.conf)); got != before {
		t.Fatalf("killed at call %d, torn %d/8:\n%s--- before\n%s", dieAt, torn, got, before)
	}
	return m.calls < dieAt
}

// fileLife sets three times, differently, and clears.
func fileLife(t *testing.T, w *fakeWorld, l *ledger.Ledger) error {
	d := newTest(t, w, l)
	var warning *SplitUnsupportedError
	for _, c := range []Config{everyName, splitName, {Interface: "homeward0", Servers: addrs("10.1.1.1")}} {
		if err := d.Set(c); err != nil && !errors.As(err, &warning) {
			return err
		}
	}
	return d.Clear()
}

// TestForeignEditsAreKept, by Clear and by Replay after a crash.
func TestForeignEditsAreKept(t *testing.T) {
	t.Parallel()
	before := "nameserver 192.168.77.1\nsearch home.lan\n"
	for name, c := range map[string]struct {
		edit func(t *testing.T, path string)
		want string
	}{
		"rewritten": {
			func(t *testing.T, path string) { write(t, path, "# dhcp\nnameserver 172.20.0.1\n") },
			"# dhcp\nnameserver 172.20.0.1\n",
		},
		"a line added": {
			func(t *testing.T, path string) { write(t, path, read(t, path)+"options rotate\n") },
			before + "options rotate\n",
		},
		"replaced by a link": {
			func(t *testing.T, path string) {
				write(t, path+".theirs", "nameserver 9.9.9.9\n")
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				symlink(t, path+".theirs", path)
			},
			"nameserver 9.9.9.9\n",
		},
		"put back already": {func(t *testing.T, path string) { write(t, path, before) }, before},
	} {
		for _, crash := range []bool{false, true} {
			w := newWorld(t)
			write(t, w.conf, before)
			dir := t.TempDir()
			l := openLedger(t, dir)
			d := newTest(t, w, l)
			mustSet(t, d, everyName)
			c.edit(t, w.conf)
			var err error
			if crash {
				err = l.Replay(undoWith(w.env()))
			} else {
				err = d.Clear()
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, w.conf); got != c.want {
				t.Errorf("%s, crash %v: %q, want %q", name, crash, got, c.want)
			}
			if l.Len() != 0 {
				t.Errorf("%s: %d records stay", name, l.Len())
			}
		}
	}
}

// TestRewrittenWhileUp: a DHCP client writes its own file while the tunnel is
// up. The next Set puts ours back, and Clear brings the newer one.
func TestRewrittenWhileUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	write(t, w.conf, plain)
	l := openLedger(t, t.TempDir())
	d := newTest(t, w, l)
	mustSet(t, d, everyName)
	const newer = "# dhcp, another network\nnameserver 172.20.0.1\n"
	write(t, w.conf, newer)
	mustSet(t, d, everyName)
	if !strings.Contains(read(t, w.conf), "10.99.0.2") || l.Len() != 1 {
		t.Fatalf("%d records, %q", l.Len(), read(t, w.conf))
	}
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, w.conf); got != newer {
		t.Fatalf("%q, want %q", got, newer)
	}
}

// readOnlyFiles is a directory in which nothing can be made, whose resolv.conf
// leads elsewhere.
type readOnlyFiles struct {
	disk
	dir string
}

func (r readOnlyFiles) Write(path string, s FileState) error {
	if filepath.Dir(path) == r.dir {
		return &os.PathError{Op: "open", Path: path, Err: syscall.EROFS}
	}
	return r.disk.Write(path, s)
}

func (r readOnlyFiles) Remove(path string) error {
	if filepath.Dir(path) == r.dir {
		if _, err := os.Lstat(path); err != nil {
			return nil
		}
		return &os.PathError{Op: "unlink", Path: path, Err: syscall.EROFS}
	}
	return r.disk.Remove(path)
}

// TestReadOnlyEtc: the file at the end of the link is changed instead.
func TestReadOnlyEtc(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	real := filepath.Join(t.TempDir(), "real.conf")
	write(t, real, plain)
	symlink(t, real, w.conf)
	w.files = readOnlyFiles{dir: filepath.Dir(w.conf)}
	l := openLedger(t, t.TempDir())
	d := newTest(t, w, l)
	mustSet(t, d, everyName)
	if !strings.Contains(read(t, real), "10.99.0.2") {
		t.Fatalf("the file holds %q", read(t, real))
	}
	mustSet(t, d, everyName)
	mustSet(t, d, Config{Interface: "homeward0", Servers: addrs("10.1.1.1")})
	if l.Len() != 1 || !strings.Contains(read(t, real), "10.1.1.1") {
		t.Fatalf("%d records, %q", l.Len(), read(t, real))
	}
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	if read(t, real) != plain || l.Len() != 0 {
		t.Fatalf("%d records, %q", l.Len(), read(t, real))
	}
}

package dns

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
)

// fullFiles is a disk that is full at a chosen call: what needs room arrives in
// part or not at all. forever: it stays so, but for bytes that replace others.
type fullFiles struct {
	disk
	calls, failAt, torn int
	forever             bool
	mounted             string
}

func (f *fullFiles) full() bool {
	f.calls++
	return f.calls == f.failAt || f.forever && f.failAt > 0 && f.calls > f.failAt
}

func (f *fullFiles) Write(path string, s FileState) error {
	if f.full() {
		s.Content = s.Content[:len(s.Content)*f.torn/8]
		return errors.Join(syscall.ENOSPC, f.disk.Write(path, s))
	}
	return f.disk.Write(path, s)
}

func (f *fullFiles) WriteAt(path string, b []byte) error {
	if f.full() {
		now, err := f.disk.State(path)
		if err != nil {
			return err
		}
		if len(b) <= len(now.Content) {
			return f.disk.WriteAt(path, b) // it has that room
		}
		return errors.Join(syscall.ENOSPC, f.disk.WriteAt(path, b[:max(len(now.Content), len(b)*f.torn/8)]))
	}
	return f.disk.WriteAt(path, b)
}

func (f *fullFiles) Symlink(target, path string) error {
	if f.full() {
		return syscall.ENOSPC
	}
	return f.disk.Symlink(target, path)
}

func (f *fullFiles) Rename(from, to string) error {
	if to == f.mounted {
		return syscall.EBUSY
	}
	if f.full() {
		return syscall.ENOSPC
	}
	return f.disk.Rename(from, to)
}

// TestDiskFull: no room at any write, once or from then on. What Set could not
// write has changed nothing, and Clear brings back what stood there: at once
// where the bytes have room, else as soon as there is some.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"file", "long", "empty", "absent", "link"} {
		for _, inPlace := range []bool{false, true} {
			if inPlace && (name == "absent" || name == "link") {
				continue // what is mounted there is a file
			}
			for failAt, done := 1, false; !done; failAt++ {
				for _, torn := range []int{0, 3, 8} {
					for _, forever := range []bool{false, true} {
						f := &fullFiles{failAt: failAt, torn: torn, forever: forever}
						what := fmt.Sprintf("%s in place=%v, call %d, torn %d, forever %v", name, inPlace, failAt, torn, forever)
						fullLife(t, what, origins[name], inPlace, f)
						done = f.calls < failAt
					}
				}
			}
		}
	}
}

func fullLife(t *testing.T, what string, origin func(*testing.T, string), inPlace bool, f *fullFiles) {
	t.Helper()
	w := newWorld(t)
	origin(t, w.conf)
	if inPlace {
		f.mounted = w.conf
	}
	w.files = f
	before := picture(t, filepath.Dir(w.conf))
	l := openLedger(t, t.TempDir())
	d := newTest(t, w, l)
	stood := before
	for _, c := range []Config{everyName, {Interface: "homeward0", Servers: addrs("10.1.1.1"), Search: []string{"a.much.longer.search.list.example"}}} {
		err := d.Set(c)
		got := picture(t, filepath.Dir(w.conf))
		if err != nil && got != stood {
			t.Fatalf("%s: Set fails (%v) and leaves\n%s--- it was\n%s", what, err, got, stood)
		}
		stood = got
	}
	if err := d.Clear(); err != nil {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%s: %v", what, err)
		}
		f.forever, f.failAt = false, 0 // somebody makes room
		if err := d.Clear(); err != nil {
			t.Fatalf("%s: with room again: %v", what, err)
		}
	}
	if got := picture(t, filepath.Dir(w.conf)); got != before || l.Len() != 0 {
		t.Fatalf("%s: %d records, and\n%s--- before\n%s", what, l.Len(), got, before)
	}
}

// TestNoRecordNoChange: where the ledger cannot record, nothing is touched,
// whoever keeps the names.
func TestNoRecordNoChange(t *testing.T) {
	t.Parallel()
	for name, world := range map[string]func(*testing.T, *fakeWorld){
		ModeFile:       byFile(plain),
		ModeResolved:   byStub(Known{}),
		ModeOpenresolv: byProgram("openresolv 3.12", byOpenresolv, nil),
	} {
		w := newWorld(t)
		world(t, w)
		before := picture(t, filepath.Dir(w.conf))
		l := openLedger(t, t.TempDir())
		d := newTest(t, w, l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := d.Set(everyName); err == nil {
			t.Errorf("%s: set without a record", name)
		}
		if got := picture(t, filepath.Dir(w.conf)); got != before || len(w.ran) != 0 || w.resolved != nil && len(w.resolved.said) != 0 {
			t.Errorf("%s: changed without a record: %v\n%s--- before\n%s", name, w.ran, got, before)
		}
		if err := d.Clear(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// immutableFiles is a resolv.conf that nobody may change, as after chattr +i.
type immutableFiles struct {
	disk
	path string
}

func (i immutableFiles) Rename(from, to string) error {
	if to == i.path {
		return syscall.EPERM
	}
	return i.disk.Rename(from, to)
}

func (i immutableFiles) WriteAt(path string, b []byte) error {
	if path == i.path {
		return syscall.EPERM
	}
	return i.disk.WriteAt(path, b)
}

// TestImmutable: it is said, and nothing is left.
func TestImmutable(t *testing.T) {
	t.Parallel()
	for name, origin := range origins {
		w := newWorld(t)
		origin(t, w.conf)
		before := picture(t, filepath.Dir(w.conf))
		w.files = immutableFiles{path: w.conf}
		l := openLedger(t, t.TempDir())
		d := newTest(t, w, l)
		if err := d.Set(everyName); err == nil && name != "link" {
			t.Errorf("%s: no error", name)
		}
		if err := d.Clear(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := picture(t, filepath.Dir(w.conf)); got != before || l.Len() != 0 {
			t.Errorf("%s: %d records, and\n%s--- before\n%s", name, l.Len(), got, before)
		}
	}
}

package posture

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDecision is every combination of what may stand in a readable state.
func TestDecision(t *testing.T) {
	t.Parallel()
	seen := map[bool]int{}
	for _, mode := range []string{Unset, Off, On, Lockdown} {
		for _, engaged := range []bool{false, true} {
			for _, boots := range [][2]string{{"b", "b"}, {"a", "b"}, {"", "b"}, {"a", ""}, {"", ""}} {
				for _, always := range []string{"", "p"} {
					for _, profiled := range []bool{false, true} {
						for _, local := range []bool{false, true} {
							p := Posture{Mode: mode, LocalNetwork: local, Engaged: engaged, BootID: boots[0], AlwaysOn: always, Profiled: profiled}
							anew := boots[0] != boots[1] && boots[0] != "" && boots[1] != ""
							want := profiled && (mode == Lockdown || mode != Off && (engaged && !anew || always != "" && anew))
							s := &Store{dir: "/state", disk: newCrashDisk()}
							if err := s.Put(p); err != nil {
								t.Fatal(err)
							}
							d := s.decide(boots[1])
							if d.Block != want || d.LocalNetwork != local || d.Reason == "" || d.Unreadable != nil {
								t.Errorf("%+v in boot %q: %+v", p, boots[1], d)
							}
							seen[want]++
						}
					}
				}
			}
		}
	}
	if seen[true] < 20 || seen[false] < 20 {
		t.Errorf("tried %v", seen)
	}
}

// spoilers are the ways in which a state file in dir can become unreadable.
var spoilers = map[string]func(dir string) error{
	"empty":        func(dir string) error { return os.Truncate(filepath.Join(dir, fileName), 0) },
	"truncated":    func(dir string) error { return os.Truncate(filepath.Join(dir, fileName), 40) },
	"lost":         func(dir string) error { return os.Remove(filepath.Join(dir, fileName)) },
	"zeros":        func(dir string) error { return spoil(dir, make([]byte, 200)) },
	"other JSON":   func(dir string) error { return spoil(dir, []byte("{}\n")) },
	"a later form": func(dir string) error { return edit(dir, `"version":1`, `"version":2`) },
	"an old form":  func(dir string) error { return edit(dir, `"version":1`, `"version":0`) },
	"another mode": func(dir string) error { return edit(dir, `"mode":"`, `"mode":"x`) },
	"a tail":       func(dir string) error { return edit(dir, "\n", "\n{}") },
	"huge":         func(dir string) error { return edit(dir, "\n", strings.Repeat("\n", maxSize+1)) },
	"a directory": func(dir string) error {
		return errors.Join(os.Remove(filepath.Join(dir, fileName)), os.Mkdir(filepath.Join(dir, fileName), 0o700))
	},
	"a link": func(dir string) error {
		return errors.Join(os.Rename(filepath.Join(dir, fileName), filepath.Join(dir, "x")), os.Symlink("x", filepath.Join(dir, fileName)))
	},
}

func spoil(dir string, b []byte) error { return os.WriteFile(filepath.Join(dir, fileName), b, 0o600) }

func edit(dir, old, to string) error {
	raw, err := os.ReadFile(filepath.Join(dir, fileName))
	if err == nil && !strings.Contains(string(raw), old) {
		err = errors.New("the file has no " + old)
	}
	return errors.Join(err, spoil(dir, []byte(strings.Replace(string(raw), old, to, 1))))
}

// TestUnreadable is every posture with every damage, on a real disk.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for how, spoil := range spoilers {
		for name, p := range worlds {
			if p == nil {
				continue
			}
			dir := private(t)
			s := opened(t, dir)
			if err := s.Put(*p); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(); err != nil || got != *p {
				t.Fatalf("%s is read back as %+v, %v", name, got, err)
			}
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			unreadable(t, name+", "+how, dir, p.Secured(), how == "lost" && !p.Secured())
		}
	}
}

// unreadable wants a state that is taken for lockdown, or for nothing.
func unreadable(t *testing.T, name, dir string, secured, absent bool) {
	t.Helper()
	s := opened(t, dir)
	d := AtBoot(dir)
	if d.Block != secured || d.Reason == "" || (d.Unreadable == nil) != absent {
		t.Errorf("%s: %+v", name, d)
	}
	p, err := s.Get()
	var lost *UnreadableError
	if errors.As(err, &lost) == absent || !absent && lost.Secured != secured || (p.Mode == Lockdown) != secured {
		t.Errorf("%s: %+v, %v", name, p, err)
	}
	if err := s.Mend(); (err == nil) != absent {
		t.Errorf("%s: mending gives %v", name, err)
	}
	if again := AtBoot(dir); again.Block != secured {
		t.Errorf("%s: after mending %+v", name, again)
	}
	// The way out, which must not leave anything behind to be stuck on.
	if err := Clear(dir); err == nil {
		if left := AtBoot(dir); left != (Decision{Reason: left.Reason}) {
			t.Errorf("%s: after clearing %+v", name, left)
		}
	} else {
		t.Errorf("%s: clearing: %v", name, err)
	}
}

// TestOthersFiles: what another user owns, or could have written, is not believed.
func TestOthersFiles(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(dir string) error{
		"a file of another user":      func(dir string) error { return os.Chown(filepath.Join(dir, fileName), 4242, 4242) },
		"a file for all":              func(dir string) error { return os.Chmod(filepath.Join(dir, fileName), 0o602) },
		"a directory of another user": func(dir string) error { return os.Chown(dir, 4242, 4242) },
		"a directory for all":         func(dir string) error { return os.Chmod(dir, 0o777) },
	} {
		for _, mode := range []string{Off, Lockdown} {
			dir := private(t)
			s := opened(t, dir)
			if err := s.Put(Posture{Mode: mode, Profiled: true}); err != nil {
				t.Fatal(err)
			}
			if err := change(dir); errors.Is(err, os.ErrPermission) {
				t.Logf("%s: only root can make it", name)
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			if d := AtBoot(dir); d.Unreadable == nil || d.Block != (mode == Lockdown) {
				t.Errorf("%s, %s: %+v", name, mode, d)
			}
		}
	}
}

// TestEveryBit turns over every bit of the file: never does it say anything else.
func TestEveryBit(t *testing.T) {
	t.Parallel()
	p := Posture{Mode: Lockdown, Profiled: true, BootID: "b", AlwaysOn: "p"}
	raw, err := p.encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		b := append([]byte(nil), raw...)
		b[i/8] ^= 1 << (i % 8)
		if got, err := parse(b); err == nil && got != p {
			t.Fatalf("bit %d turned over makes %+v", i, got)
		}
	}
	for n := range len(raw) - 1 {
		if got, err := parse(raw[:n]); err == nil {
			t.Fatalf("%d of %d octets are %+v", n, len(raw), got)
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir := private(t)
	if err := opened(t, dir).Put(Posture{Mode: Lockdown, Profiled: true}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

// TestNoDirectory: without the state directory nothing blocks, nothing is made,
// and nothing can be put.
func TestNoDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	if d := AtBoot(dir); d.Block || d.Unreadable != nil {
		t.Errorf("%+v", d)
	}
	if err := Clear(dir); err != nil {
		t.Error(err)
	}
	if err := opened(t, dir).Put(Posture{Mode: On}); err == nil {
		t.Error("put into nothing")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the directory was made")
	}
	if _, err := Open(""); err == nil {
		t.Error("no directory at all is opened")
	}
	// A state directory that cannot be looked into may have asked for anything.
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d := AtBoot(dir); !d.Block || d.Unreadable == nil {
		t.Errorf("a file in the directory's place: %+v", d)
	}
}

func TestRefusedPostures(t *testing.T) {
	t.Parallel()
	s := &Store{dir: "/state", disk: newCrashDisk()}
	for _, p := range []Posture{{Mode: "Lockdown"}, {BootID: strings.Repeat("b", maxText+1)}, {AlwaysOn: strings.Repeat("p", maxText+1)}} {
		if err := s.Put(p); err == nil {
			t.Errorf("%+v is stored", p)
		}
	}
	if d := s.decide("b"); d.Block || d.Unreadable != nil {
		t.Errorf("a refused posture has left %+v", d)
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range worlds {
		if p != nil {
			raw, err := p.encode()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Add([]byte(`{"version":1,"sha256":"","posture":null}`))
	f.Add([]byte(strings.Repeat("[", 9000)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parse(raw)
		if err != nil {
			return
		}
		again, err := p.encode()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", p, err)
		}
		if back, err := parse(again); err != nil || back != p {
			t.Fatalf("%+v is read back as %+v, %v", p, back, err)
		}
	})
}

func private(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func opened(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

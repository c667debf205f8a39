package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"testing"
)

var errPower = errors.New("the power is gone")

// crashDisk is a disk in memory that dies at a chosen operation. What was not
// synced may be lost with it or not: survive has both.
type crashDisk struct {
	now, durable map[string]*node // directory entries
	ops          int              // operations so far
	dieAt        int              // this one fails, and all after it; 0: never
	torn         int              // how many eighths of a dying write still reach the file
}

type node struct{ now, durable []byte }

func newCrashDisk() *crashDisk {
	return &crashDisk{now: map[string]*node{}, durable: map[string]*node{}}
}

// step counts an operation; false: the power is gone.
func (d *crashDisk) step() bool {
	d.ops++
	return d.dieAt == 0 || d.ops < d.dieAt
}

// survive is the disk after the crash. keep: what was not synced got there anyway.
func (d *crashDisk) survive(keep bool) *crashDisk {
	s := newCrashDisk()
	from := d.durable
	if keep {
		from = d.now
	}
	for name, n := range from {
		b := n.durable
		if keep {
			b = n.now
		}
		s.now[name] = &node{now: append([]byte(nil), b...), durable: append([]byte(nil), b...)}
	}
	s.durable = maps.Clone(s.now)
	return s
}

func (d *crashDisk) ReadFile(path string) ([]byte, error) {
	n, ok := d.now[filepath.Base(path)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return append([]byte(nil), n.now...), nil
}

func (d *crashDisk) OpenFile(path string) (File, error) {
	name := filepath.Base(path)
	if _, ok := d.now[name]; !ok {
		if !d.step() {
			return nil, errPower
		}
		d.now[name] = &node{}
	}
	return &crashFile{d, d.now[name]}, nil
}

func (d *crashDisk) Rename(from, to string) error {
	if !d.step() {
		return errPower
	}
	d.now[filepath.Base(to)] = d.now[filepath.Base(from)]
	delete(d.now, filepath.Base(from))
	return nil
}

func (d *crashDisk) SyncDir(string) error {
	if !d.step() {
		return errPower
	}
	d.durable = maps.Clone(d.now)
	return nil
}

type crashFile struct {
	d *crashDisk
	n *node
}

func (f *crashFile) WriteAt(b []byte, at int64) (int, error) {
	alive := f.d.step()
	if !alive {
		if f.d.ops > f.d.dieAt {
			return 0, errPower
		}
		b = b[:len(b)*f.d.torn/8]
	}
	if need := int(at) + len(b); need > len(f.n.now) {
		f.n.now = append(f.n.now, make([]byte, need-len(f.n.now))...)
	}
	copy(f.n.now[at:], b)
	if !alive {
		return len(b), errPower
	}
	return len(b), nil
}

func (f *crashFile) Truncate(size int64) error {
	if !f.d.step() {
		return errPower
	}
	f.n.now = append([]byte(nil), f.n.now[:size]...)
	return nil
}

func (f *crashFile) Sync() error {
	if !f.d.step() {
		return errPower
	}
	f.n.durable = append([]byte(nil), f.n.now...)
	return nil
}

func (f *crashFile) Close() error { return nil }

// system is what the ledger protects: the changes that stand.
type system map[string]bool

func (s system) undo() map[string]func(json.RawMessage) error {
	return map[string]func(json.RawMessage) error{"change": func(raw json.RawMessage) error {
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			return err
		}
		delete(s, name)
		return nil
	}}
}

// life is a run of the service: changes made and taken back, crossing each
// other, enough of them that the file is compacted on the way.
func life(l *Ledger, s system) error {
	ids := map[string]ID{}
	do := func(name string) error {
		id, err := l.Record("change", name)
		if err != nil {
			return err
		}
		ids[name] = id
		s[name] = true
		return nil
	}
	takeBack := func(name string) error {
		delete(s, name)
		return l.Forget(ids[name])
	}
	if err := errors.Join(do("a"), do("b")); err != nil {
		return err
	}
	for i := range compactAfter/2 + 2 {
		name := fmt.Sprint("turn ", i)
		if err := do(name); err != nil {
			return err
		}
		if err := takeBack(name); err != nil {
			return err
		}
	}
	if err := takeBack("a"); err != nil {
		return err
	}
	if err := do("c"); err != nil {
		return err
	}
	return errors.Join(takeBack("c"), takeBack("b"))
}

// TestCrashAnywhere kills the disk at every single operation of a life, with
// every way in which the last write may be torn and what was not synced may be
// lost, and demands that the next start undoes every change that still stands.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole := newCrashDisk()
	runLife(t, dir, whole, system{})
	if whole.ops < compactAfter {
		t.Fatalf("a life of %d operations proves nothing", whole.ops)
	}
	for dieAt := 1; dieAt <= whole.ops; dieAt++ {
		// Most of a life is one turn like the next: its ends and the
		// compaction are looked at one by one, the turns by sample.
		if dieAt > 30 && dieAt < whole.ops-60 && dieAt%37 != 0 {
			continue
		}
		for torn := range 9 {
			for _, keep := range []bool{false, true} {
				d := newCrashDisk()
				d.dieAt, d.torn = dieAt, torn
				s := system{}
				runLife(t, dir, d, s)
				startAgain(t, dir, d.survive(keep), s, fmt.Sprintf("died at %d of %d, torn %d/8, unsynced kept: %v",
					dieAt, whole.ops, torn, keep))
			}
		}
	}
}

// TestCrashWhileReplaying kills the disk again, at every operation of the
// recovery from a crash.
func TestCrashWhileReplaying(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for dieAt := 4; dieAt < 20; dieAt++ {
		first := newCrashDisk()
		first.dieAt = dieAt
		s := system{}
		runLife(t, dir, first, s)
		for again := 1; again < 12; again++ {
			d := first.survive(true)
			d.dieAt = again
			left := maps.Clone(s)
			if l, err := OpenOn(dir, d); err == nil {
				if err := l.Replay(left.undo()); err != nil && !errors.Is(err, errPower) {
					t.Fatal(err)
				}
				closeLedger(t, l)
			}
			startAgain(t, dir, d.survive(true), left, fmt.Sprintf("died at %d, and again at %d", dieAt, again))
		}
	}
}

// runLife lives until the disk dies.
// unsynced is a disk whose directory cannot be made durable for a while.
type unsynced struct {
	*crashDisk
	err error
}

func (d *unsynced) SyncDir(dir string) error {
	if d.err != nil {
		return d.err
	}
	return d.crashDisk.SyncDir(dir)
}

// TestNameThatIsNotDurable: when the ledger was written anew and the disk then
// refuses to keep its name, nothing is recorded that a crash could lose, and
// recording goes on when the disk does.
func TestNameThatIsNotDurable(t *testing.T) {
	t.Parallel()
	dir, d := t.TempDir(), &unsynced{crashDisk: newCrashDisk()}
	l, err := OpenOn(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	mustRecord(t, l, "kept", "first")
	d.err = errPower
	for failed := false; !failed; { // until the file is written anew
		failed = l.Forget(mustRecord(t, l, "passing", 1)) != nil
	}
	if _, err := l.Record("lost", "?"); err == nil {
		t.Error("recorded in a file that a crash takes away")
	}
	d.err = nil
	mustRecord(t, l, "kept", "second")
	closeLedger(t, l)
	for _, keep := range []bool{false, true} {
		again, err := OpenOn(dir, d.survive(keep))
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		if err := again.Replay(collect(&seen, "kept")); err != nil || len(seen) != 2 {
			t.Errorf("after a crash (unsynced data kept: %v) the ledger holds %q, %v", keep, seen, err)
		}
		closeLedger(t, again)
	}
}

func runLife(t *testing.T, dir string, d *crashDisk, s system) {
	t.Helper()
	l, err := OpenOn(dir, d)
	if err != nil {
		if !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		return
	}
	defer closeLedger(t, l)
	if err := life(l, s); err != nil && !errors.Is(err, errPower) {
		t.Fatal(err)
	}
}

// startAgain starts on what survived, and looks at what stands afterwards.
func startAgain(t *testing.T, dir string, d *crashDisk, s system, when string) {
	t.Helper()
	l, err := OpenOn(dir, d)
	if err != nil {
		t.Fatalf("%s: cannot start again: %v", when, err)
	}
	defer closeLedger(t, l)
	if err := l.Replay(s.undo()); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	if len(s) > 0 {
		t.Fatalf("%s: left behind: %v", when, s)
	}
	if l.Len() != 0 {
		t.Fatalf("%s: %d records stay after everything is undone", when, l.Len())
	}
}

func closeLedger(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

package posture

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

var errPower = errors.New("the power is gone")

// crashDisk is a disk in memory that dies, or refuses, at a chosen operation.
// What was not synced may be lost with it or not: survive has both.
type crashDisk struct {
	now, durable map[string]*node // by path
	ops          int              // operations that change something, so far
	failAt       int              // this one fails; 0: none
	dies         bool             // and so do all after it
	torn         int              // how many eighths of a failing write reach the file
}

type node struct{ now, durable []byte }

func newCrashDisk() *crashDisk {
	return &crashDisk{now: map[string]*node{}, durable: map[string]*node{}}
}

// step counts an operation; false: it fails.
func (d *crashDisk) step() bool {
	d.ops++
	return d.failAt == 0 || d.ops < d.failAt || d.ops > d.failAt && !d.dies
}

// survive is the disk after the crash. keep: what was not synced got there anyway.
func (d *crashDisk) survive(keep bool) *crashDisk {
	s, from := newCrashDisk(), d.durable
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

func (d *crashDisk) Read(path string) ([]byte, error) {
	n, ok := d.now[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return append([]byte(nil), n.now...), nil
}

func (d *crashDisk) Exists(path string) (bool, error) { return d.now[path] != nil, nil }

func (d *crashDisk) Holds(dir, suffix string) (bool, error) {
	for path := range d.now {
		if filepath.Dir(path) == dir && strings.HasSuffix(path, suffix) {
			return true, nil
		}
	}
	return false, nil
}

func (d *crashDisk) Create(path string) (file, error) {
	if !d.step() {
		return nil, errPower
	}
	if d.now[path] == nil {
		d.now[path] = &node{}
	}
	d.now[path].now = nil
	return &crashFile{d, d.now[path]}, nil
}

func (d *crashDisk) Rename(from, to string) error {
	if !d.step() {
		return errPower
	}
	d.now[to] = d.now[from]
	delete(d.now, from)
	return nil
}

func (d *crashDisk) Remove(path string) (bool, error) {
	if d.now[path] == nil {
		return false, nil
	}
	if !d.step() {
		return false, errPower
	}
	delete(d.now, path)
	return true, nil
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

func (f *crashFile) Write(b []byte) (int, error) {
	if !f.d.step() {
		b = b[:len(b)*f.d.torn/8]
		f.n.now = append(f.n.now, b...)
		return len(b), errPower
	}
	f.n.now = append(f.n.now, b...)
	return len(b), nil
}

func (f *crashFile) Sync() error {
	if !f.d.step() {
		return errPower
	}
	f.n.durable = append([]byte(nil), f.n.now...)
	return nil
}

func (f *crashFile) Close() error { return nil }

// worlds are the postures that every crash is tried between, by name. Profiled
// is in all but one, for without it nothing ever blocks.
var worlds = map[string]*Posture{
	"nothing":     nil,
	"no profile":  {Mode: Lockdown},
	"off":         {Mode: Off, Profiled: true},
	"on":          {Mode: On, Engaged: true, BootID: "b", Profiled: true},
	"lockdown":    {Mode: Lockdown, Profiled: true},
	"local":       {Mode: Lockdown, LocalNetwork: true, Profiled: true},
	"always-on":   {Mode: On, AlwaysOn: "p", Profiled: true},
	"always-off":  {Mode: Off, AlwaysOn: "p", Profiled: true},
	"always-lock": {Mode: Lockdown, AlwaysOn: "p", Profiled: true},
}

func secured(p *Posture) bool { return p != nil && p.Secured() }

// follows is what a Put of after makes where before was: that a profile has
// been stored is not forgotten.
func follows(before, after *Posture) *Posture {
	if before == nil || after == nil {
		return after
	}
	p := *after
	p.Profiled = p.Profiled || before.Profiled
	return &p
}

// TestCrashAnywhere stops every way from one posture to another at every single
// operation on the disk, with every torn write and with what was not synced lost
// or kept, and demands of what survives: it is the one posture or the other;
// and if the state file is damaged afterwards, too, the machine is blocked only
// where one of the two had asked for it, and always where both had.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	tried := 0
	for from, before := range worlds {
		for to, after := range worlds {
			after := follows(before, after)
			for at := 1; ; at++ {
				d := filled(t, before)
				d.failAt, d.dies = d.ops+at, true
				whole := change(d, after) == nil
				for torn := range 9 {
					for _, keep := range []bool{false, true} {
						d := filled(t, before)
						d.failAt, d.dies, d.torn = d.ops+at, true, torn
						err := change(d, after)
						name := fmt.Sprintf("%s to %s, died at %d, torn %d/8, kept: %v", from, to, at, torn, keep)
						if err != nil && !errors.Is(err, errPower) {
							t.Fatalf("%s: %v", name, err)
						}
						survivors(t, name, d.survive(keep), before, after, err == nil)
						tried++
					}
				}
				if whole {
					break
				}
			}
		}
	}
	if tried < 2000 {
		t.Errorf("only %d crashes were tried", tried)
	}
}

// TestRefusalAnywhere is the same with a disk that refuses one operation (it is
// full, say) and goes on: what is asked again afterwards is done.
func TestRefusalAnywhere(t *testing.T) {
	t.Parallel()
	for from, before := range worlds {
		for to, after := range worlds {
			after := follows(before, after)
			for at := 1; ; at++ {
				d := filled(t, before)
				d.failAt, d.torn = d.ops+at, 4
				err := change(d, after)
				name := fmt.Sprintf("%s to %s, refused at %d", from, to, at)
				survivors(t, name, d.survive(true), before, after, err == nil)
				if err == nil {
					break
				}
				if err := change(d, after); err != nil {
					t.Fatalf("%s: the second time: %v", name, err)
				}
				survivors(t, name+", asked again", d.survive(false), after, after, true)
			}
		}
	}
}

// filled is a disk on which p was put in peace.
func filled(t *testing.T, p *Posture) *crashDisk {
	t.Helper()
	d := newCrashDisk()
	if err := change(d, p); err != nil {
		t.Fatal(err)
	}
	return d
}

// change brings a disk to p; nil: everything is forgotten.
func change(d *crashDisk, p *Posture) error {
	s := &Store{dir: "/state", disk: d}
	if p == nil {
		return s.clear()
	}
	return s.Put(*p)
}

// survivors looks at a disk after a change from one posture to another.
func survivors(t *testing.T, name string, d *crashDisk, before, after *Posture, done bool) {
	t.Helper()
	s := &Store{dir: "/state", disk: d}
	got, err := s.Get()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	is := func(p *Posture) bool {
		want := Posture{}
		if p != nil {
			want = *p
		}
		return got == want
	}
	if !is(after) && (done || !is(before)) {
		t.Fatalf("%s: the posture is %+v", name, got)
	}
	if stands := d.now["/state/"+witnessName] != nil; stands && !secured(before) && !secured(after) {
		t.Fatalf("%s: a witness that nobody asked for", name)
	}
	if is(after) && after == nil || d.now["/state/"+fileName] == nil {
		return
	}
	if err := s.Mend(); err != nil {
		t.Fatalf("%s: mending: %v", name, err)
	}
	mended, err := s.Get()
	if err != nil {
		t.Fatalf("%s: after mending: %v", name, err)
	}
	d.now["/state/"+fileName] = &node{now: []byte("damage")}
	if block := s.decide("b").Block; block != mended.Secured() {
		t.Fatalf("%s: the posture is %+v, and with its file damaged the machine is blocked: %v", name, mended, block)
	}
}

// TestProfiledStays: that a profile was stored once is never forgotten, but by Clear.
func TestProfiledStays(t *testing.T) {
	t.Parallel()
	d := newCrashDisk()
	s := &Store{dir: "/state", disk: d}
	steps := []struct {
		do   func() error
		want bool
	}{
		{func() error { return s.Put(Posture{Mode: Lockdown}) }, false},
		{func() error { d.now["/state/profiles/x.json"] = &node{}; return nil }, true}, // seen, not yet kept
		{func() error { return s.Mend() }, true},
		{func() error { delete(d.now, "/state/profiles/x.json"); return nil }, true},
		{func() error { return s.Put(Posture{Mode: Off}) }, true},
		{func() error { return s.Put(Posture{Mode: Lockdown}) }, true},
		{s.clear, false},
		{func() error { return s.Put(Posture{Mode: Lockdown}) }, false},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(); err != nil || got.Profiled != step.want || s.decide("b").Block != (step.want && got.Mode == Lockdown) {
			t.Errorf("step %d: %+v, %v, %+v", i, got, err, s.decide("b"))
		}
		if stands := d.now["/state/"+witnessName] != nil; stands && !step.want {
			t.Errorf("step %d: a witness before any profile", i)
		}
	}
}

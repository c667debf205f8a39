package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

func openTest(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLedger(t, l) })
	return l
}

// collect returns undo functions that write down what they are given.
func collect(into *[]string, kinds ...string) map[string]func(json.RawMessage) error {
	m := map[string]func(json.RawMessage) error{}
	for _, k := range kinds {
		m[k] = func(raw json.RawMessage) error {
			*into = append(*into, k+":"+string(raw))
			return nil
		}
	}
	return m
}

func mustRecord(t *testing.T, l *Ledger, kind string, data any) ID {
	t.Helper()
	id, err := l.Record(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestReplayNewestFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTest(t, dir)
	mustRecord(t, l, "route", 1)
	gone := mustRecord(t, l, "dns", map[string]string{"path": "x"})
	mustRecord(t, l, "dns", "y")
	if err := l.Forget(gone); err != nil {
		t.Fatal(err)
	}
	closeLedger(t, l)

	l = openTest(t, dir)
	var seen []string
	if err := l.Replay(collect(&seen, "route", "dns")); err != nil {
		t.Fatal(err)
	}
	if want := []string{`dns:"y"`, "route:1"}; !slices.Equal(seen, want) {
		t.Fatalf("replayed %v, want %v", seen, want)
	}
	if err := l.Replay(nil); err != nil {
		t.Fatalf("a second replay finds something: %v", err)
	}
}

func TestReplayGoesOnAfterErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTest(t, dir)
	mustRecord(t, l, "good", 1)
	mustRecord(t, l, "bad", 2)
	mustRecord(t, l, "unknown", 3)
	mustRecord(t, l, "good", 4)
	broken := errors.New("cannot")
	var seen []string
	undo := collect(&seen, "good")
	undo["bad"] = func(json.RawMessage) error { return broken }
	err := l.Replay(undo)
	var unknown *UnknownKindError
	if !errors.Is(err, broken) || !errors.As(err, &unknown) || unknown.Kind != "unknown" {
		t.Fatalf("error %v tells neither failure", err)
	}
	if want := []string{"good:4", "good:1"}; !slices.Equal(seen, want) {
		t.Fatalf("replayed %v, want %v", seen, want)
	}
	// What could not be undone is tried again by the next start.
	closeLedger(t, l)
	l = openTest(t, dir)
	seen = nil
	if err := l.Replay(collect(&seen, "bad", "unknown")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"unknown:3", "bad:2"}; !slices.Equal(seen, want) {
		t.Fatalf("replayed %v, want %v", seen, want)
	}
}

func TestUndoMayUseTheLedger(t *testing.T) {
	t.Parallel()
	l := openTest(t, t.TempDir())
	mustRecord(t, l, "outer", 1)
	err := l.Replay(map[string]func(json.RawMessage) error{"outer": func(json.RawMessage) error {
		id, err := l.Record("inner", 2)
		if err != nil {
			return err
		}
		return l.Forget(id)
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTest(t, dir)
	var locked *LockedError
	if _, err := Open(dir); !errors.As(err, &locked) {
		t.Fatalf("a second Open gives %v, want *LockedError", err)
	}
	closeLedger(t, l)
	openTest(t, dir)
}

func TestModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	dir := filepath.Join(t.TempDir(), "state", "deep")
	l := openTest(t, dir)
	mustRecord(t, l, "x", 1)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, fileName): 0o600, filepath.Join(dir, lockName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
	}
}

// TestEveryStrictPrefix: whatever length the file was torn to, the whole lines
// in it count and the rest does not.
func TestEveryStrictPrefix(t *testing.T) {
	t.Parallel()
	var raw []byte
	var ends []int
	for i := 1; i <= 4; i++ {
		b, err := line{ID: ID(i), Kind: "k", Data: json.RawMessage(fmt.Sprintf(`"%d"`, i))}.encode()
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, b...)
		ends = append(ends, len(raw))
	}
	for n := range raw {
		c, err := parse(raw[:n])
		if err != nil {
			t.Fatalf("prefix of %d bytes: %v", n, err)
		}
		want := 0
		for _, e := range ends {
			if e <= n {
				want++
			}
		}
		if len(c.live) != want {
			t.Fatalf("prefix of %d bytes has %d records, want %d", n, len(c.live), want)
		}
	}
}

func TestDamageInTheMiddleIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTest(t, dir)
	for i := range 3 {
		mustRecord(t, l, "k", i)
	}
	closeLedger(t, l)
	path := filepath.Join(dir, fileName)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[bytes.IndexByte(raw, '\n')+12] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "line 2 is damaged") {
		t.Fatalf("damage is told as %v", err)
	}
}

func TestFileStaysSmall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := openTest(t, dir)
	keep := mustRecord(t, l, "kept", strings.Repeat("x", 100))
	for range compactAfter * 3 {
		if err := l.Forget(mustRecord(t, l, "passing", 1)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 64*compactAfter {
		t.Fatalf("the file has grown to %d bytes", info.Size())
	}
	if err := l.Forget(keep); err != nil {
		t.Fatal(err)
	}
	if info, err = os.Stat(filepath.Join(dir, fileName)); err != nil || info.Size() != 0 {
		t.Fatalf("an empty ledger has %d bytes (%v)", info.Size(), err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	l := openTest(t, t.TempDir())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				id, err := l.Record("k", 1)
				if err == nil {
					err = l.Forget(id)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if l.Len() != 0 {
		t.Fatalf("%d records left", l.Len())
	}
}

func TestAfterClose(t *testing.T) {
	t.Parallel()
	l := openTest(t, t.TempDir())
	id := mustRecord(t, l, "k", 1)
	closeLedger(t, l)
	if _, err := l.Record("k", 2); !errors.Is(err, ErrClosed) {
		t.Fatalf("Record after Close gives %v", err)
	}
	if err := l.Forget(id); !errors.Is(err, ErrClosed) {
		t.Fatalf("Forget after Close gives %v", err)
	}
}

func FuzzParse(f *testing.F) {
	whole, err := line{ID: 1, Kind: "k", Data: json.RawMessage(`{"a":1}`)}.encode()
	if err != nil {
		f.Fatal(err)
	}
	forget, err := line{Forget: 1}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(append(bytes.Clone(whole), forget...))
	f.Add(whole[:len(whole)-3])
	f.Add([]byte("00000000 \n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parse(raw)
		if err != nil {
			return
		}
		if c.size < 0 || c.size > int64(len(raw)) {
			t.Fatalf("whole lines end at %d of %d", c.size, len(raw))
		}
		// What was read as whole reads the same again.
		again, err := parse(raw[:c.size])
		if err != nil || len(again.live) != len(c.live) || again.size != c.size {
			t.Fatalf("reading the whole lines again gives %d records (%v), want %d", len(again.live), err, len(c.live))
		}
	})
}

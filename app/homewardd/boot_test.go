package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/posture"
	"github.com/homeward-vpn/homeward/platform/ledger"
)

// fakeBarrier notes what is asked of it.
type fakeBarrier struct {
	stands   bool
	local    bool
	fails    int // so many calls that change something fail first
	unknown  error
	calls    []string
	onChange func()
}

var errFirewall = errors.New("the firewall refuses")

func (f *fakeBarrier) Stands() (bool, error) { return f.stands, f.unknown }

func (f *fakeBarrier) change(call string, stands bool) error {
	f.calls = append(f.calls, call)
	if f.onChange != nil {
		f.onChange()
	}
	if f.fails > 0 {
		f.fails--
		return errFirewall
	}
	f.stands = stands
	return nil
}

func (f *fakeBarrier) Block(local bool) error {
	f.local = local
	return f.change("block", true)
}

func (f *fakeBarrier) Lift() error { return f.change("lift", false) }

// cleaningOf is what an administrator's cleanup of dir works on, without a firewall.
func cleaningOf(dir string, out io.Writer) cleaning {
	return cleaning{dir: dir, barrier: &fakeBarrier{}, out: out, logger: slog.New(slog.DiscardHandler)}
}

// stateDir is one in which p was put; nil: nothing was.
func stateDir(t *testing.T, p *posture.Posture) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if p == nil {
		return dir
	}
	s, err := posture.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(*p); err != nil {
		t.Fatal(err)
	}
	return dir
}

// spoiled is a state directory whose posture cannot be read any more.
func spoiled(t *testing.T, p *posture.Posture) string {
	t.Helper()
	dir := stateDir(t, p)
	if err := os.WriteFile(filepath.Join(dir, "posture.json"), []byte("damage"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var (
	lockdown = &posture.Posture{Mode: posture.Lockdown, Profiled: true}
	nearby   = &posture.Posture{Mode: posture.Lockdown, Profiled: true, LocalNetwork: true}
	on       = &posture.Posture{Mode: posture.On, Profiled: true, Engaged: true, BootID: posture.ThisBoot()}
	before   = &posture.Posture{Mode: posture.On, Profiled: true, Engaged: true, BootID: "another"}
	off      = &posture.Posture{Mode: posture.Off, Profiled: true, Engaged: true, BootID: posture.ThisBoot()}
)

func TestBoot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		dir    string
		stands bool
		calls  []string
		says   string
	}{
		{"no state directory", filepath.Join(t.TempDir(), "none"), false, nil, "Not blocked: nothing has been set."},
		{"nothing set", stateDir(t, nil), false, nil, "Not blocked: nothing has been set."},
		{"lockdown without any profile", stateDir(t, &posture.Posture{Mode: posture.Lockdown}), false, nil, "Not blocked: no profile has ever been stored."},
		{"lockdown", stateDir(t, lockdown), false, []string{"block"}, "Blocked: lockdown is set."},
		{"lockdown, local network", stateDir(t, nearby), false, []string{"block"}, "Blocked: lockdown is set."},
		{"lockdown that stands", stateDir(t, lockdown), true, nil, "Blocked already: lockdown is set."},
		{"off", stateDir(t, off), false, nil, "Not blocked: the kill switch is off."},
		{"damaged lockdown", spoiled(t, lockdown), false, []string{"block"}, "Blocked: lockdown or always-on was set"},
		{"damaged on", spoiled(t, on), false, nil, "Not blocked: neither lockdown nor always-on was set"},
	}
	if posture.ThisBoot() != "" {
		tests = append(tests, struct {
			name   string
			dir    string
			stands bool
			calls  []string
			says   string
		}{"on, in another boot", stateDir(t, before), false, nil, "Not blocked: the computer has been started anew"})
	}
	for _, tt := range tests {
		var out bytes.Buffer
		f := &fakeBarrier{stands: tt.stands}
		files := listing(t, tt.dir)
		err := boot(t.Context(), bootParts{dir: tt.dir, barrier: f, out: &out, logger: slog.New(slog.DiscardHandler)})
		if err != nil || !slices.Equal(f.calls, tt.calls) || !strings.HasPrefix(out.String(), tt.says) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%s: %v, calls %q, says %q", tt.name, err, f.calls, out.String())
		}
		if f.local != (tt.name == "lockdown, local network") {
			t.Errorf("%s: the local network is permitted: %v", tt.name, f.local)
		}
		if now := listing(t, tt.dir); !slices.Equal(now, files) {
			t.Errorf("%s: the state directory held %q, and now %q", tt.name, files, now)
		}
	}
}

func listing(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestBootThatCannotBlock: without --wait it fails; with it, it does not come
// back, so that no network comes up, until it could or need not any more.
func TestBootThatCannotBlock(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	parts := func(dir string, f *fakeBarrier, wait bool, tries int) bootParts {
		retry := make(chan time.Time, tries)
		for range tries {
			retry <- time.Time{}
		}
		out.Reset()
		log.Reset()
		return bootParts{dir: dir, wait: wait, barrier: f, retry: retry, out: &out, logger: slog.New(slog.NewTextHandler(&log, nil))}
	}
	f := &fakeBarrier{fails: 1}
	if err := boot(t.Context(), parts(stateDir(t, lockdown), f, false, 5)); !errors.Is(err, errFirewall) || out.Len() > 0 {
		t.Errorf("without --wait: %v, %q", err, out.String())
	}
	f = &fakeBarrier{fails: 3}
	if err := boot(t.Context(), parts(stateDir(t, lockdown), f, true, 3)); err != nil || !f.stands || len(f.calls) != 4 || !strings.HasPrefix(out.String(), "Blocked: ") {
		t.Errorf("at the fourth try: %v, %q, %q", err, f.calls, out.String())
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "homewardd cleanup") {
		t.Errorf("the same failure is logged %d times: %s", n, log.String())
	}
	dir := stateDir(t, lockdown)
	f = &fakeBarrier{fails: 100}
	f.onChange = func() {
		if len(f.calls) == 2 { // an administrator's way out, meanwhile
			if err := posture.Clear(dir); err != nil {
				t.Error(err)
			}
		}
	}
	if err := boot(t.Context(), parts(dir, f, true, 5)); err != nil || len(f.calls) != 2 || !strings.HasPrefix(out.String(), "Not blocked: ") {
		t.Errorf("lifted meanwhile: %v, %q, %q", err, f.calls, out.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	f = &fakeBarrier{fails: 100, onChange: cancel}
	if err := boot(ctx, parts(stateDir(t, lockdown), f, true, 0)); !errors.Is(err, errFirewall) || !errors.Is(err, context.Canceled) {
		t.Errorf("told to end: %v", err)
	}
	f = &fakeBarrier{unknown: errFirewall, fails: 1}
	if err := boot(t.Context(), parts(stateDir(t, lockdown), f, false, 0)); !errors.Is(err, errFirewall) || !slices.Equal(f.calls, []string{"block"}) {
		t.Errorf("a firewall that cannot be read: %v, %q; want a try to block all the same", err, f.calls)
	}
}

// TestCleanupOfTheBlock: what an administrator types lifts it for good, whatever
// the state is; what the service's unit runs keeps it where it is asked for, and
// never wider than the bare block.
func TestCleanupOfTheBlock(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		dir  func() string
		keep bool // the unit's cleanup keeps the block
	}{
		{"no state directory", func() string { return filepath.Join(t.TempDir(), "none") }, false},
		{"nothing set", func() string { return stateDir(t, nil) }, false},
		{"off", func() string { return stateDir(t, off) }, false},
		{"on, and connected", func() string { return stateDir(t, on) }, true},
		{"lockdown", func() string { return stateDir(t, lockdown) }, true},
		{"lockdown, local network", func() string { return stateDir(t, nearby) }, true},
		{"damaged lockdown", func() string { return spoiled(t, lockdown) }, true},
		{"damaged off", func() string { return spoiled(t, off) }, false},
	}
	for _, tt := range tests {
		for _, stands := range []bool{false, true} {
			var out bytes.Buffer
			f := &fakeBarrier{stands: stands}
			c := cleaning{dir: tt.dir(), keepBlock: true, barrier: f, out: &out, logger: slog.New(slog.DiscardHandler)}
			said := posture.AtBoot(c.dir)
			if err := cleanup(c); err != nil || f.stands != tt.keep || f.local != (tt.keep && said.LocalNetwork) {
				t.Errorf("%s, of the unit: %v, stands: %v", tt.name, err, f.stands)
			}
			if now := posture.AtBoot(c.dir); now.Block != said.Block || now.Reason != said.Reason {
				t.Errorf("%s, of the unit: the posture has become %+v", tt.name, now)
			}
			if tt.keep != strings.Contains(out.String(), "stays blocked") {
				t.Errorf("%s, of the unit: says %q", tt.name, out.String())
			}
			out.Reset()
			f.stands, c.keepBlock = stands, false
			if err := cleanup(c); err != nil || f.stands {
				t.Errorf("%s, typed: %v, stands: %v", tt.name, err, f.stands)
			}
			if now := posture.AtBoot(c.dir); now.Block || now.Unreadable != nil {
				t.Errorf("%s, typed: the posture is %+v", tt.name, now)
			}
			if (tt.keep || stands) != strings.Contains(out.String(), "The kill switch is off: the network is open again.") {
				t.Errorf("%s, typed (stood: %v): says %q", tt.name, stands, out.String())
			}
			out.Reset()
			if err := cleanup(c); err != nil || out.String() != "Nothing to clean up.\n" {
				t.Errorf("%s, typed again: %v, %q", tt.name, err, out.String())
			}
		}
	}
}

// TestCleanupInTheWay: what is in the way of the one half of a cleanup does not
// keep the other from being done, and is said.
func TestCleanupInTheWay(t *testing.T) {
	t.Parallel()
	dir := stateDir(t, lockdown)
	record(t, dir)
	record(t, dir)
	file := filepath.Join(dir, "ledger.jsonl")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[12] ^= 1
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fakeBarrier{stands: true}
	c := cleaning{dir: dir, barrier: f, out: io.Discard, logger: slog.New(slog.DiscardHandler)}
	var damaged *ledger.DamagedError
	if err := cleanup(c); !errors.As(err, &damaged) || f.stands || posture.AtBoot(dir).Block {
		t.Errorf("a damaged ledger: %v, blocked: %v, %+v", err, f.stands, posture.AtBoot(dir))
	}

	dir = stateDir(t, lockdown)
	record(t, dir)
	f = &fakeBarrier{stands: true, fails: 1}
	c = cleaning{dir: dir, barrier: f, out: io.Discard, logger: slog.New(slog.DiscardHandler)}
	if err := cleanup(c); !errors.Is(err, errFirewall) || !strings.Contains(err.Error(), "1 of 1 changes") || posture.AtBoot(dir).Block {
		t.Errorf("a firewall that refuses, and a record that nobody knows: %v, %+v", err, posture.AtBoot(dir))
	}

	dir = stateDir(t, lockdown)
	f = &fakeBarrier{stands: true, fails: 1}
	c = cleaning{dir: dir, keepBlock: true, barrier: f, out: io.Discard, logger: slog.New(slog.DiscardHandler)}
	if err := cleanup(c); !errors.Is(err, errFirewall) || !f.stands || !posture.AtBoot(dir).Block {
		t.Errorf("a firewall that refuses, of the unit: %v, stands %v", err, f.stands)
	}
}

// record leaves a change in the ledger that nobody can take back.
func record(t *testing.T, dir string) {
	t.Helper()
	l, err := ledger.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Record("of another version", nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/localsock"
)

// paperWall is a kill switch that holds nobody back: a service that a test starts in
// the machine's own network must never touch its firewall, where the tests are root's.
type paperWall struct {
	service.NoKillSwitch
	cleared atomic.Int32
}

// Clear implements service.KillSwitch.
func (w *paperWall) Clear() error {
	w.cleared.Add(1)
	return nil
}

// start runs a service until stop is called.
func start(t *testing.T, dir string) (o options, stop func() error) {
	t.Helper()
	listening := make(chan struct{})
	o = options{stateDir: filepath.Join(dir, "state"), configDir: filepath.Join(dir, "etc"), socket: filepath.Join(dir, "s"), handler: slog.NewTextHandler(io.Discard, nil), listening: listening, wall: &paperWall{}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, o) }()
	select {
	case <-listening:
	case err := <-ended:
		cancel()
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skipf("the service does not run on this system yet: %v", err)
		}
		t.Fatal(err)
	}
	if o.wall.(*paperWall).cleared.Load() == 0 {
		t.Error("the service does not use the kill switch that it was given")
	}
	return o, func() error { cancel(); return <-ended }
}

func stored(name string) *profile.Profile {
	p := &profile.Profile{Version: profile.Version, ID: profile.NewID(), Name: name}
	p.Origin.Format = "manual"
	p.Gateway = profile.Gateway{Address: "vpn.example.com", Auth: profile.GatewayCertificate}
	p.Client.Auth = profile.ClientMSCHAPv2
	p.Traffic.Full = true
	return p
}

func TestServiceAnswersAndRemembers(t *testing.T) {
	dir := t.TempDir()
	o, stop := start(t, dir)
	c := control.NewClient(o.socket)
	if st, err := c.Status(t.Context()); err != nil || st.State != control.StateDisconnected {
		t.Errorf("%+v, %v", st, err)
	}
	if err := c.AddProfile(t.Context(), stored("office")); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var gone *control.NotRunningError
	if _, err := c.Status(t.Context()); !errors.As(err, &gone) {
		t.Errorf("after the end: %v", err)
	}
	private(t, o.stateDir)

	_, stop = start(t, dir)
	if list, err := c.Profiles(t.Context()); err != nil || len(list) != 1 || list[0].Name != "office" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// private checks that nobody else may read what the service keeps.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTwoServicesDoNotShare(t *testing.T) {
	dir := t.TempDir()
	o, stop := start(t, dir)
	second := o
	second.listening = nil
	second.socket = filepath.Join(dir, "s2")
	var locked *ledger.LockedError
	if err := run(t.Context(), second); !errors.As(err, &locked) || !strings.Contains(sentence(err), "--state-dir") {
		t.Errorf("the same state directory: %v", err)
	}
	second = o
	second.listening = nil
	second.stateDir = filepath.Join(dir, "state2")
	other := &paperWall{}
	second.wall = other
	var inUse *localsock.InUseError
	if err := run(t.Context(), second); !errors.As(err, &inUse) || !strings.Contains(sentence(err), "--socket") {
		t.Errorf("the same socket: %v", err)
	}
	if other.cleared.Load() > 0 {
		t.Error("a service that may not start has lifted the policy of the one that runs")
	}
	if err := cleanup(cleaningOf(o.stateDir, io.Discard)); !errors.As(err, &locked) {
		t.Errorf("cleaning up under a running service: %v", err)
	}
	if _, err := control.NewClient(o.socket).Status(t.Context()); err != nil {
		t.Errorf("the first service has suffered: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// TestStateDirectoriesThatAreRefused: each with a sentence that says what to do.
func TestStateDirectoriesThatAreRefused(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := os.Chmod(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(damaged)
	if err != nil {
		t.Skipf("no ledger on this system: %v", err)
	}
	for i := range 2 {
		if _, err := l.Record("test", i); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(damaged, "ledger.jsonl")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[12] ^= 1
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, words := range map[string][]string{
		open:    {open, "written to by others", "chmod 700", "--state-dir"},
		damaged: {file, "line 1 is damaged", "move that file away", "resolv.conf"},
	} {
		o := options{stateDir: dir, configDir: filepath.Join(dir, "etc"), socket: filepath.Join(t.TempDir(), "s"), handler: slog.DiscardHandler, wall: &paperWall{}}
		for name, err := range map[string]error{"run": run(t.Context(), o), "cleanup": cleanup(cleaningOf(dir, io.Discard))} {
			if err == nil {
				t.Errorf("%s takes %s", name, dir)
				continue
			}
			for _, w := range words {
				if text := sentence(err); !strings.Contains(text, w) {
					t.Errorf("%s: %q does not say %q", name, text, w)
				}
			}
		}
	}
}

func TestCleanup(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	var out bytes.Buffer
	if err := cleanup(cleaningOf(dir, &out)); err != nil || out.String() != "Nothing to clean up.\n" {
		t.Errorf("no state: %q, %v", out.String(), err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("cleaning up has made the state directory")
	}
	dir = t.TempDir()
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
	if err := cleanup(cleaningOf(dir, &out)); err == nil || !strings.Contains(err.Error(), "1 of 1 changes could not be taken back") {
		t.Errorf("a record that nobody knows: %v", err)
	}
}

func TestEveryKindOfRecordCanBeUndone(t *testing.T) {
	t.Parallel()
	all := undo()
	if len(all) == 0 {
		t.Fatal("nothing can be undone")
	}
	for kind, f := range all {
		if err := f(json.RawMessage(`"nonsense"`)); err == nil {
			t.Errorf("%s takes nonsense for a record", kind)
		}
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	block := func(kind, body string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(body)}))
	}
	good := filepath.Join(dir, "good")
	if err := os.WriteFile(good, []byte("# comment\n"+block("CERTIFICATE", "one")+block("PRIVATE KEY", "no")+block("CERTIFICATE", "two")), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := readRoots([]string{filepath.Join(dir, "none"), good})
	if err != nil || len(roots) != 2 || string(roots[0]) != "one" || string(roots[1]) != "two" {
		t.Errorf("%q, %v", roots, err)
	}
	if _, err := readRoots([]string{empty, good}); err == nil {
		t.Error("an empty bundle passes for trust in nobody")
	}
	if _, err := readRoots([]string{filepath.Join(dir, "none")}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("no bundle: %v", err)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want string // in the output, or in the error
		fail bool
	}{
		{[]string{"version"}, "homewardd ", false},
		{[]string{"--help"}, "cleanup", false},
		{[]string{"rnu"}, `no command "rnu"`, true},
		{[]string{"run", "now"}, "now", true},
		{[]string{"run", "--log-level", "loud"}, "debug, info, warn or error", true},
		{[]string{"boot", "--state-dir", filepath.Join(t.TempDir(), "none")}, "Not blocked: nothing has been set", false},
	}
	for _, tt := range tests {
		var out, errOut bytes.Buffer
		cmd := command(&out, &errOut)
		cmd.SetArgs(tt.args)
		err := cmd.ExecuteContext(t.Context())
		if tt.fail != (err != nil) {
			t.Errorf("%q: %v", tt.args, err)
		}
		text := out.String()
		if err != nil {
			text = sentence(err)
		}
		if !strings.Contains(text, tt.want) {
			t.Errorf("%q: %q lacks %q", tt.args, text, tt.want)
		}
	}
}

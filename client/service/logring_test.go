package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/diagnose"
)

func collect(t *testing.T, r *LogRing, c control.Caller) []control.LogEntry {
	t.Helper()
	var all []control.LogEntry
	if err := r.read(t.Context(), c, false, func(list []control.LogEntry) error {
		all = append(all, list...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLogRingKeepsTheNewest(t *testing.T) {
	t.Parallel()
	r := NewLogRing(slog.NewTextHandler(new(bytes.Buffer), nil))
	logger := slog.New(r)
	const n = 5 * ringEntries
	for i := range n {
		logger.Info("line", "i", i, "long", strings.Repeat("x", 10*ringText))
	}
	all := collect(t, r, root)
	if len(all) > ringEntries || len(all) < ringEntries*8/10 {
		t.Errorf("%d entries", len(all))
	}
	if last := all[len(all)-1]; !strings.HasPrefix(last.Attrs, fmt.Sprintf("i=%d ", n-1)) || len(last.Attrs) > ringText+len("…") {
		t.Errorf("the last is %.40s… with %d bytes", last.Attrs, len(last.Attrs))
	}
}

func TestLogRingRedacts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewLogRing(slog.NewTextHandler(&out, nil))
	logger := slog.New(r).With("api_token", "hunter2")
	logger.Info("signed in",
		"password", "hunter2", "PSK", []byte("hunter2"), "secret", control.Secret("hunter2"), "user", "ada",
		slog.Group("auth", "password", "hunter2", "scheme", "eap"))
	logger.WithGroup("g").Info("again", "Private_Key", "hunter2")
	var ring strings.Builder
	for _, e := range collect(t, r, root) {
		fmt.Fprintln(&ring, e.Level, e.Message, e.Attrs)
	}
	for where, text := range map[string]string{"the ring": ring.String(), "standard error": out.String()} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "redacted") {
			t.Errorf("%s: %s", where, text)
		}
		for _, want := range []string{"user=ada", "auth.scheme=eap", "auth.password=redacted", "g.Private_Key=redacted"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %s: %s", where, want, text)
			}
		}
	}
}

func TestLogRingShowsNobodyElsesLines(t *testing.T) {
	t.Parallel()
	r := NewLogRing(slog.NewTextHandler(new(bytes.Buffer), nil))
	logger := slog.New(r)
	logger.Info("common")
	logger.With(uidKey, uint32(1000)).Info("of ada")
	logger.Info("also of ada", uidKey, uint32(1000))
	logger.With(uidKey, uint32(1001)).With("x", 1).Info("of bob")
	for who, want := range map[control.Caller]string{
		ada: "common of ada also of ada", bob: "common of bob", root: "common of ada also of ada of bob",
	} {
		var got []string
		for _, e := range collect(t, r, who) {
			got = append(got, e.Message)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("user %d reads %q, want %q", who.UID, got, want)
		}
	}
}

// TestLogsOfTheSystemAreTheOwners: what the parts of the system write while a
// line of one user stands names their company's networks, and nobody else reads it.
func TestLogsOfTheSystemAreTheOwners(t *testing.T) {
	inRig(t, func(t *testing.T, r *rig) {
		write := func(text string) {
			t.Helper()
			if err := r.svc.cfg.Logs.Handle(t.Context(), slog.NewRecord(time.Now(), slog.LevelInfo, text, 0)); err != nil {
				t.Fatal(err)
			}
		}
		write("before")
		f := r.up()
		write("route of 10.99.0.0/24") // as platform/route does
		f.die(&diagnose.Failure{Cause: diagnose.CauseWrongPassword})
		r.state(control.StateDisconnected)
		write("after")
		for _, c := range []struct {
			who  control.Caller
			want bool
		}{{ada, true}, {root, true}, {bob, false}} {
			all := fmt.Sprint(collect(t, r.svc.cfg.Logs, c.who))
			if strings.Contains(all, "10.99.0.0/24") != c.want {
				t.Errorf("user %d reads of the network: %v, want %v", c.who.UID, !c.want, c.want)
			}
			if !strings.Contains(all, "before") || !strings.Contains(all, "after") {
				t.Errorf("user %d misses what concerns everybody", c.who.UID)
			}
		}
	})
}

func TestLogRingFollows(t *testing.T) {
	t.Parallel()
	r := NewLogRing(slog.NewTextHandler(new(bytes.Buffer), nil))
	logger := slog.New(r)
	logger.Info("0")
	enough := errors.New("enough")
	next := 0
	err := r.read(t.Context(), ada, true, func(list []control.LogEntry) error {
		for _, e := range list {
			if e.Message != fmt.Sprint(next) {
				t.Errorf("%q, want %d", e.Message, next)
			}
			next++
		}
		if next > 5 {
			return enough
		}
		logger.Info(fmt.Sprint(next))
		return nil
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := r.read(ctx, ada, true, func([]control.LogEntry) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLogRingHonoursTheLevel(t *testing.T) {
	t.Parallel()
	r := NewLogRing(slog.NewTextHandler(new(bytes.Buffer), &slog.HandlerOptions{Level: slog.LevelWarn}))
	logger := slog.New(r)
	logger.Info("quiet")
	logger.Warn("loud", "failure", &diagnose.Failure{Cause: diagnose.CauseRejected, Detail: "a b"})
	all := collect(t, r, root)
	if len(all) != 1 || all[0].Level != "warn" || all[0].Attrs != `failure.cause=rejected failure.detail="a b"` {
		t.Errorf("%+v", all)
	}
}

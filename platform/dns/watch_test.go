package dns

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// watchRig is a configurator under watch, in virtual time.
type watchRig struct {
	*fakeWorld
	d      *Configurator
	events chan Event
	told   <-chan struct{}
	cancel context.CancelFunc
}

func newWatchRig(t *testing.T) *watchRig {
	t.Helper()
	w := newWorld(t)
	write(t, w.conf, plain)
	r := &watchRig{fakeWorld: w, events: make(chan Event)}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	env := w.env()
	env.Changes = func(ctx context.Context, files func() []string) (<-chan Event, error) {
		context.AfterFunc(ctx, func() { close(r.events) })
		return r.events, nil
	}
	var err error
	if r.d, err = New(nil, nil, env); err != nil {
		t.Fatal(err)
	}
	if r.told, err = r.d.Watch(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// news tells whether something is told within a time.
func (r *watchRig) news(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.told:
		return true
	case <-timer.C:
		return false
	}
}

func (r *watchRig) end(t *testing.T) {
	t.Helper()
	r.cancel()
	if _, open := <-r.told; open {
		t.Error("something is told at the end")
	}
}

// TestWatchEdits: a burst of somebody's is told once, our own doing is not.
func TestWatchEdits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWatchRig(t)
		defer r.end(t)
		mustSet(t, r.d, everyName)
		r.events <- Edited
		if r.news(time.Minute) {
			t.Error("our own Set is told")
		}
		for range 20 { // another program writes in steps
			write(t, r.conf, read(t, r.conf)+"# more\n")
			r.events <- Edited
			if r.news(settle / 2) {
				t.Error("it is told before it is over")
			}
		}
		if !r.news(2 * settle) {
			t.Error("an edit is not told in time")
		}
		if r.news(time.Minute) {
			t.Error("an edit is told twice")
		}
		mustSet(t, r.d, everyName)
		r.events <- Edited
		if err := r.d.Clear(); err != nil {
			t.Fatal(err)
		}
		r.events <- Edited
		if r.news(time.Minute) {
			t.Error("our own Set and Clear are told")
		}
		if err := os.Remove(r.conf); err != nil {
			t.Fatal(err)
		}
		r.events <- Edited
		if !r.news(2 * settle) {
			t.Error("that the file has gone is not told")
		}
	})
}

// TestWatchRestart: systemd-resolved that comes back is told at once, one that
// stays away after a while, and edits beside that delay nothing.
func TestWatchRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWatchRig(t)
		defer r.end(t)
		r.events <- Stopped
		if r.news(absence / 2) {
			t.Error("a moment's absence is told")
		}
		r.events <- Started
		if !r.news(2 * settle) {
			t.Error("a restart is not told in time")
		}
		r.events <- Stopped
		write(t, r.conf, "# by somebody\n")
		r.events <- Edited
		if !r.news(absence + settle) {
			t.Error("a long absence is not told")
		}
		if r.news(time.Hour) {
			t.Error("it is told twice")
		}
	})
}

// TestWatchUnsupported: a system that says nothing is told apart.
func TestWatchUnsupported(t *testing.T) {
	t.Parallel()
	if _, err := newTest(t, newWorld(t), nil).Watch(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

// TestWatchAfterContest: when the rest after a fight is over, it is told.
func TestWatchAfterContest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWatchRig(t)
		defer r.end(t)
		mustSet(t, r.d, everyName)
		var contested *ContestedError
		for range contestLimit + 1 {
			write(t, r.conf, "# the other one\n")
			r.events <- Edited
			if !r.news(2 * settle) {
				t.Fatal("an edit is not told")
			}
			if err := r.d.Set(everyName); err != nil && !errors.As(err, &contested) {
				t.Fatal(err)
			}
		}
		if contested == nil || r.news(contestRest-time.Second) {
			t.Errorf("%v, and it is told too early", contested)
		}
		if !r.news(2 * time.Second) {
			t.Error("the end of the rest is not told")
		}
		mustSet(t, r.d, everyName)
		if err := r.d.Clear(); err != nil || read(t, r.conf) != "# the other one\n" {
			t.Errorf("%v, %q", err, read(t, r.conf))
		}
	})
}

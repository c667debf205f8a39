package service

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
)

// watchedRouter is the rig's, noticing what others do.
type watchedRouter struct {
	Router
	changes chan struct{}

	mu      sync.Mutex
	trouble string
}

func (w *watchedRouter) say(trouble string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = trouble
}

func (w *watchedRouter) Trouble() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble
}

func (w *watchedRouter) Watch(ctx context.Context) (<-chan struct{}, error) {
	context.AfterFunc(ctx, func() { close(w.changes) })
	return w.changes, nil
}

// TestRoutesAreSetAgain: whenever somebody else has taken away what leads into the
// tunnel, it is set again for the line that is up; a fight that was given up is a
// warning for as long as it lasts, and no end of the line.
func TestRoutesAreSetAgain(t *testing.T) {
	w := &watchedRouter{}
	inRigWith(t, func(c *Config) {
		w.Router, w.changes = c.Router, make(chan struct{})
		c.Router = w
	}, func(t *testing.T, r *rig) {
		w.changes <- struct{}{}
		r.expect("")
		r.up()
		for _, trouble := range []string{"", "It is fought over.", "It is fought over.", ""} {
			w.say(trouble)
			w.changes <- struct{}{}
			r.expect("routes of homeward0, dns of homeward0")
			warned := slices.Contains(r.state(control.StateConnected).Warnings, "It is fought over.")
			if warned != (trouble != "") {
				t.Errorf("warned: %t, want %q", warned, trouble)
			}
		}
	})
}

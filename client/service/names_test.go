package service

import (
	"context"
	"sync"
	"testing"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// watchedResolver is the rig's, noticing what others do.
type watchedResolver struct {
	fakeResolver
	changes chan struct{}

	mu      sync.Mutex
	warning string
}

func (w *watchedResolver) say(warning string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warning = warning
}

func (w *watchedResolver) Watch(ctx context.Context) (<-chan struct{}, error) {
	context.AfterFunc(ctx, func() { close(w.changes) })
	return w.changes, nil
}

func (w *watchedResolver) Set(n tunnel.Network) (string, error) {
	_, err := w.fakeResolver.Set(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.warning, err
}

// TestNamesAreSetAgain: whenever somebody else has changed who answers names,
// those of the line that is up are set again, and of no other; what is said of
// them is what holds now.
func TestNamesAreSetAgain(t *testing.T) {
	w := &watchedResolver{}
	inRigWith(t, func(c *Config) {
		w.fakeResolver, w.changes = c.Resolver.(fakeResolver), make(chan struct{})
		c.Resolver = w
	}, func(t *testing.T, r *rig) {
		w.changes <- struct{}{}
		r.expect("")
		r.up()
		for _, warning := range []string{"It is fought over.", "It is fought over.", ""} {
			w.say(warning)
			w.changes <- struct{}{}
			r.expect("routes of homeward0, dns of homeward0")
			said := 0
			for _, s := range r.state(control.StateConnected).Warnings {
				if s == "It is fought over." {
					said++
				}
			}
			if warning == "" && said != 0 || warning != "" && said != 1 {
				t.Errorf("%d times warned, want %q", said, warning)
			}
		}
	})
}

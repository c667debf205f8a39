package netmon

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a system that says what a test says.
type wire struct {
	said   chan news
	closed sync.Once
	end    chan struct{}
	world  Snapshot
}

// watch runs a watch over the wire; the network is what world says.
func (w *wire) watch(ctx context.Context) <-chan Change {
	return watch(ctx, Config{}.filled(), system{
		sources: []namedSource{{w, "a test"}},
		look:    func() (Snapshot, error) { return w.world, nil },
	}, Snapshot{})
}

func newWire() *wire { return &wire{said: make(chan news), end: make(chan struct{})} }

var errEnd = errors.New("closed")

func (w *wire) next() (news, error) {
	select {
	case n, ok := <-w.said:
		if !ok {
			return news{}, errEnd
		}
		return n, nil
	case <-w.end:
		return news{}, errEnd
	}
}

func (w *wire) close() error {
	w.closed.Do(func() { close(w.end) })
	return nil
}

// TestChangesAreShaped: the first word of a burst goes out almost at once, what
// belongs to it comes with it, and a flood becomes a few changes a second.
func TestChangesAreShaped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWire()
		changes := w.watch(ctx)
		began := time.Now()
		w.said <- news{kinds: Links}
		w.said <- news{kinds: 0} // a message that says nothing new
		w.said <- news{kinds: Addresses}
		if c := <-changes; c.Kinds != Links|Addresses || time.Since(began) != defaultSettle {
			t.Errorf("%b after %v", c.Kinds, time.Since(began))
		}
		n, flood := 0, time.Now()
		for time.Since(flood) < time.Second {
			select {
			case w.said <- news{kinds: Routes}:
				<-time.After(time.Millisecond)
			case c := <-changes:
				if n++; c.Kinds != Routes {
					t.Errorf("%b", c.Kinds)
				}
			}
		}
		if n < 4 || n > 5 {
			t.Errorf("a flood of one second is told as %d changes", n)
		}
		if c := <-changes; c.Kinds != Routes {
			t.Errorf("the end of the flood is told as %b", c.Kinds)
		}
		<-time.After(time.Minute)
		select {
		case c := <-changes:
			t.Errorf("a change out of nothing: %b", c.Kinds)
		default:
		}
		cancel()
		if _, ok := <-changes; ok {
			t.Error("the channel stays open")
		}
	})
}

// TestSlowReaderLosesNothing: a Change that waits for its reader grows.
func TestSlowReaderLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := newWire()
		changes := w.watch(ctx)
		w.said <- news{kinds: Links}
		<-time.After(time.Minute)
		w.said <- news{kinds: Routes}
		<-time.After(time.Minute)
		if c := <-changes; c.Kinds != Links|Routes {
			t.Errorf("%b", c.Kinds)
		}
	})
}

// TestSourceEnds: where the system says no more, the channel says so.
func TestSourceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		changes := w.watch(t.Context())
		close(w.said)
		if _, ok := <-changes; ok {
			t.Error("a change out of nothing")
		}
		synctest.Wait()
		select {
		case <-w.end:
		default:
			t.Error("the source is left open")
		}
	})
}

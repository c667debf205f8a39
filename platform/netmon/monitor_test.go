package netmon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestMonitor: all readers are told, a slow one in one piece; the watch begins with
// the first and ends with the last.
func TestMonitor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w *wire
		watches := 0
		m := NewMonitor(Config{})
		m.watch = func(ctx context.Context, _ Config) (<-chan Change, error) {
			w, watches = newWire(), watches+1
			return w.watch(ctx), nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		quick, err := m.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := m.Watch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []Kind{Links, Routes, Resumed} {
			w.said <- news{kinds: k}
			if c := <-quick; c.Kinds != k {
				t.Errorf("told %b, want %b", c.Kinds, k)
			}
			synctest.Wait()
		}
		if c := <-slow; c.Kinds != Links|Routes|Resumed || !c.Resumed {
			t.Errorf("the slow reader is told %+v", c)
		}
		cancel()
		if _, ok := <-quick; ok {
			t.Error("a reader that has gone is told")
		}
		w.said <- news{kinds: Names}
		if c := <-slow; c.Kinds != Names || watches != 1 {
			t.Errorf("%b, %d watches", c.Kinds, watches)
		}
		close(w.said) // the system says no more
		if _, ok := <-slow; ok {
			t.Error("a watch that has ended is told")
		}
		ctx, cancel = context.WithCancel(t.Context())
		again, err := m.Watch(ctx)
		if err != nil || watches != 2 {
			t.Fatal(err, watches)
		}
		cancel()
		if _, ok := <-again; ok {
			t.Error("a change out of nothing")
		}
		synctest.Wait()
		select {
		case <-w.end:
		default:
			t.Error("the watch goes on without readers")
		}
	})
}

// TestMonitorThatCannot: what a system cannot is said to each reader.
func TestMonitorThatCannot(t *testing.T) {
	t.Parallel()
	m := NewMonitor(Config{})
	m.watch = func(context.Context, Config) (<-chan Change, error) { return nil, errors.ErrUnsupported }
	for range 2 {
		if _, err := m.Watch(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	}
}

// Package netmon tells when the network of this machine has changed: a link has
// come or gone, an address, a route.
//
// It says that something has changed and of what kind, never what the network now
// is: whoever wants to know asks the system, and so is never wrong by having missed
// something. It changes nothing and decides nothing. It waits for the system's own
// word and never polls, so that a quiet machine can sleep. client/tunnel gets its
// changes through app/homewardd.
//
// What repeats without a change (a router that announces the same prefix every few
// seconds, a radio that reports its level) is held back here, and so is the noise
// of one change: a burst is one Change, the first of which is told at once.
package netmon

import (
	"context"
	"log/slog"
	"time"
)

// Kind is a set of kinds of change.
type Kind uint8

// The kinds.
const (
	Link    Kind = 1 << iota // an interface has come, gone, or been plugged in or out
	Address                  // of an interface
	Route
	// All stands for changes that the system could not tell one by one.
	All = Link | Address | Route
)

// Change is what has changed since the last one.
type Change struct{ Kinds Kind }

// Config says how to watch.
type Config struct {
	Logger *slog.Logger
	// Settle is how long a change may wait for what belongs to it: an address
	// comes a moment before its routes. 0: 20 ms.
	Settle time.Duration
	// Pause is the least time between two changes. 0: 200 ms.
	Pause time.Duration
}

// The defaults of Config. A line that moves should not lose much more than the
// way there and back: so the first word is quick, and only what follows is slowed.
const (
	defaultSettle = 20 * time.Millisecond
	defaultPause  = 200 * time.Millisecond
)

// source yields the system's own messages.
type source interface {
	// next blocks for a message and gives the kinds that have really changed, 0
	// for none. After close it returns an error.
	next() (Kind, error)
	close() error
}

// Watch watches until ctx ends or the system's word can be had no more; then the
// channel is closed. A Change that nobody has taken yet grows with what follows, so
// that a slow reader loses nothing. errors.ErrUnsupported where this system cannot.
func Watch(ctx context.Context, c Config) (<-chan Change, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	return watch(ctx, c, s), nil
}

// watch runs a source: one goroutine reads it, one gives its word the shape that
// Config wants.
func watch(ctx context.Context, c Config, s source) <-chan Change {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Settle == 0 {
		c.Settle = defaultSettle
	}
	if c.Pause == 0 {
		c.Pause = defaultPause
	}
	out, heard := make(chan Change), make(chan Kind)
	go func() {
		defer close(heard)
		for {
			kinds, err := s.next()
			if err != nil {
				if ctx.Err() == nil {
					c.Logger.Warn("changes of the network are not told any more", "error", err)
				}
				return
			}
			if kinds == 0 {
				continue
			}
			select {
			case heard <- kinds:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer close(out)
		shape(ctx, c, heard, out)
		if err := s.close(); err != nil {
			c.Logger.Warn("closing the watch over the network", "error", err)
		}
		for range heard { // until the reader has ended, too
			continue
		}
	}()
	return out
}

// shape turns what is heard into Changes, until ctx or heard ends.
func shape(ctx context.Context, c Config, heard <-chan Kind, out chan<- Change) {
	var kinds Kind
	var told time.Time
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var ready chan<- Change // out, when a Change has waited long enough
	for {
		select {
		case <-ctx.Done():
			return
		case k, ok := <-heard:
			if !ok {
				return
			}
			if kinds == 0 {
				wait := c.Settle
				if !told.IsZero() {
					wait = max(wait, time.Until(told.Add(c.Pause)))
				}
				timer.Reset(wait)
			}
			kinds |= k
		case <-timer.C:
			ready = out
		case ready <- Change{Kinds: kinds}:
			kinds, ready, told = 0, nil, time.Now()
		}
	}
}

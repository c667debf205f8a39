package netmon

import (
	"context"
	"sync"
	"time"
)

// watch runs the sources: a goroutine reads each, and one gives their word the
// shape that Config wants. The end of the first source is the end of the watch;
// without one of the others it goes on and knows less.
func watch(ctx context.Context, c Config, s system, first Snapshot) <-chan Change {
	out, heard := make(chan Change), make(chan news)
	ctx, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	for i, src := range s.sources {
		readers.Go(func() {
			read(ctx, c, src, heard)
			if i == 0 {
				cancel()
			}
		})
	}
	go func() {
		defer close(out)
		defer cancel()
		w := shaper{Config: c, look: s.look, now: first}
		w.shape(ctx, heard, out)
		if err := closeAll(s.sources); err != nil {
			c.Logger.Warn("closing the watch over the network", "error", err)
		}
		readers.Wait()
	}()
	return out
}

// read passes on what a source says until it or ctx ends.
func read(ctx context.Context, c Config, s namedSource, heard chan<- news) {
	for {
		n, err := s.next()
		if err != nil {
			if ctx.Err() == nil {
				c.Logger.Warn("changes of the network are not told any more", "of", s.of, "error", err)
			}
			return
		}
		if n.kinds == 0 {
			continue
		}
		select {
		case heard <- n:
		case <-ctx.Done():
			return
		}
	}
}

// shaper makes Changes of news.
type shaper struct {
	Config
	look  func() (Snapshot, error)
	now   Snapshot // as it was told last
	offer Change   // what waits for the reader; it grows until it is taken
	next  Change   // what has been heard since offer was made
}

// shape turns what is heard into Changes, until ctx ends.
func (w *shaper) shape(ctx context.Context, heard <-chan news, out chan<- Change) {
	var looked time.Time
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	names := Servers{Servers: w.now.Resolvers, Domains: w.now.SearchDomains}
	waiting := false        // for what belongs to the first word
	var ready chan<- Change // out, when a Change has waited long enough
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-heard:
			if n.names != nil {
				names = *n.names
			}
			w.next.merge(Change{Kinds: n.kinds, Resumed: n.kinds&Resumed != 0, Slept: n.slept})
			if !waiting {
				waiting = true
				timer.Reset(max(w.Settle, time.Until(looked.Add(w.Pause))))
			}
		case <-timer.C:
			w.finish(names)
			waiting, ready, looked = false, out, time.Now()
		case ready <- w.offer:
			w.now, w.offer, ready = w.offer.After, Change{}, nil
		}
	}
}

// merge adds what was heard later. Several sources tell of the same sleep, each as
// well as it can.
func (c *Change) merge(o Change) {
	c.Kinds |= o.Kinds
	c.Resumed = c.Resumed || o.Resumed
	c.Slept = max(c.Slept, o.Slept)
}

// finish makes the offer of what was heard, with the network as it is now.
func (w *shaper) finish(names Servers) {
	after, err := w.look()
	if err != nil {
		w.Logger.Warn("the network could not be read", "error", err)
		after = w.now
	}
	after.Resolvers, after.SearchDomains = names.Servers, names.Domains
	w.offer.merge(w.next)
	w.next = Change{}
	w.offer.Before, w.offer.After = w.now, after
	w.offer = compare(w.offer)
}

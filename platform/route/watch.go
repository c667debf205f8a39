package route

import (
	"context"
	"errors"
	"time"
)

// What happens behind our back: another program flushes rules or routes, switches
// the reverse path filter back, takes the tunnel's address away; or the machine has
// come to another local network, which the table must leave alone. The system's
// word that something has changed comes as an event; whether that concerns us is
// found by asking what Set would do now.

const (
	// settle is how long what belongs together may take.
	settle = 50 * time.Millisecond
	// lookPause is the least time between two looks: each reads all routes of ours.
	lookPause = 500 * time.Millisecond
)

// Watch tells when Set should be called again with the same Config, until ctx ends;
// then the channel is closed. What nobody has taken yet is told once, and our own
// changes are not told. errors.ErrUnsupported where this system cannot say.
func (r *Router) Watch(ctx context.Context) (<-chan struct{}, error) {
	if r.events == nil {
		return nil, errors.ErrUnsupported
	}
	events, err := r.events(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		r.watch(events, out)
	}()
	return out, nil
}

// watch looks after every burst of events, until they end.
func (r *Router) watch(events <-chan struct{}, out chan<- struct{}) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	var looked time.Time
	waiting := false
	for {
		select {
		case _, ok := <-events:
			if !ok {
				return
			}
		case <-r.rested:
		case <-timer.C:
			waiting, looked = false, time.Now()
			if r.astray() {
				select {
				case out <- struct{}{}:
				default: // it has not been taken yet, and stands for this too
				}
			}
			continue
		}
		if !waiting {
			waiting = true
			timer.Reset(max(settle, time.Until(looked.Add(lookPause))))
		}
	}
}

// astray says whether Set would change something, and may.
func (r *Router) astray() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.set.Interface == "" {
		return false
	}
	w, err := r.kernel.World(r.set.Interface)
	if err != nil {
		r.logger.Debug("the routing state cannot be read", "error", err) // its device has gone, and the line with it
		return false
	}
	p := decide(r.set, w)
	resting := time.Now().Before(r.contest.until) && r.lost(p) != ""
	return !p.empty() && !resting
}

package netmon

import (
	"context"
	"sync"
)

// Monitor is one watch for several readers, each at its own pace. The watch runs
// while somebody reads.
type Monitor struct {
	config Config
	watch  func(context.Context, Config) (<-chan Change, error)

	mu      sync.Mutex
	readers map[*reader]struct{}
	stop    func() // ends the watch; nil: none runs
}

// reader is who waits for changes.
type reader struct {
	ready  chan struct{} // holds one token while change has something
	change Change        // what was not taken yet; Monitor.mu
	ended  bool          // the watch is over
}

// NewMonitor makes a monitor. Nothing is watched yet.
func NewMonitor(c Config) *Monitor {
	return &Monitor{config: c, watch: Watch, readers: map[*reader]struct{}{}}
}

// Now reads the network.
func (m *Monitor) Now() (Snapshot, error) { return Now(m.config) }

// Watch is as the function of that name. What the system says is asked for once,
// however many read.
func (m *Monitor) Watch(ctx context.Context) (<-chan Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop == nil {
		life, stop := context.WithCancel(context.Background())
		changes, err := m.watch(life, m.config)
		if err != nil {
			stop()
			return nil, err
		}
		m.stop = stop
		go m.spread(life, changes)
	}
	r := &reader{ready: make(chan struct{}, 1)}
	m.readers[r] = struct{}{}
	out := make(chan Change)
	go m.serve(ctx, r, out)
	return out, nil
}

// spread hands changes to all readers until the watch ends.
func (m *Monitor) spread(life context.Context, changes <-chan Change) {
	for c := range changes {
		m.mu.Lock()
		if life.Err() == nil { // else the readers are another watch's
			for r := range m.readers {
				r.add(c)
			}
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if life.Err() != nil {
		return
	}
	m.stop()
	m.stop = nil
	for r := range m.readers {
		r.ended = true
		r.wake()
	}
	clear(m.readers)
}

// add grows what a reader has not taken yet.
func (r *reader) add(c Change) {
	r.change = r.change.and(c)
	r.wake()
}

// and makes one change of two, of which o is the later. One without kinds is none.
func (c Change) and(o Change) Change {
	switch {
	case c.Kinds == 0:
		return o
	case o.Kinds == 0:
		return c
	}
	c.merge(o)
	c.After = o.After
	return compare(c)
}

func (r *reader) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// serve gives a reader its changes until ctx or the watch ends.
func (m *Monitor) serve(ctx context.Context, r *reader, out chan<- Change) {
	defer close(out)
	defer m.leave(r)
	for {
		select {
		case <-r.ready:
		case <-ctx.Done():
			return
		}
		m.mu.Lock()
		c, ended := r.change, r.ended
		r.change = Change{}
		m.mu.Unlock()
		for c.Kinds != 0 {
			select {
			case out <- c:
				c = Change{}
			case <-r.ready: // more, before it was taken
				m.mu.Lock()
				c = c.and(r.change)
				r.change, ended = Change{}, r.ended
				m.mu.Unlock()
			case <-ctx.Done():
				return
			}
		}
		if ended {
			return
		}
	}
}

// leave ends a reader, and the watch with the last one.
func (m *Monitor) leave(r *reader) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.readers, r)
	if len(m.readers) == 0 && m.stop != nil {
		m.stop()
		m.stop = nil
	}
}

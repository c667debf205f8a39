package dataplane

import "sync"

// arenas holds the receive buffers of closed planes for the next ones.
//
// An arena is large and mostly never touched, and memory that was never touched is
// not resident. Of the collector's memory it would be cleared, and so touched as a
// whole, each time it is made of what was used before; and the collector would leave
// garbage lie in proportion to it. So the system gives arenas where it can, and what
// traffic has touched of one goes back when its plane is closed. Its addresses stay
// ours: whoever keeps a packet too long reads zeros, and does not fault. There are as
// many as planes have been open at once.
var arenas arenaList

type arenaList struct {
	mu   sync.Mutex
	free []arena
}

// arena is memory for one receiver.
type arena struct {
	octets []byte
	mapped bool // by the system, at addresses of its own
}

// get gives an arena of exactly that size. Its content is undefined.
func (l *arenaList) get(size int) arena {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, a := range l.free {
		if len(a.octets) == size {
			l.free = append(l.free[:i], l.free[i+1:]...)
			return a
		}
	}
	return newArena(size)
}

// put takes an arena back that nobody uses any more.
func (l *arenaList) put(a arena) {
	if !a.empty() {
		return // the collector has it
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, a)
}

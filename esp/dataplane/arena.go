package dataplane

import "sync"

// keptArenas is how many receive arenas outlive their planes: one for each
// family's socket.
const keptArenas = 2

// arenas holds the receive buffers of closed planes for the next ones. They are
// large and mostly never touched, and memory that was never touched is not
// resident. A new one made of memory that the collector has taken back would be
// cleared by the runtime, and so touched as a whole: each reconnection would
// cost megabytes for nothing.
var arenas arenaList

type arenaList struct {
	mu   sync.Mutex
	free [][]byte
}

// get gives an arena of exactly that size. Its content is undefined.
func (l *arenaList) get(size int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, a := range l.free {
		if len(a) == size {
			l.free = append(l.free[:i], l.free[i+1:]...)
			return a
		}
	}
	return make([]byte, size)
}

// put takes an arena back that nobody uses any more.
func (l *arenaList) put(a []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) == keptArenas {
		l.free = append(l.free[:0], l.free[1:]...)
	}
	l.free = append(l.free, a)
}

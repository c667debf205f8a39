package service

import (
	"sync"

	"github.com/homeward-vpn/homeward/client/supervisor"
)

// message is one entry of the inbox.
type message struct {
	event supervisor.Event
	// allow may refuse the event; it is called by the loop. nil: allowed.
	allow func(supervisor.State) error
	// reply gets the result of a wish. nil: nobody waits.
	reply chan<- result
}

// result is what became of a wish.
type result struct {
	revision uint64 // of the snapshot that shows it
	err      error
}

// queue hands values from any goroutine to one that takes them in order. Put
// never waits: what is put is bounded by what the service itself starts and by
// the control server's limit on callers.
type queue[T any] struct {
	mu     sync.Mutex
	values []T
	ready  chan struct{} // holds one token while values may be waiting
}

func newQueue[T any]() *queue[T] { return &queue[T]{ready: make(chan struct{}, 1)} }

func (q *queue[T]) put(v T) {
	q.mu.Lock()
	q.values = append(q.values, v)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take gives everything that is waiting, oldest first.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	values := q.values
	q.values = nil
	return values
}

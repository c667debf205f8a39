package esptest

import (
	"os"
	"slices"
	"sync"
)

// queueLen is how many packets or datagrams may wait to be taken by a test.
const queueLen = 4096

// TUN is a fake device with the methods that dataplane.TUN wants. Inject gives
// it packets "from the host", Written yields those that the plane wrote.
type TUN struct {
	batch   int
	reads   chan readResult
	written chan []byte
	closed  chan struct{}
	once    sync.Once

	mu       sync.Mutex
	writeErr error
	maxCap   int
	writes   int
}

type readResult struct {
	packets [][]byte
	err     error
	settled chan struct{} // not nil: closed, and nothing else
}

// NewTUN makes a device that reads up to batch packets at once.
func NewTUN(batch int) *TUN {
	return &TUN{
		batch:   batch,
		reads:   make(chan readResult, queueLen),
		written: make(chan []byte, queueLen),
		closed:  make(chan struct{}),
	}
}

// Inject hands packets over for one Read. It panics on more than the batch size.
func (t *TUN) Inject(packets ...[]byte) {
	if len(packets) > t.batch {
		panic("esptest: more packets than one Read may return")
	}
	t.reads <- readResult{packets: packets}
}

// InjectError makes one Read fail.
func (t *TUN) InjectError(err error) { t.reads <- readResult{err: err} }

// Settle returns when the reader has dealt with everything injected before and
// has come back for more.
func (t *TUN) Settle() {
	settled := make(chan struct{})
	t.reads <- readResult{settled: settled}
	select {
	case <-settled:
	case <-t.closed:
	}
}

// FailWrites makes every following Write return err; nil ends that. What is
// written is not kept meanwhile.
func (t *TUN) FailWrites(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writeErr = err
}

// Written yields copies of the packets written, in order. It is never closed.
func (t *TUN) Written() <-chan []byte { return t.written }

// Writes is the number of Write calls, and the largest capacity of a buffer
// seen in them.
func (t *TUN) Writes() (calls, maxCap int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes, t.maxCap
}

// Read implements dataplane.TUN.
func (t *TUN) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	select {
	case <-t.closed:
		return 0, os.ErrClosed
	default:
	}
	for {
		select {
		case r := <-t.reads:
			if r.settled != nil {
				close(r.settled)
				continue
			}
			for i, p := range r.packets {
				sizes[i] = copy(bufs[i][offset:], p)
			}
			return len(r.packets), r.err
		case <-t.closed:
			return 0, os.ErrClosed
		}
	}
}

// Write implements dataplane.TUN.
func (t *TUN) Write(bufs [][]byte, offset int) (int, error) {
	t.mu.Lock()
	err := t.writeErr
	t.writes++
	for _, b := range bufs {
		t.maxCap = max(t.maxCap, cap(b))
	}
	t.mu.Unlock()
	if err != nil {
		return 0, err
	}
	for _, b := range bufs {
		select {
		case <-t.closed:
			return 0, os.ErrClosed
		case t.written <- slices.Clone(b[offset:]):
		}
		// A real device may use the room in front and the capacity behind.
		clear(b[:offset])
		clear(b[len(b):cap(b)])
	}
	return len(bufs), nil
}

// BatchSize implements dataplane.TUN.
func (t *TUN) BatchSize() int { return t.batch }

// Close ends Read and Write with os.ErrClosed.
func (t *TUN) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}

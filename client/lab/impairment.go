package lab

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"
)

// Impairment is how bad one direction of a path is. The zero value is a good
// path. Probabilities are per datagram, from 0 to 1.
type Impairment struct {
	Delay  time.Duration // every datagram arrives this much later
	Jitter time.Duration // up to this much more, at random; may reorder

	Loss      float64 // lost
	Duplicate float64 // arrives twice
	Reorder   float64 // arrives after the one that was sent next

	// MTU drops datagrams whose outer IP packet is larger, in octets, as a
	// path does that lets no fragments through. 0: no limit.
	MTU int
	// Dark drops everything.
	Dark bool
	// Drop, where set, is asked for every datagram (UDP payload, borrowed,
	// one call at a time) and loses those for which it says true.
	Drop func(payload []byte) bool
}

// Counters tell what a direction of the relay did. Each datagram that came in
// is counted once in Received, and ends in Sent (twice, when duplicated), Lost,
// TooBig or Dark, or is still on its way.
type Counters struct {
	Received, Sent                uint64
	Lost, TooBig, Dark            uint64
	Duplicated, Reordered, Unsent uint64 // Unsent: the kernel did not take it
	ReceivedBytes, SentBytes      uint64 // of UDP payload
	LargestPacket                 int    // outer IP packet that was let through
}

// reorderWait is how long a datagram that should be overtaken waits for the
// one that overtakes it.
const reorderWait = 20 * time.Millisecond

// line is one direction of a path. Datagrams come in by carry and go out by
// calls of their send functions, from carry's caller where nothing holds them
// up, else from the line's own goroutine.
type line struct {
	mu       sync.Mutex
	is       Impairment
	random   *rand.Rand
	queue    dueQueue
	order    uint64
	held     *datagram // waits to be overtaken
	counters Counters
	wake     chan struct{}
	done     chan struct{}
	ended    chan struct{}
}

// datagram is on its way. The line owns the payload.
type datagram struct {
	payload []byte
	packet  int // size of the outer IP packet
	send    func([]byte) error
	due     time.Time
	order   uint64
}

func newLine(seed uint64) *line {
	l := &line{random: rand.New(rand.NewPCG(seed, seed)), wake: make(chan struct{}, 1),
		done: make(chan struct{}), ended: make(chan struct{})}
	go l.run()
	return l
}

// carry takes one datagram; the payload is borrowed for the call.
func (l *line) carry(payload []byte, packet int, send func([]byte) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counters.Received++
	l.counters.ReceivedBytes += uint64(len(payload))
	switch {
	case l.is.Dark:
		l.counters.Dark++
		return
	case l.is.MTU != 0 && packet > l.is.MTU:
		l.counters.TooBig++
		return
	case l.chance(l.is.Loss) || l.is.Drop != nil && l.is.Drop(payload):
		l.counters.Lost++
		return
	}
	d := datagram{payload: payload, packet: packet, send: send}
	times := 1
	if l.chance(l.is.Duplicate) {
		l.counters.Duplicated++
		times = 2
	}
	wait := l.is.Delay
	if l.is.Jitter > 0 {
		wait += time.Duration(l.random.Int64N(int64(l.is.Jitter)))
	}
	if wait == 0 && l.held == nil && times == 1 && l.is.Reorder == 0 && len(l.queue) == 0 {
		l.emit(&d)
		return
	}
	d.payload = append([]byte(nil), payload...)
	d.due = time.Now().Add(wait)
	for range times {
		l.later(d)
	}
}

// later queues a datagram, or holds it back to be overtaken.
func (l *line) later(d datagram) {
	if l.held == nil && l.chance(l.is.Reorder) {
		l.counters.Reordered++
		held := d
		held.due = d.due.Add(reorderWait)
		l.push(&held)
		l.held = &held
		return
	}
	l.push(&d)
	if l.held != nil {
		// The held one goes right behind the one that overtook it.
		l.held.due = d.due
		l.order++
		l.held.order = l.order
		heap.Init(&l.queue)
		l.held = nil
	}
}

func (l *line) push(d *datagram) {
	l.order++
	d.order = l.order
	heap.Push(&l.queue, d)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *line) chance(p float64) bool { return p > 0 && l.random.Float64() < p }

// emit sends; called with mu held, so that datagrams keep their order.
func (l *line) emit(d *datagram) {
	if err := d.send(d.payload); err != nil {
		l.counters.Unsent++
		return
	}
	l.counters.Sent++
	l.counters.SentBytes += uint64(len(d.payload))
	l.counters.LargestPacket = max(l.counters.LargestPacket, d.packet)
}

// run sends what has waited long enough, until close.
func (l *line) run() {
	defer close(l.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(l.sendDue(time.Now()))
		select {
		case <-timer.C:
		case <-l.wake:
		case <-l.done:
			return
		}
	}
}

// sendDue sends what is due at now and returns how long the next one waits.
func (l *line) sendDue(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > 0 {
		if wait := l.queue[0].due.Sub(now); wait > 0 {
			return wait
		}
		d := heap.Pop(&l.queue).(*datagram)
		if d == l.held {
			l.held = nil // nobody came to overtake it
		}
		l.emit(d)
	}
	return time.Hour
}

func (l *line) set(is Impairment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.is = is
}

func (l *line) count() Counters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counters
}

// close ends the goroutine; what is on its way is lost.
func (l *line) close() {
	close(l.done)
	<-l.ended
}

// dueQueue is a heap by due time, first in first out among equals.
type dueQueue []*datagram

func (q dueQueue) Len() int { return len(q) }
func (q dueQueue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].order < q[j].order
	}
	return q[i].due.Before(q[j].due)
}
func (q dueQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *dueQueue) Push(x any) { *q = append(*q, x.(*datagram)) }

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}

// Package alarm wakes its owner at a time, and costs next to nothing until then.
//
// It owns one timer. It never reads a clock for its owner and never runs code
// of the owner's. app/homewardd hands it to client/tunnel, whose line waits for
// one deadline at a time, most of them many seconds away.
//
// A timer of Go's runtime would do the same and cost more than the work that it
// wakes for: the runtime waits for it in epoll, which the kernel lets be late by
// a thousandth of the wait, and meanwhile the runtime's own watchman, who was
// woken on time, looks every few microseconds whether it has fired. That is some
// forty wake-ups for one, on a laptop that should sleep. On Linux the alarm is a
// timerfd instead, an event like a packet's arrival; elsewhere it is a timer of
// the runtime's.
package alarm

import "time"

// Alarm fires once for each Set. Set and Stop belong to one goroutine; C may be
// received from wherever Set is called.
type Alarm struct {
	fired chan struct{}
	timer timer
}

// timer is what an alarm is made of.
type timer interface {
	set(wait time.Duration) error
	close() error
}

// New gives an alarm that is not set.
func New() (*Alarm, error) {
	a := &Alarm{fired: make(chan struct{}, 1)}
	var err error
	a.timer, err = newTimer(a.fire)
	return a, err
}

// fire leaves word; word that nobody has taken yet is enough.
func (a *Alarm) fire() {
	select {
	case a.fired <- struct{}{}:
	default:
	}
}

// C yields after the time that Set gave. What is received may belong to an
// earlier Set: the owner looks at the clock before it acts.
func (a *Alarm) C() <-chan struct{} { return a.fired }

// Set makes the alarm fire after a time, at once where that is not positive, and
// forgets what was set before.
func (a *Alarm) Set(wait time.Duration) error { return a.timer.set(max(wait, 1)) }

// Stop forgets what was set.
func (a *Alarm) Stop() error { return a.timer.set(0) }

// Close ends the alarm for good.
func (a *Alarm) Close() error { return a.timer.close() }

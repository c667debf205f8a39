package tunnel

import "time"

// Alarm wakes the line for its next deadline. C may yield once too often, never
// too seldom.
type Alarm interface {
	C() <-chan struct{}
	Set(wait time.Duration) error
	Stop() error
	Close() error
}

// runtimeAlarm is a timer of Go's runtime, for where the owner brings none.
type runtimeAlarm struct {
	timer *time.Timer
	fired chan struct{}
}

func newRuntimeAlarm() (Alarm, error) {
	a := &runtimeAlarm{fired: make(chan struct{}, 1)}
	a.timer = time.AfterFunc(time.Hour, func() {
		select {
		case a.fired <- struct{}{}:
		default:
		}
	})
	a.timer.Stop()
	return a, nil
}

func (a *runtimeAlarm) C() <-chan struct{} { return a.fired }

func (a *runtimeAlarm) Set(wait time.Duration) error {
	a.timer.Reset(max(0, wait))
	return nil
}

func (a *runtimeAlarm) Stop() error {
	a.timer.Stop()
	return nil
}

func (a *runtimeAlarm) Close() error { return a.Stop() }

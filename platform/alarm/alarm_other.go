//go:build !linux

package alarm

import "time"

// runtimeTimer is a timer of Go's runtime.
type runtimeTimer struct{ t *time.Timer }

func newTimer(fire func()) (timer, error) {
	t := time.AfterFunc(time.Hour, fire)
	t.Stop()
	return runtimeTimer{t}, nil
}

func (r runtimeTimer) set(wait time.Duration) error {
	if wait == 0 {
		r.t.Stop()
	} else {
		r.t.Reset(wait)
	}
	return nil
}

func (r runtimeTimer) close() error {
	r.t.Stop()
	return nil
}

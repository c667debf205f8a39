package alarm

import (
	"testing"
	"time"
)

// within fails a test that hangs, and says where.
const within = 10 * time.Second

func newAlarm(t *testing.T) *Alarm {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// fires waits for the alarm and gives how long that took.
func fires(t *testing.T, a *Alarm, began time.Time) time.Duration {
	t.Helper()
	select {
	case <-a.C():
	case <-time.After(within):
		t.Fatal("the alarm does not fire")
	}
	return time.Since(began)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The alarm fires after the time and not before, also for a time that is past,
// and as often as it is set.
func TestFires(t *testing.T) {
	t.Parallel()
	a := newAlarm(t)
	for _, wait := range []time.Duration{20 * time.Millisecond, 0, -time.Hour, time.Nanosecond, 5 * time.Millisecond} {
		began := time.Now()
		must(t, a.Set(wait))
		if took := fires(t, a, began); took < wait {
			t.Errorf("an alarm for %v fired after %v", wait, took)
		}
	}
}

// The last Set counts: an earlier deadline takes the place of a later one, and
// the other way round.
func TestSetAgain(t *testing.T) {
	t.Parallel()
	a := newAlarm(t)
	must(t, a.Set(time.Hour))
	began := time.Now()
	must(t, a.Set(10*time.Millisecond))
	fires(t, a, began)

	began = time.Now()
	must(t, a.Set(time.Hour))
	must(t, a.Set(30*time.Millisecond))
	if took := fires(t, a, began); took < 30*time.Millisecond {
		t.Errorf("the alarm fired after %v, before the time that was set last", took)
	}
}

// A stopped alarm is silent: what fires is the one that was set after it.
func TestStop(t *testing.T) {
	t.Parallel()
	stopped, later := newAlarm(t), newAlarm(t)
	must(t, stopped.Set(20*time.Millisecond))
	must(t, stopped.Stop())
	must(t, later.Set(60*time.Millisecond))
	fires(t, later, time.Now())
	select {
	case <-stopped.C():
		t.Error("a stopped alarm fired")
	default:
	}
}

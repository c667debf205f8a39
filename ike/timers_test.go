package ike

import (
	"testing"
	"time"
)

func TestTimerTable(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	var table timerTable
	if !table.next().IsZero() {
		t.Error("an empty table has a deadline")
	}
	if _, due := table.pop(at(1000)); due {
		t.Error("an empty table has something due")
	}
	table.set(timerLiveness, 0, at(30))
	table.set(timerRetransmit, 2, at(10))
	table.set(timerRetransmit, 1, at(10))
	table.set(timerClose, 0, at(10))
	table.set(timerRekeyIKE, 1, at(5))
	table.set(timerRekeyIKE, 1, at(20)) // moved, not doubled
	table.set(timerHint, 0, at(1))
	table.stop(timerHint, 0)
	table.stop(timerHint, 0) // twice does no harm

	if got := table.next(); !got.Equal(at(10)) {
		t.Errorf("next is %v", got)
	}
	if _, due := table.pop(at(9)); due {
		t.Error("something is due early")
	}
	if got, ok := table.at(timerRekeyIKE, 1); !ok || !got.Equal(at(20)) {
		t.Errorf("rekey timer at %v, %v", got, ok)
	}
	if _, ok := table.at(timerHint, 0); ok {
		t.Error("a stopped timer is armed")
	}
	want := []timerKey{{timerRetransmit, 1}, {timerRetransmit, 2}, {timerClose, 0}, {timerRekeyIKE, 1}, {timerLiveness, 0}}
	for _, w := range want {
		if got, due := table.pop(at(30)); !due || got != w {
			t.Errorf("popped %v, %v; want %v", got, due, w)
		}
	}
	table.set(timerClose, 0, at(1))
	table.clear()
	if !table.next().IsZero() {
		t.Error("a cleared table has a deadline")
	}
}

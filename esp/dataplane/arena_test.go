package dataplane

import "testing"

// An arena comes back, the same memory, for the same size only, and no more
// than two wait.
func TestArenas(t *testing.T) {
	t.Parallel()
	var l arenaList
	a := l.get(100)
	l.put(a)
	if b := l.get(50); &b[0] == &a[0] {
		t.Error("an arena of another size came back")
	}
	if b := l.get(100); &b[0] != &a[0] {
		t.Error("the arena did not come back")
	}
	if b := l.get(100); &b[0] == &a[0] {
		t.Error("one arena was given to two")
	}
	for range keptArenas + 1 {
		l.put(make([]byte, 100))
	}
	if len(l.free) != keptArenas {
		t.Errorf("%d arenas wait, want %d", len(l.free), keptArenas)
	}
}

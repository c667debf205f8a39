package dataplane

import "testing"

// An arena comes back, the same memory, for the same size only.
func TestArenas(t *testing.T) {
	t.Parallel()
	var l arenaList
	a := l.get(100)
	l.put(a)
	if b := l.get(50); &b.octets[0] == &a.octets[0] || len(b.octets) != 50 {
		t.Error("an arena of another size came back")
	}
	if b := l.get(100); &b.octets[0] != &a.octets[0] {
		t.Error("the arena did not come back")
	}
	if b := l.get(100); &b.octets[0] == &a.octets[0] {
		t.Error("one arena was given to two")
	}
}

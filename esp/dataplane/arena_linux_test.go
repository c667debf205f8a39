package dataplane

import (
	"runtime"
	"testing"
)

// What traffic has touched of an arena goes back to the system with its plane, and
// the collector never hears of it.
func TestArenasAreTheSystems(t *testing.T) {
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var l arenaList
	a := l.get(size)
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapSys) - int64(before.HeapSys); !a.mapped || grown >= size {
		t.Errorf("mapped %v; the heap has grown by %d octets", a.mapped, grown)
	}
	a.octets[0], a.octets[size-1] = 1, 1
	l.put(a)
	if b := l.get(size); &b.octets[0] != &a.octets[0] || b.octets[0] != 0 || b.octets[size-1] != 0 {
		t.Error("what was touched has not gone back")
	}
	l.put(arena{octets: make([]byte, size)})
	if len(l.free) != 0 {
		t.Error("the collector's memory is kept")
	}
}

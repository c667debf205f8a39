//go:build !linux

package dataplane

// newArena takes the collector's memory.
func newArena(size int) arena { return arena{octets: make([]byte, size)} }

// empty has nothing to give back, and keeps the arena.
func (a arena) empty() bool { return true }

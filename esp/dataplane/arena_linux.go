package dataplane

import "syscall"

// newArena maps an arena, or takes the collector's memory where that is refused.
func newArena(size int) arena {
	octets, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return arena{octets: make([]byte, size)}
	}
	return arena{octets: octets, mapped: true}
}

// empty gives the pages back that were touched; false: the arena cannot be kept.
func (a arena) empty() bool {
	return a.mapped && syscall.Madvise(a.octets, syscall.MADV_DONTNEED) == nil
}

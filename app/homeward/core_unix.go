//go:build unix

package main

import "syscall"

// noCoreDump keeps what is in memory, a key or a PIN, out of a file on disk where the
// program crashes: smart cards come with code that is not ours.
func noCoreDump() error {
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

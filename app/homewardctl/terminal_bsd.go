//go:build unix && !linux

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)

// dropInput throws away what was typed and not read yet.
func dropInput(in *os.File) error {
	const read = 1 // FREAD of sys/fcntl.h
	return unix.IoctlSetPointerInt(int(in.Fd()), unix.TIOCFLUSH, read)
}

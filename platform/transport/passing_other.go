//go:build !windows

package transport

import "syscall"

var (
	systemICMP  = []error{syscall.EPROTO} // "protocol unreachable" and "parameter problem"
	systemLocal []error
)

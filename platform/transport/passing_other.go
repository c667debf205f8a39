//go:build !windows

package transport

import "syscall"

// systemPassing: ICMP "protocol unreachable" and "parameter problem".
var systemPassing = []error{syscall.EPROTO}

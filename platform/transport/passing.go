package transport

import (
	"errors"
	"net"
	"syscall"
)

// maxPassing is how many passing errors in a row a receiver takes before it
// calls the socket broken: enough for a burst of ICMP, not enough to spin for ever.
const maxPassing = 4096

// passing tells whether an error belongs to some datagram rather than to the
// socket: an ICMP error, a route that has just gone, memory that is short.
func passing(err error) bool {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	for _, e := range passingErrors {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

var passingErrors = append([]error{
	syscall.ECONNREFUSED,
	syscall.ECONNRESET,
	syscall.EHOSTUNREACH,
	syscall.ENETUNREACH,
	syscall.EHOSTDOWN,
	syscall.ENETDOWN,
	syscall.EACCES,
	syscall.ENOPROTOOPT,
	syscall.EMSGSIZE,
	syscall.ENOBUFS,
	syscall.ENOMEM,
	syscall.ETIMEDOUT,
	syscall.EINTR,
	syscall.EAGAIN,
}, systemPassing...)

package transport

import (
	"errors"
	"net"
	"syscall"
)

// maxPassing is how many passing errors in a row a receiver takes before it calls
// the socket broken, so that it does not spin for ever. Those that ICMP brings do
// not count: the system reports each once, and anybody can send as many as they
// like, which must not end a line (RFC 7296 2.4).
const maxPassing = 4096

// passing tells whether an error belongs to some datagram rather than to the
// socket: an ICMP error, a route that has just gone, memory that is short.
func passing(err error) bool {
	if err == nil || errors.Is(err, net.ErrClosed) {
		return false
	}
	return isAny(err, localErrors) || fromNetwork(err)
}

// fromNetwork tells whether a passing error is one that an ICMP message brings.
func fromNetwork(err error) bool { return isAny(err, icmpErrors) }

func isAny(err error, list []error) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

var icmpErrors = append([]error{
	syscall.ECONNREFUSED,
	syscall.ECONNRESET,
	syscall.EHOSTUNREACH,
	syscall.ENETUNREACH,
	syscall.EHOSTDOWN,
	syscall.ENOPROTOOPT,
}, systemICMP...)

// localErrors are this machine's own.
var localErrors = append([]error{
	syscall.ENETDOWN,
	syscall.EACCES,
	syscall.EMSGSIZE,
	syscall.ENOBUFS,
	syscall.ENOMEM,
	syscall.ETIMEDOUT,
	syscall.EINTR,
	syscall.EAGAIN,
}, systemLocal...)

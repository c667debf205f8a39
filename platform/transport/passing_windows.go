package transport

import "golang.org/x/sys/windows"

// systemPassing: Winsock reports ICMP errors with codes of its own.
var systemPassing = []error{
	windows.WSAECONNRESET,
	windows.WSAECONNREFUSED,
	windows.WSAENETRESET,
	windows.WSAENETUNREACH,
	windows.WSAEHOSTUNREACH,
	windows.WSAENETDOWN,
	windows.WSAEMSGSIZE,
	windows.WSAENOBUFS,
}

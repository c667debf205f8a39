package transport

import "golang.org/x/sys/windows"

// Winsock has codes of its own.
var (
	systemICMP = []error{
		windows.WSAECONNRESET,
		windows.WSAECONNREFUSED,
		windows.WSAENETRESET,
		windows.WSAENETUNREACH,
		windows.WSAEHOSTUNREACH,
	}
	systemLocal = []error{
		windows.WSAENETDOWN,
		windows.WSAEMSGSIZE,
		windows.WSAENOBUFS,
	}
)

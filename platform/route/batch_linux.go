package route

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Routes go to the kernel many to a system call: a buffer of whole netlink
// messages, of which only the last asks for an acknowledgement. The kernel
// works through them in order and reports every one that fails.

// batchBytes is how much goes into one call: some 500 routes, well below the
// smallest usual socket buffer.
const batchBytes = 32 << 10

func (linux) AddRoutes(routes []routeEntry) error {
	err := sendRoutes(routes, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, nil)
	if err != nil {
		return fmt.Errorf("adding routes: %w", err)
	}
	return nil
}

func (linux) DelRoutes(routes []routeEntry) error {
	// ESRCH: the kernel has removed it already, with its device.
	err := sendRoutes(routes, unix.RTM_DELROUTE, 0, []unix.Errno{unix.ESRCH, unix.ENOENT})
	if err != nil {
		return fmt.Errorf("removing routes: %w", err)
	}
	return nil
}

// sendRoutes sends one request per route, in batches, and joins the errors.
func sendRoutes(routes []routeEntry, kind, flags uint16, tolerated []unix.Errno) (err error) {
	if len(routes) == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer func() { err = errors.Join(err, os.NewSyscallError("close", unix.Close(fd))) }()
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	c := routeConn{fd: fd, tolerated: tolerated, answers: make([]byte, 64<<10)}
	buf := make([]byte, 0, batchBytes+128)
	first := 0
	for i, r := range routes {
		last := i == len(routes)-1 || len(buf) > batchBytes
		f := flags | unix.NLM_F_REQUEST
		if last {
			f |= unix.NLM_F_ACK
		}
		buf = appendRoute(buf, r, kind, f, uint32(i+1))
		if !last {
			continue
		}
		if err := c.exchange(buf, routes, first, i); err != nil {
			return err
		}
		buf, first = buf[:0], i+1
	}
	return nil
}

// routeConn is one netlink conversation.
type routeConn struct {
	fd        int
	tolerated []unix.Errno
	answers   []byte
}

// exchange sends the requests of routes first to last, whose sequence numbers
// are one more than their index, and reads until the last is answered.
func (c *routeConn) exchange(buf []byte, routes []routeEntry, first, last int) error {
	if err := unix.Sendto(c.fd, buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	var errs []error
	for {
		n, _, err := unix.Recvfrom(c.fd, c.answers, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return errors.Join(append(errs, os.NewSyscallError("recvfrom", err))...)
		}
		done, err := c.read(c.answers[:n], routes, first, last)
		if err != nil {
			errs = append(errs, err)
		}
		if done {
			return errors.Join(errs...)
		}
	}
}

// read takes one datagram of answers apart.
func (c *routeConn) read(b []byte, routes []routeEntry, first, last int) (done bool, err error) {
	var errs []error
	for len(b) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(b))
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return true, errors.New("netlink answered with a malformed message")
		}
		kind := binary.NativeEndian.Uint16(b[4:])
		at := int(binary.NativeEndian.Uint32(b[8:])) - 1
		if kind == unix.NLMSG_ERROR && length >= unix.SizeofNlMsghdr+4 && at >= first && at <= last {
			errno := unix.Errno(-int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])))
			if errno != 0 && !c.tolerates(errno) {
				errs = append(errs, fmt.Errorf("route %s: %w", routes[at].prefix, errno))
			}
			done = done || at == last
		}
		b = b[min(len(b), align4(length)):]
	}
	return done, errors.Join(errs...)
}

func (c *routeConn) tolerates(errno unix.Errno) bool {
	for _, t := range c.tolerated {
		if t == errno {
			return true
		}
	}
	return false
}

// appendRoute appends one request: nlmsghdr, rtmsg, RTA_TABLE, RTA_DST, RTA_OIF.
func appendRoute(b []byte, r routeEntry, kind, flags uint16, seq uint32) []byte {
	order := binary.NativeEndian
	start := len(b)
	b = append(b, 0, 0, 0, 0) // length, below
	b = order.AppendUint16(b, kind)
	b = order.AppendUint16(b, flags)
	b = order.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0) // port: the kernel's

	family, scope, typ := byte(unix.AF_INET), byte(unix.RT_SCOPE_LINK), byte(unix.RTN_UNICAST)
	if r.prefix.Addr().Is6() {
		family, scope = unix.AF_INET6, unix.RT_SCOPE_UNIVERSE
	}
	switch {
	case r.throw:
		scope, typ = unix.RT_SCOPE_UNIVERSE, unix.RTN_THROW
	case r.refuse:
		scope, typ = unix.RT_SCOPE_UNIVERSE, unix.RTN_UNREACHABLE
	}
	b = append(b, family, byte(r.prefix.Bits()), 0, 0, unix.RT_TABLE_UNSPEC, Protocol, scope, typ)
	b = append(b, 0, 0, 0, 0) // flags

	b = appendAttr(b, unix.RTA_TABLE, order.AppendUint32(nil, Table))
	b = appendAttr(b, unix.RTA_DST, r.prefix.Addr().AsSlice())
	if r.link != 0 {
		b = appendAttr(b, unix.RTA_OIF, order.AppendUint32(nil, uint32(r.link)))
	}
	order.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// appendAttr appends one attribute; every value here is a multiple of four long.
func appendAttr(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(b, value...)
}

func align4(n int) int { return (n + 3) &^ 3 }

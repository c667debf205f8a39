package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// batchSize is the most datagrams of one Send or receive, and the batch of
	// wireguard's tun, so that a TUN batch goes out as one.
	batchSize = 128
	// socketBuffer is what each socket asks for in each direction, bytes: some
	// 40 ms at 1 Gbit/s, for the moments when the receiver does not run.
	socketBuffer = 7 << 20
	// portTries bounds the search for a port that is free in both families.
	portTries = 100
)

func openUDP(c Config) (*UDP, error) {
	for try := 0; ; try++ {
		u, err := openPair(c)
		if err != nil && c.Port == 0 && errors.Is(err, unix.EADDRINUSE) && try < portTries {
			continue
		}
		return u, err
	}
}

// openPair opens IPv4 and then IPv6 on the same port.
func openPair(c Config) (*UDP, error) {
	u := &UDP{port: c.Port, mark: c.Mark, batch: batchSize}
	var sockets [2]*socket // IPv4, IPv6; nil where the machine has none
	closeAll := func() error {
		var errs []error
		for _, s := range sockets {
			if s != nil {
				errs = append(errs, s.conn.Close())
			}
		}
		return errors.Join(errs...)
	}
	var missing []error
	for i, network := range []string{"udp4", "udp6"} {
		s, err := openSocket(network, u.port, c)
		if familyMissing(err) {
			missing = append(missing, err)
			continue
		}
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		sockets[i] = s
		u.port = s.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		u.receivers = append(u.receivers, newReceiver(s).receive)
	}
	if len(u.receivers) == 0 {
		return nil, errors.Join(missing...)
	}
	senders := [2]*sender{newSender(sockets[0]), newSender(sockets[1])}
	u.shut = closeAll
	u.send = func(bufs [][]byte, to netip.AddrPort) error {
		if to.Addr().Unmap().Is4() {
			return senders[0].send(bufs, to)
		}
		return senders[1].send(bufs, to)
	}
	return u, nil
}

// familyMissing: the kernel has no such family, or the administrator took it away.
func familyMissing(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

// socket is one bound UDP socket and what its kernel can do.
type socket struct {
	conn   *net.UDPConn
	raw    syscall.RawConn
	is4    bool
	gso    bool // one call may carry many segments
	gro    bool // one message may hold many datagrams
	logger *slog.Logger
}

func openSocket(network string, port uint16, c Config) (*socket, error) {
	s := &socket{is4: network == "udp4", logger: c.Logger}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var inner error
		err := raw.Control(func(fd uintptr) { inner = s.prepare(int(fd), c.Mark) })
		return errors.Join(err, inner)
	}}
	pc, err := lc.ListenPacket(context.Background(), network, ":"+strconv.Itoa(int(port)))
	if err != nil {
		return nil, err
	}
	s.conn = pc.(*net.UDPConn)
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	return s, nil
}

// prepare sets the options that must stand before the socket is bound.
func (s *socket) prepare(fd int, mark uint32) error {
	if mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
			return fmt.Errorf("marking the socket: %w", err)
		}
	}
	if !s.is4 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return fmt.Errorf("setting IPv6 only: %w", err)
		}
	}
	for _, option := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, socketBuffer) == nil {
			continue
		}
		// Without CAP_NET_ADMIN: as much as net.core.{r,w}mem_max allow.
		plain := unix.SO_RCVBUF
		if option == unix.SO_SNDBUFFORCE {
			plain = unix.SO_SNDBUF
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, socketBuffer); err != nil {
			s.logger.Debug("socket keeps its buffer size", "error", err)
		}
	}
	_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	s.gso = err == nil
	s.gro = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil
	return nil
}

// markControl marks a socket before it is bound or connected.
func markControl(mark uint32) func(network, address string, c syscall.RawConn) error {
	if mark == 0 {
		return nil
	}
	return func(_, _ string, raw syscall.RawConn) error {
		var inner error
		err := raw.Control(func(fd uintptr) {
			inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark))
		})
		return errors.Join(err, inner)
	}
}

// markDeviceControl does that, and ties the socket to a device.
func markDeviceControl(mark uint32, device string) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, raw syscall.RawConn) error {
		var inner error
		err := raw.Control(func(fd uintptr) {
			inner = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark)),
				unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device))
		})
		return errors.Join(err, inner)
	}
}

// connectedMTU asks a connected socket for the path MTU, 0: unknown.
func connectedMTU(c *net.UDPConn, is4 bool) int {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	mtu := 0
	err = raw.Control(func(fd uintptr) {
		level, option := unix.IPPROTO_IP, unix.IP_MTU
		if !is4 {
			level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
		}
		if n, err := unix.GetsockoptInt(int(fd), level, option); err == nil {
			mtu = n
		}
	})
	if err != nil {
		return 0
	}
	return mtu
}

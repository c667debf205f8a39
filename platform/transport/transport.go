// Package transport carries UDP datagrams for IKE and ESP: one port for both
// families, whole batches in one system call, and a packet mark that keeps the
// service's own datagrams outside the tunnel.
//
// It owns the sockets. It never looks into a datagram and never chooses a
// route. client/tunnel opens it and hands it to esp/dataplane, which asks for
// the function types below without naming this package.
//
// Linux has sockets of its own here rather than wireguard's conn.StdNetBind,
// for three reasons that profiles showed: StdNetBind allocates an endpoint and
// its addresses for every datagram that arrives, it copies every datagram once
// more to coalesce a segmentation batch (the kernel gathers as well from a list
// of buffers), and it throws a whole batch away when the device refuses a
// segment size. Everywhere else StdNetBind is used as it is.
//
// A datagram's sender may be unreachable, and the system then reports the ICMP
// error on some later call. That says nothing about other peers or other
// datagrams, so no such error ever ends a receive loop.
package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
)

// ReceiveFunc waits for datagrams of one family and fills bufs, sizes and from
// with up to BatchSize of them. It returns how many entries are set; an entry
// of size 0 is to be ignored. The buffers are the caller's. It returns
// net.ErrClosed after Close. Each function is for one goroutine at a time.
type ReceiveFunc = func(bufs [][]byte, sizes []int, from []netip.AddrPort) (int, error)

// Config says what to open.
type Config struct {
	Port   uint16 // local port of both families, 0: the system chooses
	Mark   uint32 // Linux: SO_MARK of every datagram, 0: none (a mark needs CAP_NET_ADMIN)
	Logger *slog.Logger
}

// MaxDatagram is the largest payload that a buffer may have to take.
const MaxDatagram = 65535

// UDP is an open pair of sockets. Send may be called from many goroutines.
type UDP struct {
	port      uint16
	mark      uint32
	batch     int
	receivers []ReceiveFunc
	send      func(bufs [][]byte, to netip.AddrPort) error
	shut      func() error
	closing   sync.Once
	closeErr  error
}

// Open opens both families on one port. A machine without one family gets a
// transport for the other; without both, the error says why.
func Open(c Config) (*UDP, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	u, err := openUDP(c)
	if err != nil {
		return nil, fmt.Errorf("opening UDP port %d: %w", c.Port, err)
	}
	return u, nil
}

// Receivers returns one function per family that is there.
func (u *UDP) Receivers() []ReceiveFunc { return u.receivers }

// Send sends every buffer as one datagram to the same address. The buffers are
// not kept and not changed. An error means that some were not sent; a later
// call may well succeed.
func (u *UDP) Send(bufs [][]byte, to netip.AddrPort) error {
	if len(bufs) == 0 {
		return nil
	}
	return u.send(bufs, to)
}

// BatchSize is the most that one Send or one receive handles at once.
func (u *UDP) BatchSize() int { return u.batch }

// Port is the local port.
func (u *UDP) Port() uint16 { return u.port }

// Close closes the sockets; receivers return net.ErrClosed.
func (u *UDP) Close() error {
	u.closing.Do(func() { u.closeErr = u.shut() })
	return u.closeErr
}

// LocalAddr returns the address that the system would send from to reach to,
// with this transport's mark and port. It is the zero value where there is no way.
func (u *UDP) LocalAddr(to netip.AddrPort) netip.AddrPort {
	r, err := probe(to, u.mark)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(r.source, u.port)
}

// PathMTU returns what the system knows of the largest IP packet towards to,
// 0 where it knows nothing.
func (u *UDP) PathMTU(to netip.AddrPort) int {
	r, err := probe(to, u.mark)
	if err != nil {
		return 0
	}
	return r.mtu
}

// reach is what a connected socket tells about the way to an address.
type reach struct {
	source netip.Addr
	mtu    int
}

// probe connects a socket, which sends nothing, and asks it.
func probe(to netip.AddrPort, mark uint32) (r reach, err error) {
	d := net.Dialer{Control: markControl(mark)}
	c, err := d.Dial("udp", to.String())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	u, ok := c.(*net.UDPConn)
	if !ok {
		return r, errors.ErrUnsupported
	}
	r.source = u.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	r.mtu = connectedMTU(u, to.Addr().Unmap().Is4())
	return r, nil
}

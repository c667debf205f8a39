package tun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// dialThrough ties the socket to the device (SO_BINDTODEVICE): its packets leave by no
// other one whatever the routes say, and nothing comes in by another. Where no route
// leads into the device, IPv4 takes every address to be on its link; IPv6 does not, and
// gets a route for the time of the connection. That goes with the device, too, so no
// crash leaves it behind.
func dialThrough(ctx context.Context, device, network string, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { return tie(device, c) }}
	c, err := d.DialContext(ctx, network, to.String())
	if err == nil || to.Addr().Unmap().Is4() || !errors.Is(err, unix.ENETUNREACH) {
		return c, err
	}
	link, lerr := netlink.LinkByName(device)
	if lerr != nil {
		return nil, errors.Join(err, lerr)
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(netip.PrefixFrom(to.Addr(), 128))}
	if rerr := netlink.RouteReplace(route); rerr != nil {
		return nil, errors.Join(err, fmt.Errorf("routing %v into %s: %w", to.Addr(), device, rerr))
	}
	if c, err = d.DialContext(ctx, network, to.String()); err != nil {
		return nil, errors.Join(err, unroute(route))
	}
	return &routed{Conn: c, route: route}, nil
}

func tie(device string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
	})
	if err := errors.Join(err, set); err != nil {
		return fmt.Errorf("tying a socket to %s: %w", device, err)
	}
	return nil
}

// routed is a connection with a route of its own.
type routed struct {
	net.Conn
	route *netlink.Route
	once  sync.Once
}

// Close closes the connection and takes its route back.
func (r *routed) Close() (err error) {
	r.once.Do(func() { err = errors.Join(r.Conn.Close(), unroute(r.route)) })
	return err
}

// unroute does not mind that the route is gone already, with another connection or with
// the device.
func unroute(route *netlink.Route) error {
	err := netlink.RouteDel(route)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

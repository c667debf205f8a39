package tun

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// DialThrough opens a connection, "udp" or "tcp", whose packets go through one device
// and no other, whatever the routes of this machine are.
func DialThrough(ctx context.Context, device, network string, to netip.AddrPort) (net.Conn, error) {
	if device == "" { // which would mean any
		return nil, errors.New("dialing through a device without a name")
	}
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { return through(device, c) }}
	return d.DialContext(ctx, network, to.String())
}

package tun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// DialThrough opens a connection, "udp" or "tcp", whose packets go through one device
// and no other, whatever the routes of this machine are.
func DialThrough(ctx context.Context, device, network string, to netip.AddrPort) (net.Conn, error) {
	if device == "" { // which would mean any
		return nil, errors.New("dialing through a device without a name")
	}
	c, err := dialThrough(ctx, device, network, to)
	if err != nil {
		return nil, fmt.Errorf("dialing through %s: %w", device, err)
	}
	return c, nil
}

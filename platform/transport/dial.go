package transport

import (
	"context"
	"net"
	"net/netip"
)

// DialMarked opens a connection, "udp" or "tcp", whose packets carry the mark, so that
// they go around the tunnel and the kill switch knows them. On systems without marks
// it is like any other.
func DialMarked(ctx context.Context, mark uint32, network string, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Control: markControl(mark)}
	return d.DialContext(ctx, network, to.String())
}

// DialMarkedBy does the same by one device, wherever the routes lead: another VPN's, or
// this machine's own programs, are not reached. A device that is not there is an error;
// systems other than Linux take their own way.
func DialMarkedBy(ctx context.Context, mark uint32, device, network string, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Control: markDeviceControl(mark, device)}
	return d.DialContext(ctx, network, to.String())
}

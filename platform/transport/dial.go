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

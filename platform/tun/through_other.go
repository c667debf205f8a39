//go:build !linux

package tun

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

func dialThrough(context.Context, string, string, netip.AddrPort) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

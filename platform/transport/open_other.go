//go:build !linux

package transport

import (
	"net"
	"syscall"

	"golang.zx2c4.com/wireguard/conn"
)

func openUDP(c Config) (*UDP, error) { return openBind(conn.NewStdNetBind(), c) }

// markControl: packet marks are Linux's.
func markControl(uint32) func(network, address string, c syscall.RawConn) error { return nil }

// markDeviceControl: neither are devices tied like this elsewhere.
func markDeviceControl(uint32, string) func(network, address string, c syscall.RawConn) error {
	return nil
}

func connectedMTU(*net.UDPConn, bool) int { return 0 }

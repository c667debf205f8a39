package transport

import (
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/homeward-vpn/homeward/platform/platformtest/namespace"
)

// TestDialMarked: both kinds of connections carry the mark, before their first packet.
func TestDialMarked(t *testing.T) {
	if !namespace.Enter(t) {
		return
	}
	const mark = 0x4857
	namespace.Run(t, "ip", "link", "set", "lo", "up")
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := door.Addr().(*net.TCPAddr).AddrPort()
	for network, to := range map[string]netip.AddrPort{"tcp": to, "udp": netip.MustParseAddrPort("127.0.0.1:9")} {
		c, err := DialMarked(t.Context(), mark, network, to)
		if err != nil {
			t.Fatal(network, err)
		}
		raw, err := c.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK); err != nil || got != mark {
				t.Errorf("%s: mark %#x, %v", network, got, err)
			}
		}); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := door.Close(); err != nil {
		t.Error(err)
	}
}

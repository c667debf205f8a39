package tun

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// through ties a socket to the device (SO_BINDTODEVICE): its packets leave by no other
// one whatever the routes say, and nothing comes in by another.
func through(device string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
	})
	if err := errors.Join(err, set); err != nil {
		return fmt.Errorf("tying a socket to %s: %w", device, err)
	}
	return nil
}

//go:build !linux

package tun

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"

	wgtun "golang.zx2c4.com/wireguard/tun"
)

// create makes the device by wireguard's tun. Addresses are set on Linux only
// so far, so asking for one is refused rather than forgotten.
func create(c Config) (*Device, error) {
	if len(c.Addresses) > 0 {
		return nil, fmt.Errorf("setting addresses: %w", errors.ErrUnsupported)
	}
	name := c.Name
	if name == "" {
		name = DefaultName
		if runtime.GOOS == "darwin" {
			name = "utun" // the system numbers it
		}
	}
	dev, err := wgtun.CreateTUN(name, c.MTU)
	if err != nil {
		return nil, err
	}
	d := &Device{dev: dev, mtu: c.MTU, logger: c.Logger, ledger: c.Ledger}
	if d.name, err = dev.Name(); err != nil {
		return d.abandon(err)
	}
	return d, nil
}

// setAddresses is refused as create refuses any.
func (*Device) setAddresses([]netip.Prefix) error { return errors.ErrUnsupported }

// remove: these systems' devices go with the process, and create records none.
func remove(entry) error { return nil }

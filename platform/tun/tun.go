// Package tun makes the virtual network device through which packets enter and
// leave the tunnel.
//
// Create opens the device, gives it its MTU and addresses and brings it up. The
// device satisfies esp/dataplane's TUN interface: batched reads and writes with
// room in front of each packet, by wireguard's tun.
//
// It owns the device and its addresses. It never sets a route and never looks
// into a packet. app/homewardd calls it for client/tunnel.
//
// The device is tied to its file descriptor, so the kernel takes it, its
// addresses and its routes away together with the process, also after kill -9.
// The name is taken exclusively: a device that stands already belongs to
// somebody else, and its settings would survive us.
package tun

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"

	"github.com/homeward-vpn/homeward/platform/ledger"
	wgtun "golang.zx2c4.com/wireguard/tun"
)

// DefaultName is the device's name where Config gives none. When it is taken,
// the next number is tried.
const DefaultName = "homeward0"

// DefaultMTU is used where Config gives none: what fits into an outer 1,500
// with IPv6, UDP and any of our ESP suites around it.
const DefaultMTU = 1400

// Config says what device to make.
type Config struct {
	Name      string         // empty: DefaultName, or the next that is free
	MTU       int            // bytes, 0: DefaultMTU
	Addresses []netip.Prefix // /32 and /128 are usual
	Ledger    *ledger.Ledger // nil: nothing is recorded
	Logger    *slog.Logger   // nil: silent
}

// NameTakenError says that a device of that name stands already.
type NameTakenError struct{ Name string }

// Error implements error.
func (e *NameTakenError) Error() string {
	return fmt.Sprintf("network device %s exists already", e.Name)
}

// Device is a TUN device that is up. Read and Write follow wireguard's
// tun.Device; one goroutine may read while another writes.
type Device struct {
	dev    wgtun.Device
	name   string
	mtu    int
	logger *slog.Logger
	ledger *ledger.Ledger
	record ledger.ID

	closing  sync.Once
	closeErr error
}

// Create makes a device, sets it up and returns it. On an error nothing is left.
func Create(c Config) (*Device, error) {
	if c.MTU == 0 {
		c.MTU = DefaultMTU
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := valid(c.Addresses); err != nil {
		return nil, fmt.Errorf("creating the tunnel device: %w", err)
	}
	d, err := create(c)
	if err != nil {
		return nil, fmt.Errorf("creating the tunnel device: %w", err)
	}
	return d, nil
}

func valid(addresses []netip.Prefix) error {
	for _, p := range addresses {
		if !p.IsValid() {
			return errors.New("an address is not valid")
		}
	}
	return nil
}

// SetAddresses replaces the device's addresses by these. One that stays is not
// touched, and the new ones stand before the old ones go, so that the device's
// routes outlive the change. On an error the old ones are still there. It must
// not be called beside Close.
func (d *Device) SetAddresses(addresses []netip.Prefix) error {
	err := valid(addresses)
	if err == nil {
		err = d.setAddresses(addresses)
	}
	if err != nil {
		return fmt.Errorf("changing the addresses of %s: %w", d.name, err)
	}
	return nil
}

// Read reads packets into bufs at offset, and their lengths into sizes. It
// returns an error that is os.ErrClosed after Close.
func (d *Device) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	return d.dev.Read(bufs, sizes, offset)
}

// Write writes the packets that stand in bufs at offset; the room in front is
// used for a header of the kernel's (at least 10 bytes).
func (d *Device) Write(bufs [][]byte, offset int) (int, error) { return d.dev.Write(bufs, offset) }

// BatchSize is how many packets a read may bring and a write should take.
func (d *Device) BatchSize() int { return d.dev.BatchSize() }

// Name is the device's name.
func (d *Device) Name() string { return d.name }

// MTU is what was set.
func (d *Device) MTU() int { return d.mtu }

// File is the descriptor that the device lives by.
func (d *Device) File() *os.File { return d.dev.File() }

// Close removes the device and everything that hangs on it.
func (d *Device) Close() error {
	d.closing.Do(func() {
		err := d.dev.Close()
		if err == nil && d.ledger != nil && d.record != 0 {
			err = d.ledger.Forget(d.record)
		}
		d.closeErr = err
	})
	return d.closeErr
}

// kind is the ledger's name for a device.
const kind = "tun"

// entry is what the ledger keeps of a device.
type entry struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
}

// Undo returns what the ledger needs to take this package's changes back.
func Undo() map[string]func(json.RawMessage) error {
	return map[string]func(json.RawMessage) error{kind: func(raw json.RawMessage) error {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("reading the record of a tunnel device: %w", err)
		}
		return remove(e)
	}}
}

// abandon closes a device that could not be set up, and returns why.
func (d *Device) abandon(cause error) (*Device, error) {
	return nil, errors.Join(cause, d.Close())
}

package service

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/tunnel"
)

// kernel is a kill switch as the kernel would hold it: it outlives the services of a
// test, and somebody else can take it away.
type kernel struct {
	*rig
	mu      sync.Mutex
	holds   *Policy
	foreign bool // somebody else has changed what stands
	told    chan struct{}
}

func (k *kernel) Set(p Policy) error {
	if err := k.note("closed"); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holds, k.foreign = &p, false
	return nil
}

func (k *kernel) Clear() error {
	if err := k.note("open"); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.holds, k.foreign = nil, false
	return nil
}

func (k *kernel) Stands() (bool, error) { return k.now() != nil, nil }

func (k *kernel) Check() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.foreign {
		return errors.New("they are gone")
	}
	return nil
}

func (k *kernel) Watch(ctx context.Context) (<-chan struct{}, error) {
	out := make(chan struct{})
	go func() {
		defer close(out)
		for {
			select {
			case <-k.told:
			case <-ctx.Done():
				return
			}
			select {
			case out <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

func (k *kernel) now() *Policy {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.holds
}

// flush is what another firewall program does.
func (k *kernel) flush() {
	k.mu.Lock()
	k.foreign, k.holds = true, nil
	k.mu.Unlock()
	k.told <- struct{}{}
	synctest.Wait()
}

// disk is the state file.
type disk struct {
	*rig
	mu     sync.Mutex
	now    Standing
	broken error // to read
}

func (d *disk) Load() (Standing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, d.broken
}

func (d *disk) Save(s Standing) error {
	if err := d.note("saved"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = s
	return nil
}

// computer is what stays when a service ends.
type computer struct {
	kernel
	disk disk
	home []netip.Prefix // the local networks
	news chan tunnel.NetworkChange
}

// inComputer runs a test with a service on a kernel and a disk.
func inComputer(t *testing.T, c *computer, test func(t *testing.T, r *rig)) {
	t.Helper()
	inComputerWith(t, c, func(*Config) {}, test)
}

func inComputerWith(t *testing.T, c *computer, change func(*Config), test func(t *testing.T, r *rig)) {
	t.Helper()
	inRigWith(t, func(cfg *Config) {
		change(cfg)
		r := cfg.KillSwitch.(fakeSwitch).rig
		c.kernel.rig, c.disk.rig = r, r
		c.told, c.news = make(chan struct{}), make(chan tunnel.NetworkChange)
		cfg.KillSwitch, cfg.Posture = &c.kernel, &c.disk
		cfg.Tunnel.LocalNetworks = func() []netip.Prefix { return c.home }
		cfg.Tunnel.NetworkChanged = func(context.Context) (<-chan tunnel.NetworkChange, error) { return c.news, nil }
		switch known := c.disk.now.Engaged || c.disk.now.Settings.KillSwitch == control.KillSwitchLockdown; {
		case r.began != "open, clean up": // the test knows better
		case known:
			r.began = "closed, clean up"
		case c.kernel.holds != nil:
			r.began = "saved, closed, clean up"
		}
	}, test)
}

func (r *rig) set(who control.Caller, mode string) error {
	r.t.Helper()
	_, err := r.svc.ChangeSettings(r.t.Context(), who, control.SettingsChange{KillSwitch: &mode})
	synctest.Wait()
	return err
}

func addrPorts(list ...string) (out []netip.AddrPort) {
	for _, s := range list {
		out = append(out, netip.MustParseAddrPort(s))
	}
	return out
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/tunnel"
	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/netmon"
	"github.com/homeward-vpn/homeward/platform/route"
)

// surroundings is the network that this machine is on: watched once, for the
// service and for every tunnel.
type surroundings struct {
	*netmon.Monitor
	config netmon.Config
	logger *slog.Logger
}

// newSurroundings prepares the watch. resolver may be nil: then nobody says who
// answers names.
func newSurroundings(resolver *dns.Configurator, logger *slog.Logger) surroundings {
	c := netmon.Config{Logger: logger, OwnTable: route.Table}
	if resolver != nil {
		c.Names = func() (netmon.Servers, error) {
			u, err := resolver.Underlay()
			return netmon.Servers{Servers: u.Servers, Domains: u.Domains}, err
		}
	}
	return surroundings{netmon.NewMonitor(c), c, logger}
}

// changed passes on that the network has changed, whatever it was: what it is now
// the tunnel asks the system. On a system that is not watched nothing comes.
func (s surroundings) changed(ctx context.Context) (<-chan tunnel.NetworkChange, error) {
	changes, err := s.Watch(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make(chan tunnel.NetworkChange)
	go func() {
		defer close(out)
		for c := range changes {
			s.logger.Debug("the network has changed", "kinds", c.Kinds, "default", c.DefaultChanged,
				"addresses", c.AddressesChanged, "path", c.After.HasPath(), "resumed", c.Resumed)
			select {
			case out <- tunnel.NetworkChange{Resumed: c.Resumed, Slept: c.Slept}:
			case <-ctx.Done():
			}
		}
	}()
	return out, nil
}

// online says whether there is a network at all; where nobody can tell there is.
func (s surroundings) online() bool {
	now, err := netmon.Now(netmon.Config{})
	return err != nil || now.HasPath()
}

// leaves says which network packets to an address leave by.
func (s surroundings) leaves(to netip.Addr) (control.Network, bool) {
	now, err := netmon.Now(netmon.Config{})
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			s.logger.Warn("the network is not known, so nobody is told by which one the line goes", "error", err)
		}
		return control.Network{}, false
	}
	return leavesBy(now, to)
}

// leavesBy looks for the network that an address is on, and else where the default route
// of its family goes.
func leavesBy(now netmon.Snapshot, to netip.Addr) (control.Network, bool) {
	to = to.Unmap()
	at := slices.IndexFunc(now.Links, func(l netmon.Link) bool {
		return l.Up && l.Kind != netmon.Tunnel && slices.ContainsFunc(l.Addresses, func(p netip.Prefix) bool { return p.Contains(to) })
	})
	if at >= 0 {
		return networkOf(now.Links[at]), true
	}
	way := now.Default4
	if to.Is6() {
		way = now.Default6
	}
	link, ok := now.Link(way.Link)
	if !ok {
		return control.Network{}, false
	}
	return networkOf(link), true
}

func networkOf(l netmon.Link) control.Network {
	switch l.Kind {
	case netmon.WiFi:
		return control.Network{Kind: control.NetworkWiFi, Name: l.SSID}
	case netmon.Ethernet:
		return control.Network{Kind: control.NetworkEthernet, Name: l.Name}
	case netmon.Cellular:
		return control.Network{Kind: control.NetworkCellular, Name: l.Name}
	default:
		return control.Network{Kind: control.NetworkOther, Name: l.Name}
	}
}

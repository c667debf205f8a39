package main

import (
	"context"
	"errors"
	"log/slog"

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

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"

	"github.com/homeward-vpn/homeward/client/locate"
	"github.com/homeward-vpn/homeward/client/portal"
	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/platform/captive"
	"github.com/homeward-vpn/homeward/platform/confine"
	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/netmon"
	"github.com/homeward-vpn/homeward/platform/transport"
)

// portalGroup is the control group of who signs in to a network.
const portalGroup = "homeward-portal"

// The page that a network is probed with where it says nothing of itself, and how it
// begins. GNOME's NetworkManager asks it, too, so asking says nothing of Homeward; an
// administrator can name another, or none (--portal-probe).
const (
	defaultProbe     = "http://nmcheck.gnome.org/check_network_status.txt"
	defaultProbeBody = "NetworkManager is online"
)

// holes are ways through the kill switch for the service's own packets.
type holes struct {
	resolvers, probes func([]netip.AddrPort) (shut func(), err error)
}

// newPortals joins what finds a network's sign-in page and lets one program out to it.
// Who is asked for names is not remembered: they are the network's own.
func newPortals(around surroundings, resolver *dns.Configurator, open holes, probe portal.Probe, logger *slog.Logger) (service.Portals, error) {
	// A run that was killed closes nothing behind itself. Its policy goes with the first
	// of this run; here goes who was let out.
	if err := confine.EndFormer(portalGroup); err != nil {
		logger.Error("a sign-in to the network that a former run has left could not be ended", "error", err)
	}
	names, err := newLocator("", resolver, open.resolvers, logger)
	if err != nil {
		return service.Portals{}, err
	}
	detector, err := newDetector(around, names, open, probe, logger)
	if err != nil {
		return service.Portals{}, err
	}
	return service.Portals{
		Look:   detector.Look,
		Listen: detector.Listen,
		Resolvers: func() (addrs []netip.Addr, err error) {
			u, err := resolver.Underlay()
			for _, s := range u.Servers {
				addrs = append(addrs, s.Addr())
			}
			return addrs, err
		},
		Confine: func() (service.Confinement, error) {
			g, err := confine.New(portalGroup)
			if err != nil {
				return nil, err
			}
			return g, nil
		},
	}, nil
}

func newDetector(around surroundings, names *locate.Locator, open holes, probe portal.Probe, logger *slog.Logger) (*portal.Detector, error) {
	return portal.New(portal.Config{
		Devices: func() ([]string, error) { return devices(netmon.Now(around.config)) },
		Word: func(ctx context.Context, device string) (portal.Word, error) {
			w, err := captive.Ask(ctx, device, logger)
			return portal.Word{API: w.API, Unrestricted: w.Unrestricted}, err
		},
		Lookup: names.Find,
		Own:    func() ([]netip.Prefix, error) { return inside(netmon.Now(around.config)) },
		Dial: func(ctx context.Context, device string, to netip.AddrPort) (net.Conn, error) {
			shut, err := open.probes([]netip.AddrPort{to})
			if err != nil {
				return nil, fmt.Errorf("a way to %s: %w", to, err)
			}
			conn, err := transport.DialMarkedBy(ctx, mark, device, "tcp", to)
			if err != nil {
				shut()
				return nil, err
			}
			return &passing{Conn: conn, shut: shut}, nil
		},
		Probe: probe, Logger: logger,
	})
}

// passing is a connection that closes its way behind itself.
type passing struct {
	net.Conn
	shut func()
}

// Close implements net.Conn.
func (p *passing) Close() error {
	err := p.Conn.Close()
	p.shut()
	return err
}

// devices are those whose networks could want a sign-in, the one with the default
// route first.
func devices(now netmon.Snapshot, err error) ([]string, error) {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	links := slices.Clone(now.Links)
	slices.SortStableFunc(links, func(a, b netmon.Link) int { return rank(now, a) - rank(now, b) })
	var names []string
	for _, l := range links {
		if l.Up && l.Physical && len(l.Addresses) > 0 {
			names = append(names, l.Name)
		}
	}
	return names, nil
}

// inside are the addresses of this machine, and the networks of what is no way out of
// it: tunnels, containers, virtual machines.
func inside(now netmon.Snapshot, err error) ([]netip.Prefix, error) {
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	var own []netip.Prefix
	for _, l := range now.Links {
		for _, a := range l.Addresses {
			if l.Physical {
				a = netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
			}
			own = append(own, a.Masked())
		}
	}
	return own, nil
}

func rank(now netmon.Snapshot, l netmon.Link) int {
	switch l.Index {
	case now.Default4.Link:
		return 0
	case now.Default6.Link:
		return 1
	default:
		return 2
	}
}

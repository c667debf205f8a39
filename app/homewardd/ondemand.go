package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"

	"github.com/homeward-vpn/homeward/client/ondemand"
	"github.com/homeward-vpn/homeward/client/ondemand/urlprobe"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/service"
	"github.com/homeward-vpn/homeward/platform/netmon"
	"github.com/homeward-vpn/homeward/platform/transport"
)

// newAutomation joins what the rules of profiles need to know of the network. find
// looks a host up, and open lets a probe through the kill switch.
func newAutomation(around surroundings, find func(context.Context, string) ([]netip.Addr, error),
	open func([]netip.AddrPort) (func(), error), logger *slog.Logger) *service.Automation {
	prober := urlprobe.New(urlprobe.Config{
		Find: find, Open: open, Logger: logger,
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return transport.DialMarked(ctx, mark, "tcp", to)
		},
	})
	return &service.Automation{Network: around.environment, Changes: around.moves, Probe: prober.Ask}
}

// environment is what rules know of the network that this machine is on. Where nobody
// can tell, there is one, of which nothing is known.
func (s surroundings) environment() (ondemand.Environment, bool, error) {
	now, err := netmon.Now(s.config)
	if errors.Is(err, errors.ErrUnsupported) {
		return ondemand.Environment{}, true, nil
	}
	if err != nil {
		return ondemand.Environment{}, false, err
	}
	return environmentOf(now), now.HasPath(), nil
}

// environmentOf looks at what the default route goes through.
func environmentOf(now netmon.Snapshot) ondemand.Environment {
	env := ondemand.Environment{Domains: now.SearchDomains}
	for _, r := range now.Resolvers {
		env.Servers = append(env.Servers, r.Addr())
	}
	way := now.Default4
	if way.Link == 0 {
		way = now.Default6
	}
	link, ok := now.Link(way.Link)
	if !ok {
		return env
	}
	env.SSID = link.SSID
	switch link.Kind {
	case netmon.WiFi:
		env.Interface = profile.RuleWiFi
	case netmon.Ethernet:
		env.Interface = profile.RuleEthernet
	case netmon.Cellular:
		env.Interface = profile.RuleCellular
	}
	return env
}

// moves tells that the network may be another. On a system that is not watched nothing
// comes.
func (s surroundings) moves(ctx context.Context) (<-chan struct{}, error) {
	changes, err := s.Watch(ctx)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make(chan struct{})
	go func() {
		defer close(out)
		for c := range changes {
			if !matters(c) {
				continue
			}
			select {
			case out <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}()
	return out, nil
}

// matters says that a change may have another answer from the rules: our own tunnel's
// coming and going does not.
func matters(c netmon.Change) bool {
	return c.LinksChanged || c.AddressesChanged || c.DefaultChanged || c.WirelessChanged || c.ResolversChanged ||
		c.PathLost || c.PathFound || c.Resumed
}

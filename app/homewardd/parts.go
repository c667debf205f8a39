package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"

	"github.com/homeward-vpn/homeward/client/revocation"
	"github.com/homeward-vpn/homeward/client/tunnel"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/platform/alarm"
	"github.com/homeward-vpn/homeward/platform/dns"
	"github.com/homeward-vpn/homeward/platform/ledger"
	"github.com/homeward-vpn/homeward/platform/route"
	"github.com/homeward-vpn/homeward/platform/transport"
	"github.com/homeward-vpn/homeward/platform/tun"
)

// mark is on every datagram of the service, so that it goes around the tunnel.
const mark = route.DefaultMark

// names lets the service use platform/dns.
type names struct{ *dns.Configurator }

// Set implements service.Resolver.
func (c names) Set(n tunnel.Network) (string, error) {
	if n.Full && len(n.DNS) == 0 {
		return "The gateway names no name servers, so names are still asked of those of the local network, where others may see them.", c.Configurator.Clear()
	}
	err := c.Configurator.Set(dns.Config{Interface: n.Interface, Servers: n.DNS, Domains: n.Domains, Search: n.Search})
	return limited(err)
}

// limited puts what dns.Configurator calls a warning into a sentence.
func limited(err error) (string, error) {
	var whole *dns.SplitUnsupportedError
	var many *dns.TooManyDomainsError
	var contested *dns.ContestedError
	switch {
	case errors.As(err, &whole):
		return "This computer cannot ask different name servers for different names (" + whole.Mode +
			"), so every name goes to the company's name servers; install systemd-resolved to change that.", nil
	case errors.As(err, &many) && many.Told > 0:
		return fmt.Sprintf("The company has %d name domains, more than %s takes; %d wider ones that hold them go to the company's name servers.", many.Wanted, many.Mode, many.Told), nil
	case errors.As(err, &many):
		return fmt.Sprintf("The company has %d name domains, more than %s takes; every name goes to the company's name servers.", many.Wanted, many.Mode), nil
	case errors.As(err, &contested):
		return fmt.Sprintf("Another program keeps overwriting %s, so the company's names may not be found; stop that program, then connect again. Homeward tries once more at %s.",
			contested.Path, contested.Until.Format("15:04")), nil
	}
	return "", err
}

// authorities lets a tunnel use client/revocation.
type authorities struct{ *revocation.Checker }

// Fetch implements tunnel.Revocation.
func (a authorities) Fetch(ctx context.Context, path []*x509.Certificate, staples [][]byte, via tunnel.Via) auth.PathVerdict {
	return a.Checker.Fetch(ctx, path, staples, revocation.Network{Dial: via.Dial, Servers: via.Servers})
}

// tunnelParts are the parts of the system that every tunnel uses.
func tunnelParts(l *ledger.Ledger, logger *slog.Logger, checker *revocation.Checker, around surroundings) tunnel.Config {
	return tunnel.Config{
		OpenTransport: func() (tunnel.Transport, error) {
			return transport.Open(transport.Config{Mark: mark, Logger: logger})
		},
		OpenTUN: func(c tunnel.TUNConfig) (tunnel.TUN, error) {
			return tun.Create(tun.Config{MTU: c.MTU, Addresses: c.Addresses, Ledger: l, Logger: logger})
		},
		NewAlarm:    func() (tunnel.Alarm, error) { return alarm.New() },
		SystemRoots: systemRoots,
		Revocation:  authorities{checker},
		DialThrough: tun.DialThrough,
		LocalNetworks: func() []netip.Prefix {
			local, err := localNetworks()
			if err != nil {
				logger.Warn("the local networks are not known, so a gateway may claim them", "error", err)
			}
			return local
		},
		MayClaim:       route.MayClaim,
		NetworkChanged: around.changed,
		Online:         around.online,
	}
}

// localNetworks are the prefixes that this machine is directly on: those of
// broadcast links, for the other end of a point-to-point one is no network.
func localNetworks() ([]netip.Prefix, error) {
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var local []netip.Prefix
	for _, link := range links {
		if link.Flags&net.FlagUp == 0 || link.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		addrs, aerr := link.Addrs()
		err = errors.Join(err, aerr)
		for _, a := range addrs {
			p, perr := netip.ParsePrefix(a.String())
			if perr == nil && !p.IsSingleIP() && !p.Addr().IsLinkLocalUnicast() {
				local = append(local, p.Masked())
			}
		}
	}
	return local, err
}

// undo knows how to take back every kind of record in the ledger.
func undo() map[string]func(json.RawMessage) error {
	all := map[string]func(json.RawMessage) error{}
	for _, part := range []map[string]func(json.RawMessage) error{route.Undo(), dns.Undo(), tun.Undo()} {
		for kind := range part {
			if _, twice := all[kind]; twice {
				panic(fmt.Sprintf("two packages record changes of kind %q", kind))
			}
		}
		maps.Copy(all, part)
	}
	return all
}

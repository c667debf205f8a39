package locate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/homeward-vpn/homeward/client/nat64"
)

// What is known of IPv4 only, on a network that speaks IPv6 only:
//
//	Translate: there is no way to any of the addresses
//	  -> the same servers' answer of a moment ago
//	  -> Open -> AAAA of a name that has IPv4 addresses alone -> close
//	  -> the network's prefixes (RFC 7050) -> the addresses, written into them (RFC 6052)
//
// A network that lies leads the service's own packets astray, as it could without
// lying; whoever answers there has to prove to be the gateway.

// translator is what a network's servers said of its translator.
type translator struct {
	servers  []netip.AddrPort
	prefixes []netip.Prefix // empty: there is none
	until    time.Time
}

// Translate gives the addresses of IPv6 by which the network's translator leads to
// those of IPv4 among these, of the first one first. None, without an error: there is a
// way to one of them as it is, or this network has no translator.
func (l *Locator) Translate(ctx context.Context, addrs []netip.Addr) ([]netip.Addr, error) {
	if !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap().Is4() }) ||
		slices.ContainsFunc(addrs, func(a netip.Addr) bool { return l.hasWay(ctx, a.Unmap()) }) {
		return nil, nil
	}
	prefixes, err := l.prefixes(ctx)
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, a := range addrs {
		for _, p := range prefixes {
			if v6, ok := nat64.Embed(p, a); ok && !slices.Contains(found, v6) && len(found) < maxAddresses {
				found = append(found, v6)
			}
		}
	}
	return found, nil
}

// prefixes asks for those of the network, unless that was done a moment ago.
func (l *Locator) prefixes(ctx context.Context) ([]netip.Prefix, error) {
	select {
	case l.busy <- struct{}{}:
		defer func() { <-l.busy }()
	case <-ctx.Done():
		return nil, fmt.Errorf("locate: the network's translator: %w", ctx.Err())
	}
	servers, err := l.servers()
	if err != nil {
		return nil, fmt.Errorf("locate: the network's translator: %w", err)
	}
	now := l.cfg.Now()
	if t := l.translator; slices.Equal(t.servers, servers) && now.Before(t.until) && t.until.Sub(now) <= maxTTL {
		return t.prefixes, nil
	}
	answer, err := l.askTranslator(ctx, servers)
	if err != nil {
		return nil, fmt.Errorf("locate: the network's translator: %w", err)
	}
	l.translator = translator{servers, nat64.Prefixes(answer.addrs), l.cfg.Now().Add(min(max(answer.ttl, pause), maxTTL))}
	if len(l.translator.prefixes) > 0 {
		l.cfg.Logger.Info("this network translates between IPv6 and IPv4", "prefixes", l.translator.prefixes)
	}
	return l.translator.prefixes, nil
}

// askTranslator opens the hole, asks, and closes it.
func (l *Locator) askTranslator(ctx context.Context, servers []netip.AddrPort) (answer, error) {
	name, err := dnsmessage.NewName(nat64.Name + ".")
	if err != nil {
		return answer{}, err
	}
	if err := l.wait(ctx, name.String()); err != nil {
		return answer{}, err
	}
	shut, err := l.cfg.Open(ctx, servers)
	if err != nil {
		return answer{}, fmt.Errorf("opening the way to the name servers: %w", err)
	}
	defer shut()
	ctx, cancel := context.WithTimeout(ctx, shortTime)
	defer cancel()
	return l.follow(ctx, name, dnsmessage.TypeAAAA, servers)
}

package tunnel

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/nat64"
)

// A network may speak IPv6 only, and lead to what has IPv4 only by a translator
// (NAT64, RFC 6146). The gateway's own addresses are of no use there, and the
// translator's of none anywhere else:
//
//	resolve -> no way to any address -> Config.Translate -> addresses to try as well
//	roam    -> seekTranslator: no way to any but what may be a translator's
//	  -> Config.Translate, again and again until the network says something
//	  -> takeWay: by the translator, or by what there is
//
// The gateway sees a NAT in either case, and nothing else.

// How often a network is asked for its translator, that does not answer: its name
// servers may not be known yet.
const (
	firstSearch  = time.Second
	searchesRest = 30 * time.Second
)

// translation is how the network translates the gateway's addresses.
type translation struct {
	hosts []netip.Addr // by which the gateway is reached now; nil: it does not
	stop  context.CancelFunc
}

// withTranslated adds what the network's translator makes of these addresses, where
// there is no other way.
func (t *Tunnel) withTranslated(ctx context.Context, addrs []netip.Addr) []netip.Addr {
	if t.cfg.Translate == nil {
		return addrs
	}
	more, err := t.cfg.Translate(ctx, addrs)
	if err != nil {
		t.log.Info("whether this network translates addresses is not known", "err", err)
	}
	return append(addrs, missing(more[:min(len(more), maxAddresses)], addrs)...)
}

// order puts in front what is the gateway's own, then what this network's translator
// makes of that, and at the end what looks like a translator's.
func (t *translation) order(hosts []netip.Addr) []netip.Addr {
	own, foreign := apart(hosts)
	return slices.Concat(own, t.hosts, missing(foreign, t.hosts))
}

// apart tells what is the gateway's own from what a translator may have made of that.
func apart(hosts []netip.Addr) (own, foreign []netip.Addr) {
	for _, h := range hosts {
		if slices.ContainsFunc(hosts, func(o netip.Addr) bool { return o.Is4() && nat64.Holds(h, o) }) {
			foreign = append(foreign, h)
		} else {
			own = append(own, h)
		}
	}
	return own, foreign
}

// seekTranslator begins to look for the network's translator, where no other way leads
// to the gateway; and the line goes on when it is found. False: there is no need to.
func (l *line) seekTranslator(c NetworkChange) bool {
	if l.translate.stop != nil {
		l.translate.stop()
		l.translate.stop = nil
	}
	if l.cfg.Translate == nil {
		return false
	}
	inUse := l.info.GatewayAddress
	if slices.Contains(l.translate.hosts, inUse.Addr()) && l.transport.LocalAddr(inUse).Addr() == l.local.Addr() && l.local.IsValid() {
		return false // it is the network of before
	}
	l.translate.hosts = nil
	own, _ := apart(l.gatewayHosts())
	v6 := netip.AddrPortFrom(nat64.WellKnown.Addr(), inUse.Port()) // whether there is IPv6 at all
	if !slices.ContainsFunc(own, netip.Addr.Is4) || slices.ContainsFunc(own, l.hasWay) || !l.transport.LocalAddr(v6).IsValid() {
		return false
	}
	ctx, cancel := context.WithCancel(l.life)
	l.translate.stop = cancel
	l.asking.Go(func() {
		hosts := l.askTranslator(ctx, own)
		l.call(ctx, func() { l.translatedTo(ctx, hosts, c) }, func() {})
	})
	return true
}

// hasWay says whether the system knows a way to a host.
func (l *line) hasWay(host netip.Addr) bool {
	return l.transport.LocalAddr(netip.AddrPortFrom(host, l.info.GatewayAddress.Port())).IsValid()
}

// askTranslator asks until the network has answered, or ctx ends.
func (l *line) askTranslator(ctx context.Context, own []netip.Addr) []netip.Addr {
	for pause := firstSearch; ; pause = min(2*pause, searchesRest) {
		hosts, err := l.cfg.Translate(ctx, own)
		if err == nil {
			return hosts[:min(len(hosts), maxAddresses)]
		}
		l.log.Info("whether this network translates addresses is not known yet", "err", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// translatedTo goes on with the network's word.
func (l *line) translatedTo(ctx context.Context, hosts []netip.Addr, c NetworkChange) {
	if ctx.Err() != nil || l.done || l.quitting() {
		return // the network is another one by now, or the line is over
	}
	l.translate.hosts = hosts
	l.log.Info("this network has no IPv4; the gateway is asked by its translator", "addresses", hosts)
	l.takeWay(c)
}

// decide says what the system should do for the line where it is now.
func (l *line) decide() Network {
	l.world.translators = l.translators()
	return l.world.network()
}

// translators are the prefixes of the network's translator, as far as the line goes by it:
// a program may find the company's addresses in them, too (RFC 6147), past all routes of
// IPv4.
func (l *line) translators() (found []netip.Prefix) {
	hosts := l.gatewayHosts()
	for _, h := range slices.Concat(l.translate.hosts, []netip.Addr{l.info.GatewayAddress.Addr().Unmap()}) {
		for _, o := range hosts {
			for _, p := range nat64.Between(h, o) {
				if !slices.Contains(found, p) && len(found) < nat64.MaxPrefixes {
					found = append(found, p)
				}
			}
		}
	}
	return found
}

// translated is what the network's translator takes for these networks.
func (w world) translated(networks []netip.Prefix) (out []netip.Prefix) {
	for _, p := range w.translators {
		for _, n := range networks {
			if v6, ok := nat64.EmbedPrefix(p, n); ok && !slices.Contains(w.translators, v6) {
				out = append(out, v6)
			}
		}
	}
	return out
}

package tunnel

import (
	"errors"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
)

// Redirects (RFC 5685): a gateway names another, which is held to the same names
// and anchors of the profile. While the line is being made the next attempt goes
// there (Run); one that stands stays until a successor has taken over.

const (
	whyRedirect = "the gateway names another"
	// The bounds of RFC 5685 7: so many redirects in so long a time.
	mostRedirects  = 5
	redirectPeriod = 5 * time.Minute
)

// gateway is where a line goes: by the name or address that it is known by.
type gateway struct {
	id   ike.GatewayID
	from *ike.GatewayID // who sent us there; nil: the profile names it
}

// onward gives where a redirect leads, within the bounds.
func (t *Tunnel) onward(from gateway, to ike.GatewayID) (gateway, error) {
	now := time.Now()
	recent := t.redirects[:0]
	for _, at := range t.redirects {
		if now.Sub(at) < redirectPeriod {
			recent = append(recent, at)
		}
	}
	t.redirects = recent
	if len(recent) == mostRedirects {
		return from, &diagnose.Failure{Cause: diagnose.CauseRedirectLoop, Seen: to.String()}
	}
	t.redirects = append(recent, now)
	t.log.Info("the gateway names another", "gateway", from.id.String(), "other", to.String())
	return gateway{id: to, from: &from.id}, nil
}

// redirection finds a redirect in why an attempt ended.
func redirection(err error) (ike.GatewayID, bool) {
	var f *ike.Failure
	if errors.As(err, &f) && f.Cause == ike.CauseRedirected {
		return f.RedirectTo, true
	}
	return ike.GatewayID{}, false
}

// redirected takes the word of a gateway whose line stands.
func (l *line) redirected(to ike.GatewayID) {
	next, err := l.onward(l.gateway, to)
	if err != nil {
		l.log.Warn("too many redirects: the line stays where it is", "other", to.String())
		return
	}
	l.find(next, func() {}, func(addrs []netip.Addr, err error) {
		if err != nil {
			l.log.Warn("the other gateway cannot be found: the line stays where it is", "other", to.String(), "err", err)
			return
		}
		l.handOver(plan{why: whyRedirect, gateway: next, remotes: l.ends(addrs)})
	})
}

// find looks a gateway up and has the loop go on with its addresses; or calls
// never, where the line ends first.
func (l *line) find(g gateway, never func(), then func([]netip.Addr, error)) {
	ctx := l.life
	l.asking.Go(func() {
		addrs, err := l.resolve(ctx, g.id)
		l.call(ctx, func() { then(addrs, err) }, never)
	})
}

// ends are where IKE_SA_INIT goes at these addresses.
func (l *line) ends(addrs []netip.Addr) (out []netip.AddrPort) {
	for _, a := range addrs {
		out = append(out, l.at(a))
	}
	return out
}

// turn has a successor that was sent elsewhere try there next, with the password
// that it has used already, if it has. An error: it goes nowhere.
func (l *line) turn(h *handover, to ike.GatewayID, creds *credentials) error {
	next, err := l.onward(h.gateway, to)
	if err != nil {
		return err
	}
	again := creds.again()
	l.find(next, again.clear, func(addrs []netip.Addr, err error) {
		switch {
		case l.next != h:
			again.clear()
		case err != nil:
			again.clear()
			l.tryFailed(h, err)
		default:
			h.gateway, h.remotes = next, l.ends(addrs)
			l.tryNext(h, again)
		}
	})
	return nil
}

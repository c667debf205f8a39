package tunnel

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeward-vpn/homeward/client/nat64"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// hotspot is a network of IPv6 only with a translator, for a traveller.
type hotspot struct {
	hasWay func(netip.Addr) bool

	mu     sync.Mutex
	prefix netip.Prefix // zero: there is no translator
	mute   int          // so often there is no answer
	asked  [][]netip.Addr
}

func (h *hotspot) translate(_ context.Context, addrs []netip.Addr) (out []netip.Addr, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.ContainsFunc(addrs, h.hasWay) {
		return nil, nil
	}
	h.asked = append(h.asked, slices.Clone(addrs))
	if h.mute--; h.mute >= 0 {
		return nil, errors.New("no name server answers")
	}
	for _, a := range addrs {
		if v6, ok := nat64.Embed(h.prefix, a); ok {
			out = append(out, v6)
		}
	}
	return out, nil
}

func (h *hotspot) questions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.asked)
}

var hotspotPrefix = netip.MustParsePrefix("2001:db8:64::/96")

// translated is the office's gateway, as the hotspot's translator has it.
func translated(t *testing.T) netip.Addr {
	t.Helper()
	a, ok := nat64.Embed(hotspotPrefix, gatewayAddr)
	if !ok {
		t.Fatal("the gateway has no address of IPv4")
	}
	return a
}

// in64 is a traveller whom a translator leads to the office, which has IPv4 only.
func in64(t *testing.T) (*traveller, Config, *hotspot) {
	t.Helper()
	tr, cfg := newTraveller(t, &iketest.MOBIKE{}, nil)
	tr.also = []netip.Addr{translated(t)}
	h := &hotspot{prefix: hotspotPrefix, hasWay: func(a netip.Addr) bool {
		return mobileSocket{nil, tr.office}.LocalAddr(netip.AddrPortFrom(a, 500)).IsValid()
	}}
	cfg.OpenTransport = func() (Transport, error) { return mobileSocket{tr.reopen(), tr.office}, nil }
	cfg.Translate = h.translate
	return tr, cfg, h
}

// TestLineThroughTranslator (RFC 7050): in a network of IPv6 only the gateway is found
// whose IPv4 address alone is known, and the line goes home with its traveller.
func TestLineThroughTranslator(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", gatewayAddr.String()} {
		synctest.Test(t, func(t *testing.T) {
			tr, cfg, _ := in64(t)
			tr.clients = lte
			if host != "" {
				cfg.Profile.Gateway.Address, cfg.Profile.Gateway.Identity = host, iketest.GatewayName
				cfg.Resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("nobody is to be asked") }
			}
			r := run(t, cfg)
			r.up()
			if at := carries(t, tr.office); at.Addr() != translated(t) {
				t.Errorf("packets go to %v", at)
			}
			tr.goTo(cafe)
			r.info("the line is home", func(i Info) bool { return i.GatewayAddress.Addr() == gatewayAddr })
			if at := carries(t, tr.office); at.Addr() != gatewayAddr {
				t.Errorf("packets go to %v", at)
			}
			r.stop()
		})
	}
}

// TestLineMovesToTranslator: a line goes from IPv4 to a network of IPv6 only, whose name
// servers are slow to answer, to one with another translator, and back; each time by
// MOBIKE, and nobody is asked for a password again. With both families at home the
// gateway's own address is what is used, though the translator's looks reachable.
func TestLineMovesToTranslator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg, h := in64(t)
		var open []netip.AddrPort
		cfg.Reach = func(_ context.Context, gateways []netip.AddrPort) error {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			open = gateways
			return nil
		}
		isOpen := func(a netip.Addr) bool {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			return slices.ContainsFunc(open, func(p netip.AddrPort) bool { return p.Addr() == a })
		}
		other := netip.MustParsePrefix("2001:db8:46::/48")
		elsewhere, ok := nat64.Embed(other, gatewayAddr)
		if !ok {
			t.Fatal("no such prefix")
		}
		tr.also = append(tr.also, elsewhere)
		tr.clients = cafe
		r := run(t, cfg)
		r.up()
		if h.questions() != 0 {
			t.Errorf("asked %v", h.asked)
		}
		if isOpen(translated(t)) {
			t.Error("a way is open that nobody wants yet")
		}

		h.mute = 2
		tr.goTo(lte)
		r.info("the line waits for the network's word", func(i Info) bool { return i.Waiting })
		r.info("the line goes by the translator", func(i Info) bool {
			return !i.Waiting && i.GatewayAddress.Addr() == translated(t)
		})
		if at := carries(t, tr.office); at.Addr() != translated(t) || !isOpen(translated(t)) {
			t.Errorf("packets go to %v, open are %v", at, open)
		}
		n := h.questions()
		tr.goTo(lte)
		<-time.After(time.Second)
		if h.questions() != n {
			t.Error("asked again, in the same network")
		}

		h.mu.Lock()
		h.prefix = other
		h.mu.Unlock()
		tr.goTo(map[bool]netip.AddrPort{false: netip.MustParseAddrPort("[2001:db8:9::7]:40000")})
		r.info("the line goes by the other translator", func(i Info) bool { return i.GatewayAddress.Addr() == elsewhere })
		if isOpen(translated(t)) {
			t.Error("the way by the old translator is still open")
		}

		both := map[bool]netip.AddrPort{true: train[true], false: netip.MustParseAddrPort("[2001:db8:8::7]:40000")}
		tr.goTo(both)
		r.info("the line is home", func(i Info) bool { return i.GatewayAddress.Addr() == gatewayAddr })
		if at := carries(t, tr.office); at.Addr() != gatewayAddr || isOpen(elsewhere) {
			t.Errorf("packets go to %v, open are %v", at, open)
		}
		if tr.asked.Load() != 1 || tr.tuns.Load() != 1 {
			t.Errorf("asked %d times, %d devices", tr.asked.Load(), tr.tuns.Load())
		}
		r.stop()
	})
}

// TestNoTranslator: in a network of IPv6 only without one the line waits, is not asked
// about for ever, and goes on at home.
func TestNoTranslator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg, h := in64(t)
		tr.clients = cafe
		h.prefix = netip.Prefix{}
		r := run(t, cfg)
		r.up()
		tr.goTo(lte)
		r.info("the line waits", func(i Info) bool { return i.Waiting })
		<-time.After(time.Minute)
		if n := h.questions(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		tr.goTo(nowhere)
		tr.goTo(cafe)
		r.info("the line goes on", func(i Info) bool { return !i.Waiting })
		if at := carries(t, tr.office); at.Addr() != gatewayAddr {
			t.Errorf("packets go to %v", at)
		}
		r.stop()
	})
}

// TestHostsInOrder: an address that only looks like a translator's is tried last, and is
// tried.
func TestHostsInOrder(t *testing.T) {
	t.Parallel()
	a := netip.MustParseAddr
	v4, six, looks := a("203.0.113.1"), a("2001:db8:113::1"), a("2001:db8:113::203.0.113.1")
	for _, c := range []struct{ hosts, known, want []netip.Addr }{
		{[]netip.Addr{looks, v4, six}, nil, []netip.Addr{v4, six, looks}},
		{[]netip.Addr{looks, six}, nil, []netip.Addr{looks, six}}, // there is nothing that it could be the translation of
		{[]netip.Addr{looks, v4}, []netip.Addr{a("64:ff9b::203.0.113.1")}, []netip.Addr{v4, a("64:ff9b::203.0.113.1"), looks}},
		{[]netip.Addr{looks, v4}, []netip.Addr{looks}, []netip.Addr{v4, looks}},
	} {
		tr := translation{hosts: c.known}
		if got := tr.order(c.hosts); !slices.Equal(got, c.want) {
			t.Errorf("%v with %v: %v, want %v", c.hosts, c.known, got, c.want)
		}
	}
}

// TestTranslatedHeldBack: beside a split tunnel what the network would translate into its
// networks has no way; in another network it has again.
func TestTranslatedHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, cfg, _ := in64(t)
		cfg.Profile.Traffic = profile.Traffic{Include: prefixes("10.99.0.0/16"), Exclude: prefixes("10.99.7.0/24")}
		tr.clients = lte
		r := run(t, cfg)
		n := r.up().Network
		if !slices.Equal(n.HeldBack, prefixes("2001:db8:64::a63:0/112")) || !slices.Equal(n.Exclude, prefixes("10.99.7.0/24", "2001:db8:64::a63:700/120")) {
			t.Errorf("held back %v, excluded %v", n.HeldBack, n.Exclude)
		}
		tr.goTo(cafe)
		for n := n; len(n.HeldBack) > 0; {
			switch e := (<-r.events).(type) {
			case Up:
				n = e.Network
			}
		}
		r.stop()
	})
}

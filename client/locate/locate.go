// Package locate finds a gateway's addresses while nothing else may leave this
// machine.
//
// It owns the questions to the name servers of the physical network and the file
// that remembers their answers. It opens no socket by itself and no hole in the kill
// switch: both come in as functions. It trusts no answer further than that it names
// addresses to try, for a gateway proves who it is by IKE.
//
//	Find: an address, the hosts file, an answer of a moment ago
//	  -> Servers -> Open -> A and AAAA at the same time, one server after the other,
//	     by UDP, and by TCP where the answer is cut; aliases followed -> close
//	  -> the file -> addresses, those that there is a way to first
//	  nothing found: what the file remembers, however old
//
// Everything is bounded: servers, tries, aliases, addresses, sizes, time, and how
// often a name is asked for. app/homewardd hands Find to client/tunnel.
package locate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Config is what a Locator is made from.
type Config struct {
	// Servers are those of the physical network, in the order in which to ask.
	Servers func() ([]netip.AddrPort, error)
	// Dial opens a connection, "udp" or "tcp", that goes around the tunnel and that
	// the kill switch knows as the service's own.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	// Open lets questions to these servers, and their answers, through the kill
	// switch until the function that it gives is called. nil: nothing is in the way.
	Open func(ctx context.Context, servers []netip.AddrPort) (func(), error)
	// CacheFile remembers answers. "": they are forgotten with the process.
	CacheFile string
	// HostsFile is the system's list of names. "": there is none.
	HostsFile string
	Logger    *slog.Logger     // nil: silent
	Now       func() time.Time // nil: time.Now
}

const (
	// findTime bounds one search, and shortTime one whose answer is known from before.
	findTime, shortTime = 10 * time.Second, 4 * time.Second
	// pause is between two searches for the same name.
	pause        = time.Second
	maxServers   = 4
	maxAddresses = 16 // of one name
)

// ErrNotFound is in every error about a name that has no address.
var ErrNotFound = errors.New("locate: the name has no address")

// Locator finds addresses. It is safe for concurrent use; searches go one by one.
type Locator struct {
	cfg   Config
	cache *cache
	busy  chan struct{}        // holds a token while somebody searches
	asked map[string]time.Time // when a name was asked for last; busy's holder's own
	// translator is that of the network; busy's holder's own.
	translator translator
}

// New makes a Locator. A file that cannot be read is as good as none.
func New(c Config) (*Locator, error) {
	if c.Servers == nil || c.Dial == nil {
		return nil, errors.New("locate: a part is missing")
	}
	if c.Open == nil {
		c.Open = func(context.Context, []netip.AddrPort) (func(), error) { return func() {}, nil }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Locator{cfg: c, cache: openCache(c.CacheFile, c.Now(), c.Logger), busy: make(chan struct{}, 1), asked: map[string]time.Time{}}, nil
}

// Find gives the addresses of a host, best first: those that there is a way to, and
// of these IPv6 before IPv4. It gives at least one, or an error.
func (l *Locator) Find(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	name, err := parseName(host)
	if err != nil {
		return nil, fmt.Errorf("locate: %q is no name: %w", host, ErrNotFound)
	}
	if listed := fromHosts(l.cfg.HostsFile, name); len(listed) > 0 {
		return l.order(ctx, listed), nil
	}
	select {
	case l.busy <- struct{}{}:
		defer func() { <-l.busy }()
	case <-ctx.Done():
		return nil, fmt.Errorf("locate: %s: %w", host, ctx.Err())
	}
	addrs, err := l.search(ctx, name)
	if err != nil {
		return nil, err
	}
	return l.order(ctx, addrs), nil
}

// parseName makes a host's name one that can be asked for: absolute, lower case.
func parseName(host string) (dnsmessage.Name, error) {
	text := strings.ToLower(strings.TrimSuffix(host, "."))
	if len(text) > 253 { // RFC 1035 2.3.4, less the root's label
		return dnsmessage.Name{}, errors.New("too long")
	}
	for label := range strings.SplitSeq(text, ".") {
		if len(label) == 0 || len(label) > 63 {
			return dnsmessage.Name{}, errors.New("a label is empty or too long")
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return dnsmessage.Name{}, errors.New("not ASCII")
	}
	return dnsmessage.NewName(text + ".")
}

// search asks, unless that was done a moment ago, and remembers.
func (l *Locator) search(ctx context.Context, name dnsmessage.Name) ([]netip.Addr, error) {
	host := strings.TrimSuffix(name.String(), ".")
	servers, serr := l.servers()
	known, ok := l.cache.get(host)
	now := l.cfg.Now()
	if ok && serr == nil && known.fresh(now, servers) {
		return known.Addresses, nil
	}
	patience := findTime
	if ok {
		patience = shortTime
	}
	found, err := answer{}, serr
	if err == nil {
		found, err = l.ask(ctx, name, servers, patience)
	}
	if err == nil {
		l.cache.put(host, found.entry(l.cfg.Now(), servers))
		return found.addrs, nil
	}
	if ctx.Err() == nil && ok && known.usable(now) {
		l.cfg.Logger.Warn("the gateway's name cannot be looked up; the addresses of before are used", "host", host, "age", now.Sub(known.At).Round(time.Second), "error", err)
		return known.Addresses, nil
	}
	return nil, fmt.Errorf("locate: %s: %w", host, err)
}

// servers are those to ask, each once and no more than a few.
func (l *Locator) servers() ([]netip.AddrPort, error) {
	all, err := l.cfg.Servers()
	if err != nil {
		return nil, fmt.Errorf("the name servers of the network: %w", err)
	}
	var few []netip.AddrPort
	for _, s := range all {
		if s.IsValid() && s.Port() != 0 && !slices.Contains(few, s) && len(few) < maxServers {
			few = append(few, s)
		}
	}
	if len(few) == 0 {
		return nil, fmt.Errorf("the network names no name server: %w", ErrNotFound)
	}
	return few, nil
}

// ask opens the hole, asks, and closes it.
func (l *Locator) ask(ctx context.Context, name dnsmessage.Name, servers []netip.AddrPort, patience time.Duration) (answer, error) {
	if err := l.wait(ctx, name.String()); err != nil {
		return answer{}, err
	}
	shut, err := l.cfg.Open(ctx, servers)
	if err != nil {
		return answer{}, fmt.Errorf("opening the way to the name servers: %w", err)
	}
	defer shut()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return l.both(ctx, name, servers)
}

// wait keeps the pause between two searches for a name.
func (l *Locator) wait(ctx context.Context, host string) error {
	if left := pause - l.cfg.Now().Sub(l.asked[host]); left > 0 && left <= pause {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if len(l.asked) >= maxNames {
		clear(l.asked)
	}
	l.asked[host] = l.cfg.Now()
	return nil
}

// order puts first what there is a way to.
func (l *Locator) order(ctx context.Context, addrs []netip.Addr) []netip.Addr {
	rank := map[netip.Addr]int{}
	for _, a := range addrs {
		if a.Is4() {
			rank[a]++
		}
		if !l.hasWay(ctx, a) {
			rank[a] += 2
		}
	}
	sorted := slices.Clone(addrs)
	slices.SortStableFunc(sorted, func(a, b netip.Addr) int { return rank[a] - rank[b] })
	return sorted
}

// hasWay says whether there is a way to an address: connecting a socket of UDP asks the
// routes and sends nothing.
func (l *Locator) hasWay(ctx context.Context, a netip.Addr) bool {
	const anyPort = 500
	c, err := l.cfg.Dial(ctx, "udp", netip.AddrPortFrom(a, anyPort))
	if err == nil {
		err = c.Close()
	}
	return err == nil
}

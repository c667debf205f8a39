// Package netmon tells when the network of this machine has changed: a link, an
// address, a route, the Wi-Fi's name, the name servers; and when the machine has
// slept.
//
// It waits for the system's own word and never polls, so that a quiet machine can
// sleep. Everything that can be said is said by one Change, with what the network
// was, what it is, and what of it is different:
//
//	sources (one goroutine each) -> news -> shape: a burst is one Change
//	  -> Snapshot -> compare with the one before -> Change
//
// What repeats without a change (a router that announces the same prefix every few
// seconds, a radio that reports its level) is held back by the sources, and the
// noise of one change by shape: the first word of a burst is told almost at once.
// A Change may name kinds and no difference, where something went and came back in
// between: who holds flows or addresses wants to know that too.
//
// It changes nothing and decides nothing. app/homewardd watches once and hands the
// changes to client/tunnel and client/service.
package netmon

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// Kind is a set of kinds of change.
type Kind uint8

// The kinds.
const (
	Links     Kind = 1 << iota // an interface has come, gone, or been plugged in or out
	Addresses                  // of an interface
	Routes                     // that packets could leave by, in whatever table but Config.OwnTable
	Wireless                   // the Wi-Fi that a link is associated with
	Names                      // name servers, search domains, or who manages them
	Resumed                    // the machine has slept, or this process was stopped or frozen
	// All stands for changes that the system could not tell one by one.
	All = Links | Addresses | Routes
)

// Change is what has changed since the last one.
type Change struct {
	Kinds         Kind
	Before, After Snapshot

	// Slept is how long the machine, or this process, did not run, as far as the
	// clocks tell; with Resumed set it can be 0 where they do not.
	Slept   time.Duration
	Resumed bool

	// What is different between Before and After. Tunnels, ours and others', do not
	// count as links of the network.
	LinksChanged, AddressesChanged, DefaultChanged, WirelessChanged, ResolversChanged bool
	// PathLost and PathFound: see Snapshot.HasPath.
	PathLost, PathFound bool
}

// Servers are the physical network's name servers and search domains.
type Servers struct {
	Servers []netip.AddrPort
	Domains []string
}

// Config says how to watch. The zero Config will do.
type Config struct {
	Logger *slog.Logger
	// Names says who answers names on the physical network, without what a tunnel has
	// set. It may take its time. nil: nobody knows.
	Names func() (Servers, error)
	// OwnTable is a routing table whose changes are our own doing. 0: none.
	OwnTable uint32
	// Settle is how long a change may wait for what belongs to it: an address
	// comes a moment before its routes. 0: 20 ms.
	Settle time.Duration
	// Pause is the least time between two changes. 0: 200 ms.
	Pause time.Duration
}

// The defaults of Config. A line that moves should not lose much more than the
// way there and back: so the first word is quick, and only what follows is slowed.
const (
	defaultSettle = 20 * time.Millisecond
	defaultPause  = 200 * time.Millisecond
)

// filled is a Config with its defaults.
func (c Config) filled() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Settle == 0 {
		c.Settle = defaultSettle
	}
	if c.Pause == 0 {
		c.Pause = defaultPause
	}
	return c
}

// news is what a source has heard.
type news struct {
	kinds Kind
	slept time.Duration // Resumed: as far as the source can tell
	names *Servers      // Names: what they are now; nil: as before
}

// source yields the system's own messages.
type source interface {
	// next blocks for a message and gives what has really changed; no kinds: nothing.
	// After close it returns an error.
	next() (news, error)
	close() error
}

// system is what Watch needs of the operating system.
type system struct {
	// sources by what they tell, for the log. The first is the one that Watch cannot
	// do without.
	sources []namedSource
	// look reads the network but for its name servers.
	look func() (Snapshot, error)
}

type namedSource struct {
	source
	of string
}

// Now reads the network. errors.ErrUnsupported where this system cannot.
func Now(c Config) (Snapshot, error) {
	s, err := look()
	if err != nil || c.Names == nil {
		return s, err
	}
	n, err := c.Names()
	s.Resolvers, s.SearchDomains = n.Servers, n.Domains
	return s, err
}

// Watch watches until ctx ends or the system's word can be had no more; then the
// channel is closed. A Change that nobody has taken yet grows with what follows, so
// that a slow reader loses nothing. errors.ErrUnsupported where this system cannot.
func Watch(ctx context.Context, c Config) (<-chan Change, error) {
	c = c.filled()
	s, err := open(c)
	if err != nil {
		return nil, err
	}
	first, err := Now(c)
	if err != nil {
		c.Logger.Warn("the network could not be read", "error", err)
	}
	return watch(ctx, c, s, first), nil
}

// closeAll closes sources.
func closeAll(sources []namedSource) (err error) {
	for _, s := range sources {
		err = errors.Join(err, s.close())
	}
	return err
}

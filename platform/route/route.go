// Package route leads packets into the tunnel and keeps the service's own
// datagrams out of it.
//
// Set says how it should be; the package compares that with what the kernel
// holds and changes the difference, so that Set may be called as often as the
// network changes. Clear takes everything back.
//
// On Linux the tunnel's routes stand in a table of their own, and one policy
// rule per family sends every packet without the service's mark there:
//
//	26700: not from all fwmark MARK lookup 26733
//
// Why not the main table: a more specific route in main would win over ours, and
// a hostile DHCP server may install any (CVE-2024-3661). Here only what we put
// into the table decides, and its exceptions are `throw` routes, which send the
// lookup on to the main table:
//
//   - what the profile excludes;
//   - the local network, but only private prefixes that are no wider than a
//     site's (see MayClaim), because a DHCP server can claim any prefix as
//     local too, and only where a tunnel route covers them;
//   - beside a split tunnel, the routers of a local network that Config.Keep takes
//     in: who leads out of it often answers names as well.
//   - fe80::/10, for that is the link's own.
//
// A route of the tunnel that is more specific than a local prefix wins over it;
// of two equal ones the local network keeps its own, unless Config.Keep holds it:
// then the company has that network, and the machine still reaches its next hop,
// which no route of a table leads to. Config.Hosts win over any:
// an access point that announces the company's name servers as its neighbours
// would otherwise be asked every name. IPv4 multicast and broadcast follow the
// tunnel's default route like all else of a full tunnel: on the physical side
// they would be a leak.
//
// Config.HeldBack have no way at all: where a network translates between IPv6 and IPv4,
// what it would translate into the tunnel's networks goes past all routes of IPv4.
//
// A family without a route to the tunnel is left alone by a split tunnel. A full
// one holds it back, for half of what programs send would leave in clear
// otherwise, and nobody would notice.
//
// What no route can hold is a socket that a program has bound to the physical
// device: the kernel takes its device for the answer. Such are few (a check for
// captive portals, say), and a packet filter's business.
//
// The gateway's answers arrive on the uplink although an unmarked packet to the
// gateway would leave by the tunnel. Strict reverse path filtering (RFC 3704
// section 2.2) would drop them, so it is set to loose (section 2.4) on the
// interfaces that have a default route.
//
// What somebody else takes away of all this Watch notices, and Set sets again, but
// not for ever (contest.go).
//
// It owns the table, the rules and those settings, all recorded in the ledger
// before they are made. It never decides what should go through the tunnel.
// client/service calls it.
package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"github.com/homeward-vpn/homeward/platform/ledger"
)

// What this package owns in the kernel's routing policy (Linux).
const (
	// Table holds the tunnel's routes: "hm" in ASCII.
	Table = 0x686d // 26733
	// RulePriority stands behind an administrator's own rules and before the
	// main table's (32766).
	RulePriority = 26700
	// Protocol marks our routes and rules as ours (rtm_protocol, FRA_PROTOCOL).
	Protocol = 0x68 // 104
	// DefaultMark is the mark of the service's own datagrams.
	DefaultMark = 0x686d7764 // "hmwd"
)

// Config is how it should be.
type Config struct {
	Interface string // the tunnel device
	// Addresses of the device. Whoever made it has set them; those that somebody has
	// taken away since are set again, for the kernel forgets routes with them.
	Addresses []netip.Prefix
	Mark      uint32 // of the service's own datagrams, 0: DefaultMark
	// Routes go through the tunnel. A full tunnel names 0.0.0.0/0 and ::/0 of
	// the families that it carries.
	Routes []netip.Prefix
	// Exclude stays outside, also where Routes name the same prefix.
	Exclude []netip.Prefix
	// Hosts are single addresses inside Routes that must be reached through the
	// tunnel even where the local network claims them: the name servers.
	Hosts []netip.Addr
	// Keep are networks inside Routes that the local network does not get, whatever it
	// claims. Link-local addresses are the link's own all the same.
	Keep []netip.Prefix
	// HeldBack have no way at all: what a network would translate into Routes.
	HeldBack []netip.Prefix
	// Full says that nothing may leave beside the tunnel but what is excluded
	// or local: a family that Routes leave out, in part or whole, is held back.
	Full bool
}

// Router sets and clears routes. It is safe for concurrent use.
type Router struct {
	ledger *ledger.Ledger
	logger *slog.Logger
	kernel kernel
	// events tells that the system's routing may have changed; nil: nobody tells.
	events func(context.Context) (<-chan struct{}, error)
	rested chan struct{} // holds a token when the rest of a contest is over

	mu       sync.Mutex
	set      Config                      // what Set was last told; zero after Clear
	made     map[netip.Prefix]routeEntry // the table as Set left it
	rules    []rule                      // and the rules
	contest  contest
	changed  bool      // table or rules may hold something of ours
	record   ledger.ID // of table and rules, 0: none
	loosened map[string]loosened
}

// loosened is an interface whose reverse path filter we have changed.
type loosened struct {
	entry  filterEntry
	record ledger.ID
}

// New returns a router that has set nothing yet. ledger may be nil (nothing is
// recorded), logger too.
func New(l *ledger.Ledger, logger *slog.Logger) (*Router, error) {
	k, err := newKernel()
	if err != nil {
		return nil, fmt.Errorf("preparing routes: %w", err)
	}
	r := newRouter(l, logger, k)
	r.events = changes
	return r, nil
}

func newRouter(l *ledger.Ledger, logger *slog.Logger, k kernel) *Router {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Router{ledger: l, logger: logger, kernel: k, loosened: map[string]loosened{}, rested: make(chan struct{}, 1)}
}

// Set makes the system follow c. It changes only what differs, and routes
// stand before the rule that leads to them, so that each family switches over
// at once. After an error the system may be half way: Set again, or Clear.
func (r *Router) Set(c Config) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.Mark == 0 {
		c.Mark = DefaultMark
	}
	if err := c.check(); err != nil {
		return err
	}
	w, err := r.kernel.World(c.Interface)
	if err != nil {
		return fmt.Errorf("reading the routing state: %w", err)
	}
	p := decide(c, w)
	if err := r.contested(c, p); err != nil {
		return err
	}
	for _, n := range p.notes {
		r.logger.Info("routes differ from what was asked", "reason", n.reason, "prefix", n.prefix)
	}
	r.set, r.made, r.rules = c, nil, nil
	if err := r.apply(p, w); err != nil {
		return fmt.Errorf("setting routes: %w", err)
	}
	r.remember(p, w)
	r.logger.Debug("routes are set", "interface", c.Interface, "full", c.Full,
		"added", len(p.add), "removed", len(p.remove))
	return nil
}

// Clear takes back whatever Set has done. Clearing twice does nothing.
func (r *Router) Clear() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set, r.made, r.rules = Config{}, nil, nil
	r.peace()
	var errs []error
	if r.changed {
		err := undoPolicy(r.kernel, ownPolicy)
		if err == nil {
			err = r.forget(r.record)
		}
		if err == nil {
			r.changed, r.record = false, 0
		}
		errs = append(errs, err)
	}
	for name, l := range r.loosened {
		err := undoFilter(r.kernel, l.entry)
		if err == nil {
			err = r.forget(l.record)
		}
		if err == nil {
			delete(r.loosened, name)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clearing routes: %w", err)
	}
	return nil
}

// check refuses what cannot be meant.
func (c Config) check() error {
	if c.Interface == "" {
		return errors.New("setting routes: no interface is named")
	}
	for _, p := range slices.Concat(c.Routes, c.Exclude, c.Keep, c.HeldBack) {
		if !p.IsValid() {
			return errors.New("setting routes: a prefix is not valid")
		}
	}
	if slices.ContainsFunc(c.Hosts, func(a netip.Addr) bool { return !a.IsValid() || a.Is4In6() || a.Zone() != "" }) {
		return errors.New("setting routes: a host's address is not valid")
	}
	return nil
}

// apply makes the changes of a plan, each recorded before. New routes and
// rules stand before old ones go, so that no packet finds a gap.
func (r *Router) apply(p plan, w world) error {
	if err := r.recordPolicy(p, w); err != nil {
		return err
	}
	if p.raise || len(p.readdress) > 0 {
		if err := r.kernel.Restore(r.set.Interface, p.readdress); err != nil {
			return err
		}
	}
	if err := r.kernel.AddRoutes(p.add); err != nil {
		return err
	}
	for _, f := range p.loosen {
		if err := r.loosen(f); err != nil {
			return err
		}
	}
	for _, rule := range p.addRules {
		if err := r.kernel.AddRule(rule); err != nil {
			return err
		}
	}
	for _, rule := range p.dropRules {
		if err := r.kernel.DelRule(rule); err != nil {
			return err
		}
	}
	return r.kernel.DelRoutes(p.remove)
}

// recordPolicy writes the one record that covers table and rules.
func (r *Router) recordPolicy(p plan, w world) error {
	if r.changed || len(p.add)+len(p.addRules)+len(w.have)+len(w.rules) == 0 {
		return nil
	}
	if r.ledger != nil {
		id, err := r.ledger.Record(policyKind, ownPolicy)
		if err != nil {
			return err
		}
		r.record = id
	}
	r.changed = true
	return nil
}

// loosen records and sets the reverse path filter of one interface.
func (r *Router) loosen(f filterEntry) error {
	f.Boot = r.kernel.Boot()
	if _, done := r.loosened[f.Interface]; !done {
		l := loosened{entry: f}
		if r.ledger != nil {
			var err error
			if l.record, err = r.ledger.Record(filterKind, f); err != nil {
				return err
			}
		}
		r.loosened[f.Interface] = l
	}
	return r.kernel.SetFilter(f.Interface, filterLoose)
}

func (r *Router) forget(id ledger.ID) error {
	if r.ledger == nil || id == 0 {
		return nil
	}
	return r.ledger.Forget(id)
}

// Undo returns what the ledger needs to take this package's changes back.
func Undo() map[string]func(json.RawMessage) error {
	return map[string]func(json.RawMessage) error{
		policyKind: func(raw json.RawMessage) error { return replay(raw, undoPolicy) },
		filterKind: func(raw json.RawMessage) error { return replay(raw, undoFilter) },
	}
}

// replay reads a record and undoes it.
func replay[E any](raw json.RawMessage, undo func(kernel, E) error) error {
	var e E
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("reading a record of routes: %w", err)
	}
	k, err := newKernel()
	if err != nil {
		return err
	}
	return undo(k, e)
}

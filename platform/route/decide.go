package route

import (
	"maps"
	"net/netip"
	"slices"
)

// world is what a decision is made from: the state of the system as Set found it.
type world struct {
	link    int                         // index of the tunnel device
	ipv6    bool                        // IPv6 exists and is on for that device
	hasIPv6 bool                        // IPv6 exists, on whatever device
	down    bool                        // somebody has switched that device off
	own     []netip.Prefix              // its addresses
	local   []netip.Prefix              // on-link prefixes of all other interfaces
	routers []netip.Addr                // next hops of default routes
	have    map[netip.Prefix]routeEntry // our routes in the table
	rules   []rule                      // our rules
	filters []filterState               // interfaces with an IPv4 default route
}

// filterState is an interface's reverse path filter.
type filterState struct {
	name      string
	own       int // conf.NAME.rp_filter
	effective int // the larger of that and conf.all.rp_filter, which the kernel obeys
}

// Values of rp_filter (the kernel's ip-sysctl document).
const (
	filterStrict = 1
	filterLoose  = 2
)

// routeEntry is one route of the table.
type routeEntry struct {
	prefix netip.Prefix
	throw  bool // on to the next rule
	refuse bool // no way: whoever sends is told at once
	link   int  // index of the tunnel device, 0 for throw and refuse
}

// rule is one policy rule: `not fwmark mark lookup Table`.
type rule struct {
	ipv6 bool
	mark uint32
}

// plan is what has to change.
type plan struct {
	add       []routeEntry // new ones, and such as replace one of ours
	remove    []routeEntry
	addRules  []rule
	dropRules []rule
	loosen    []filterEntry
	readdress []netip.Prefix // addresses that the device has lost
	raise     bool           // the device is to be switched on again
	notes     []note
}

// empty says that all is as it should be.
func (p plan) empty() bool {
	return len(p.add)+len(p.remove)+len(p.addRules)+len(p.dropRules)+len(p.loosen)+len(p.readdress) == 0 && !p.raise
}

// note is something that a person who reads the log may want to know.
type note struct {
	prefix netip.Prefix
	reason string
}

// decide is a pure function of what is wanted and what is there.
func decide(c Config, w world) plan {
	var p plan
	want := wanted(c, w, &p)
	for _, prefix := range sorted(want) {
		if e := want[prefix]; w.have[prefix] != e {
			p.add = append(p.add, e)
		}
	}
	for _, prefix := range sorted(w.have) {
		if _, keep := want[prefix]; !keep {
			p.remove = append(p.remove, w.have[prefix])
		}
	}
	p.rules(wantedRules(c, want), w.rules)
	p.raise = w.down
	for _, a := range c.Addresses {
		if !slices.Contains(w.own, a) && (a.Addr().Is4() || w.ipv6) {
			p.readdress = append(p.readdress, a)
		}
	}
	if hasFamily(want, false) {
		for _, f := range w.filters {
			if f.effective == filterStrict {
				p.loosen = append(p.loosen, filterEntry{Interface: f.name, Before: f.own})
			}
		}
	}
	return p
}

// wanted is the whole table as it should be.
func wanted(c Config, w world, p *plan) map[netip.Prefix]routeEntry {
	want := make(map[netip.Prefix]routeEntry, len(c.Routes)+len(c.Exclude)+len(w.local)+1)
	for _, prefix := range c.Routes {
		prefix = prefix.Masked()
		if prefix.Addr().Is6() && !w.ipv6 {
			p.notes = append(p.notes, note{prefix, "IPv6 is off on this machine"})
			continue
		}
		want[prefix] = routeEntry{prefix: prefix, link: w.link}
	}
	if c.Full {
		holdBack(want, w, p)
	}
	for _, prefix := range c.HeldBack {
		prefix = prefix.Masked()
		if _, carried := want[prefix]; !carried && (prefix.Addr().Is4() || w.hasIPv6) {
			want[prefix] = routeEntry{prefix: prefix, refuse: true}
		}
	}
	tunnel := maps.Clone(want)
	for _, prefix := range localPrefixes(w.local) {
		if kept(prefix, c.Keep) {
			p.notes = append(p.notes, note{prefix, "the company has addresses of the local network"})
			routers(prefix, c, w, tunnel, want)
			continue
		}
		if covered(prefix, tunnel) {
			if _, same := tunnel[prefix]; same {
				p.notes = append(p.notes, note{prefix, "the local network has the same prefix and keeps it"})
			}
			want[prefix] = routeEntry{prefix: prefix, throw: true}
		}
	}
	for _, prefix := range c.Keep {
		prefix = prefix.Masked()
		if covered(prefix, tunnel) && (prefix.Addr().Is4() || w.ipv6) {
			want[prefix] = routeEntry{prefix: prefix, link: w.link}
		}
	}
	for _, prefix := range c.Exclude {
		prefix = prefix.Masked()
		if covered(prefix, tunnel) {
			want[prefix] = routeEntry{prefix: prefix, throw: true}
		}
	}
	hosts(c, w, tunnel, want, p)
	return want
}

// holdBack gives every family that a full tunnel carries in part or not at all an
// end here, so that it does not go on beside the tunnel. IPv6 is refused, which
// lets programs turn to IPv4 at once. IPv4 goes into the tunnel, which has no SA
// for it: without a way to the gateway in this table, the kernel's reverse path
// filter would drop what the gateway sends.
func holdBack(want map[netip.Prefix]routeEntry, w world, p *plan) {
	for _, e := range []routeEntry{
		{prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0), link: w.link},
		{prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0), refuse: true},
	} {
		if _, carried := want[e.prefix]; carried || e.refuse && !w.hasIPv6 {
			continue
		}
		want[e.prefix] = e
		p.notes = append(p.notes, note{e.prefix, "the tunnel does not carry all of this family, so the rest is held back"})
	}
}

// hosts leads single addresses into the tunnel, past a local network that
// holds them too: the longer prefix wins. What the profile excludes stays out.
func hosts(c Config, w world, tunnel, want map[netip.Prefix]routeEntry, p *plan) {
	for _, a := range c.Hosts {
		host := netip.PrefixFrom(a, a.BitLen())
		if !covered(host, tunnel) || a.Is6() && !w.ipv6 {
			continue
		}
		if slices.ContainsFunc(c.Exclude, func(e netip.Prefix) bool { return e.Contains(a) }) {
			continue
		}
		for _, l := range localPrefixes(w.local) {
			if l.Contains(a) {
				p.notes = append(p.notes, note{l, "the local network holds an address that the tunnel must reach"})
			}
		}
		want[host] = routeEntry{prefix: host, link: w.link}
	}
}

// kept says whether a local network has to do without its addresses.
func kept(local netip.Prefix, keep []netip.Prefix) bool {
	return local != linkLocal && slices.ContainsFunc(keep, func(k netip.Prefix) bool {
		return k.Bits() <= local.Bits() && k.Contains(local.Addr())
	})
}

// routers leaves those of a local network that the company has within reach. A full
// tunnel has no need of them, and any host can say that it is one.
func routers(local netip.Prefix, c Config, w world, tunnel, want map[netip.Prefix]routeEntry) {
	for _, r := range w.routers {
		if host := netip.PrefixFrom(r, r.BitLen()); !c.Full && local.Contains(r) && covered(host, tunnel) {
			want[host] = routeEntry{prefix: host, throw: true}
		}
	}
}

// private are the prefixes that a local network may claim for itself: RFC 1918,
// RFC 3927, RFC 4193 and RFC 4291 section 2.5.6. minBits bounds how wide a
// claim may be. An access point that announces all of 10.0.0.0/8 as on-link
// would otherwise pull a company's network out of a full tunnel.
var private = []struct {
	within  netip.Prefix
	minBits int
}{
	{netip.MustParsePrefix("10.0.0.0/8"), 16},
	{netip.MustParsePrefix("172.16.0.0/12"), 16},
	{netip.MustParsePrefix("192.168.0.0/16"), 16},
	{netip.MustParsePrefix("169.254.0.0/16"), 16},
	{netip.MustParsePrefix("fc00::/7"), 48},
	{netip.MustParsePrefix("fe80::/10"), 10},
}

// linkLocal is always the link's own.
var linkLocal = netip.MustParsePrefix("fe80::/10")

// localPrefixes keeps of the on-link prefixes those that a local network may
// claim, and adds the link-local one of IPv6. Host prefixes (a point-to-point
// link's own address) say nothing about a network.
func localPrefixes(onLink []netip.Prefix) []netip.Prefix {
	keep := []netip.Prefix{linkLocal}
	for _, p := range onLink {
		p = p.Masked()
		if p.IsSingleIP() || linkLocal.Contains(p.Addr()) {
			continue
		}
		if MayClaim(p) {
			keep = append(keep, p)
		}
	}
	return keep
}

// MayClaim says whether a local network may have a prefix for itself, where the tunnel
// has it too: it is private, and no wider than a site.
func MayClaim(p netip.Prefix) bool {
	for _, r := range private {
		if r.within.Contains(p.Addr()) && p.Bits() >= r.minBits {
			return true
		}
	}
	return false
}

// covered tells whether a route of the tunnel leads p there: p itself or a
// wider prefix is one. At most 129 look-ups, whatever the table's size.
func covered(p netip.Prefix, tunnel map[netip.Prefix]routeEntry) bool {
	for bits := p.Bits(); bits >= 0; bits-- {
		wider, err := p.Addr().Prefix(bits)
		if err != nil {
			return false
		}
		if _, ok := tunnel[wider]; ok {
			return true
		}
	}
	return false
}

// wantedRules: one for each family that has a route into the tunnel.
func wantedRules(c Config, want map[netip.Prefix]routeEntry) []rule {
	var rules []rule
	for _, ipv6 := range []bool{false, true} {
		if hasFamily(want, ipv6) {
			rules = append(rules, rule{ipv6: ipv6, mark: c.Mark})
		}
	}
	return rules
}

func hasFamily(want map[netip.Prefix]routeEntry, ipv6 bool) bool {
	for _, e := range want {
		if !e.throw && e.prefix.Addr().Is6() == ipv6 {
			return true
		}
	}
	return false
}

func (p *plan) rules(want, have []rule) {
	for _, r := range want {
		if !slices.Contains(have, r) {
			p.addRules = append(p.addRules, r)
		}
	}
	for i, r := range have {
		if !slices.Contains(want, r) || slices.Contains(have[:i], r) {
			p.dropRules = append(p.dropRules, r)
		}
	}
}

// sorted returns the prefixes in an order that makes runs repeatable.
func sorted(m map[netip.Prefix]routeEntry) []netip.Prefix {
	return slices.SortedFunc(maps.Keys(m), netip.Prefix.Compare)
}

package tunnel

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// maxRoutes bounds the routes of one line that are the gateway's doing. Few
// gateways carry more than a dozen networks, but the ranges of a hostile one can be
// cut into thousands, and cut the profile's networks into as many.
const maxRoutes = 1024

// most bounds the routes of one line: what the profile names, which was checked
// when it came in, and what the gateway may add.
func (w world) most() int {
	return len(w.profile.Traffic.Include) + len(w.profile.Traffic.AllowPushed) + maxRoutes
}

// maxRefused bounds what a person is told of it.
const maxRefused = 20

// world is what network decides from: the profile's wish, the gateway's word,
// and the networks that this machine is directly on.
type world struct {
	profile *profile.Profile
	given   ike.Configuration
	remote  []wire.TrafficSelector // what the Child SA carries
	local   []netip.Prefix         // on-link prefixes
	// mayClaim says which of those a network may have for itself; nil: all.
	mayClaim func(netip.Prefix) bool
	// translators are the prefixes by which the network leads to IPv4.
	translators []netip.Prefix
}

// network says what routes and DNS should be. The gateway may claim only what
// the profile allows; what it claims beyond that is listed in Refused.
func (w world) network() Network {
	n := w.decide()
	if more := len(n.Refused) - maxRefused; more > 0 {
		n.Refused = append(n.Refused[:maxRefused:maxRefused], fmt.Sprintf("The gateway sent %d more things that are not used.", more))
	}
	return n
}

func (w world) decide() Network {
	var n Network
	n.Addresses = w.addresses()
	carried, refused := w.carried(n.Addresses)
	n.Routes, n.Refused = w.routes(carried)
	n.Refused = append(n.Refused, refused...)
	n.Full = w.profile.Traffic.Full && slices.ContainsFunc(n.Routes, func(p netip.Prefix) bool { return p.Bits() == 0 })
	n.Exclude = slices.Clone(w.profile.Traffic.Exclude)

	n.DNS, refused = w.resolvers(carried, n.Routes)
	n.Refused = append(n.Refused, refused...)
	for _, a := range n.DNS {
		if !anyContains(n.Routes, a) {
			n.Routes = append(n.Routes, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	n.Keep, n.Overlaps = w.overlaps(n)
	if !n.Full { // else all of IPv6 is the tunnel's, or held back
		n.HeldBack = w.translated(n.Routes)
		n.Exclude = append(n.Exclude, w.translated(n.Exclude)...)
	}
	n.Search = slices.Clone(w.profile.DNS.Search)
	if n.Full {
		return n // every name goes to the company's servers, whoever names domains
	}
	n.Domains, refused = w.domains(len(n.DNS) > 0)
	n.Refused = append(n.Refused, refused...)
	return n
}

// addresses are the inner addresses as host prefixes: the tunnel has no other
// hosts on its link, whatever netmask the gateway sent.
func (w world) addresses() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range w.given.Addresses {
		a := p.Addr().Unmap()
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out
}

// carried is what the Child SA's selectors let through, for the families that
// we have an address of, as far as maxRoutes goes.
func (w world) carried(addresses []netip.Prefix) (out []netip.Prefix, refused []string) {
	for _, ts := range w.remote {
		if !slices.ContainsFunc(addresses, func(a netip.Prefix) bool { return a.Addr().Is4() == ts.Start.Is4() }) {
			continue
		}
		for _, p := range ts.Prefixes() {
			if len(out) == maxRoutes {
				return out, []string{fmt.Sprintf("The gateway's networks beyond the first %d are not used.", maxRoutes)}
			}
			out = append(out, p)
		}
	}
	return out, nil
}

// routes is what goes into the tunnel: the profile's wish, and the gateway's
// word as far as the profile and the local network allow.
func (w world) routes(carried []netip.Prefix) (routes []netip.Prefix, refused []string) {
	t := w.profile.Traffic
	want, named := slices.Clone(t.Include), w.given.Subnets
	switch {
	case t.Full:
		want, named = carried, nil
	case len(want) == 0 && len(named) == 0:
		// Nobody named a subnet: what the gateway narrowed the selectors to
		// is its answer to what it carries. It may claim no more by that way.
		named = w.narrowed(carried)
	}
	if t.AcceptPushed || len(t.Include) == 0 {
		for _, p := range named {
			if reason := w.refuseSubnet(p); reason != "" {
				refused = append(refused, reason)
				continue
			}
			want = append(want, p)
		}
	}
	seen := make(map[netip.Prefix]bool, len(want))
	cut := 0
	for i, p := range want {
		for _, c := range carried {
			q, ok := intersect(p, c)
			if !ok || seen[q] {
				continue
			}
			if q != p {
				if cut++; cut > maxRoutes {
					continue
				}
			}
			seen[q] = true
			// A part of what was wanted can be a part of the local network, too. What
			// the profile names itself is its own wish, whatever the network.
			if own := q == p && !t.Full && i < len(t.Include) && t.Overlap != profile.OverlapLocal; !own {
				if reason := w.localPart(q); reason != "" {
					refused = append(refused, reason)
					continue
				}
			}
			routes = append(routes, q)
			if q == p {
				break // nothing is left of it
			}
		}
	}
	return routes, refused
}

// narrowed is what of the selectors the profile allows; without an allow-list
// all of them, and what lies within the local network is refused later.
func (w world) narrowed(carried []netip.Prefix) []netip.Prefix {
	allow := w.profile.Traffic.AllowPushed
	if len(allow) == 0 {
		return carried
	}
	var out []netip.Prefix
	for _, c := range carried {
		for _, a := range allow {
			if q, ok := intersect(c, a); ok && len(out) < w.most() {
				out = append(out, q)
			}
		}
	}
	return out
}

// refuseSubnet says why a pushed subnet is not taken; "" when it is.
func (w world) refuseSubnet(p netip.Prefix) string {
	allow := w.profile.Traffic.AllowPushed
	if len(allow) > 0 && !slices.ContainsFunc(allow, func(a netip.Prefix) bool { return within(p, a) }) {
		return fmt.Sprintf("The gateway's network %s is not used: the profile does not allow it.", p)
	}
	return w.localPart(p)
}

// resolvers are the servers that the tunnel carries. One of the gateway's that
// lies outside the routes gets a route of its own, and so must be a network that
// the gateway may name.
func (w world) resolvers(carried, routes []netip.Prefix) (servers []netip.Addr, refused []string) {
	own := w.profile.DNS.Servers
	wanted := w.given.DNS
	if len(own) > 0 {
		wanted = own
	}
	for _, a := range wanted {
		if !anyContains(carried, a) {
			continue
		}
		if host := netip.PrefixFrom(a, a.BitLen()); len(own) == 0 && !w.everything(routes, a) {
			reason := w.localPart(host) // the network's own route would win
			if !anyContains(routes, a) {
				reason = w.refuseSubnet(host)
			}
			if reason != "" {
				refused = append(refused, reason)
				continue
			}
		}
		servers = append(servers, a)
	}
	return servers, refused
}

// everything: of a full tunnel a name server gets the way that goes before the local
// network's. Else whoever runs that would be asked every name.
func (w world) everything(routes []netip.Prefix, server netip.Addr) bool {
	return w.profile.Traffic.Full && slices.ContainsFunc(routes, func(p netip.Prefix) bool { return p.Bits() == 0 && p.Contains(server) })
}

// domains are the split-DNS names: the profile's own, and the gateway's where
// the profile takes them. Without a server to ask they would go nowhere
// (RFC 8598 3.2).
func (w world) domains(served bool) (domains, refused []string) {
	seen := make(map[string]bool, len(w.profile.DNS.Domains))
	add := func(d string) {
		if !seen[d] {
			domains, seen[d] = append(domains, d), true
		}
	}
	for _, d := range w.profile.DNS.Domains {
		add(normalDomain(d))
	}
	if !w.profile.DNS.AcceptPushed {
		for _, d := range w.given.Domains {
			refused = append(refused, fmt.Sprintf("The gateway's domain %q is not used: the profile takes no domains from the gateway.", d))
		}
		return domains, refused
	}
	if !served {
		for _, d := range w.given.Domains {
			refused = append(refused, fmt.Sprintf("The gateway's domain %q is not used: there is no name server for it in the tunnel.", d))
		}
		return domains, refused
	}
	allow := make(map[string]bool, len(w.profile.DNS.AllowPushed))
	for _, a := range w.profile.DNS.AllowPushed {
		allow[normalDomain(a)] = true
	}
	for _, d := range w.given.Domains {
		name := normalDomain(d)
		if name != "" && !profile.ValidHostname(name) {
			// Nobody could ask for it, and no resolver's configuration takes it.
			refused = append(refused, fmt.Sprintf("The gateway's domain %q is not used: it is not a domain name.", d))
			continue
		}
		if suffix, _ := publicsuffix.PublicSuffix(name); name == "" || suffix == name && !privateUse(name) {
			refused = append(refused, fmt.Sprintf("The gateway's domain %q is not used: it is a public suffix, not a company's.", d))
			continue
		}
		if len(allow) > 0 && !allows(allow, name) {
			refused = append(refused, fmt.Sprintf("The gateway's domain %q is not used: the profile does not allow it.", d))
			continue
		}
		add(name)
	}
	return domains, refused
}

// allows holds a pushed domain against the profile's allow-list: it, or one above
// it, must be there.
func allows(allow map[string]bool, name string) bool {
	for ; name != ""; _, name, _ = strings.Cut(name, ".") {
		if allow[name] {
			return true
		}
	}
	return false
}

// privateUse reports a single label that is no public suffix: the list's own
// default rule takes every unknown label for one, yet "corp" or "lan" are what
// companies use inside.
func privateUse(name string) bool {
	_, listed := publicsuffix.PublicSuffix(name)
	return !listed && !strings.Contains(name, ".") && name != ""
}

func normalDomain(d string) string { return strings.ToLower(strings.Trim(strings.TrimSpace(d), ".")) }

func anyContains(ps []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
}

// within says whether all of p is in o.
func within(p, o netip.Prefix) bool { return o.Bits() <= p.Bits() && o.Contains(p.Addr()) }

// intersect gives the smaller of two prefixes where one holds the other.
func intersect(a, b netip.Prefix) (netip.Prefix, bool) {
	if !a.Overlaps(b) {
		return netip.Prefix{}, false
	}
	if a.Bits() >= b.Bits() {
		return a.Masked(), true
	}
	return b.Masked(), true
}

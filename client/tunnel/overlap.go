package tunnel

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The network that this machine is in and the company may have the same addresses: both
// use 192.168.1.0/24, or whoever runs this one claims the company's, to have its traffic.
// Who has them then:
//
//	                         split tunnel              full tunnel
//	the network's claim is   the company               the company
//	too wide, or not private
//	nobody has chosen        the network; the company  the network; what the profile
//	                         where the profile names   names, and name servers, the
//	                         a part of it              company
//	company                  the company
//	local                    the network; name servers of the company the company
//
// The routers of the network are within reach whoever has it. It is decided anew whenever
// the machine comes to another network, and said in a sentence each time.

// localPart says why a part of a network that this machine is directly on is
// not taken: such a route would win over the network's own. The profile may
// name that network, or a part of it.
func (w world) localPart(p netip.Prefix) string {
	t := w.profile.Traffic
	if t.Overlap == profile.OverlapCompany {
		return ""
	}
	for _, l := range w.local {
		named := func(n netip.Prefix) bool { return within(n, l) && within(p, n) }
		chosen := slices.ContainsFunc(t.Include, named) || slices.ContainsFunc(t.AllowPushed, named)
		if t.Overlap == profile.OverlapLocal {
			chosen = false
		}
		if within(p, l) && w.claims(l) && !chosen {
			return fmt.Sprintf("The gateway's network %s is not used: it is part of the local network %s.", p, l)
		}
	}
	return ""
}

// claims says whether a network may have these addresses for itself.
func (w world) claims(l netip.Prefix) bool { return w.mayClaim == nil || w.mayClaim(l) }

// overlaps says what of n's routes no local network gets, also one that claims it later,
// and tells of each that has addresses of the company's.
func (w world) overlaps(n Network) (keep []netip.Prefix, said []string) {
	t := w.profile.Traffic
	switch {
	case t.Overlap == profile.OverlapCompany:
		keep = slices.Clone(n.Routes)
	case t.Overlap == profile.OverlapDefault && n.Full:
		for _, p := range t.Include {
			for _, r := range n.Routes {
				if q, ok := intersect(p, r); ok && !slices.Contains(keep, q) {
					keep = append(keep, q)
				}
			}
		}
	}
	company := w.company(n)
	for _, l := range w.local {
		if i := slices.IndexFunc(company, l.Overlaps); i >= 0 {
			said = append(said, w.overlap(l, company[i]))
		}
	}
	return keep, said
}

// company is what is known of the company's own networks, those that most is known of
// first. That everything goes through the tunnel says nothing of whose it is.
func (w world) company(n Network) []netip.Prefix {
	t := w.profile.Traffic
	networks := slices.Concat(t.Include, w.given.Subnets)
	if !t.Full && len(networks) == 0 {
		carried, _ := w.carried(n.Addresses)
		networks = w.narrowed(carried)
	}
	for _, a := range n.DNS {
		networks = append(networks, netip.PrefixFrom(a, a.BitLen()))
	}
	return slices.DeleteFunc(networks, func(p netip.Prefix) bool { return p.Bits() == 0 })
}

// overlap says who has the addresses that a local network and one of the company's have
// both.
func (w world) overlap(l, c netip.Prefix) string {
	t := w.profile.Traffic
	both := fmt.Sprintf("The network you are in, %s, and the company's, %s, have the same addresses, and those ", l, c)
	change := func(word string) string {
		return fmt.Sprintf("; «homewardctl overlap %s %s» changes that.", argument(w.profile.Name), word)
	}
	switch {
	case t.Overlap == profile.OverlapCompany:
		return both + "go to the company, so what is in the network you are in, a printer say, cannot be reached" + change("local")
	case !w.claims(l):
		return both + "go to the company, for no local network may claim them; be careful with it."
	case t.Overlap == profile.OverlapLocal:
		return both + "go to the network you are in, as you chose" + change("company")
	case t.Full && slices.Contains(t.Include, c):
		return both + "go to the company, as the profile says" + change("local")
	case c.IsSingleIP() || slices.Contains(t.Include, c) && c.Bits() > l.Bits():
		return fmt.Sprintf("The network you are in, %s, has addresses of the company's, %s, and those go to the company, the others to the network you are in%s", l, c, change("company"))
	}
	return both + "go to the network you are in" + change("company")
}

// argument is a name as it is typed into a shell.
func argument(name string) string {
	if name == "" || strings.ContainsAny(name, " \t\"'`$&|;<>()*?[]{}~#!\\") {
		return strconv.Quote(name)
	}
	return name
}

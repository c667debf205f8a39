package route

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// linux is the real kernel, spoken to over rtnetlink and /proc/sys.
type linux struct{}

func newKernel() (kernel, error) { return linux{}, nil }

const (
	procIPv4 = "/proc/sys/net/ipv4/conf"
	procIPv6 = "/proc/sys/net/ipv6/conf"
)

func (k linux) World(tunnel string) (world, error) {
	link, err := netlink.LinkByName(tunnel)
	if err != nil {
		return world{}, fmt.Errorf("finding %s: %w", tunnel, err)
	}
	w := world{link: link.Attrs().Index, ipv6: ipv6On(tunnel), have: map[netip.Prefix]routeEntry{}}
	_, err = os.Stat(procIPv6)
	w.hasIPv6 = err == nil
	w.down = link.Attrs().Flags&net.FlagUp == 0
	if w.own, w.local, err = addresses(w.link); err != nil {
		return w, err
	}
	routes, rules, err := k.Own(ownPolicy)
	if err != nil {
		return w, err
	}
	for _, e := range routes {
		w.have[e.prefix] = e
	}
	w.rules = rules
	if w.filters, err = k.filters(w.link); err != nil {
		return w, err
	}
	w.routers, err = nextHops(w.link)
	return w, err
}

// ipv6On: IPv6 is built in and not switched off for this interface.
func ipv6On(name string) bool {
	raw, err := os.ReadFile(filepath.Join(procIPv6, name, "disable_ipv6"))
	return err == nil && strings.TrimSpace(string(raw)) == "0"
}

// addresses reads those of the tunnel, and the prefixes that every other interface
// but the loopback is on. Addresses rather than routes: a route is easier to plant.
func addresses(tunnel int) (own, local []netip.Prefix, err error) {
	addrs, err := whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, nil, fmt.Errorf("listing addresses: %w", err)
	}
	for _, a := range addrs {
		if a.IPNet == nil || a.IP.IsLoopback() {
			continue
		}
		p, ok := prefixOf(a.IPNet)
		switch host, _ := netip.AddrFromSlice(a.IP); {
		case !ok:
		case a.LinkIndex == tunnel:
			own = append(own, netip.PrefixFrom(host.Unmap(), p.Bits()))
		case !slices.Contains(local, p):
			local = append(local, p)
		}
	}
	return own, local, nil
}

func (linux) Restore(tunnel string, addresses []netip.Prefix) error {
	link, err := netlink.LinkByName(tunnel)
	if err != nil {
		return fmt.Errorf("finding %s: %w", tunnel, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("switching %s on: %w", tunnel, err)
	}
	for _, p := range addresses {
		a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD // nobody else is on this link
		}
		if err := netlink.AddrReplace(link, a); err != nil {
			return fmt.Errorf("giving %s its address %s: %w", tunnel, p, err)
		}
	}
	return nil
}

// listings bounds how often a listing is asked for anew.
const listings = 20

// whole asks for a listing until the kernel has given it in one piece. One that
// a change interrupted may lack entries, and a rule of ours that is missed while
// changes are taken back would stay for ever.
func whole[E any](list func() ([]E, error)) (all []E, err error) {
	for range listings {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return nil, err
}

// prefixOf turns netlink's form into ours; false for what is none.
func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	a, ok := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if !ok || bits == 0 {
		return netip.Prefix{}, false
	}
	if bits == 32 {
		a = a.Unmap()
	}
	p := netip.PrefixFrom(a, ones)
	return p.Masked(), p.IsValid()
}

func (linux) Own(e policyEntry) ([]routeEntry, []rule, error) {
	var routes []routeEntry
	var rules []rule
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rs, err := tableRoutes(family, e)
		if err != nil {
			return nil, nil, err
		}
		routes = append(routes, rs...)
		all, err := whole(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
		if noFamily(err) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("listing rules: %w", err)
		}
		for _, r := range all {
			if r.Priority == e.Priority && r.Table == e.Table && int(r.Protocol) == e.Protocol {
				rules = append(rules, rule{ipv6: family == netlink.FAMILY_V6, mark: r.Mark})
			}
		}
	}
	return routes, rules, nil
}

// tableRoutes reads our routes of one family.
func tableRoutes(family int, e policyEntry) ([]routeEntry, error) {
	filter := &netlink.Route{Table: e.Table, Protocol: netlink.RouteProtocol(e.Protocol)}
	list, err := whole(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
	})
	if noFamily(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing routes: %w", err)
	}
	var routes []routeEntry
	for _, r := range list {
		// The filter looks at one property at a time.
		if r.Table != e.Table || int(r.Protocol) != e.Protocol {
			continue
		}
		p := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		if family == netlink.FAMILY_V4 {
			p = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		}
		if r.Dst != nil {
			var ok bool
			if p, ok = prefixOf(r.Dst); !ok {
				continue
			}
		}
		entry := routeEntry{prefix: p, throw: r.Type == unix.RTN_THROW, refuse: r.Type == unix.RTN_UNREACHABLE}
		if !entry.throw && !entry.refuse {
			entry.link = r.LinkIndex
		}
		routes = append(routes, entry)
	}
	return routes, nil
}

// noFamily: a kernel without IPv6.
func noFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)
}

func (linux) AddRule(r rule) error {
	err := netlink.RuleAdd(r.netlink())
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("adding the policy rule: %w", err)
	}
	return nil
}

func (linux) DelRule(r rule) error {
	err := netlink.RuleDel(r.netlink())
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing the policy rule: %w", err)
	}
	return nil
}

func (r rule) netlink() *netlink.Rule {
	n := netlink.NewRule()
	n.Family = netlink.FAMILY_V4
	if r.ipv6 {
		n.Family = netlink.FAMILY_V6
	}
	mask := ^uint32(0)
	n.Priority, n.Table, n.Mark, n.Mask, n.Invert, n.Protocol = RulePriority, Table, r.mark, &mask, true, Protocol
	return n
}

// filters reads the reverse path filter of every interface that the main table
// sends its IPv4 default route to.
func (k linux) filters(tunnel int) ([]filterState, error) {
	list, err := whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return nil, fmt.Errorf("listing default routes: %w", err)
	}
	all, _, err := k.Filter("all")
	if err != nil {
		return nil, err
	}
	var states []filterState
	for _, index := range defaultLinks(list) {
		if index == tunnel {
			continue
		}
		i, err := net.InterfaceByIndex(index)
		if err != nil {
			continue // gone since the listing
		}
		own, exists, err := k.Filter(i.Name)
		if err != nil {
			return nil, err
		}
		if exists {
			states = append(states, filterState{name: i.Name, own: own, effective: max(own, all)})
		}
	}
	return states, nil
}

// nextHops are the routers of the main table's default routes, but for those with an
// address of the link's own.
func nextHops(tunnel int) (hops []netip.Addr, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, family) })
		if noFamily(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing default routes: %w", err)
		}
		for _, r := range list {
			if ones := 0; r.Dst != nil {
				if ones, _ = r.Dst.Mask.Size(); ones != 0 {
					continue
				}
			}
			a, ok := netip.AddrFromSlice(r.Gw)
			if a = a.Unmap(); ok && r.LinkIndex != tunnel && !a.IsLinkLocalUnicast() && !slices.Contains(hops, a) {
				hops = append(hops, a)
			}
		}
	}
	return hops, nil
}

// defaultLinks returns the interfaces of default routes, each once.
func defaultLinks(list []netlink.Route) []int {
	var links []int
	for _, r := range list {
		if r.Dst != nil {
			if ones, _ := r.Dst.Mask.Size(); ones != 0 {
				continue
			}
		}
		indexes := []int{r.LinkIndex}
		for _, hop := range r.MultiPath {
			indexes = append(indexes, hop.LinkIndex)
		}
		for _, i := range indexes {
			if i != 0 && !slices.Contains(links, i) {
				links = append(links, i)
			}
		}
	}
	return links
}

func (linux) Filter(name string) (int, bool, error) {
	raw, err := os.ReadFile(filepath.Join(procIPv4, name, "rp_filter"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	value, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	return value, true, err
}

func (linux) SetFilter(name string, value int) error {
	path := filepath.Join(procIPv4, name, "rp_filter")
	err := os.WriteFile(path, []byte(strconv.Itoa(value)), 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("setting the reverse path filter of %s: %w", name, err)
	}
	return nil
}

func (linux) Boot() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

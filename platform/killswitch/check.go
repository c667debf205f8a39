package killswitch

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// Bounds of a policy: far above what a line needs, far below what the kernel
// takes in one transaction.
const (
	maxEndpoints = 16384 // of each kind
	maxNetworks  = 16384
	maxAddresses = 256 // of the tunnel, and resolvers
)

// checked makes a policy canonical: sorted, each thing once, networks joined.
// What could mean more than it says is refused.
func checked(p Policy) (Policy, error) {
	var err error
	for _, e := range []struct {
		of   *[]netip.AddrPort
		what string
	}{{&p.Gateways, "gateway"}, {&p.Resolvers, "resolver"}, {&p.Probes, "probe"}} {
		if *e.of, err = endpoints(*e.of, e.what); err != nil {
			return Policy{}, err
		}
		if len(*e.of) > 0 && p.Mark == 0 {
			return Policy{}, fmt.Errorf("a policy with a %s needs a mark", e.what)
		}
	}
	if p.LocalNetworks, err = networks(p.LocalNetworks); err != nil {
		return Policy{}, err
	}
	if p.Tunnel != nil {
		if p.Tunnel, err = checkedTunnel(*p.Tunnel); err != nil {
			return Policy{}, err
		}
	}
	if p.Portal != nil {
		if p.Portal, err = checkedPortal(*p.Portal); err != nil {
			return Policy{}, err
		}
		if p.Mark == 0 {
			return Policy{}, errors.New("a policy with a portal needs a mark")
		}
	}
	return p, nil
}

func checkedTunnel(t Tunnel) (*Tunnel, error) {
	if err := deviceName(t.Interface); err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, p := range t.Addresses {
		own = append(own, p.Addr())
	}
	own, err := addresses(own, "the tunnel's address")
	if err != nil {
		return nil, err
	}
	t.Addresses = nil
	for _, a := range own {
		t.Addresses = append(t.Addresses, netip.PrefixFrom(a, a.BitLen()))
	}
	if t.DNS, err = addresses(t.DNS, "the tunnel's resolver"); err != nil {
		return nil, err
	}
	return &t, nil
}

// deviceName takes what the kernel takes (dev_valid_name), but for a name that
// nft would read as a pattern, or that is the loopback's.
func deviceName(name string) error {
	switch {
	case name == "" || len(name) > 15 || name == "." || name == ".." || name == "lo",
		strings.ContainsAny(name, "/:*\"\\"),
		strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%q is no name for the tunnel's device", name)
	}
	return nil
}

func checkedPortal(p Portal) (*Portal, error) {
	p.Cgroup = strings.TrimPrefix(path.Clean("/"+p.Cgroup), "/")
	if p.Cgroup == "" {
		return nil, errors.New("the portal's control group would be every program")
	}
	if strings.ContainsFunc(p.Cgroup, func(r rune) bool { return r < ' ' || r == '"' || r > '~' }) {
		return nil, fmt.Errorf("%q is no name for the portal's control group", p.Cgroup)
	}
	var err error
	p.Resolvers, err = addresses(p.Resolvers, "the portal's resolver")
	return &p, err
}

// endpoints sorts addresses with ports.
func endpoints(in []netip.AddrPort, what string) ([]netip.AddrPort, error) {
	if len(in) > maxEndpoints {
		return nil, fmt.Errorf("%d are too many for a policy: %ss", len(in), what)
	}
	out := make([]netip.AddrPort, 0, len(in))
	for _, e := range in {
		a, err := address(e.Addr(), what)
		if err != nil {
			return nil, err
		}
		if e.Port() == 0 {
			return nil, fmt.Errorf("a %s without a port: %v", what, a)
		}
		out = append(out, netip.AddrPortFrom(a, e.Port()))
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out), nil
}

func addresses(in []netip.Addr, what string) ([]netip.Addr, error) {
	if len(in) > maxAddresses {
		return nil, fmt.Errorf("%d are too many for a policy: %s", len(in), what)
	}
	out := make([]netip.Addr, 0, len(in))
	for _, a := range in {
		a, err := address(a, what)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out), nil
}

// address takes one host's address, without its zone: a rule has none.
func address(a netip.Addr, what string) (netip.Addr, error) {
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Is4In6() {
		return a, fmt.Errorf("%v cannot be %s", a, what)
	}
	return a.WithZone(""), nil
}

// networks joins prefixes that overlap: intervals of a set must not.
func networks(in []netip.Prefix) ([]netip.Prefix, error) {
	if len(in) > maxNetworks {
		return nil, fmt.Errorf("%d are too many local networks for a policy", len(in))
	}
	all := make([]netip.Prefix, 0, len(in))
	for _, p := range in {
		if !p.IsValid() || p.Bits() == 0 || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%v is no local network", p)
		}
		all = append(all, p.Masked())
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits())
	})
	var out []netip.Prefix
	for _, p := range all {
		// Sorted: what holds p comes before it, and the last one kept is the
		// only one that can.
		if n := len(out); n == 0 || !out[n-1].Contains(p.Addr()) {
			out = append(out, p)
		}
	}
	return out, nil
}

// lastOf is the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i, m := range mask(p) {
		b[i] |= ^m
	}
	a, _ := netip.AddrFromSlice(b) // as long as it was
	return a
}

func mask(p netip.Prefix) []byte {
	out := make([]byte, p.Addr().BitLen()/8)
	for i := range p.Bits() {
		out[i/8] |= 0x80 >> (i % 8)
	}
	return out
}

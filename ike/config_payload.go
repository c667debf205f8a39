package ike

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// maxConfigured bounds each list of a Configuration: more servers, subnets or
// domains than this are left out.
const maxConfigured = 256

// configRequest asks for addresses of the wanted families and what goes with
// them (RFC 7296 3.15.1, RFC 8598 3.1). An address that was held before stands in
// the request as the one that is wanted. Nil: nothing is wanted.
func configRequest(ipv4, ipv6 bool, held []netip.Addr) *wire.CPPayload {
	p := &wire.CPPayload{CFGType: wire.CFGRequest}
	again := func(t uint16, size int, suffix ...byte) {
		a := wire.ConfigAttribute{Type: t}
		if i := slices.IndexFunc(held, func(h netip.Addr) bool { return h.BitLen() == 8*size }); i >= 0 {
			a.Value = append(held[i].AsSlice(), suffix...)
		}
		p.Attributes = append(p.Attributes, a)
	}
	ask := func(types ...uint16) {
		for _, t := range types {
			p.Attributes = append(p.Attributes, wire.ConfigAttribute{Type: t})
		}
	}
	if ipv4 {
		again(wire.InternalIP4Address, 4)
		ask(wire.InternalIP4DNS, wire.InternalIP4Subnet)
	}
	if ipv6 {
		again(wire.InternalIP6Address, 16, 128)
		ask(wire.InternalIP6DNS, wire.InternalIP6Subnet)
	}
	if p.Attributes == nil {
		return nil
	}
	ask(wire.InternalDNSDomain, wire.ApplicationVersion)
	return p
}

// parseConfiguration reads CFG_REPLY. An attribute that makes no sense is
// skipped, as is an address of a family that was not asked for: the gateway
// gives, and the client takes what it can use (RFC 7296 3.15.1).
func parseConfiguration(p *wire.CPPayload, ipv4, ipv6 bool) Configuration {
	var c Configuration
	if p == nil || p.CFGType != wire.CFGReply {
		return c
	}
	mask := 32
	for _, a := range p.Attributes {
		switch a.Type {
		case wire.InternalIP4Address:
			if addr, ok := hostAddr(a.Value, 4); ok && ipv4 {
				add(&c.Addresses, netip.PrefixFrom(addr, 32))
			}
		case wire.InternalIP4Netmask:
			if bits, ok := maskBits(a.Value); ok && bits > 0 {
				mask = bits
			}
		case wire.InternalIP6Address:
			if prefix, ok := prefix6(a.Value); ok && ipv6 && isHost(prefix.Addr()) {
				add(&c.Addresses, prefix)
			}
		case wire.InternalIP4DNS:
			if addr, ok := hostAddr(a.Value, 4); ok {
				add(&c.DNS, addr)
			}
		case wire.InternalIP6DNS:
			if addr, ok := hostAddr(a.Value, 16); ok {
				add(&c.DNS, addr)
			}
		case wire.InternalIP4Subnet:
			if prefix, ok := subnet4(a.Value); ok {
				add(&c.Subnets, prefix)
			}
		case wire.InternalIP6Subnet:
			if prefix, ok := prefix6(a.Value); ok {
				add(&c.Subnets, prefix.Masked())
			}
		case wire.InternalDNSDomain:
			for _, d := range splitDomains(a.Value) {
				add(&c.Domains, d)
			}
		case wire.ApplicationVersion:
			c.Version = printable(a.Value)
		}
	}
	// A netmask speaks of the one IPv4 address (RFC 7296 3.15.1).
	for i, prefix := range c.Addresses {
		if prefix.Addr().Is4() {
			c.Addresses[i] = netip.PrefixFrom(prefix.Addr(), mask)
		}
	}
	return c
}

// add appends what is not there yet, within the bound.
func add[T comparable](list *[]T, v T) {
	if len(*list) < maxConfigured && !slices.Contains(*list, v) {
		*list = append(*list, v)
	}
}

// hostAddr reads an address that a host or a server can have. For IPv6 a
// prefix length behind it is tolerated.
func hostAddr(b []byte, size int) (netip.Addr, bool) {
	if size == 16 && len(b) == 17 {
		b = b[:16]
	}
	if len(b) != size {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(b)
	return addr, ok && isHost(addr)
}

// isHost leaves out what no interface and no server answers to.
func isHost(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && !a.IsLoopback() && !a.Is4In6() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// maskBits reads an IPv4 netmask; ones must come before zeros.
func maskBits(b []byte) (int, bool) {
	if len(b) != 4 {
		return 0, false
	}
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	bits := 0
	for m&0x80000000 != 0 {
		bits++
		m <<= 1
	}
	return bits, m == 0
}

// subnet4 reads an address and a netmask (RFC 7296 3.15.1).
func subnet4(b []byte) (netip.Prefix, bool) {
	if len(b) != 8 {
		return netip.Prefix{}, false
	}
	bits, ok := maskBits(b[4:])
	if !ok {
		return netip.Prefix{}, false
	}
	addr, _ := netip.AddrFromSlice(b[:4])
	return netip.PrefixFrom(addr, bits).Masked(), true
}

// prefix6 reads an IPv6 address and a prefix length; without the length, as
// some gateways send it, it is a host's.
func prefix6(b []byte) (netip.Prefix, bool) {
	bits := 128
	if len(b) == 17 {
		bits = int(b[16])
		b = b[:16]
	}
	if len(b) != 16 || bits > 128 {
		return netip.Prefix{}, false
	}
	addr, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(addr, bits), !addr.Is4In6()
}

// splitDomains reads INTERNAL_DNS_DOMAIN: one name per attribute (RFC 8598 3.1), or
// a list of them (QuirkDomainLists).
func splitDomains(b []byte) []string {
	var names []string
	for _, f := range strings.FieldsFunc(string(b), domainSeparator) {
		name := strings.ToLower(strings.Trim(f, "."))
		if isDomain(name) {
			names = append(names, name)
		}
	}
	return names
}

// isDomain says whether a name can be a domain: labels of letters, digits,
// hyphens and underscores (RFC 1035 2.3.4; names in A-label form, RFC 8598 3.1).
func isDomain(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// printable is a short text of the peer without anything that could confuse a terminal.
func printable(b []byte) string {
	const longest = 128
	if len(b) > longest {
		b = b[:longest]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b))
}

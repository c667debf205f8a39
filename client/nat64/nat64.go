// Package nat64 knows how a network that speaks IPv6 only writes the addresses of
// IPv4: RFC 6052 says where in an IPv6 address the four octets stand, and RFC 7050
// how a host learns of the network's prefix from a name that has IPv4 addresses
// alone.
//
// It owns arithmetic and nothing else: client/locate asks the name, client/tunnel
// uses the addresses.
package nat64

import (
	"net/netip"
	"slices"
)

// Name is the one whose IPv6 addresses, where it has any, are the network's
// translator's (RFC 7050 3).
const Name = "ipv4only.arpa"

// WellKnown is the prefix that needs no agreement (RFC 6052 2.1).
var WellKnown = netip.MustParsePrefix("64:ff9b::/96")

// MaxPrefixes bounds how many prefixes of one network are kept.
const MaxPrefixes = 4

// names are the addresses of Name, which everybody knows (RFC 7050 8.2).
var names = []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 0, 170}), netip.AddrFrom4([4]byte{192, 0, 0, 171})}

// lengths are those that a prefix can have (RFC 6052 2.2), the longest first: that
// is the one in use nearly everywhere.
var lengths = []int{96, 64, 56, 48, 40, 32}

// reserved is the octet of an IPv6 address that is zero whatever the prefix is
// (RFC 6052 2.2, bits 64 to 71), because it is where interface identifiers have
// their universal bit.
const reserved = 8

// Valid says whether a prefix can be a translator's.
func Valid(prefix netip.Prefix) bool {
	if !prefix.IsValid() || prefix.Addr().Is4() || prefix.Addr().Is4In6() || prefix != prefix.Masked() || !slices.Contains(lengths, prefix.Bits()) {
		return false
	}
	a := prefix.Addr()
	return a.As16()[reserved] == 0 && !a.IsMulticast() && !a.IsLinkLocalUnicast() && !a.IsLoopback() && !a.IsUnspecified()
}

// Embed writes an IPv4 address into a prefix (RFC 6052 2.2). False: the prefix is
// none, the address is not one of IPv4, or it means something in a private network
// only, which the well-known prefix must not be used for (RFC 6052 3.1).
func Embed(prefix netip.Prefix, v4 netip.Addr) (netip.Addr, bool) {
	v4 = v4.Unmap()
	if !Valid(prefix) || !v4.Is4() || prefix == WellKnown && !global(v4) {
		return netip.Addr{}, false
	}
	b, octets := prefix.Addr().As16(), v4.As4()
	at := prefix.Bits() / 8
	for _, o := range octets {
		if at == reserved {
			at++
		}
		b[at] = o
		at++
	}
	return netip.AddrFrom16(b), true
}

// EmbedPrefix writes an IPv4 network into a prefix: what of IPv6 the translator
// takes for it. A network whose octets stand on both sides of the reserved one is
// a whole still, because that one is zero for all.
func EmbedPrefix(prefix, v4 netip.Prefix) (netip.Prefix, bool) {
	if !Valid(prefix) || !v4.IsValid() || !v4.Addr().Is4() {
		return netip.Prefix{}, false
	}
	b, octets := prefix.Addr().As16(), v4.Masked().Addr().As4()
	at, bits := prefix.Bits()/8, prefix.Bits()
	for i, o := range octets {
		if at == reserved {
			at++
			if v4.Bits() > 8*i {
				bits += 8
			}
		}
		b[at] = o
		at++
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), bits+v4.Bits()), true
}

// Extract reads the IPv4 address in an IPv6 one of that prefix (RFC 6052 2.3).
func Extract(prefix netip.Prefix, v6 netip.Addr) (netip.Addr, bool) {
	if !Valid(prefix) || !v6.Is6() || !prefix.Contains(v6) {
		return netip.Addr{}, false
	}
	b := v6.As16()
	if b[reserved] != 0 && prefix.Bits() != 96 {
		return netip.Addr{}, false
	}
	var octets [4]byte
	at := prefix.Bits() / 8
	for i := range octets {
		if at == reserved {
			at++
		}
		octets[i] = b[at]
		at++
	}
	return netip.AddrFrom4(octets), true
}

// Prefixes finds a network's prefixes in its answer for Name, in the order in which
// they are in it (RFC 7050 3). One that is in it with both addresses goes before
// those with one: an address may hold the octets by accident. Anything else in the
// answer is left out, so a network without a translator has none.
func Prefixes(answer []netip.Addr) (found []netip.Prefix) {
	seen := map[netip.Prefix]int{}
	for _, a := range answer {
		for _, p := range holds(a, names) {
			if seen[p]++; seen[p] == 1 {
				found = append(found, p)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b netip.Prefix) int { return min(seen[b], 2) - min(seen[a], 2) })
	return found[:min(len(found), MaxPrefixes)]
}

// Holds says whether an IPv6 address has an IPv4 one where a translator's would: it
// may be the network's word for it, or an administrator's idea of a good address.
func Holds(v6, v4 netip.Addr) bool { return len(Between(v6, v4)) > 0 }

// Between are the prefixes by which an IPv6 address stands for an IPv4 one; hardly ever
// more than one.
func Between(v6, v4 netip.Addr) []netip.Prefix { return holds(v6, []netip.Addr{v4.Unmap()}) }

// holds lists the prefixes by which an address can be one of these.
func holds(a netip.Addr, those []netip.Addr) (prefixes []netip.Prefix) {
	if !a.Is6() || a.Is4In6() || a.Zone() != "" {
		return nil
	}
	for _, length := range lengths {
		p, err := a.Prefix(length)
		if err != nil {
			continue
		}
		for _, v4 := range those {
			if again, ok := Embed(p, v4); ok && sameButSuffix(again, a, length) && !slices.Contains(prefixes, p) {
				prefixes = append(prefixes, p)
			}
		}
	}
	return prefixes
}

// sameButSuffix compares up to the end of the embedded octets: what follows them is
// the network's own (RFC 6052 2.2).
func sameButSuffix(a, b netip.Addr, length int) bool {
	bits := length + 32
	if length > 32 && length <= 64 {
		bits += 8
	}
	p, err := a.Prefix(bits)
	return err == nil && p.Contains(b)
}

// global says whether an address means the same everywhere.
func global(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// shared is a carrier's own, between it and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

package wire

import (
	"fmt"
	"net/netip"
)

// AnyIPv4 selects all IPv4 traffic.
func AnyIPv4() TrafficSelector {
	return SelectorFromPrefix(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
}

// AnyIPv6 selects all IPv6 traffic.
func AnyIPv6() TrafficSelector {
	return SelectorFromPrefix(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

// SelectorFromPrefix selects every protocol and port of a prefix. An invalid
// prefix gives the zero selector, which matches nothing.
func SelectorFromPrefix(p netip.Prefix) TrafficSelector {
	if !p.IsValid() {
		return TrafficSelector{}
	}
	p = p.Masked()
	return TrafficSelector{EndPort: 65535, Start: p.Addr(), End: lastAddr(p)}
}

// Valid tells whether the selector is a range that can match something: both
// ends of one family and in order. Ports 65535 to 0 mean OPAQUE and are in
// order for this purpose (RFC 7296 3.13.1).
func (t TrafficSelector) Valid() bool {
	if t.Raw != "" || !t.Start.IsValid() || !t.End.IsValid() || t.Start.BitLen() != t.End.BitLen() {
		return false
	}
	return !t.End.Less(t.Start) && (t.StartPort <= t.EndPort || t.opaque())
}

func (t TrafficSelector) opaque() bool { return t.StartPort == 65535 && t.EndPort == 0 }

// Contains tells whether everything that o selects is selected by t too.
// Selectors that are not Valid contain nothing and are contained nowhere.
func (t TrafficSelector) Contains(o TrafficSelector) bool {
	if !t.Valid() || !o.Valid() || t.Start.BitLen() != o.Start.BitLen() {
		return false
	}
	if t.Protocol != 0 && t.Protocol != o.Protocol {
		return false
	}
	if o.Start.Less(t.Start) || t.End.Less(o.End) {
		return false
	}
	anyPort := t.StartPort == 0 && t.EndPort == 65535
	switch {
	case anyPort:
		return true // OPAQUE is within ANY
	case t.opaque() || o.opaque():
		return t.opaque() && o.opaque()
	}
	return t.StartPort <= o.StartPort && o.EndPort <= t.EndPort
}

// Prefixes gives the smallest list of prefixes that covers the address range
// exactly, in order. Nil where the selector is not Valid. At most 2×128 - 2.
func (t TrafficSelector) Prefixes() []netip.Prefix {
	if !t.Valid() {
		return nil
	}
	var out []netip.Prefix
	for at := t.Start; ; {
		p := netip.PrefixFrom(at, at.BitLen())
		for p.Bits() > 0 {
			wider := netip.PrefixFrom(at, p.Bits()-1)
			if wider.Masked().Addr() != at || t.End.Less(lastAddr(wider)) {
				break
			}
			p = wider
		}
		out = append(out, p)
		last := lastAddr(p)
		if last == t.End {
			return out
		}
		at = last.Next()
	}
}

// String gives "10.0.0.0-10.0.0.255", with protocol and ports where they limit.
func (t TrafficSelector) String() string {
	if t.Raw != "" {
		return fmt.Sprintf("selector of type %d", t.Raw[0])
	}
	s := t.Start.String() + "-" + t.End.String()
	if t.Protocol != 0 || t.StartPort != 0 || t.EndPort != 65535 {
		s += fmt.Sprintf(" protocol %d ports %d-%d", t.Protocol, t.StartPort, t.EndPort)
	}
	return s
}

// lastAddr gives the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

package esp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// selector is a Selector prepared for comparison.
type selector struct {
	start, end         address
	startPort, endPort uint16
	protocol           uint8
	v6                 bool
	anyPort            bool
}

// selectorSet is a list of which one must match.
type selectorSet []selector

func newSelectorSet(name string, in []Selector) (selectorSet, error) {
	if len(in) == 0 {
		return nil, fmt.Errorf("%w: no %s selector", ErrConfig, name)
	}
	set := make(selectorSet, 0, len(in))
	for _, s := range in {
		start, end := s.Start.Unmap(), s.End.Unmap()
		if !start.IsValid() || start.BitLen() != end.BitLen() || end.Less(start) {
			return nil, fmt.Errorf("%w: %s selector from %v to %v", ErrConfig, name, s.Start, s.End)
		}
		opaque := s.StartPort == 65535 && s.EndPort == 0
		if s.EndPort < s.StartPort && !opaque {
			return nil, fmt.Errorf("%w: %s selector with ports %d to %d", ErrConfig, name, s.StartPort, s.EndPort)
		}
		set = append(set, selector{
			start:     addressOf(start),
			end:       addressOf(end),
			startPort: s.StartPort,
			endPort:   s.EndPort,
			protocol:  s.Protocol,
			v6:        start.Is6(),
			anyPort:   s.StartPort == 0 && s.EndPort == 65535,
		})
	}
	return set, nil
}

func addressOf(a netip.Addr) address {
	if a.Is4() {
		b := a.As4()
		return address{lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// matchSource and matchDestination say whether one selector of the set covers
// that side of the packet.
func (set selectorSet) matchSource(in *Inner) bool {
	return set.match(in, in.src, in.srcPort)
}

func (set selectorSet) matchDestination(in *Inner) bool {
	return set.match(in, in.dst, in.dstPort)
}

func (set selectorSet) match(in *Inner, a address, port uint16) bool {
	for i := range set {
		s := &set[i]
		if s.v6 != in.V6 || a.less(s.start) || s.end.less(a) {
			continue
		}
		if s.protocol != 0 && s.protocol != in.Protocol {
			continue
		}
		if s.anyPort || s.matchPort(in, port) {
			return true
		}
	}
	return false
}

// matchPort follows RFC 4301 4.4.1.1 and 7: a packet whose ports cannot be
// seen matches OPAQUE only, and OPAQUE matches nothing else.
func (s *selector) matchPort(in *Inner, port uint16) bool {
	if s.startPort > s.endPort {
		return !in.portsKnown
	}
	return in.portsKnown && s.startPort <= port && port <= s.endPort
}

// covers says whether each selector of another set is within one of this one.
func (set selectorSet) covers(other selectorSet) bool {
	return !slices.ContainsFunc(other, func(o selector) bool {
		return !slices.ContainsFunc(set, func(s selector) bool { return s.covers(o) })
	})
}

func (s selector) covers(o selector) bool {
	switch {
	case s.v6 != o.v6 || o.start.less(s.start) || s.end.less(o.end):
		return false
	case s.protocol != 0 && s.protocol != o.protocol:
		return false
	case s.anyPort:
		return true
	case s.startPort > s.endPort || o.startPort > o.endPort: // OPAQUE is no range
		return s.startPort == o.startPort && s.endPort == o.endPort
	}
	return s.startPort <= o.startPort && o.endPort <= s.endPort
}

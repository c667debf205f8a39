package ike

import (
	"errors"
	"fmt"
	"slices"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// maxSelectors bounds the selectors of one direction of a Child SA.
const maxSelectors = 64

// errNarrowing says that traffic selectors are not a part of the offered ones.
var errNarrowing = errors.New("traffic selectors are outside what was asked for")

// checkNarrowed verifies that what the responder chose is a part of what was
// offered, and not nothing (RFC 7296 2.9).
func checkNarrowed(offered []wire.TrafficSelector, p *wire.TSPayload) ([]wire.TrafficSelector, error) {
	if p == nil || len(p.Selectors) == 0 {
		return nil, errors.New("no traffic selectors")
	}
	if len(p.Selectors) > maxSelectors {
		return nil, fmt.Errorf("%d traffic selectors", len(p.Selectors))
	}
	for _, t := range p.Selectors {
		if !containedIn(t, offered) {
			return nil, fmt.Errorf("%w: %v", errNarrowing, t)
		}
	}
	return slices.Clone(p.Selectors), nil
}

// narrow is the responder's side at a rekey: the selectors in use, if the peer's
// offer covers all of them, and else none. What takes over from an SA carries all
// that it did (RFC 7296 2.9.2).
func narrow(inUse, offered []wire.TrafficSelector) []wire.TrafficSelector {
	for _, t := range inUse {
		if !containedIn(t, offered) {
			return nil
		}
	}
	return inUse
}

// containedIn says whether one selector is within one of a list.
func containedIn(t wire.TrafficSelector, list []wire.TrafficSelector) bool {
	return slices.ContainsFunc(list, func(o wire.TrafficSelector) bool { return o.Contains(t) })
}

// tsPayloads finds TSi and TSr; absent ones are nil.
func tsPayloads(ps []wire.Payload) (i, r *wire.TSPayload) {
	i, _ = wire.FindType[*wire.TSPayload](ps, wire.PayloadTSi)
	r, _ = wire.FindType[*wire.TSPayload](ps, wire.PayloadTSr)
	return i, r
}

func sameFamily(a, b wire.TrafficSelector) bool { return a.Start.Is4() == b.Start.Is4() }

// intersect gives what selectors of both lists select, in the order of the
// first, up to maxSelectors.
func intersect(a, b []wire.TrafficSelector) []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, x := range a {
		for _, y := range b {
			t, ok := common(x, y)
			if ok && !slices.Contains(out, t) && len(out) < maxSelectors {
				out = append(out, t)
			}
		}
	}
	return out
}

// common is what two selectors have in common.
func common(a, b wire.TrafficSelector) (wire.TrafficSelector, bool) {
	if !a.Valid() || !b.Valid() || !sameFamily(a, b) {
		return wire.TrafficSelector{}, false
	}
	t := a
	if t.Protocol == 0 {
		t.Protocol = b.Protocol
	} else if b.Protocol != 0 && b.Protocol != t.Protocol {
		return wire.TrafficSelector{}, false
	}
	if t.Start.Less(b.Start) {
		t.Start = b.Start
	}
	if b.End.Less(t.End) {
		t.End = b.End
	}
	anyPort := func(s wire.TrafficSelector) bool { return s.StartPort == 0 && s.EndPort == 65535 }
	opaque := func(s wire.TrafficSelector) bool { return s.StartPort > s.EndPort }
	switch {
	case anyPort(b):
	case anyPort(a):
		t.StartPort, t.EndPort = b.StartPort, b.EndPort
	case opaque(a) != opaque(b): // RFC 7296 3.13.1: OPAQUE is no port at all
		return wire.TrafficSelector{}, false
	case !opaque(a):
		t.StartPort, t.EndPort = max(a.StartPort, b.StartPort), min(a.EndPort, b.EndPort)
		if t.StartPort > t.EndPort {
			return wire.TrafficSelector{}, false
		}
	}
	return t, t.Valid()
}

// without takes the addresses of some selectors out of others, whatever
// protocols and ports they speak of: what is left has not been touched.
func without(from, taken []wire.TrafficSelector) []wire.TrafficSelector {
	for _, k := range taken {
		var left []wire.TrafficSelector
		for _, f := range from {
			left = append(left, cut(f, k)...)
		}
		from = left
	}
	return from
}

// cut takes one range of addresses out of another: what is below, what is above.
func cut(f, k wire.TrafficSelector) []wire.TrafficSelector {
	if !f.Valid() || !k.Valid() || !overlap(f, k) {
		return []wire.TrafficSelector{f}
	}
	var out []wire.TrafficSelector
	if f.Start.Less(k.Start) {
		below := f
		below.End = k.Start.Prev()
		out = append(out, below)
	}
	if k.End.Less(f.End) {
		above := f
		above.Start = k.End.Next()
		out = append(out, above)
	}
	return out
}

// untouched leaves out every selector that shares an address with one of others.
func untouched(list, others []wire.TrafficSelector) []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, t := range list {
		if !slices.ContainsFunc(others, func(o wire.TrafficSelector) bool { return overlap(t, o) }) {
			out = append(out, t)
		}
	}
	return out
}

func overlap(a, b wire.TrafficSelector) bool {
	return sameFamily(a, b) && !a.End.Less(b.Start) && !b.End.Less(a.Start)
}

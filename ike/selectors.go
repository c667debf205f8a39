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

// narrow is the responder's side at a rekey: of the selectors in use, those
// that the peer's offer covers whole (RFC 7296 2.9.2).
func narrow(inUse, offered []wire.TrafficSelector) []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, t := range inUse {
		if containedIn(t, offered) {
			out = append(out, t)
		}
	}
	return out
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

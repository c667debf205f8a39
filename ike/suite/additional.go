package suite

import "slices"

// addKeyExchanges chooses the additional key exchanges of a proposal whose first
// one is chosen. No method comes twice (RFC 9370 2.2.1), so that ours' first
// alternative is not always the one to take. A Child SA without a key exchange
// has no additional ones either.
func (p *Proposal) addKeyExchanges(ours, theirs Proposal) bool {
	if len(p.Group) == 0 {
		return ours.additionalOptional() && theirs.additionalOptional()
	}
	return p.addFrom(0, ours, theirs, slices.Clone(p.Group))
}

// addFrom chooses ADDKE(i+1) and those after it; used are the methods before.
func (p *Proposal) addFrom(i int, ours, theirs Proposal, used []uint16) bool {
	if i == MaxAddKE {
		return true
	}
	for _, id := range orNone(ours.AddKE[i]) {
		if !slices.Contains(orNone(theirs.AddKE[i]), id) || id != GroupNone && slices.Contains(used, id) {
			continue
		}
		p.AddKE[i] = some(id)
		if p.addFrom(i+1, ours, theirs, append(slices.Clone(used), id)) {
			return true
		}
	}
	return false
}

// additionalOptional says whether all additional key exchanges can be left out.
func (p Proposal) additionalOptional() bool {
	for _, ids := range p.AddKE {
		if !slices.Contains(orNone(ids), GroupNone) {
			return false
		}
	}
	return true
}

// GroupOptional says whether a Child SA is content without any key exchange.
func (p Proposal) GroupOptional() bool {
	return slices.Contains(orNone(p.Group), GroupNone) && p.additionalOptional()
}

// Additional lists the additional key exchanges of a chosen proposal in the
// order in which they are done (RFC 9370 2.2.2).
func (p Proposal) Additional() []uint16 {
	var out []uint16
	for _, ids := range p.AddKE {
		if len(ids) > 0 && ids[0] != GroupNone {
			out = append(out, ids[0])
		}
	}
	return out
}

// OffersAdditional says whether any proposal has an additional key exchange.
func OffersAdditional(ps []Proposal) bool {
	return slices.ContainsFunc(ps, func(p Proposal) bool {
		return slices.ContainsFunc(p.AddKE[:], func(ids []uint16) bool { return len(ids) > 0 })
	})
}

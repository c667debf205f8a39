package proposal

import (
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// The bounds of a note and of a proposal in it, in bytes.
const (
	maxNote  = 1000
	maxShown = 80
)

// Use puts the list into a profile. Only these are offered where strict is set and
// all of them could be taken over; else Homeward's own set follows. In ESP a key
// exchange at every rekey is insisted on where each proposal has one.
func (l List) Use(sa *profile.SA, strict bool) {
	if len(l.Proposals) == 0 {
		return
	}
	sa.Strict = strict && !l.Own
	sa.Proposals = l.Proposals
	if !sa.Strict { // without it, what does not encrypt would be one choice among safe ones
		sa.Proposals = slices.DeleteFunc(slices.Clone(l.Proposals), profile.Proposal.Readable)
	}
	sa.Legacy = slices.ContainsFunc(sa.Proposals, profile.Proposal.Legacy)
	sa.PFS = l.protocol == ESP && len(sa.Proposals) > 0 &&
		!slices.ContainsFunc(sa.Proposals, func(p profile.Proposal) bool { return p.Group == "" })
}

// Told says for the report what became of the list in a profile that took it over,
// and whether that lowers security.
func (l List) Told(sa *profile.SA) (verdict profile.Verdict, note string, lowers bool) {
	var notes []string
	verdict = profile.Honoured
	switch {
	case len(sa.Proposals) == 0 && l.Own && len(l.LeftOut) == 0 && len(l.Proposals) == 0:
		return profile.Approximated, "this version's own set is offered", false
	case len(sa.Proposals) == 0:
		verdict, notes = profile.Refused, append(notes, "this version's own set is offered instead")
	case sa.Legacy:
		verdict, lowers = profile.Approximated, true
		notes = append(notes, "some of it is no longer safe; that is offered last, because the file asks for it, and a line that uses it says so")
	case !sa.Strict:
		notes = append(notes, "offered first; this version's own set follows")
	}
	if slices.ContainsFunc(sa.Proposals, profile.Proposal.Readable) {
		lowers = true
		notes = append(notes, "nothing is encrypted: everybody on the way can read it")
	} else if slices.ContainsFunc(l.Proposals, profile.Proposal.Readable) {
		verdict = worse(verdict)
		notes = append(notes, "what does not encrypt is left out")
	}
	if len(l.LeftOut) > 0 {
		verdict = worse(verdict)
		notes = append(notes, "left out: "+l.reasons())
	}
	return verdict, profile.CleanText(strings.Join(notes, "; "), maxNote), lowers
}

// worse is what a verdict becomes when a part is left out.
func worse(v profile.Verdict) profile.Verdict {
	if v == profile.Honoured {
		return profile.Approximated
	}
	return v
}

// reasons says what was left out, and why.
func (l List) reasons() string {
	var list []string
	for _, out := range l.LeftOut {
		if out.Text == "" {
			list = append(list, out.Reason)
			continue
		}
		list = append(list, out.Text+" ("+out.Reason+")")
	}
	return strings.Join(list, ", ")
}

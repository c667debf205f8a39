// Package proposal reads and writes the text in which strongSwan and its kin name
// algorithms, "aes256-sha256-modp2048", and turns it into the proposals of a
// profile.
//
// The flow: text -> its proposals, between commas -> words, each of one kind
// (words.go) -> every combination of one word of each kind, which is what the
// text offers -> profile.Proposal. What cannot be offered is left out, and is
// told with its reason (told.go).
//
// The package owns the spelling of the words, old ones included. It decides
// nothing about what is safe: profile does. The importers of strongSwan's formats
// and the exporter of .sswan call it.
package proposal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Protocol is what a proposal is for.
type Protocol uint8

// The protocols.
const (
	IKE Protocol = iota
	ESP
)

// maxProposals is how many combinations are taken over; client/profile takes no
// more.
const maxProposals = 16

// List is what a text came to.
type List struct {
	Proposals []profile.Proposal // each combination, in order of preference
	Own       bool               // "default" is among them: the program's own set may follow
	Strict    bool               // it ends in "!": nothing but these
	LeftOut   []LeftOut
	protocol  Protocol
}

// LeftOut is a part of the text that is not offered.
type LeftOut struct {
	Text   string // a proposal, or a word of one
	Reason string
}

// Parse reads a list of proposals, between commas or semicolons. Words that are
// not known cost the proposal that they stand in; ones that are not offered cost
// it where no other word of their kind stands beside them.
func Parse(text string, p Protocol) List {
	l := List{protocol: p}
	text = strings.TrimSpace(text)
	text, l.Strict = strings.CutSuffix(text, "!")
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' }) {
		switch part = strings.ToLower(strings.Trim(part, " \t!")); part {
		case "":
		case "default":
			l.Own = true
		default:
			l.parse(part)
		}
	}
	if over := len(l.Proposals) - maxProposals; over > 0 {
		l.Proposals = l.Proposals[:maxProposals]
		l.LeftOut = append(l.LeftOut, LeftOut{Reason: fmt.Sprintf("%d more combinations, after the first %d", over, maxProposals)})
		l.Own = true
	}
	return l
}

// parse reads one proposal.
func (l *List) parse(text string) {
	w, err := read(text)
	for _, word := range w.notOffered {
		l.leaveOut(word, words[word].reason)
	}
	if err == "" {
		err = l.combine(w)
	}
	if err != "" {
		l.leaveOut(text, err)
	}
}

func (l *List) leaveOut(text, reason string) {
	if out := (LeftOut{profile.CleanText(text, maxShown), reason}); !slices.Contains(l.LeftOut, out) && len(l.LeftOut) < maxLeftOut {
		l.LeftOut = append(l.LeftOut, out)
	}
}

// combine adds each combination of one proposal; the text is why there is none.
func (l *List) combine(w sorted) string {
	ike := l.protocol == IKE
	groups := w.groups()
	switch {
	case len(w.of[encryption]) == 0:
		return "it names no encryption that can be offered"
	case len(groups) == 0 && (ike || w.wants[group]):
		return "it names no group that can be offered"
	case slices.Contains(groups, "") && ike:
		groups = slices.DeleteFunc(groups, func(g string) bool { return g == "" })
	case len(groups) == 0:
		groups = []string{""}
	}
	if len(groups) == 0 {
		return "it names no group that can be offered"
	}
	reason := "it names nothing that protects integrity"
	for _, enc := range w.of[encryption] {
		for _, p := range w.protections(enc, ike) {
			reason = ""
			for _, p.Group = range groups {
				switch {
				case ike && p.Readable():
					return "it does not encrypt"
				case l.full():
					return ""
				case !slices.Contains(l.Proposals, p):
					l.Proposals = append(l.Proposals, p)
				}
			}
		}
	}
	return reason
}

// protections are the ways to protect integrity with a cipher, and to make keys in
// IKE: by the function that the text names, else by that of the integrity, of which
// each goes with its own.
func (w sorted) protections(enc string, ike bool) (list []profile.Proposal) {
	integrities := w.of[integrity]
	if aead(enc) {
		integrities = []string{""}
	}
	for _, integ := range integrities {
		p := profile.Proposal{Encryption: enc, Integrity: integ}
		if !ike {
			list = append(list, p)
			continue
		}
		prfs := w.of[prf]
		switch {
		case len(prfs) > 0 || w.wants[prf]:
		case integ != "":
			prfs = []string{integ}
		default: // beside a cipher that needs no integrity it names the function alone
			prfs = w.of[integrity]
		}
		for _, p.PRF = range prfs {
			list = append(list, p)
		}
	}
	return list
}

// full says that more combinations make no difference.
func (l *List) full() bool { return len(l.Proposals) >= maxCombinations }

// maxCombinations bounds the work that a hostile text can make, and maxLeftOut the
// words about it.
const (
	maxCombinations = 256
	maxLeftOut      = 16
)

// Format writes proposals as Parse reads them. Those of ESP have no PRF.
func Format(list []profile.Proposal) string {
	texts := make([]string, 0, len(list))
	for _, p := range list {
		parts := []string{p.Encryption}
		if p.Integrity != "" {
			parts = append(parts, p.Integrity)
		}
		if p.PRF != "" && p.PRF != p.Integrity {
			parts = append(parts, "prf"+p.PRF)
		}
		if p.Group != "" {
			parts = append(parts, p.Group)
		}
		texts = append(texts, strings.Join(parts, "-"))
	}
	return strings.Join(texts, ",")
}

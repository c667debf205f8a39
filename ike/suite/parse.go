package suite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// KeywordError says that a proposal names an algorithm that is not known here,
// or is refused, or lacks one.
type KeywordError struct {
	Kind string // "encryption", "integrity", "prf" or "group"
	Word string // empty: missing
}

// Error implements error.
func (e *KeywordError) Error() string {
	if e.Word == "" {
		return "suite: no " + e.Kind + " algorithm"
	}
	if name, ok := refusedWords[e.Word]; ok {
		return fmt.Sprintf("suite: the %s algorithm %s is not safe and never used", e.Kind, name)
	}
	return fmt.Sprintf("suite: unknown %s algorithm %q", e.Kind, e.Word)
}

// ParseIKE makes a proposal for an IKE SA from keywords. An empty prf follows
// that of integ, or is SHA-256 where integ is empty too. Beside an AEAD
// cipher integ serves for nothing else, as it does in Apple's profiles.
func ParseIKE(enc, integ, prf, group string) (Proposal, error) {
	p, err := parseCipher(enc, integ, wire.ProtocolIKE)
	if err != nil {
		return Proposal{}, err
	}
	if prf == "" {
		prf = integ
	}
	if prf == "" {
		prf = "sha256"
	}
	id, ok := idOf(prfs, prf)
	if !ok {
		return Proposal{}, &KeywordError{Kind: "prf", Word: prf}
	}
	p.PRF = []uint16{id}
	if err := p.parseGroups(group); err != nil {
		return Proposal{}, err
	}
	return p, nil
}

// parseGroups reads the words of a key exchange: a group, and additional key
// exchanges behind it, such as "x25519-ke1_mlkem768" (RFC 9370). An additional
// one that may be left out has "none" beside it: "ke1_mlkem768-ke1_none".
func (p *Proposal) parseGroups(words string) error {
	for i, word := range strings.Split(words, "-") {
		list, name := &p.Group, word
		if i > 0 {
			number, rest, _ := strings.Cut(strings.TrimPrefix(word, "ke"), "_")
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 || n > MaxAddKE || !strings.HasPrefix(word, "ke") {
				return &KeywordError{Kind: "group", Word: word}
			}
			list, name = &p.AddKE[n-1], rest
		}
		id, ok := idOf(groups, name)
		if i > 0 && name == "none" {
			id, ok = GroupNone, true
		}
		if !ok || slices.Contains(*list, id) {
			return &KeywordError{Kind: "group", Word: word}
		}
		*list = append(*list, id)
	}
	return nil
}

// ParseESP makes a proposal for Child SAs from keywords, with and without
// extended sequence numbers. An empty group means no key exchange at rekey.
func ParseESP(enc, integ, group string) (Proposal, error) {
	p, err := parseCipher(enc, integ, wire.ProtocolESP)
	if err != nil {
		return Proposal{}, err
	}
	if group != "" {
		if err := p.parseGroups(group); err != nil {
			return Proposal{}, err
		}
	}
	p.ESN = []uint16{ESNYes, ESNNo}
	return p, nil
}

func parseCipher(enc, integ string, proto wire.ProtocolID) (Proposal, error) {
	t, ok := parseEncryption(enc, proto)
	if !ok {
		return Proposal{}, &KeywordError{Kind: "encryption", Word: enc}
	}
	p := Proposal{Encryption: []Transform{t}}
	id, known := idOf(integrities, integ)
	switch {
	case !known && (integ != "" || !p.AEAD()):
		return Proposal{}, &KeywordError{Kind: "integrity", Word: integ}
	case !p.AEAD():
		p.Integrity = []uint16{id}
	}
	return p, nil
}

func parseEncryption(word string, proto wire.ProtocolID) (Transform, bool) {
	for i := range encryptions {
		for _, t := range encryptions[i].transforms() {
			if t.Keyword() == word {
				return t, encryptions[i].in(proto)
			}
		}
	}
	return Transform{}, false
}

// Keyword is one word that ParseIKE and ParseESP take.
type Keyword struct {
	Kind string // "encryption", "integrity", "prf" or "group"
	Word string
	// AEAD: an encryption that needs no integrity beside it.
	AEAD bool
	// ESPOnly: an encryption that does not encrypt, for Child SAs alone.
	ESPOnly bool
	// Legacy: no longer safe; only for who insists.
	Legacy bool
}

// Keywords lists all algorithms, those of one kind together.
func Keywords() []Keyword {
	var out []Keyword
	for i := range encryptions {
		e := &encryptions[i]
		for _, t := range e.transforms() {
			out = append(out, Keyword{
				Kind: "encryption", Word: t.Keyword(), AEAD: e.aead(), ESPOnly: e.only == wire.ProtocolESP,
				Legacy: isLegacy(wire.TransformENCR, e.id),
			})
		}
	}
	for _, list := range []struct {
		kind string
		of   TransformType
		all  []named
	}{{"integrity", wire.TransformINTEG, integrities}, {"prf", wire.TransformPRF, prfs}, {"group", wire.TransformKE, groups}} {
		for _, n := range list.all {
			out = append(out, Keyword{Kind: list.kind, Word: n.keyword, Legacy: isLegacy(list.of, n.id)})
		}
	}
	return out
}

package suite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// KeywordError says that a proposal names an algorithm that is not known here,
// or lacks one.
type KeywordError struct {
	Kind string // "encryption", "integrity", "prf" or "group"
	Word string // empty: missing
}

// Error implements error.
func (e *KeywordError) Error() string {
	if e.Word == "" {
		return "suite: no " + e.Kind + " algorithm"
	}
	return fmt.Sprintf("suite: unknown %s algorithm %q", e.Kind, e.Word)
}

// ParseIKE makes a proposal for an IKE SA from keywords. An empty prf follows
// the hash of integ, or is SHA-256 where integ is empty too. Beside an AEAD
// cipher integ serves for nothing else, as it does in Apple's profiles.
func ParseIKE(enc, integ, prf, group string) (Proposal, error) {
	p, err := parseCipher(enc, integ)
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
	p, err := parseCipher(enc, integ)
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

func parseCipher(enc, integ string) (Proposal, error) {
	t, ok := parseEncryption(enc)
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

func parseEncryption(word string) (Transform, bool) {
	for _, e := range encryptions {
		bits := e.keyBits
		if bits == nil {
			bits = []uint16{0}
		}
		for _, b := range bits {
			if t := (Transform{ID: e.id, KeyLen: b}); t.Keyword() == word {
				return t, true
			}
		}
	}
	return Transform{}, false
}

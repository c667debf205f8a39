package suite

import (
	"slices"
	"strconv"
	"strings"
)

// Transform is an encryption algorithm with its key length.
type Transform struct {
	ID     uint16
	KeyLen uint16 // bits, as in the Key Length attribute; 0: the algorithm has none
}

// Proposal is a set of alternatives for one SA, preferred ones first. A chosen
// proposal has exactly one of each kind that applies: no Integrity beside an
// AEAD cipher, no ESN for an IKE SA, no PRF for a Child SA, and no Group for a
// Child SA without a key exchange of its own.
//
// AEAD and other ciphers never stand in the same proposal (RFC 5282 8).
type Proposal struct {
	Encryption []Transform
	PRF        []uint16 // IKE SA only
	Integrity  []uint16
	Group      []uint16 // Child SA: GroupNone among them means that none is fine too
	ESN        []uint16 // Child SA only
	// AddKE are ADDKE1 to ADDKE7, the key exchanges after the first (RFC 9370
	// 2.2.1). GroupNone in a list means that its key exchange may be left out; an
	// empty list, that there is none.
	AddKE [MaxAddKE][]uint16
}

// MaxAddKE is how many additional key exchanges there can be (RFC 9370 2.2.1).
const MaxAddKE = 7

// DefaultIKE is Homeward's own set for the IKE SA. P-256 leads the groups
// because most gateways have it switched on, so that the first IKE_SA_INIT
// seldom has to be repeated with another group.
func DefaultIKE() []Proposal {
	prf := []uint16{PRF_HMAC_SHA2_256, PRF_HMAC_SHA2_384, PRF_HMAC_SHA2_512}
	group := []uint16{GroupP256, GroupX25519, GroupP384, GroupP521, Group2048, Group3072, Group4096}
	return []Proposal{
		{
			Encryption: []Transform{{ENCR_AES_GCM_16, 256}, {ENCR_AES_GCM_16, 128}, {ENCR_CHACHA20_POLY1305, 0}},
			PRF:        slices.Clone(prf),
			Group:      slices.Clone(group),
		},
		{
			Encryption: []Transform{{ENCR_AES_CBC, 256}, {ENCR_AES_CBC, 128}},
			PRF:        prf,
			Integrity:  []uint16{AUTH_HMAC_SHA2_256_128, AUTH_HMAC_SHA2_384_192, AUTH_HMAC_SHA2_512_256},
			Group:      group,
		},
	}
}

// DefaultESP is Homeward's own set for Child SAs: with and without a key
// exchange of their own at rekey, with and without extended sequence numbers,
// because gateways insist on either.
func DefaultESP() []Proposal {
	group := []uint16{GroupP256, GroupX25519, GroupP384, GroupP521, Group2048, Group3072, Group4096, GroupNone}
	esn := []uint16{ESNYes, ESNNo}
	return []Proposal{
		{
			Encryption: []Transform{{ENCR_AES_GCM_16, 256}, {ENCR_AES_GCM_16, 128}, {ENCR_CHACHA20_POLY1305, 0}},
			Group:      slices.Clone(group),
			ESN:        slices.Clone(esn),
		},
		{
			Encryption: []Transform{{ENCR_AES_CBC, 256}, {ENCR_AES_CBC, 128}},
			Integrity:  []uint16{AUTH_HMAC_SHA2_256_128, AUTH_HMAC_SHA2_384_192, AUTH_HMAC_SHA2_512_256},
			Group:      group,
			ESN:        esn,
		},
	}
}

// WithoutGroup is the proposal without any key exchange, as IKE_AUTH wants it
// for its Child SA (RFC 7296 1.2, RFC 9370 2.2.4). The other lists are shared with p.
func (p Proposal) WithoutGroup() Proposal {
	p.Group, p.AddKE = nil, [MaxAddKE][]uint16{}
	return p
}

// PreferGroup moves a group to the front of every proposal that has it, so that
// a choice falls on the group for which a KE payload already exists. The
// proposals of ps stay as they are.
func PreferGroup(ps []Proposal, group uint16) []Proposal {
	out := slices.Clone(ps)
	for i, p := range out {
		out[i].Group = toFront(p.Group, group)
	}
	return out
}

// PreferPRF does the same for a PRF, so that a rekeyed IKE SA keeps the one that
// it has.
func PreferPRF(ps []Proposal, prf uint16) []Proposal {
	out := slices.Clone(ps)
	for i, p := range out {
		out[i].PRF = toFront(p.PRF, prf)
	}
	return out
}

// toFront gives ids with id first, where it is among them; ids stays as it is.
func toFront(ids []uint16, id uint16) []uint16 {
	at := slices.Index(ids, id)
	if at <= 0 {
		return ids
	}
	out := append(make([]uint16, 0, len(ids)), id)
	return append(append(out, ids[:at]...), ids[at+1:]...)
}

// AEAD says whether the preferred cipher makes its own integrity check.
func (p Proposal) AEAD() bool {
	if len(p.Encryption) == 0 {
		return false
	}
	e := findEncryption(p.Encryption[0].ID)
	return e != nil && e.aead()
}

// Keyword is the proposal in keywords, such as "aes256gcm16-prfsha384-ecp384"
// for an IKE SA and "aes256gcm16" or "aes256-sha256" for a Child SA. An
// additional key exchange stands as "ke1_mlkem768". It leaves out sequence number modes. A number without a keyword prints as it is.
func (p Proposal) Keyword() string {
	var words []string
	for _, t := range p.Encryption {
		words = append(words, t.Keyword())
	}
	add := func(prefix string, list []named, ids []uint16) {
		for _, id := range ids {
			word, ok := keywordOf(list, id)
			if !ok {
				word = strconv.Itoa(int(id))
			}
			words = append(words, prefix+word)
		}
	}
	add("", integrities, p.Integrity)
	add("prf", prfs, p.PRF)
	for _, g := range p.Group {
		if g == GroupNone {
			words = append(words, "none")
			continue
		}
		add("", groups, []uint16{g})
	}
	for i, ids := range p.AddKE {
		prefix := "ke" + strconv.Itoa(i+1) + "_"
		for _, g := range ids {
			if g == GroupNone {
				words = append(words, prefix+"none")
				continue
			}
			add(prefix, groups, []uint16{g})
		}
	}
	return strings.Join(words, "-")
}

// String is Keyword.
func (p Proposal) String() string { return p.Keyword() }

// Keyword is the algorithm's keyword, such as "aes256gcm16".
func (t Transform) Keyword() string {
	e := findEncryption(t.ID)
	if e == nil {
		return "encr" + strconv.Itoa(int(t.ID))
	}
	if e.keyBits == nil {
		return e.name
	}
	return e.name + strconv.Itoa(int(t.KeyLen)) + e.suffix
}

package suite

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// ErrNoProposal says that two sets of proposals have nothing in common, or
// that an answer lies outside what was offered. Errors of Choose and Select
// wrap it.
var ErrNoProposal = errors.New("no common proposal")

// ToWire is the offer for an SA payload, numbered from 1 (RFC 7296 3.3.1). spi
// is empty for the first IKE SA, 8 octets for its rekey, 4 for ESP; all
// proposals share it.
func ToWire(ps []Proposal, proto wire.ProtocolID, spi []byte) []wire.Proposal {
	out := make([]wire.Proposal, len(ps))
	for i, p := range ps {
		out[i] = wire.Proposal{Number: uint8(i + 1), Protocol: proto, SPI: spi, Transforms: p.transforms(proto)}
	}
	return out
}

// transforms lists everything that belongs to the protocol (RFC 7296 3.3.3):
// PRFs for IKE only, sequence number modes for ESP only.
func (p Proposal) transforms(proto wire.ProtocolID) []wire.Transform {
	var out []wire.Transform
	for _, t := range p.Encryption {
		out = append(out, wire.Transform{Type: wire.TransformENCR, ID: t.ID, KeyLen: t.KeyLen})
	}
	add := func(kind TransformType, ids []uint16) {
		for _, id := range ids {
			out = append(out, wire.Transform{Type: kind, ID: id})
		}
	}
	if proto == wire.ProtocolIKE {
		add(wire.TransformPRF, p.PRF)
	}
	add(wire.TransformINTEG, p.Integrity)
	add(wire.TransformKE, p.Group)
	for i, ids := range p.AddKE {
		add(wire.TransformADDKE1+TransformType(i), ids)
	}
	if proto != wire.ProtocolIKE {
		add(wire.TransformESN, p.ESN)
	}
	return out
}

// Choose checks the responder's answer against what was offered (RFC 7296
// 3.3.6): exactly one proposal, for the same protocol, with one transform of
// each type, all of one offered proposal. The answer's number should name that
// proposal; where it names another, as some gateways do, the transforms decide.
// spi is the responder's and belongs to the caller.
func Choose(offered []Proposal, answer []wire.Proposal, proto wire.ProtocolID) (chosen Proposal, spi []byte, err error) {
	if len(answer) != 1 {
		return Proposal{}, nil, fmt.Errorf("suite: the answer has %d proposals: %w", len(answer), ErrNoProposal)
	}
	a := answer[0]
	if err := checkFrame(a, proto); err != nil {
		return Proposal{}, nil, err
	}
	got, err := collect(a)
	if err != nil {
		return Proposal{}, nil, err
	}
	if !got.single() {
		return Proposal{}, nil, fmt.Errorf("suite: the answer leaves a choice open: %w", ErrNoProposal)
	}
	order := slices.Clone(offered)
	if n := int(a.Number); n >= 1 && n <= len(order) {
		order = append([]Proposal{order[n-1]}, order...)
	}
	for _, o := range order {
		if c, ok := intersect(o, got, proto); ok {
			return c, bytes.Clone(a.SPI), nil
		}
	}
	return Proposal{}, nil, refuse("the answer is not among the offers: the peer chose "+Describe(got), a)
}

// Select picks for a responder: the first proposal of policy that an offer can
// satisfy, preferring policy's order throughout (RFC 7296 2.7). number and spi
// are those of the offer taken; spi belongs to the caller.
func Select(policy []Proposal, offer []wire.Proposal, proto wire.ProtocolID) (chosen Proposal, number uint8, spi []byte, err error) {
	for _, p := range policy {
		for _, o := range offer {
			if checkFrame(o, proto) != nil {
				continue
			}
			got, err := collect(o)
			if err != nil {
				continue
			}
			if c, ok := intersect(p, got, proto); ok {
				return c, o.Number, bytes.Clone(o.SPI), nil
			}
		}
	}
	return Proposal{}, 0, nil, refuse("nothing of the offer is acceptable", offer...)
}

// checkFrame looks at what is around the transforms.
func checkFrame(p wire.Proposal, proto wire.ProtocolID) error {
	if p.Protocol != proto {
		return fmt.Errorf("suite: a proposal for %v, want %v: %w", p.Protocol, proto, ErrNoProposal)
	}
	n := len(p.SPI)
	if proto == wire.ProtocolIKE && (n == 0 || n == 8) || proto == wire.ProtocolESP && n == 4 {
		return nil
	}
	return fmt.Errorf("suite: an SPI of %d octets for %v: %w", n, proto, ErrNoProposal)
}

// collect sorts a received proposal's transforms. A transform with an
// attribute that is not understood is left out; a type that is not known makes
// the whole proposal unusable (RFC 7296 3.3.6).
func collect(p wire.Proposal) (Proposal, error) {
	var out Proposal
	for _, t := range p.Transforms {
		if t.Unknown || t.KeyLen != 0 && t.Type != wire.TransformENCR {
			continue
		}
		switch t.Type {
		case wire.TransformENCR:
			out.Encryption = append(out.Encryption, Transform{ID: t.ID, KeyLen: t.KeyLen})
		case wire.TransformPRF:
			out.PRF = append(out.PRF, t.ID)
		case wire.TransformINTEG:
			out.Integrity = append(out.Integrity, t.ID)
		case wire.TransformKE:
			out.Group = append(out.Group, t.ID)
		case wire.TransformESN:
			out.ESN = append(out.ESN, t.ID)
		case wire.TransformADDKE1, 7, 8, 9, 10, 11, wire.TransformADDKE7:
			at := &out.AddKE[t.Type-wire.TransformADDKE1]
			*at = append(*at, t.ID)
		default:
			return Proposal{}, fmt.Errorf("suite: %v is not known: %w", t.Type, ErrNoProposal)
		}
	}
	return out, nil
}

// single says whether there is at most one alternative of each kind.
func (p Proposal) single() bool {
	for _, ids := range p.AddKE {
		if len(ids) > 1 {
			return false
		}
	}
	return len(p.Encryption) == 1 && len(p.PRF) <= 1 && len(p.Integrity) <= 1 && len(p.Group) <= 1 && len(p.ESN) <= 1
}

// intersect takes, of each kind that applies, ours' first alternative that
// theirs has too. A kind that does not apply must be absent or "none" in theirs.
func intersect(ours, theirs Proposal, proto wire.ProtocolID) (Proposal, bool) {
	var c Proposal
	enc, ok := first(ours.Encryption, theirs.Encryption)
	if !ok {
		return Proposal{}, false
	}
	if _, known := enc.keyLength(); !known || !findEncryption(enc.ID).in(proto) {
		return Proposal{}, false
	}
	c.Encryption = []Transform{enc}

	// An empty list and a list with "none" mean the same (RFC 7296 3.3.3).
	integ, ok := first(orNone(ours.Integrity), orNone(theirs.Integrity))
	if !ok || (integ == AUTH_NONE) != findEncryption(enc.ID).aead() {
		return Proposal{}, false
	}
	c.Integrity = some(integ)
	group, ok := first(orNone(ours.Group), orNone(theirs.Group))
	if !ok {
		return Proposal{}, false
	}
	c.Group = some(group)
	if !c.addKeyExchanges(ours, theirs) {
		return Proposal{}, false
	}

	if proto == wire.ProtocolIKE {
		prf, ok := first(ours.PRF, theirs.PRF)
		if !ok || group == GroupNone || len(theirs.ESN) != 0 {
			return Proposal{}, false
		}
		c.PRF = []uint16{prf}
		return c, true
	}
	// Without a word about sequence numbers they are 32 bits long.
	esn, ok := first(orNone(ours.ESN), orNone(theirs.ESN))
	if !ok || len(theirs.PRF) != 0 {
		return Proposal{}, false
	}
	c.ESN = []uint16{esn}
	return c, true
}

func first[T comparable](ours, theirs []T) (T, bool) {
	for _, o := range ours {
		if slices.Contains(theirs, o) {
			return o, true
		}
	}
	var none T
	return none, false
}

func orNone(ids []uint16) []uint16 {
	if len(ids) == 0 {
		return []uint16{0}
	}
	return ids
}

func some(id uint16) []uint16 {
	if id == 0 {
		return nil
	}
	return []uint16{id}
}

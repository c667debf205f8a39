package wire

import (
	"encoding/binary"
	"strconv"
)

// ProtocolID is the protocol of an SA (RFC 7296 3.3.1).
type ProtocolID uint8

// The protocols.
const (
	ProtocolNone ProtocolID = 0
	ProtocolIKE  ProtocolID = 1
	ProtocolAH   ProtocolID = 2
	ProtocolESP  ProtocolID = 3
)

// String gives the name, or the number.
func (p ProtocolID) String() string {
	switch p {
	case ProtocolNone:
		return "none"
	case ProtocolIKE:
		return "IKE"
	case ProtocolAH:
		return "AH"
	case ProtocolESP:
		return "ESP"
	}
	return "protocol " + strconv.Itoa(int(p))
}

// TransformType is what a transform is for (RFC 7296 3.3.2).
type TransformType uint8

// The transform types of IKE and ESP.
const (
	TransformENCR  TransformType = 1
	TransformPRF   TransformType = 2
	TransformINTEG TransformType = 3
	TransformKE    TransformType = 4
	TransformESN   TransformType = 5
)

// The transform types ADDKE1 to ADDKE7 for additional key exchanges; their
// transform IDs are those of KE (RFC 9370 2.2.1).
const (
	TransformADDKE1 TransformType = 6
	TransformADDKE7 TransformType = 12
)

// String gives IANA's short name, or the number.
func (t TransformType) String() string {
	switch t {
	case TransformENCR:
		return "ENCR"
	case TransformPRF:
		return "PRF"
	case TransformINTEG:
		return "INTEG"
	case TransformKE:
		return "KE"
	case TransformESN:
		return "ESN"
	}
	if t >= TransformADDKE1 && t <= TransformADDKE7 {
		return "ADDKE" + strconv.Itoa(int(t-TransformADDKE1)+1)
	}
	return "transform type " + strconv.Itoa(int(t))
}

// SAPayload offers, or chooses, proposals (RFC 7296 3.3).
type SAPayload struct{ Proposals []Proposal }

// Proposal is one protocol with alternatives of each transform type.
type Proposal struct {
	Number     uint8 // from 1
	Protocol   ProtocolID
	SPI        []byte // 0 octets, 4 (ESP) or 8 (IKE rekey)
	Transforms []Transform
}

// Transform is one algorithm. It is comparable.
type Transform struct {
	Type   TransformType
	ID     uint16
	KeyLen uint16 // bits; 0: no Key Length attribute
	// Unknown marks a received transform with an attribute that is not
	// understood here; such a transform must not be chosen (RFC 7296 3.3.6).
	// It is never sent.
	Unknown bool
}

// Type implements Payload.
func (*SAPayload) Type() PayloadType { return PayloadSA }

const (
	keyLengthAttribute = 14     // RFC 7296 3.3.5
	attributeShort     = 0x8000 // type and value in 4 octets
	moreProposals      = 2      // RFC 7296 3.3.1
	moreTransforms     = 3      // RFC 7296 3.3.2
)

// AppendBody implements Payload.
func (p *SAPayload) AppendBody(b []byte) []byte {
	for i, pr := range p.Proposals {
		start := len(b)
		b = append(b, more(i, len(p.Proposals), moreProposals), 0, 0, 0,
			pr.Number, byte(pr.Protocol), byte(len(pr.SPI)), byte(len(pr.Transforms)))
		b = append(b, pr.SPI...)
		for j, t := range pr.Transforms {
			b = t.appendTo(b, more(j, len(pr.Transforms), moreTransforms))
		}
		binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	}
	return b
}

func (t Transform) appendTo(b []byte, more byte) []byte {
	n := uint16(8)
	if t.KeyLen != 0 {
		n += 4
	}
	b = append(b, more, 0)
	b = binary.BigEndian.AppendUint16(b, n)
	b = append(b, byte(t.Type), 0)
	b = binary.BigEndian.AppendUint16(b, t.ID)
	if t.KeyLen != 0 {
		b = binary.BigEndian.AppendUint16(b, attributeShort|keyLengthAttribute)
		b = binary.BigEndian.AppendUint16(b, t.KeyLen)
	}
	return b
}

func more(i, n int, value byte) byte {
	if i+1 < n {
		return value
	}
	return 0
}

func parseSA(b []byte) (*SAPayload, error) {
	p := &SAPayload{}
	for again := true; again; {
		body, more, rest, err := substructure(b, 8, moreProposals)
		if err != nil {
			return nil, err
		}
		pr, err := parseProposal(body)
		if err != nil {
			return nil, err
		}
		p.Proposals = append(p.Proposals, pr)
		b, again = rest, more
	}
	if len(b) != 0 {
		return nil, malformed(PayloadSA, "octets after the last proposal")
	}
	return p, nil
}

// parseProposal reads a whole substructure, its 8-octet header included.
func parseProposal(b []byte) (Proposal, error) {
	pr := Proposal{Number: b[4], Protocol: ProtocolID(b[5])}
	size, count := int(b[6]), int(b[7])
	b = b[8:]
	if len(b) < size {
		return pr, malformed(PayloadSA, "SPI longer than the proposal")
	}
	pr.SPI, b = b[:size:size], b[size:]
	for i := range count {
		body, more, rest, err := substructure(b, 8, moreTransforms)
		if err != nil {
			return pr, err
		}
		if more != (i+1 < count) {
			return pr, malformed(PayloadSA, "transform count differs from the chain")
		}
		t, err := parseTransform(body)
		if err != nil {
			return pr, err
		}
		pr.Transforms = append(pr.Transforms, t)
		b = rest
	}
	if len(b) != 0 {
		return pr, malformed(PayloadSA, "octets after the last transform")
	}
	return pr, nil
}

func parseTransform(b []byte) (Transform, error) {
	t := Transform{Type: TransformType(b[4]), ID: binary.BigEndian.Uint16(b[6:])}
	for b = b[8:]; len(b) > 0; {
		if len(b) < 4 {
			return t, malformed(PayloadSA, "attribute cut short")
		}
		kind, value, n := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), 4
		if kind&attributeShort == 0 {
			n += int(value)
		}
		if n > len(b) {
			return t, malformed(PayloadSA, "attribute longer than the transform")
		}
		// One Key Length, not zero, is all that is understood.
		if kind == attributeShort|keyLengthAttribute && value != 0 && t.KeyLen == 0 {
			t.KeyLen = value
		} else {
			t.Unknown = true
		}
		b = b[n:]
	}
	return t, nil
}

// substructure cuts off a proposal or a transform: one octet "last or more",
// one reserved, a 16-bit length that counts from the first octet.
func substructure(b []byte, least int, moreValue byte) (body []byte, more bool, rest []byte, err error) {
	if len(b) < least {
		return nil, false, nil, malformed(PayloadSA, "substructure cut short")
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < least || n > len(b) {
		return nil, false, nil, malformed(PayloadSA, "substructure length outside the payload")
	}
	if b[0] != 0 && b[0] != moreValue {
		return nil, false, nil, malformed(PayloadSA, "last-substructure octet is neither last nor more")
	}
	return b[:n:n], b[0] != 0, b[n:], nil
}

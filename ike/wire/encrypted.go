package wire

import "encoding/binary"

// Encrypted is an SK payload, not opened: Body holds IV, ciphertext and
// integrity check value (RFC 7296 3.14).
type Encrypted struct {
	First PayloadType // of the payloads inside
	Body  []byte
}

// Type implements Payload.
func (*Encrypted) Type() PayloadType { return PayloadSK }

// AppendBody implements Payload.
func (p *Encrypted) AppendBody(b []byte) []byte { return append(b, p.Body...) }

// FragmentHeaderLen is what stands in an SKF payload between the generic
// header and the IV.
const FragmentHeaderLen = 4

// EncryptedFragment is an SKF payload, not opened (RFC 7383 2.5).
type EncryptedFragment struct {
	// First is the type of the first payload of the whole message; it counts
	// in fragment 1 only and is zero in the others.
	First         PayloadType
	Number, Total uint16 // 1 <= Number <= Total
	Body          []byte // IV, ciphertext and integrity check value of this fragment
}

// Type implements Payload.
func (*EncryptedFragment) Type() PayloadType { return PayloadSKF }

// AppendBody implements Payload.
func (p *EncryptedFragment) AppendBody(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, p.Number)
	b = binary.BigEndian.AppendUint16(b, p.Total)
	return append(b, p.Body...)
}

func parseEncrypted(t, first PayloadType, b []byte) (Payload, error) {
	if t == PayloadSK {
		if len(b) == 0 {
			return nil, malformed(t, "empty")
		}
		return &Encrypted{First: first, Body: b}, nil
	}
	if len(b) <= FragmentHeaderLen {
		return nil, malformed(t, "too short")
	}
	p := &EncryptedFragment{
		First:  first,
		Number: binary.BigEndian.Uint16(b),
		Total:  binary.BigEndian.Uint16(b[2:]),
		Body:   b[FragmentHeaderLen:],
	}
	if p.Number == 0 || p.Number > p.Total {
		return nil, malformed(t, "fragment number outside the total")
	}
	return p, nil
}

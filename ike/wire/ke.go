package wire

import "encoding/binary"

// KEPayload is a public value of a key exchange (RFC 7296 3.4).
type KEPayload struct {
	Group uint16 // key exchange method (RFC 9370 renames the group)
	Data  []byte
}

// Type implements Payload.
func (*KEPayload) Type() PayloadType { return PayloadKE }

// AppendBody implements Payload.
func (p *KEPayload) AppendBody(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, p.Group)
	b = append(b, 0, 0)
	return append(b, p.Data...)
}

func parseKE(b []byte) (*KEPayload, error) {
	if len(b) < 4 {
		return nil, malformed(PayloadKE, "too short")
	}
	return &KEPayload{Group: binary.BigEndian.Uint16(b), Data: b[4:]}, nil
}

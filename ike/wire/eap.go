package wire

// EAPPayload carries one whole EAP packet: code, identifier, length and data
// (RFC 7296 3.16). The packet's own length field is left to the EAP layer.
type EAPPayload struct{ Data []byte }

// Type implements Payload.
func (*EAPPayload) Type() PayloadType { return PayloadEAP }

// AppendBody implements Payload.
func (p *EAPPayload) AppendBody(b []byte) []byte { return append(b, p.Data...) }

func parseEAP(b []byte) (*EAPPayload, error) {
	if len(b) < 4 {
		return nil, malformed(PayloadEAP, "shorter than an EAP header")
	}
	return &EAPPayload{Data: b}, nil
}

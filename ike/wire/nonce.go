package wire

// The bounds of a nonce (RFC 7296 3.9).
const (
	MinNonceLen = 16
	MaxNonceLen = 256
)

// NoncePayload is Ni or Nr (RFC 7296 3.9).
type NoncePayload struct{ Data []byte }

// Type implements Payload.
func (*NoncePayload) Type() PayloadType { return PayloadNonce }

// AppendBody implements Payload.
func (p *NoncePayload) AppendBody(b []byte) []byte { return append(b, p.Data...) }

func parseNonce(b []byte) (*NoncePayload, error) {
	if len(b) < MinNonceLen || len(b) > MaxNonceLen {
		return nil, malformed(PayloadNonce, "length outside 16 to 256 octets")
	}
	return &NoncePayload{Data: b}, nil
}

package wire

// AuthPayload proves who its sender is (RFC 7296 3.8). Its data is a
// signature or a MAC, never a secret.
type AuthPayload struct {
	Method uint8
	Data   []byte
}

// Type implements Payload.
func (*AuthPayload) Type() PayloadType { return PayloadAUTH }

// AppendBody implements Payload.
func (p *AuthPayload) AppendBody(b []byte) []byte {
	b = append(b, p.Method, 0, 0, 0)
	return append(b, p.Data...)
}

func parseAuth(b []byte) (*AuthPayload, error) {
	if len(b) < 4 {
		return nil, malformed(PayloadAUTH, "too short")
	}
	return &AuthPayload{Method: b[0], Data: b[4:]}, nil
}

package wire

// IDPayload is IDi or IDr (RFC 7296 3.5).
type IDPayload struct {
	Responder bool // IDr
	IDType    uint8
	Data      []byte
}

// Type implements Payload.
func (p *IDPayload) Type() PayloadType {
	if p.Responder {
		return PayloadIDr
	}
	return PayloadIDi
}

// AppendBody implements Payload.
func (p *IDPayload) AppendBody(b []byte) []byte {
	b = append(b, p.IDType, 0, 0, 0)
	return append(b, p.Data...)
}

func parseID(responder bool, b []byte) (*IDPayload, error) {
	p := &IDPayload{Responder: responder}
	if len(b) < 4 {
		return nil, malformed(p.Type(), "too short")
	}
	p.IDType, p.Data = b[0], b[4:]
	return p, nil
}

package wire

// Unknown is a payload of a type that is not known here and that its sender
// did not mark critical, or one that a test wants to send.
type Unknown struct {
	PayloadType PayloadType
	Critical    bool
	Body        []byte
}

// Type implements Payload.
func (p *Unknown) Type() PayloadType { return p.PayloadType }

// AppendBody implements Payload.
func (p *Unknown) AppendBody(b []byte) []byte { return append(b, p.Body...) }

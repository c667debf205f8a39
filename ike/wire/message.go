package wire

// Message is a header and its payloads. NextPayload and Length of a message
// to be marshalled are computed, whatever the fields hold.
type Message struct {
	Header
	Payloads []Payload
}

// Marshal encodes the message as it stands, without protection: IKE_SA_INIT,
// or a message whose last payload is Encrypted already. A zero Version is
// sent as Version2. The result is the caller's.
func (m *Message) Marshal() []byte {
	h := m.Header
	if h.Version == 0 {
		h.Version = Version2
	}
	var chain []byte
	h.NextPayload, chain = AppendChain(nil, m.Payloads)
	h.Length = uint32(HeaderLen + len(chain))
	return append(h.AppendTo(make([]byte, 0, HeaderLen+len(chain))), chain...)
}

// ParseMessage reads a whole message. An SK or SKF payload ends the chain and
// is kept, still encrypted, as *Encrypted or *EncryptedFragment. Payloads
// borrow from b. Errors are *SyntaxError, *VersionError or
// *UnsupportedCriticalError.
func ParseMessage(b []byte) (*Message, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return nil, err
	}
	payloads, err := parseChain(h.NextPayload, b[HeaderLen:], true)
	if err != nil {
		return nil, err
	}
	return &Message{Header: h, Payloads: payloads}, nil
}

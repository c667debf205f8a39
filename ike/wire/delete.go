package wire

import "encoding/binary"

// DeletePayload says that SAs are gone (RFC 7296 3.11). For the IKE SA itself
// there are no SPIs; for ESP each is the sender's inbound SPI.
type DeletePayload struct {
	Protocol ProtocolID
	SPIs     [][]byte // all of one length
}

// Type implements Payload.
func (*DeletePayload) Type() PayloadType { return PayloadDelete }

// AppendBody implements Payload.
func (p *DeletePayload) AppendBody(b []byte) []byte {
	size := 0
	if len(p.SPIs) > 0 {
		size = len(p.SPIs[0])
	}
	b = append(b, byte(p.Protocol), byte(size))
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.SPIs)))
	for _, spi := range p.SPIs {
		b = append(b, spi...)
	}
	return b
}

func parseDelete(b []byte) (*DeletePayload, error) {
	if len(b) < 4 {
		return nil, malformed(PayloadDelete, "too short")
	}
	p := &DeletePayload{Protocol: ProtocolID(b[0])}
	size, count := int(b[1]), int(binary.BigEndian.Uint16(b[2:]))
	b = b[4:]
	if size == 0 && count != 0 {
		return nil, malformed(PayloadDelete, "SPIs of no length")
	}
	if len(b) != size*count {
		return nil, malformed(PayloadDelete, "SPI count differs from the length")
	}
	if count > 0 {
		p.SPIs = make([][]byte, count)
		for i := range p.SPIs {
			p.SPIs[i] = b[i*size : (i+1)*size : (i+1)*size]
		}
	}
	return p, nil
}

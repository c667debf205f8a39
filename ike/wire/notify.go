package wire

import "encoding/binary"

// NotifyPayload is an error or a status (RFC 7296 3.10).
type NotifyPayload struct {
	Protocol   ProtocolID // of SPI; ProtocolNone without one
	SPI        []byte
	NotifyType NotifyType
	Data       []byte
}

// Type implements Payload.
func (*NotifyPayload) Type() PayloadType { return PayloadNotify }

// AppendBody implements Payload.
func (p *NotifyPayload) AppendBody(b []byte) []byte {
	b = append(b, byte(p.Protocol), byte(len(p.SPI)))
	b = binary.BigEndian.AppendUint16(b, uint16(p.NotifyType))
	b = append(b, p.SPI...)
	return append(b, p.Data...)
}

func parseNotify(b []byte) (*NotifyPayload, error) {
	if len(b) < 4 {
		return nil, malformed(PayloadNotify, "too short")
	}
	size := int(b[1])
	if len(b) < 4+size {
		return nil, malformed(PayloadNotify, "SPI longer than the payload")
	}
	return &NotifyPayload{
		Protocol:   ProtocolID(b[0]),
		NotifyType: NotifyType(binary.BigEndian.Uint16(b[2:])),
		SPI:        b[4 : 4+size : 4+size],
		Data:       b[4+size:],
	}, nil
}

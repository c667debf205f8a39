package wire

import "encoding/binary"

// The types of a Configuration payload (RFC 7296 3.15).
const (
	CFGRequest uint8 = 1
	CFGReply   uint8 = 2
	CFGSet     uint8 = 3
	CFGAck     uint8 = 4
)

// The types of a configuration attribute (RFC 7296 3.15.1, RFC 8598).
const (
	InternalIP4Address  uint16 = 1
	InternalIP4Netmask  uint16 = 2
	InternalIP4DNS      uint16 = 3
	InternalIP4NBNS     uint16 = 4
	InternalIP4DHCP     uint16 = 6
	ApplicationVersion  uint16 = 7
	InternalIP6Address  uint16 = 8 // 16 octets and a prefix length
	InternalIP6DNS      uint16 = 10
	InternalIP6DHCP     uint16 = 12
	InternalIP4Subnet   uint16 = 13
	SupportedAttributes uint16 = 14
	InternalIP6Subnet   uint16 = 15
	InternalDNSDomain   uint16 = 25 // RFC 8598
	InternalDNSSECTA    uint16 = 26 // RFC 8598
)

// ConfigAttribute is one attribute; an empty value asks for one.
type ConfigAttribute struct {
	Type  uint16 // 15 bits
	Value []byte
}

// CPPayload is a Configuration payload (RFC 7296 3.15).
type CPPayload struct {
	CFGType    uint8
	Attributes []ConfigAttribute
}

// Type implements Payload.
func (*CPPayload) Type() PayloadType { return PayloadCP }

// AppendBody implements Payload.
func (p *CPPayload) AppendBody(b []byte) []byte {
	b = append(b, p.CFGType, 0, 0, 0)
	for _, a := range p.Attributes {
		b = binary.BigEndian.AppendUint16(b, a.Type&0x7fff)
		b = binary.BigEndian.AppendUint16(b, uint16(len(a.Value)))
		b = append(b, a.Value...)
	}
	return b
}

func parseCP(b []byte) (*CPPayload, error) {
	if len(b) < 4 {
		return nil, malformed(PayloadCP, "too short")
	}
	p := &CPPayload{CFGType: b[0]}
	for b = b[4:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, malformed(PayloadCP, "attribute cut short")
		}
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b) {
			return nil, malformed(PayloadCP, "attribute longer than the payload")
		}
		// The top bit is reserved and ignored (RFC 7296 3.15.1).
		p.Attributes = append(p.Attributes, ConfigAttribute{
			Type:  binary.BigEndian.Uint16(b) & 0x7fff,
			Value: b[4:n:n],
		})
		b = b[n:]
	}
	return p, nil
}

package wire

import (
	"encoding/binary"
	"net/netip"
)

// The types of a traffic selector (RFC 7296 3.13.1).
const (
	tsIPv4Range = 7
	tsIPv6Range = 8
)

// TSPayload is TSi or TSr (RFC 7296 3.13).
type TSPayload struct {
	Responder bool // TSr
	Selectors []TrafficSelector
}

// TrafficSelector is a range of addresses, a range of ports and a protocol.
// It is comparable. The zero value matches nothing.
type TrafficSelector struct {
	Protocol           uint8 // IP protocol; 0: any
	StartPort, EndPort uint16
	Start, End         netip.Addr // same family, without zones
	// Raw holds a selector of an unknown type, its header included; the other
	// fields are zero then. It is a string so that selectors stay comparable.
	Raw string
}

// Type implements Payload.
func (p *TSPayload) Type() PayloadType {
	if p.Responder {
		return PayloadTSr
	}
	return PayloadTSi
}

// AppendBody implements Payload.
func (p *TSPayload) AppendBody(b []byte) []byte {
	b = append(b, byte(len(p.Selectors)), 0, 0, 0)
	for _, t := range p.Selectors {
		b = t.appendTo(b)
	}
	return b
}

func (t TrafficSelector) appendTo(b []byte) []byte {
	if t.Raw != "" {
		return append(b, t.Raw...)
	}
	start, end := t.Start.AsSlice(), t.End.AsSlice()
	kind := byte(tsIPv6Range)
	if len(start) == 4 {
		kind = tsIPv4Range
	}
	b = append(b, kind, t.Protocol)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(start)+len(end)))
	b = binary.BigEndian.AppendUint16(b, t.StartPort)
	b = binary.BigEndian.AppendUint16(b, t.EndPort)
	return append(append(b, start...), end...)
}

func parseTS(responder bool, b []byte) (*TSPayload, error) {
	p := &TSPayload{Responder: responder}
	if len(b) < 4 {
		return nil, malformed(p.Type(), "too short")
	}
	count := int(b[0])
	b = b[4:]
	for range count {
		if len(b) < 4 {
			return nil, malformed(p.Type(), "fewer selectors than announced")
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return nil, malformed(p.Type(), "selector length outside the payload")
		}
		t, ok := parseSelector(b[:n])
		if !ok {
			return nil, malformed(p.Type(), "selector length does not fit its type")
		}
		p.Selectors = append(p.Selectors, t)
		b = b[n:]
	}
	if len(b) != 0 {
		return nil, malformed(p.Type(), "octets after the last selector")
	}
	return p, nil
}

func parseSelector(b []byte) (TrafficSelector, bool) {
	size := 0
	switch b[0] {
	case tsIPv4Range:
		size = 4
	case tsIPv6Range:
		size = 16
	default:
		return TrafficSelector{Raw: string(b)}, true
	}
	if len(b) != 8+2*size {
		return TrafficSelector{}, false
	}
	start, _ := netip.AddrFromSlice(b[8 : 8+size])
	end, _ := netip.AddrFromSlice(b[8+size:])
	return TrafficSelector{
		Protocol:  b[1],
		StartPort: binary.BigEndian.Uint16(b[4:]),
		EndPort:   binary.BigEndian.Uint16(b[6:]),
		Start:     start,
		End:       end,
	}, true
}

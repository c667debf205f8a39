package eap

import (
	"encoding/binary"
	"slices"
)

// Refusals (RFC 3748 5.3) and the long form of types (RFC 3748 5.7).

// refuse answers the request for a method that may not run.
func (p *Peer) refuse(pkt packet) (Result, error) {
	if err := p.countAside(); err != nil {
		return Result{}, err
	}
	p.refused = pkt.kind
	if pkt.expanded || pkt.kind == typeExpanded {
		return Result{Response: expandedNak(pkt.id, p.offered())}, nil
	}
	return Result{Response: nak(pkt.id, p.offered())}, nil
}

// offered are the allowed methods that can be served, preferred first.
func (p *Peer) offered() []byte {
	var out []byte
	for _, m := range p.cfg.Methods {
		if Known(m) && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// nak proposes other methods; zero means that there is none (RFC 3748 5.3.1).
func nak(id byte, methods []byte) []byte {
	if len(methods) == 0 {
		methods = []byte{0}
	}
	return marshal(codeResponse, id, TypeNak, methods)
}

// expandedNak is the answer to a type of a vendor's (RFC 3748 5.3.2).
func expandedNak(id byte, methods []byte) []byte {
	if len(methods) == 0 {
		methods = []byte{0}
	}
	data := longType(nil, TypeNak)[1:]
	for _, m := range methods {
		data = longType(data, m)
	}
	return marshal(codeResponse, id, typeExpanded, data)
}

// longType appends the long form of a type: 254, the IETF as the vendor, the type.
func longType(b []byte, kind uint8) []byte {
	return append(b, typeExpanded, 0, 0, 0, 0, 0, 0, kind)
}

// contract turns a type of the IETF's in its long form into the short one; the two
// mean the same.
func contract(pkt packet) packet {
	const vendorAndType = 7
	if pkt.kind != typeExpanded || len(pkt.data) < vendorAndType {
		return pkt
	}
	vendor := binary.BigEndian.Uint32(append([]byte{0}, pkt.data[:3]...))
	kind := binary.BigEndian.Uint32(pkt.data[3:])
	if vendor != 0 || kind == 0 || kind >= uint32(typeExpanded) {
		return pkt
	}
	pkt.kind, pkt.data, pkt.expanded = uint8(kind), pkt.data[vendorAndType:], true
	return pkt
}

// expand gives a response the long form of its type, as its request had it. A Nak
// of such a request is one already.
func expand(response []byte) []byte {
	kind := response[4]
	if kind == typeExpanded {
		return response
	}
	return marshal(codeResponse, response[1], typeExpanded, append(longType(nil, kind)[1:], response[5:]...))
}

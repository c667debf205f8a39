package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// generator makes random payloads that are well-formed, for round trips.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 7296))}
}

// octets gives between least and most random octets, never nil.
func (g generator) octets(least, most int) []byte {
	b := make([]byte, least+g.IntN(most-least+1))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g generator) u8() uint8   { return uint8(g.Uint32()) }
func (g generator) u16() uint16 { return uint16(g.Uint32()) }

func (g generator) transform() Transform {
	t := Transform{Type: TransformType(1 + g.IntN(5)), ID: g.u16()}
	if g.IntN(2) == 0 {
		t.KeyLen = uint16(1 + g.IntN(65535))
	}
	return t
}

func (g generator) proposal(number int) Proposal {
	p := Proposal{Number: uint8(number), Protocol: ProtocolID(1 + g.IntN(3)), SPI: g.octets(0, 8)}
	for range 1 + g.IntN(20) {
		p.Transforms = append(p.Transforms, g.transform())
	}
	return p
}

func (g generator) selector() TrafficSelector {
	if g.IntN(8) == 0 {
		body := g.octets(0, 12)
		return TrafficSelector{Raw: string(append([]byte{9, g.u8(), 0, byte(4 + len(body))}, body...))}
	}
	size := 4
	if g.IntN(2) == 0 {
		size = 16
	}
	a, _ := netip.AddrFromSlice(g.octets(size, size))
	b, _ := netip.AddrFromSlice(g.octets(size, size))
	return TrafficSelector{Protocol: g.u8(), StartPort: g.u16(), EndPort: g.u16(), Start: a, End: b}
}

// kinds is how many kinds of payload there are.
const kinds = 15

// payload gives one random payload of kind 0 to kinds-1.
func (g generator) payload(kind int) Payload {
	switch kind {
	case 0:
		p := &SAPayload{}
		for i := range 1 + g.IntN(4) {
			p.Proposals = append(p.Proposals, g.proposal(i+1))
		}
		return p
	case 1:
		return &KEPayload{Group: g.u16(), Data: g.octets(0, 600)}
	case 2:
		return &IDPayload{Responder: g.IntN(2) == 0, IDType: g.u8(), Data: g.octets(0, 80)}
	case 3:
		return &CertPayload{Encoding: g.u8(), Data: g.octets(0, 2000)}
	case 4:
		return &CertReqPayload{Encoding: g.u8(), Data: g.octets(0, 60)}
	case 5:
		return &AuthPayload{Method: g.u8(), Data: g.octets(0, 300)}
	case 6:
		return &NoncePayload{Data: g.octets(MinNonceLen, MaxNonceLen)}
	case 7:
		return &NotifyPayload{Protocol: ProtocolID(g.IntN(4)), SPI: g.octets(0, 255), NotifyType: NotifyType(g.u16()), Data: g.octets(0, 64)}
	case 8:
		p := &DeletePayload{Protocol: ProtocolID(1 + g.IntN(3))}
		size := 1 + g.IntN(255)
		for range g.IntN(5) {
			p.SPIs = append(p.SPIs, g.octets(size, size))
		}
		return p
	case 9:
		return &VendorIDPayload{Data: g.octets(0, 40)}
	case 10:
		p := &TSPayload{Responder: g.IntN(2) == 0}
		for range g.IntN(6) {
			p.Selectors = append(p.Selectors, g.selector())
		}
		return p
	case 11:
		p := &CPPayload{CFGType: g.u8()}
		for range g.IntN(6) {
			p.Attributes = append(p.Attributes, ConfigAttribute{Type: g.u16() & 0x7fff, Value: g.octets(0, 40)})
		}
		return p
	case 12:
		return &EAPPayload{Data: g.octets(4, 200)}
	case 13:
		return &Unknown{PayloadType: PayloadType(100 + g.IntN(100)), Body: g.octets(0, 50)}
	}
	return &Unknown{PayloadType: PayloadType(1 + g.IntN(32)), Body: g.octets(0, 50)}
}

func (g generator) payloads() []Payload {
	var ps []Payload
	for range g.IntN(8) {
		ps = append(ps, g.payload(g.IntN(kinds)))
	}
	return ps
}

func (g generator) message() *Message {
	m := &Message{
		Header: Header{
			InitiatorSPI: SPI(g.Uint64()), ResponderSPI: SPI(g.Uint64()),
			Version: Version2 | g.u8()&0x0f, Exchange: ExchangeType(g.u8()), Flags: Flags(g.u8()),
			MessageID: g.Uint32(),
		},
		Payloads: g.payloads(),
	}
	switch g.IntN(3) {
	case 0:
		m.Payloads = append(m.Payloads, &Encrypted{First: PayloadType(g.u8()), Body: g.octets(1, 300)})
	case 1:
		total := uint16(1 + g.IntN(65535))
		m.Payloads = append(m.Payloads, &EncryptedFragment{
			First: PayloadType(g.u8()), Number: uint16(1 + g.IntN(int(total))), Total: total, Body: g.octets(1, 300),
		})
	}
	return m
}

// sameChain compares payloads by what they mean on the wire; a difference is
// told in words.
func sameChain(a, b []Payload) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d payloads, want %d", len(b), len(a))
	}
	for i := range a {
		if a[i].Type() != b[i].Type() {
			return fmt.Errorf("payload %d is %v, want %v", i, b[i].Type(), a[i].Type())
		}
		if x, y := a[i].AppendBody(nil), b[i].AppendBody(nil); !bytes.Equal(x, y) {
			return fmt.Errorf("payload %d (%v): %x, want %x", i, a[i].Type(), y, x)
		}
	}
	return nil
}

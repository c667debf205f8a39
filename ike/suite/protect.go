package suite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Protector seals and opens the messages of one IKE SA. Outbound:
//
//	inner payloads -> chain -> one SK payload, or several SKF payloads
//	-> header, IV, ciphertext, ICV -> whole messages
//
// and inbound the other way, fragment by fragment; putting fragments together
// is the session's affair. It keeps no reference to what it is given. A sealed
// message is stored and sent again as it is (RFC 7296 2.1): sealing twice
// would give two different messages with one message ID.
type Protector struct {
	out, in skCipher
	cleared bool
}

const genericHeader = 4 // RFC 7296 3.2

var errCleared = errors.New("suite: the keys of this IKE SA are cleared")

// NewProtector copies what it needs of k. initiator: we are the original
// initiator of this IKE SA. rand gives the IVs of CBC.
func NewProtector(p Proposal, k *Keys, initiator bool, rand io.Reader) (*Protector, error) {
	i, err := newCipher(p, k.SK_ei, k.SK_ai, rand)
	if err != nil {
		return nil, err
	}
	r, err := newCipher(p, k.SK_er, k.SK_ar, rand)
	if err != nil {
		return nil, err
	}
	if initiator {
		return &Protector{out: i, in: r}, nil
	}
	return &Protector{out: r, in: i}, nil
}

// Clear drops the keys. Every later call fails.
func (p *Protector) Clear() {
	p.cleared = true
	p.out.clear()
	p.in.clear()
}

// Overhead is the most that one SK payload adds to its contents, in octets:
// generic header, IV, padding, pad length and ICV.
func (p *Protector) Overhead() int {
	most := 0
	for n := range 16 {
		most = max(most, p.out.size(n)-n)
	}
	return genericHeader + most
}

// Seal makes one whole message with one SK payload (RFC 7296 3.14). NextPayload
// and Length of h are set here. The caller owns the result.
func (p *Protector) Seal(h wire.Header, inner []wire.Payload) ([]byte, error) {
	first, plain := wire.AppendChain(nil, inner)
	defer clear(plain)
	return p.seal(h, first, plain)
}

func (p *Protector) seal(h wire.Header, first wire.PayloadType, plain []byte) ([]byte, error) {
	return p.sealPayload(h, wire.PayloadSK, first, nil, plain)
}

// SealFragments makes messages of at most maxMessage octets, IKE header
// included and IP and UDP headers not: one with an SK payload where it fits,
// else several with SKF payloads (RFC 7383 2.5). The caller owns the result.
func (p *Protector) SealFragments(h wire.Header, inner []wire.Payload, maxMessage int) ([][]byte, error) {
	first, plain := wire.AppendChain(nil, inner)
	defer clear(plain)
	if wire.HeaderLen+genericHeader+p.out.size(len(plain)) <= maxMessage {
		msg, err := p.seal(h, first, plain)
		if err != nil {
			return nil, err
		}
		return [][]byte{msg}, nil
	}
	room := p.fragmentRoom(maxMessage)
	if room < 1 {
		return nil, fmt.Errorf("suite: messages of %d octets leave no room for a fragment", maxMessage)
	}
	total := (len(plain) + room - 1) / room
	if total > math.MaxUint16 {
		return nil, fmt.Errorf("suite: %d fragments are too many", total)
	}
	out := make([][]byte, 0, total)
	for number := 1; number <= total; number++ {
		part := plain[:min(room, len(plain))]
		plain = plain[len(part):]
		fields := binary.BigEndian.AppendUint16(nil, uint16(number))
		fields = binary.BigEndian.AppendUint16(fields, uint16(total))
		msg, err := p.sealPayload(h, wire.PayloadSKF, first, fields, part)
		if err != nil {
			return nil, err
		}
		out = append(out, msg)
		first = wire.PayloadNone // only fragment 1 names it
	}
	return out, nil
}

// fragmentRoom is the most plaintext that a message with an SKF payload holds.
func (p *Protector) fragmentRoom(maxMessage int) int {
	space := maxMessage - wire.HeaderLen - genericHeader - wire.FragmentHeaderLen
	room := space - p.out.size(0) + 16 // at least what padding may have taken
	for room > 0 && p.out.size(room) > space {
		room--
	}
	return room
}

// sealPayload builds the header, the generic header and fields, all of which
// the ICV covers, and seals plain behind them.
func (p *Protector) sealPayload(h wire.Header, kind, first wire.PayloadType, fields, plain []byte) ([]byte, error) {
	if p.cleared {
		return nil, errCleared
	}
	payload := genericHeader + len(fields) + p.out.size(len(plain))
	if payload > math.MaxUint16 || wire.HeaderLen+payload > wire.MaxMessageLen {
		return nil, fmt.Errorf("suite: a message of %d octets is too long", wire.HeaderLen+payload)
	}
	h.NextPayload = kind
	h.Length = uint32(wire.HeaderLen + payload)
	if h.Version == 0 {
		h.Version = wire.Version2
	}
	head := h.AppendTo(make([]byte, 0, wire.HeaderLen+payload))
	head = append(head, byte(first), 0)
	head = binary.BigEndian.AppendUint16(head, uint16(payload))
	return p.out.seal(append(head, fields...), plain)
}

// Open checks and decrypts the SK or SKF payload that ends m. raw is the whole
// message that m was parsed from; it is not written to. plain is the chain of
// inner payloads, or of an SKF payload its part of the chain, and belongs to
// the caller. An error that wraps ErrIntegrity means that the message is to be
// dropped as if it had not come; others speak of an authentic message.
func (p *Protector) Open(raw []byte, m *wire.Message) (first wire.PayloadType, plain []byte, err error) {
	if p.cleared {
		return 0, nil, errCleared
	}
	if len(m.Payloads) == 0 {
		return 0, nil, fmt.Errorf("%w: no encrypted payload", ErrIntegrity)
	}
	var body []byte
	switch e := m.Payloads[len(m.Payloads)-1].(type) {
	case *wire.Encrypted:
		first, body = e.First, e.Body
	case *wire.EncryptedFragment:
		first, body = e.First, e.Body
	default:
		return 0, nil, fmt.Errorf("%w: no encrypted payload", ErrIntegrity)
	}
	if !bytes.HasSuffix(raw, body) {
		return 0, nil, fmt.Errorf("%w: the encrypted payload does not end the message", ErrIntegrity)
	}
	plain, err = p.in.open(raw[:len(raw)-len(body)], body)
	if err != nil {
		return 0, nil, err
	}
	return first, plain, nil
}

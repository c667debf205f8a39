package iketest

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// IKE_INTERMEDIATE (RFC 9242) with additional key exchanges (RFC 9370 2.2.2).

// intermediate is what a handshake keeps of it.
type intermediate struct {
	methods          []uint16 // key exchanges that are to come
	clients, gateway []byte   // IntAuth_i and IntAuth_r
	last             uint32   // message ID of the last exchange
	uncovered        bool     // see ResponderConfig.Uncovered
}

// intAuth is what both AUTH payloads end with (RFC 9242 3.3.2).
func (n *intermediate) intAuth() []byte {
	if n.last == 0 || n.uncovered {
		return nil
	}
	out := append(bytes.Clone(n.clients), n.gateway...)
	return binary.BigEndian.AppendUint32(out, n.last+1)
}

// intermediate serves one exchange: the keys change once it is answered.
//
//	--> KEi(n)   <-- KEr(n)
func (sa *ikeSA) intermediate(now time.Time, x *Exchange) ([]wire.Payload, func()) {
	hs := sa.hs
	ke, ok := wire.Find[*wire.KEPayload](x.Request)
	if !ok || ke.Group != hs.methods[0] {
		sa.r.complain(now, "IKE_INTERMEDIATE without a KE of method %d (RFC 9370 2.2.2)", hs.methods[0])
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, sa.drop
	}
	public, shared, err := suite.AnswerKeyExchange(ke.Group, ke.Data, sa.r.cfg.Rand)
	if err != nil {
		sa.r.complain(now, "%v", err)
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, sa.drop
	}
	hs.methods, hs.last = hs.methods[1:], x.Header.MessageID
	hs.clients = suite.PRF(sa.prf(), sa.keys.SK_pi, hs.clients, sa.bare(x.Header, sa.insideFirst, sa.inside))
	return []wire.Payload{&wire.KEPayload{Group: ke.Group, Data: public}}, func() {
		h := x.Header
		h.Flags = wire.FlagResponse
		first, plain := wire.AppendChain(nil, x.Response)
		hs.gateway = suite.PRF(sa.prf(), sa.keys.SK_pr, hs.gateway, sa.bare(h, first, plain))
		sa.before, sa.again = sa.protector, nil // nothing is cut anew under other keys
		keys, err := suite.DeriveRekeyed(sa.proposal, sa.prf(), sa.keys.SK_d, shared, hs.ni, hs.nr, sa.spiI(), sa.spiR())
		if err == nil {
			err = sa.setKeys(keys)
		}
		if err != nil {
			sa.r.complain(now, "%v", err)
		}
	}
}

// bare is a message as it would look with an SK payload that adds nothing to its
// inside but the generic header (RFC 9242 3.3.2).
func (sa *ikeSA) bare(h wire.Header, first wire.PayloadType, inside []byte) []byte {
	m := &wire.Message{
		Header: wire.Header{
			InitiatorSPI: sa.spiI(), ResponderSPI: sa.spiR(),
			Exchange: h.Exchange, Flags: h.Flags, MessageID: h.MessageID,
		},
		Payloads: []wire.Payload{&wire.Encrypted{First: first, Body: inside}},
	}
	return m.Marshal()
}

// repeatedBefore answers a request that the client repeats because it has not
// got the answer, after which the keys are others.
func (sa *ikeSA) repeatedBefore(now time.Time, p Packet, m *wire.Message) bool {
	if sa.before == nil || m.Response() || m.MessageID+1 != sa.expected {
		return false
	}
	if _, _, err := sa.before.Open(p.Data, m); err != nil {
		return false
	}
	if f, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); !ok || f.Number == 1 {
		sa.repeat(now, p)
	}
	return true
}

package ike

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// IKE_INTERMEDIATE (RFC 9242), with the additional key exchanges of the first
// IKE SA (RFC 9370 2.2.2). It stands between IKE_SA_INIT and IKE_AUTH, once for
// each of them:
//
//	--> IKE_INTERMEDIATE { KEi(n) }
//	<-- IKE_INTERMEDIATE { KEr(n) }
//
// After each the keys of the IKE SA are new. Nobody is authenticated yet, so that
// both AUTH payloads cover these messages, too: by a chain of MACs over what was
// said in each direction, whatever pieces it came in.

// intermediates is what AUTH covers of the IKE_INTERMEDIATE exchanges
// (RFC 9242 3.3.2).
type intermediates struct {
	ours, gateways []byte // IntAuth_i and IntAuth_r so far; nil: there was no exchange
	authID         uint32 // message ID of the first IKE_AUTH request
}

// octets is IntAuth.
func (m *intermediates) octets() []byte {
	if m.ours == nil {
		return nil
	}
	return binary.BigEndian.AppendUint32(slices.Concat(m.ours, m.gateways), m.authID)
}

// intermediate is one IKE_INTERMEDIATE exchange, and those after it.
type intermediate struct {
	a       *authentication
	methods []uint16 // this one's and those to come
	kx      suite.KeyExchange
	covered []byte // of the answer; see covered
}

// beginIntermediate makes the additional key exchanges that were agreed on, and
// then begins IKE_AUTH.
func (a *authentication) beginIntermediate(s *Session, now time.Time, methods []uint16) error {
	if len(methods) > 0 {
		a.sa.enqueue(&intermediate{a: a, methods: methods})
		return nil
	}
	a.intermediates.authID = a.sa.window.next
	return a.begin(s, now)
}

func (*intermediate) kind() wire.ExchangeType { return wire.ExchangeIntermediate }

// build implements exchange.
func (e *intermediate) build(s *Session, sa *ikeSA, _ time.Time) ([]wire.Payload, error) {
	var err error
	if e.kx, err = suite.NewKeyExchange(e.methods[0], s.cfg.Rand); err != nil {
		return nil, internal(err)
	}
	ps := []wire.Payload{&wire.KEPayload{Group: e.kx.Group(), Data: e.kx.Public()}}
	first, plain := wire.AppendChain(nil, ps)
	head := coveredHead(sa.header(e.kind(), sa.window.next, false), first)
	m := &e.a.intermediates
	m.ours = suite.PRF(e.a.prf(), sa.keys.SK_pi, m.ours, coveredOctets(head, plain))
	return ps, nil
}

// handle implements exchange.
func (e *intermediate) handle(s *Session, sa *ikeSA, now time.Time, answer []wire.Payload) error {
	ke, ok := wire.Find[*wire.KEPayload](answer)
	if !ok {
		if n, isError := wire.FirstError(answer); isError {
			return failureOf(n)
		}
		return broken(errors.New("IKE_INTERMEDIATE answered without a KE payload"))
	}
	if ke.Group != e.kx.Group() {
		return broken(fmt.Errorf("IKE_INTERMEDIATE answered with method %d, want %d", ke.Group, e.kx.Group()))
	}
	shared, err := e.kx.Shared(ke.Data)
	if err != nil {
		return broken(err)
	}
	defer shared.Clear()
	m := &e.a.intermediates
	m.gateways = suite.PRF(e.a.prf(), sa.keys.SK_pr, m.gateways, e.covered)
	if err := s.renewKeys(sa, e.a, shared); err != nil {
		return internal(err)
	}
	return e.a.beginIntermediate(s, now, e.methods[1:])
}

// renewKeys derives the keys of an IKE SA anew after an additional key exchange:
// SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr) (RFC 9370 2.2.2).
func (s *Session) renewKeys(sa *ikeSA, a *authentication, shared suite.Secret) error {
	keys, err := suite.DeriveRekeyed(sa.suite, a.prf(), sa.keys.SK_d, shared, a.ni, a.nr, sa.localSPI, sa.remoteSPI)
	if err != nil {
		return err
	}
	protector, err := suite.NewProtector(sa.suite, keys, sa.initiator, s.cfg.Rand)
	if err != nil {
		return err
	}
	sa.keys.Clear()
	sa.protector.Clear()
	sa.keys, sa.protector = keys, protector
	return nil
}

// covered is what IntAuth has of a received message, whose inside is plain: the
// message as it was before encryption and fragmentation (RFC 9242 3.3.2).
func (r *received) covered(first wire.PayloadType, plain []byte) []byte {
	if sk, ok := r.msg.Payloads[len(r.msg.Payloads)-1].(*wire.Encrypted); ok {
		raw := r.from.Data
		return coveredOctets(slices.Clone(raw[:len(raw)-len(sk.Body)]), plain)
	}
	return coveredOctets(coveredHead(r.msg.Header, first), plain)
}

// coveredHead is the header of a message with one SK payload and that payload's
// generic header.
func coveredHead(h wire.Header, first wire.PayloadType) []byte {
	h.NextPayload = wire.PayloadSK
	return append(h.AppendTo(nil), byte(first), 0, 0, 0)
}

// coveredOctets puts a message together without IV, padding and ICV, and with
// lengths that do not count them. head is written to.
func coveredOctets(head, plain []byte) []byte {
	const generic, lengthAt = 4, 24 // RFC 7296 3.1, 3.2
	binary.BigEndian.PutUint32(head[lengthAt:], uint32(len(head)+len(plain)))
	binary.BigEndian.PutUint16(head[len(head)-2:], uint16(generic+len(plain)))
	return append(head, plain...)
}

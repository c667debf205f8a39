package iketest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// rekeyChild is the gateway's rekey of a Child SA under way.
type rekeyChild struct {
	spi    uint32 // inbound of the new one
	ni     []byte
	kx     suite.KeyExchange
	group  uint16 // 0: no key exchange
	offers []suite.Proposal
	series
}

// rekeyIKE is the gateway's rekey of an IKE SA under way.
type rekeyIKE struct {
	local wire.SPI
	ni    []byte
	kx    suite.KeyExchange
	peer  *peerIKE // the client's rekey of the same IKE SA
	series
}

// peerIKE is the IKE SA of the client's rekey, in a collision.
type peerIKE struct {
	sa     *ikeSA // nil: not finished
	ni, nr []byte
}

// ErrNoSA says that there is nothing to act on.
var ErrNoSA = errors.New("iketest: no such SA")

// Address gives where the gateway sends its next request.
func (r *Responder) Address() Packet {
	if sa := r.current(); sa != nil {
		return sa.path
	}
	return Packet{}
}

// CheckLiveness sends an empty INFORMATIONAL request (RFC 7296 1.4).
func (r *Responder) CheckLiveness(now time.Time, answered func()) error {
	sa := r.current()
	if sa == nil {
		return ErrNoSA
	}
	sa.ask(now, &ownRequest{
		exchange: wire.ExchangeInformational,
		build:    func(time.Time) []wire.Payload { return []wire.Payload{} },
		reply: func(time.Time, []wire.Payload) {
			if answered != nil {
				answered()
			}
		},
	})
	return nil
}

// DeleteIKE closes the IKE SA (RFC 7296 1.4.1).
func (r *Responder) DeleteIKE(now time.Time) error {
	sa := r.current()
	if sa == nil {
		return ErrNoSA
	}
	sa.delete(now)
	return nil
}

func (sa *ikeSA) delete(now time.Time) {
	sa.ask(now, &ownRequest{
		exchange: wire.ExchangeInformational,
		stays:    true,
		build: func(time.Time) []wire.Payload {
			sa.closing = true
			return []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}}
		},
		reply: func(now time.Time, payloads []wire.Payload) {
			if len(payloads) != 0 {
				sa.r.complain(now, "the answer to a Delete of the IKE SA is not empty: %s", wire.Describe(payloads))
			}
			sa.drop()
		},
	})
}

// DeleteChild deletes a Child SA (RFC 7296 1.4.1).
func (r *Responder) DeleteChild(now time.Time, inboundSPI uint32) error {
	c, ok := r.children[inboundSPI]
	if !ok {
		return ErrNoSA
	}
	c.delete(now)
	return nil
}

func (c *Child) delete(now time.Time) {
	r := c.sa.r
	c.sa.ask(now, &ownRequest{
		exchange: wire.ExchangeInformational,
		build: func(time.Time) []wire.Payload {
			if !r.alive(c) {
				return nil
			}
			c.deleting = true
			return []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(c.InboundSPI)}}}
		},
		reply: func(now time.Time, payloads []wire.Payload) {
			if d, ok := wire.Find[*wire.DeletePayload](payloads); ok && r.alive(c) {
				if d.Protocol != wire.ProtocolESP || len(d.SPIs) != 1 || !bytes.Equal(d.SPIs[0], spiBytes(c.OutboundSPI)) {
					r.complain(now, "the answer to a Delete names another SA (RFC 7296 1.4.1)")
				}
			} else if r.alive(c) {
				r.EmptyDeletes++
			}
			r.remove(now, c)
		},
	})
}

// RekeyChild rekeys a Child SA (RFC 7296 1.3.3, 2.8).
func (r *Responder) RekeyChild(now time.Time, inboundSPI uint32) error {
	c, ok := r.children[inboundSPI]
	if !ok {
		return ErrNoSA
	}
	group := uint16(0)
	if p := r.cfg.offerESP()[0]; len(p.Group) > 0 {
		group = p.Group[0]
	}
	c.startRekey(now, group)
	return nil
}

// <-- N(REKEY_SA), SA, Ni, [KEi,] TSi, TSr
// --> SA, Nr, [KEr,] TSi, TSr
func (c *Child) startRekey(now time.Time, group uint16) {
	r := c.sa.r
	var k *rekeyChild // of this request: c.rekey may be another's by the time of the answer
	c.sa.ask(now, &ownRequest{
		exchange: wire.ExchangeCreateChildSA,
		build: func(now time.Time) []wire.Payload {
			if !r.alive(c) || c.deleting || c.replaced || c.peer != nil || c.sa.closing || c.sa.replaced {
				return nil
			}
			k = &rekeyChild{spi: r.newChildSPI(), ni: octets(r.cfg.Rand, 32), group: group, offers: r.cfg.offerESP()}
			c.rekey = k
			out := []wire.Payload{
				&wire.NotifyPayload{Protocol: wire.ProtocolESP, SPI: spiBytes(c.InboundSPI), NotifyType: wire.NotifyRekeySA},
				&wire.SAPayload{Proposals: suite.ToWire(k.offers, wire.ProtocolESP, spiBytes(k.spi))},
				&wire.NoncePayload{Data: k.ni},
			}
			if group != 0 {
				kx, err := suite.NewKeyExchange(group, r.cfg.Rand)
				if err != nil {
					panic("iketest: " + err.Error()) // the test named an unknown group
				}
				k.kx = kx
				out = append(out, &wire.KEPayload{Group: group, Data: kx.Public()})
			}
			return append(out, &wire.TSPayload{Selectors: c.LocalTS}, &wire.TSPayload{Responder: true, Selectors: c.RemoteTS})
		},
		reply: func(now time.Time, payloads []wire.Payload) { c.rekeyed(now, k, payloads) },
	})
}

// rekeyed takes the answer to our rekey of c.
func (c *Child) rekeyed(now time.Time, k *rekeyChild, payloads []wire.Payload) {
	r := c.sa.r
	if c.follows(now, k, payloads) {
		return
	}
	c.rekey = nil
	if n, ok := wire.FirstError(payloads); ok {
		r.trace(now, "   gateway's rekey of a Child SA was answered %v", n.NotifyType)
		switch {
		case n.NotifyType == wire.NotifyInvalidKEPayload && len(n.Data) == 2:
			c.startRekey(now, binary.BigEndian.Uint16(n.Data))
		case n.NotifyType == wire.NotifyChildSANotFound && c.peer == nil:
			r.remove(now, c)
		}
		return
	}
	fresh, nr, err := c.takeAnswer(k, payloads)
	if err != nil {
		r.complain(now, "answer to a rekey of a Child SA: %v", err)
		return
	}
	if r.early[fresh.OutboundSPI] {
		r.trace(now, "   gateway has Child SA %08x deleted before it was there", fresh.InboundSPI)
		if r.alive(c) {
			c.delete(now)
		}
		return
	}
	fresh.serial = r.serial()
	r.children[fresh.InboundSPI] = fresh
	r.trace(now, "   gateway has Child SA %08x/%08x", fresh.InboundSPI, fresh.OutboundSPI)
	if c.peer != nil && lowest(k.ni, nr, c.peer.ni, c.peer.nr) {
		// Ours holds the lowest nonce: it is redundant, and we delete it
		// (RFC 7296 2.8.1). The client deletes the old one.
		fresh.delete(now)
		return
	}
	c.replaced, c.heir = true, fresh
	if r.alive(c) {
		c.delete(now)
	}
}

// noteEarlyDelete remembers a Delete of a Child SA that is not here, while an
// answer of the client's that brings it may be on its way.
func (r *Responder) noteEarlyDelete(sa *ikeSA, spi []byte) {
	if sa.request == nil || sa.request.exchange != wire.ExchangeCreateChildSA || len(spi) != 4 {
		return
	}
	if r.early == nil {
		r.early = map[uint32]bool{}
	}
	r.early[binary.BigEndian.Uint32(spi)] = true
}

// takeAnswer makes the Child SA of a rekey's answer.
func (c *Child) takeAnswer(k *rekeyChild, payloads []wire.Payload) (*Child, []byte, error) {
	sap, ok1 := wire.Find[*wire.SAPayload](payloads)
	nr, ok2 := wire.Find[*wire.NoncePayload](payloads)
	tsi, ok3 := wire.FindType[*wire.TSPayload](payloads, wire.PayloadTSi)
	tsr, ok4 := wire.FindType[*wire.TSPayload](payloads, wire.PayloadTSr)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, nil, errors.New("a payload is missing")
	}
	chosen, spi, err := suite.Choose(k.offers, sap.Proposals, wire.ProtocolESP)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range []struct{ got, old []wire.TrafficSelector }{{tsi.Selectors, c.LocalTS}, {tsr.Selectors, c.RemoteTS}} {
		if len(p.got) == 0 || !slices.Equal(narrow(p.old, p.got), p.got) {
			return nil, nil, errors.New("selectors outside the old ones")
		}
	}
	var shared suite.Secret
	if len(chosen.Group) > 0 {
		ke, ok := wire.Find[*wire.KEPayload](payloads)
		if !ok || k.kx == nil || ke.Group != chosen.Group[0] || ke.Group != k.group {
			return nil, nil, errors.New("KE does not fit the chosen group")
		}
		if shared, err = k.kx.Shared(ke.Data); err != nil {
			return nil, nil, err
		}
	}
	keys, err := suite.DeriveChild(c.sa.proposal, c.sa.keys.SK_d, shared, k.ni, nr.Data, chosen, k.more...)
	if err != nil {
		return nil, nil, err
	}
	return &Child{
		InboundSPI: k.spi, OutboundSPI: binary.BigEndian.Uint32(spi), Suite: chosen, Keys: keys, Initiated: true,
		LocalTS: slices.Clone(tsi.Selectors), RemoteTS: slices.Clone(tsr.Selectors), sa: c.sa,
	}, nr.Data, nil
}

// lowest tells whether the first exchange holds the lowest of the four nonces.
func lowest(ni, nr, peerNi, peerNr []byte) bool {
	mine, theirs := ni, peerNi
	if bytes.Compare(nr, mine) < 0 {
		mine = nr
	}
	if bytes.Compare(peerNr, theirs) < 0 {
		theirs = peerNr
	}
	return bytes.Compare(mine, theirs) < 0
}

// RekeyIKE rekeys the IKE SA (RFC 7296 1.3.2, 2.18).
func (r *Responder) RekeyIKE(now time.Time) error {
	sa := r.current()
	if sa == nil {
		return ErrNoSA
	}
	sa.startRekey(now, r.cfg.offerIKE()[0].Group[0])
	return nil
}

// <-- SA, Ni, KEi
// --> SA, Nr, KEr
func (sa *ikeSA) startRekey(now time.Time, group uint16) {
	r := sa.r
	sa.ask(now, &ownRequest{
		exchange: wire.ExchangeCreateChildSA,
		stays:    true,
		build: func(now time.Time) []wire.Payload {
			if sa.closing || sa.replaced || sa.clientIsRekeying() {
				return nil
			}
			kx, err := suite.NewKeyExchange(group, r.cfg.Rand)
			if err != nil {
				panic("iketest: " + err.Error()) // the test named an unknown group
			}
			sa.rekey = &rekeyIKE{local: r.newSPI(), ni: octets(r.cfg.Rand, 32), kx: kx}
			spi := binary.BigEndian.AppendUint64(nil, uint64(sa.rekey.local))
			return []wire.Payload{
				&wire.SAPayload{Proposals: suite.ToWire(r.cfg.offerIKE(), wire.ProtocolIKE, spi)},
				&wire.NoncePayload{Data: sa.rekey.ni},
				&wire.KEPayload{Group: group, Data: kx.Public()},
			}
		},
		reply: func(now time.Time, payloads []wire.Payload) { sa.rekeyed(now, payloads) },
	})
}

// rekeyed takes the answer to our rekey of the IKE SA.
func (sa *ikeSA) rekeyed(now time.Time, payloads []wire.Payload) {
	r, k := sa.r, sa.rekey
	if sa.follows(now, k, payloads) {
		return
	}
	sa.rekey = nil
	if n, ok := wire.FirstError(payloads); ok {
		r.trace(now, "   gateway's rekey of the IKE SA was answered %v", n.NotifyType)
		switch {
		case k.peer != nil && k.peer.sa == nil: // it is waited for
		case k.peer != nil:
			// The client's rekey was answered while ours was under way, so
			// ours is given up and the client's stands (RFC 7296 2.25.2).
			sa.handOver(now, k.peer.sa)
		case n.NotifyType == wire.NotifyInvalidKEPayload && len(n.Data) == 2:
			sa.startRekey(now, binary.BigEndian.Uint16(n.Data))
		}
		return
	}
	fresh, nr, err := sa.takeAnswer(k, payloads)
	if err != nil {
		r.complain(now, "answer to a rekey of the IKE SA: %v", err)
		return
	}
	switch {
	case k.peer == nil:
		sa.handOver(now, fresh)
		sa.delete(now)
	case lowest(k.ni, nr, k.peer.ni, k.peer.nr):
		// RFC 7296 2.8.2: ours is redundant, and we delete it; the client's
		// takes over, and the client deletes the old one.
		if k.peer.sa != nil {
			sa.handOver(now, k.peer.sa)
		}
		fresh.replaced = true
		fresh.delete(now)
	default:
		sa.handOver(now, fresh)
		if k.peer.sa != nil {
			k.peer.sa.wait(now)
		}
		sa.forgetFollowups(nil)
		sa.delete(now)
	}
}

// takeAnswer makes the IKE SA of a rekey's answer.
func (sa *ikeSA) takeAnswer(k *rekeyIKE, payloads []wire.Payload) (*ikeSA, []byte, error) {
	sap, ok1 := wire.Find[*wire.SAPayload](payloads)
	nr, ok2 := wire.Find[*wire.NoncePayload](payloads)
	ke, ok3 := wire.Find[*wire.KEPayload](payloads)
	if !ok1 || !ok2 || !ok3 {
		return nil, nil, errors.New("a payload is missing")
	}
	chosen, spi, err := suite.Choose(sa.r.cfg.offerIKE(), sap.Proposals, wire.ProtocolIKE)
	if err != nil {
		return nil, nil, err
	}
	if len(spi) != 8 || ke.Group != chosen.Group[0] || ke.Group != k.kx.Group() {
		return nil, nil, errors.New("SPI or KE does not fit")
	}
	shared, err := k.kx.Shared(ke.Data)
	if err != nil {
		return nil, nil, err
	}
	fresh, err := sa.successor(chosen, shared, k.ni, nr.Data, wire.SPI(binary.BigEndian.Uint64(spi)), k.local, true, k.more...)
	return fresh, nr.Data, err
}

package iketest

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Narrowing is how a gateway deals with several selectors (RFC 7296 2.9).
type Narrowing uint8

// The ways.
const (
	NarrowAtOnce  Narrowing = iota // one Child SA for all that is allowed
	NarrowToOne                    // one selector each way for each Child SA, without a word about the rest
	NarrowTelling                  // the same, with ADDITIONAL_TS_POSSIBLE
	NarrowByPairs                  // more than one pair is refused with SINGLE_PAIR_REQUIRED
)

// several holds what is asked for against the gateway's way with several
// selectors and with several Child SAs. tsi and tsr are what it allows of them.
func (sa *ikeSA) several(q childRequest, tsi, tsr []wire.TrafficSelector) (_, _ []wire.TrafficSelector, more bool, refused wire.NotifyType) {
	cfg := &sa.r.cfg
	if cfg.MaxChildren > 0 && !q.rekeys && len(sa.r.children) >= cfg.MaxChildren {
		return nil, nil, false, wire.NotifyNoAdditionalSAs
	}
	switch cfg.Narrowing {
	case NarrowByPairs:
		if len(q.tsi) > 1 || len(q.tsr) > 1 {
			return nil, nil, false, wire.NotifySinglePairRequired
		}
	case NarrowToOne, NarrowTelling:
		more = cfg.Narrowing == NarrowTelling && (len(tsi) > 1 || len(tsr) > 1)
		tsr = tsr[:1]
		tsi = slices.DeleteFunc(tsi, func(t wire.TrafficSelector) bool { return t.Start.Is4() != tsr[0].Start.Is4() })
		tsi = tsi[:min(1, len(tsi))]
		if len(tsi) == 0 {
			return nil, nil, false, wire.NotifyTSUnacceptable
		}
	}
	return tsi, tsr, more, 0
}

// watchDuplicates complains about a request for a Child SA that the gateway
// carries already.
func (sa *ikeSA) watchDuplicates(now time.Time, tsi, tsr []wire.TrafficSelector) {
	for _, c := range sa.r.children {
		if c.deleting || c.replaced || c.peer != nil || !c.sa.leadsTo(sa) {
			continue
		}
		if coveredBy(tsi, c.RemoteTS) && coveredBy(tsr, c.LocalTS) {
			sa.r.complain(now, "a duplicate of Child SA %08x/%08x is asked for", c.InboundSPI, c.OutboundSPI)
		}
	}
}

func coveredBy(ts, by []wire.TrafficSelector) bool {
	return !slices.ContainsFunc(ts, func(t wire.TrafficSelector) bool {
		return !slices.ContainsFunc(by, func(b wire.TrafficSelector) bool { return b.Contains(t) })
	})
}

// CreateChild makes one more Child SA, for selectors of the gateway's side and of
// the client's (RFC 7296 1.3.1):
//
//	<-- SA, Ni, [KEi,] TSi, TSr
//	--> SA, Nr, [KEr,] TSi, TSr
//
// A refusal is kept in ChildRefusals.
func (r *Responder) CreateChild(now time.Time, local, remote []wire.TrafficSelector) error {
	sa := r.current()
	if sa == nil {
		return ErrNoSA
	}
	group := uint16(0)
	if p := r.cfg.ESP[0]; len(p.Group) > 0 {
		group = p.Group[0]
	}
	r.startCreate(now, local, remote, group)
	return nil
}

func (r *Responder) startCreate(now time.Time, local, remote []wire.TrafficSelector, group uint16) {
	// The Child SA to be, where takeAnswer looks for selectors and IKE SA.
	c := &Child{LocalTS: local, RemoteTS: remote, sa: r.current()}
	c.sa.ask(now, &ownRequest{
		exchange: wire.ExchangeCreateChildSA,
		build: func(time.Time) []wire.Payload {
			c.sa = r.current()
			if c.sa == nil {
				return nil
			}
			k := &rekeyChild{spi: r.newChildSPI(), ni: octets(r.cfg.Rand, 32), group: group, offers: r.cfg.ESP}
			c.rekey = k
			out := []wire.Payload{
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
			return append(out, &wire.TSPayload{Selectors: local}, &wire.TSPayload{Responder: true, Selectors: remote})
		},
		reply: func(now time.Time, payloads []wire.Payload) { r.created(now, c, payloads) },
	})
}

// created takes the answer to CreateChild.
func (r *Responder) created(now time.Time, c *Child, payloads []wire.Payload) {
	if n, ok := wire.FirstError(payloads); ok {
		r.trace(now, "   gateway's Child SA was answered %v", n.NotifyType)
		if n.NotifyType == wire.NotifyInvalidKEPayload && len(n.Data) == 2 {
			r.startCreate(now, c.LocalTS, c.RemoteTS, binary.BigEndian.Uint16(n.Data))
			return
		}
		r.ChildRefusals = append(r.ChildRefusals, n.NotifyType)
		return
	}
	fresh, _, err := c.takeNew(payloads)
	if err != nil {
		r.complain(now, "answer to a new Child SA: %v", err)
		return
	}
	fresh.serial = r.serial()
	r.children[fresh.InboundSPI] = fresh
	r.trace(now, "   gateway has Child SA %08x/%08x", fresh.InboundSPI, fresh.OutboundSPI)
}

// takeNew makes the Child SA of the answer, which may be narrower than what was
// asked for, but not wider (RFC 7296 2.9).
func (c *Child) takeNew(payloads []wire.Payload) (*Child, []byte, error) {
	tsi, ok1 := wire.FindType[*wire.TSPayload](payloads, wire.PayloadTSi)
	tsr, ok2 := wire.FindType[*wire.TSPayload](payloads, wire.PayloadTSr)
	if !ok1 || !ok2 {
		return nil, nil, errors.New("TSi or TSr is missing")
	}
	if !coveredBy(tsi.Selectors, c.LocalTS) || !coveredBy(tsr.Selectors, c.RemoteTS) {
		return nil, nil, errors.New("selectors are wider than what was asked for")
	}
	wanted := *c
	wanted.LocalTS, wanted.RemoteTS = tsi.Selectors, tsr.Selectors
	return wanted.takeAnswer(c.rekey, payloads)
}

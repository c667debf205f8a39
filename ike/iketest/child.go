package iketest

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Child is one pair of ESP SAs as the gateway has it.
type Child struct {
	InboundSPI, OutboundSPI uint32
	Suite                   suite.Proposal
	Keys                    suite.ChildKeys
	Initiated               bool                   // the gateway's request made it
	LocalTS, RemoteTS       []wire.TrafficSelector // the gateway's side, the client's side

	sa       *ikeSA
	serial   int
	deleting bool         // our Delete of it is under way
	rekey    *rekeyChild  // our rekey of it is under way
	replaced bool         // it has been rekeyed and waits to be deleted
	peer     *peerRekeyed // the client's rekey of it, which we answered
	heir     *Child       // our rekey of it, which stands
}

// peerRekeyed is a rekey by the client, kept to compare nonces in a collision.
type peerRekeyed struct {
	child  *Child
	ni, nr []byte
}

// childRequest is what a Child SA is made from on the answering side.
type childRequest struct {
	offer          []wire.Proposal
	tsi, tsr       []wire.TrafficSelector // asked for
	allowI, allowR []wire.TrafficSelector // may be given
	ni, nr         []byte
	ke             *wire.KEPayload
	first          bool // of IKE_AUTH: no key exchange of its own (RFC 7296 1.2)
	rekeys         bool // it takes the place of another
	old            *Child
}

// makeChild answers a request for a Child SA: SA, [KE,] TSi, TSr. Nr, which
// stands between them in CREATE_CHILD_SA, is the caller's to add. An error is
// a notify alone.
func (sa *ikeSA) makeChild(now time.Time, q childRequest) (*Child, []wire.Payload, wire.NotifyType) {
	r := sa.r
	chosen, number, spi, err := suite.Select(r.childPolicy(q), q.offer, wire.ProtocolESP)
	if err != nil {
		return nil, nil, wire.NotifyNoProposalChosen
	}
	tsi, tsr := narrow(q.tsi, q.allowI), narrow(q.tsr, q.allowR)
	if len(tsi) == 0 || len(tsr) == 0 {
		return nil, nil, wire.NotifyTSUnacceptable
	}
	tsi, tsr, more, refused := sa.several(q, tsi, tsr)
	if refused != 0 {
		return nil, nil, refused
	}
	var shared suite.Secret
	var public []byte
	if len(chosen.Group) > 0 {
		if q.ke == nil || q.ke.Group != chosen.Group[0] {
			sa.wantGroup = chosen.Group[0]
			return nil, nil, wire.NotifyInvalidKEPayload
		}
		if public, shared, err = r.exchangeKeys(q.ke); err != nil {
			r.complain(now, "%v", err)
			return nil, nil, wire.NotifyInvalidSyntax
		}
	}
	c := &Child{
		InboundSPI: r.newChildSPI(), OutboundSPI: binary.BigEndian.Uint32(spi),
		Suite: chosen, LocalTS: tsr, RemoteTS: tsi, sa: sa, serial: r.serial(),
	}
	answer := suite.ToWire([]suite.Proposal{chosen}, wire.ProtocolESP, spiBytes(c.InboundSPI))
	answer[0].Number = number
	payloads := []wire.Payload{&wire.SAPayload{Proposals: answer}}
	link, err := sa.whenKeyed(now, &wire.SAPayload{Proposals: answer}, q.old, func(now time.Time, more []suite.Secret) error {
		keys, err := suite.DeriveChild(sa.proposal, sa.keys.SK_d, shared, q.ni, q.nr, chosen, more...)
		if err != nil {
			return err
		}
		c.Keys, r.children[c.InboundSPI] = keys, c
		r.trace(now, "   gateway has Child SA %08x/%08x", c.InboundSPI, c.OutboundSPI)
		return nil
	})
	if err != nil {
		r.complain(now, "%v", err)
		return nil, nil, wire.NotifyNoProposalChosen
	}
	if public != nil {
		payloads = append(payloads, &wire.KEPayload{Group: q.ke.Group, Data: public})
	}
	payloads = append(payloads, &wire.TSPayload{Selectors: tsi}, &wire.TSPayload{Responder: true, Selectors: tsr})
	payloads = append(payloads, link...)
	if more {
		payloads = append(payloads, notify(wire.NotifyAdditionalTSPossible))
	}
	return c, payloads, 0
}

// childPolicy is what the gateway accepts, led by the group that a KE payload
// exists for.
func (r *Responder) childPolicy(q childRequest) []suite.Proposal {
	if q.ke != nil {
		return suite.PreferGroup(r.cfg.ESP, q.ke.Group)
	}
	policy := slices.Clone(r.cfg.ESP)
	for i, p := range policy {
		if q.first || slices.Contains(p.Group, suite.GroupNone) {
			policy[i] = p.WithoutGroup()
		}
	}
	return policy
}

// exchangeKeys answers a KE payload.
func (r *Responder) exchangeKeys(ke *wire.KEPayload) (public []byte, shared suite.Secret, err error) {
	return suite.AnswerKeyExchange(ke.Group, ke.Data, r.cfg.Rand)
}

// narrow gives what is both asked for and allowed, in the order of what is
// allowed, where one side contains the other (RFC 7296 2.9).
func narrow(asked, allowed []wire.TrafficSelector) []wire.TrafficSelector {
	var out []wire.TrafficSelector
	for _, a := range allowed {
		for _, q := range asked {
			t := q
			if q.Contains(a) {
				t = a
			} else if !a.Contains(q) {
				continue
			}
			if !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// bySPI finds a Child SA of this IKE SA by the client's inbound SPI, which is
// how the client names it in REKEY_SA and Delete (RFC 7296 1.3.3, 3.11).
func (sa *ikeSA) bySPI(spi []byte) *Child {
	if len(spi) != 4 {
		return nil
	}
	for _, c := range sa.r.children {
		if c.sa.leadsTo(sa) && c.OutboundSPI == binary.BigEndian.Uint32(spi) {
			return c
		}
	}
	return nil
}

// leadsTo tells whether to is this IKE SA, or one that has taken over from it,
// or one that is about to in the client's eyes, who may not know of our own
// rekey yet.
func (sa *ikeSA) leadsTo(to *ikeSA) bool {
	for ; sa != nil && sa != to; sa = sa.successorSA() {
	}
	return sa == to
}

func (sa *ikeSA) successorSA() *ikeSA {
	if sa.heir == nil && sa.rekey != nil && sa.rekey.peer != nil {
		return sa.rekey.peer.sa
	}
	return sa.heir
}

// remove takes a Child SA out.
func (r *Responder) remove(now time.Time, c *Child) {
	if r.children[c.InboundSPI] != c {
		return
	}
	delete(r.children, c.InboundSPI)
	r.trace(now, "   gateway drops Child SA %08x/%08x", c.InboundSPI, c.OutboundSPI)
}

func (r *Responder) alive(c *Child) bool { return r.children[c.InboundSPI] == c }

func (r *Responder) serial() int {
	r.serials++
	return r.serials
}

func spiBytes(spi uint32) []byte { return binary.BigEndian.AppendUint32(nil, spi) }

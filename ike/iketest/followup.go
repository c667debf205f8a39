package iketest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Additional key exchanges after CREATE_CHILD_SA (RFC 9370 2.2.4), on both
// sides of the exchange. The link of a series is a running number.

// followup is a CREATE_CHILD_SA of the client's that waits for the rest.
type followup struct {
	old     *Child // that it rekeys; nil: the IKE SA, or nothing
	ike     bool   // it rekeys the IKE SA
	methods []uint16
	more    []suite.Secret
	done    func(now time.Time, more []suite.Secret) error
}

// methodsOf lists the additional key exchanges of an SA payload with one
// proposal, in order of their types (RFC 9370 2.2.1).
func methodsOf(p *wire.SAPayload) []uint16 {
	transforms := slices.Clone(p.Proposals[0].Transforms)
	slices.SortStableFunc(transforms, func(a, b wire.Transform) int { return cmp.Compare(a.Type, b.Type) })
	var out []uint16
	for _, t := range transforms {
		if t.Type >= wire.TransformADDKE1 && t.Type <= wire.TransformADDKE7 && t.ID != suite.GroupNone {
			out = append(out, t.ID)
		}
	}
	return out
}

// whenKeyed calls done once all key exchanges are through: now, or after the
// series that begins with the link it returns.
func (sa *ikeSA) whenKeyed(now time.Time, answer *wire.SAPayload, old *Child, done func(now time.Time, more []suite.Secret) error) ([]wire.Payload, error) {
	methods := methodsOf(answer)
	if len(methods) == 0 {
		return nil, done(now, nil)
	}
	return []wire.Payload{sa.linkTo(&followup{old: old, ike: isIKE(answer), methods: methods, done: done})}, nil
}

func isIKE(p *wire.SAPayload) bool { return p.Proposals[0].Protocol == wire.ProtocolIKE }

// linkTo files a series under a new link.
func (sa *ikeSA) linkTo(f *followup) wire.Payload {
	link := fmt.Sprintf("link %d of %v", sa.r.serial(), sa.local)
	if sa.followups == nil {
		sa.followups, sa.links = map[string]*followup{}, map[string]bool{}
	}
	sa.followups[link], sa.links[link] = f, true
	return notify(wire.NotifyAdditionalKeyExchange, []byte(link)...)
}

// forgetFollowups drops the series that rekey old; nil: the IKE SA.
func (sa *ikeSA) forgetFollowups(old *Child) {
	for link, f := range sa.followups {
		if f.old == old && f.ike == (old == nil) {
			delete(sa.followups, link)
		}
	}
}

// ForgetFollowups makes the gateway lose all that the client has not finished.
func (r *Responder) ForgetFollowups() {
	for _, sa := range r.sas {
		for _, f := range sa.followups {
			if f.old != nil {
				f.old.peer = nil
			}
		}
		clear(sa.followups)
	}
}

// answerFollowup serves IKE_FOLLOWUP_KE.
//
//	--> KEi(n), N(ADDITIONAL_KEY_EXCHANGE)
//	<-- KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)]
func (sa *ikeSA) answerFollowup(now time.Time, request []wire.Payload) ([]wire.Payload, func()) {
	n, ok1 := wire.Notify(request, wire.NotifyAdditionalKeyExchange)
	ke, ok2 := wire.Find[*wire.KEPayload](request)
	if !ok1 || !ok2 {
		sa.r.complain(now, "IKE_FOLLOWUP_KE without KE or link (RFC 9370 2.2.4)")
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	f, ok := sa.followups[string(n.Data)]
	delete(sa.followups, string(n.Data))
	switch {
	case !sa.links[string(n.Data)]:
		sa.r.complain(now, "IKE_FOLLOWUP_KE with a link that was never given (RFC 9370 2.2.4)")
		fallthrough
	case !ok, f.old != nil && !sa.r.alive(f.old):
		return []wire.Payload{notify(wire.NotifyStateNotFound)}, nil
	case sa.closing, f.old != nil && f.old.deleting:
		return []wire.Payload{notify(wire.NotifyTemporaryFailure)}, nil
	case ke.Group != f.methods[0]:
		sa.r.complain(now, "IKE_FOLLOWUP_KE with method %d, agreed was %d (RFC 9370 2.2.4)", ke.Group, f.methods[0])
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	public, shared, err := suite.AnswerKeyExchange(ke.Group, ke.Data, sa.r.cfg.Rand)
	if err != nil {
		sa.r.complain(now, "%v", err)
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, nil
	}
	f.methods, f.more = f.methods[1:], append(f.more, shared)
	answer := []wire.Payload{&wire.KEPayload{Group: ke.Group, Data: public}}
	if len(f.methods) > 0 {
		return append(answer, sa.linkTo(f)), nil
	}
	if err := f.done(now, f.more); err != nil {
		sa.r.complain(now, "%v", err)
		return []wire.Payload{notify(wire.NotifyNoProposalChosen)}, nil
	}
	return answer, nil
}

// followUp makes the gateway's own additional key exchanges. then gets the
// secrets, or the answer that was an error. Once lost is set no more is asked for.
//
//	<-- KEi(n), N(ADDITIONAL_KEY_EXCHANGE)
//	--> KEr(n), [N(ADDITIONAL_KEY_EXCHANGE)]
func (sa *ikeSA) followUp(now time.Time, methods []uint16, last []wire.Payload, more []suite.Secret, lost *bool, then func(now time.Time, more []suite.Secret, fault []wire.Payload)) {
	n, linked := wire.Notify(last, wire.NotifyAdditionalKeyExchange)
	if linked != (len(methods) > 0) {
		sa.r.complain(now, "%d key exchanges are to come, and there is a link: %v (RFC 9370 2.2.4)", len(methods), linked)
	}
	if len(methods) == 0 || !linked {
		then(now, more, nil)
		return
	}
	link := slices.Clone(n.Data)
	var kx suite.KeyExchange
	sa.askFirst(now, &ownRequest{
		exchange: wire.ExchangeFollowupKE,
		stays:    true,
		build: func(time.Time) []wire.Payload {
			var err error
			if kx, err = suite.NewKeyExchange(methods[0], sa.r.cfg.Rand); err != nil {
				panic("iketest: " + err.Error()) // the test named an unknown method
			}
			return []wire.Payload{
				&wire.KEPayload{Group: methods[0], Data: kx.Public()},
				notify(wire.NotifyAdditionalKeyExchange, link...),
			}
		},
		reply: func(now time.Time, payloads []wire.Payload) {
			ke, ok := wire.Find[*wire.KEPayload](payloads)
			if _, isError := wire.FirstError(payloads); isError {
				then(now, nil, payloads)
				return
			}
			if !ok || ke.Group != methods[0] {
				sa.r.complain(now, "IKE_FOLLOWUP_KE answered without KE, or with another method (RFC 9370 2.2.4)")
				return
			}
			shared, err := kx.Shared(ke.Data)
			if err != nil {
				sa.r.complain(now, "%v", err)
				return
			}
			if *lost && len(methods) > 1 {
				return
			}
			sa.followUp(now, methods[1:], payloads, append(more, shared), lost, then)
		},
	})
}

// askFirst queues a request of the gateway before all others.
func (sa *ikeSA) askFirst(now time.Time, q *ownRequest) {
	sa.queue = slices.Insert(sa.queue, 0, q)
	sa.start(now)
}

// series is what a rekey of the gateway's keeps for additional key exchanges.
type series struct {
	nr       []byte // of the answer; nil: none yet
	followed bool
	lost     bool // to the client's rekey
	more     []suite.Secret
}

// follows begins the additional key exchanges of our rekey of c, where the
// answer agrees to any, and says whether rekeyed has to wait for them.
func (c *Child) follows(now time.Time, k *rekeyChild, answer []wire.Payload) bool {
	sap, ok1 := wire.Find[*wire.SAPayload](answer)
	nr, ok2 := wire.Find[*wire.NoncePayload](answer)
	if k.followed || !ok1 || !ok2 || len(methodsOf(sap)) == 0 {
		return false
	}
	k.nr, k.followed = nr.Data, true
	switch {
	case !c.sa.r.alive(c):
		c.rekey = nil
		return true
	case c.peer != nil && lowest(k.ni, k.nr, c.peer.ni, c.peer.nr):
		c.sa.r.trace(now, "   gateway's rekey of a Child SA is redundant, and stops")
		c.rekey = nil
		return true
	}
	c.sa.forgetFollowups(c)
	c.sa.followUp(now, methodsOf(sap), answer, nil, &k.lost, func(now time.Time, more []suite.Secret, fault []wire.Payload) {
		switch {
		case k.lost && fault == nil:
			// The client has made it: our last request was on its way.
			k.more = more
			if fresh, _, err := c.takeAnswer(k, answer); err == nil {
				fresh.serial = c.sa.r.serial()
				c.sa.r.children[fresh.InboundSPI] = fresh
				fresh.delete(now)
			}
		case k.lost:
		case !c.sa.r.alive(c):
			c.rekey = nil
		case fault != nil:
			c.rekeyed(now, k, fault)
		default:
			k.more = more
			c.rekeyed(now, k, answer)
		}
	})
	return true
}

// crossed compares a rekey of old by the client with ours, where ours has been
// answered and is on its way through additional key exchanges.
func (sa *ikeSA) crossed(old *Child, q childRequest) {
	k := old.rekey
	if k == nil || k.nr == nil {
		return
	}
	if lowest(k.ni, k.nr, q.ni, q.nr) {
		k.lost, old.rekey = true, nil
		return
	}
	sa.forgetFollowups(old) // the client's is redundant
}

func (c *ResponderConfig) offerIKE() []suite.Proposal {
	if c.OfferIKE != nil {
		return c.OfferIKE
	}
	return c.IKE
}

func (c *ResponderConfig) offerESP() []suite.Proposal {
	if c.OfferESP != nil {
		return c.OfferESP
	}
	return c.ESP
}

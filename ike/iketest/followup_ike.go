package iketest

import (
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The rekey of the IKE SA with additional key exchanges (RFC 9370 2.2.4).

// follows begins the additional key exchanges of our rekey of the IKE SA, where
// the answer agrees to any, and says whether rekeyed has to wait for them.
func (sa *ikeSA) follows(now time.Time, k *rekeyIKE, answer []wire.Payload) bool {
	sap, ok1 := wire.Find[*wire.SAPayload](answer)
	nr, ok2 := wire.Find[*wire.NoncePayload](answer)
	if k.followed || !ok1 || !ok2 || len(methodsOf(sap)) == 0 {
		return false
	}
	k.nr, k.followed = nr.Data, true
	if k.peer != nil && lowest(k.ni, k.nr, k.peer.ni, k.peer.nr) {
		sa.r.trace(now, "   gateway's rekey of the IKE SA is redundant, and stops")
		sa.rekey = nil
		if k.peer.sa != nil {
			sa.handOver(now, k.peer.sa)
		}
		return true
	}
	sa.forgetFollowups(nil) // the client's is redundant
	sa.followUp(now, methodsOf(sap), answer, nil, &k.lost, func(now time.Time, more []suite.Secret, fault []wire.Payload) {
		switch {
		case k.lost && fault == nil:
			// The client has made it: our last request was on its way.
			k.more = more
			if fresh, _, err := sa.takeAnswer(k, answer); err == nil {
				fresh.replaced = true
				fresh.delete(now)
			}
		case k.lost:
		case fault != nil:
			sa.rekeyed(now, fault)
		default:
			k.more = more
			sa.rekeyed(now, answer)
		}
	})
	return true
}

// clientRekeys notes the client's rekey of the IKE SA that is being answered,
// and says what to do with its IKE SA once that is there.
func (sa *ikeSA) clientRekeys(ni, nr []byte) (finished func(now time.Time, fresh *ikeSA)) {
	takeOver := func(now time.Time, fresh *ikeSA) { sa.handOver(now, fresh) }
	k := sa.rekey
	switch {
	case k == nil:
		return takeOver
	case k.nr == nil:
		// A collision: who wins is known when our own answer is there.
		peer := &peerIKE{ni: ni, nr: nr}
		k.peer = peer
		return func(now time.Time, fresh *ikeSA) {
			if sa.rekey == k {
				peer.sa = fresh
			} else {
				sa.handOver(now, fresh)
			}
		}
	case lowest(k.ni, k.nr, ni, nr):
		k.lost, sa.rekey = true, nil
		return takeOver
	default:
		return func(now time.Time, fresh *ikeSA) { fresh.wait(now) }
	}
}

// wait leaves a redundant IKE SA of the client's making to the client.
func (sa *ikeSA) wait(now time.Time) {
	sa.replaced = true
	sa.forget = now.Add(forgetAfter)
}

// clientIsRekeying tells whether the client's rekey of the IKE SA is on its way
// through additional key exchanges.
func (sa *ikeSA) clientIsRekeying() bool {
	for _, f := range sa.followups {
		if f.ike {
			return true
		}
	}
	return false
}

package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The rekey of the IKE SA, alone and against others (RFC 7296 1.3.2, 2.8.2,
// 2.25.2). The Child SA must pass to the IKE SA that stands, and never notice.

// ikeRekeyed is what the owner hears of one rekey of the IKE SA.
var ikeRekeyed = told{ikeRekeyed: 1}

// endsOn is ends, and wants that the Child SA belongs to the IKE SA of one end's
// making: it is rekeyed there by both.
func (w *collision) endsOn(s iketest.Side) {
	w.t.Helper()
	w.ends(ikeRekeyed, "old")
	if w.t.Failed() {
		return
	}
	again := w.ikes()
	if len(again) != 1 {
		w.t.Errorf("the client receives on %d IKE SAs", len(again))
	}
	w.wire = iketest.Steer(w.p)
	for _, asks := range []iketest.Side{w.a, w.b} {
		w.rekeys(asks)
		m := w.wire.Next(asks, false)
		if m == nil || m.Began() != s {
			w.t.Fatalf("%s's next request is %v, want one on %s's IKE SA", w.letter(asks), m, w.letter(s))
		}
		w.wire.Deliver(m)
		for m := w.wire.Next(asks.Other(), true); m != nil; m = w.wire.Next(asks.Other(), true) {
			w.wire.Deliver(m)
			if next := w.wire.Next(asks, false); next != nil {
				w.wire.Deliver(next)
			}
		}
	}
	w.silent()
	w.p.Drive(10 * time.Second)
	if err := w.p.Mirrored(); err != nil {
		w.t.Error(err)
	}
}

// most3 wants three IKE SAs at most at either end.
func most3(w *collision) {
	w.t.Helper()
	if n, m := len(w.ikes()), w.p.Gateway.IKESAs(); n > 3 || m > 3 {
		w.t.Errorf("the client has %d IKE SAs and the gateway %d", n, m)
	}
}

// 34. RFC 7296 1.3.2, 2.8: one IKE SA takes over from the other.
func TestCollision34IKERekey(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.rekeysIKE(w.a)
		w.ask(w.a, "rekey ike")
		w.answer(w.b, "accepted")
		if d := w.wire.Next(w.a, false); d == nil || d.Began() != iketest.TheClient {
			w.t.Fatal("the old IKE SA is not deleted on itself")
		} else if ps, err := w.wire.Payloads(d); err != nil || len(ps) != 1 || len(ps[0].(*wire.DeletePayload).SPIs) != 0 {
			w.t.Errorf("the Delete is %s, %v, want one without SPIs (RFC 7296 3.11)", wire.Describe(ps), err)
		}
		w.ask(w.a, "delete ike old")
		w.answer(w.b, "empty")
		w.endsOn(w.a)
	})
}

// otherIKEGroup lets the ends agree on P-256 at first, and then leaves them
// groups of which the first is the one's alone.
var otherIKEGroup = iketest.PairConfig{
	Client: func(c *ike.Config) { c.IKEProposals = ikeGroups(suite.GroupP256, suite.GroupP384) },
}

func ikeGroups(groups ...uint16) []suite.Proposal {
	ps := suite.DefaultIKE()
	for i := range ps {
		ps[i].Group = groups
	}
	return ps
}

// disagree changes the gateway's groups for IKE SAs.
func disagree(w *collision) {
	w.p.Gateway.Reconfigure(func(r *iketest.ResponderConfig) { r.IKE = ikeGroups(suite.GroupX25519, suite.GroupP384) })
}

// 36. RFC 7296 1.3: the group is turned down and another asked for.
func TestCollision36IKERekeyWithAnotherGroup(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		disagree(w)
		w.rekeysIKE(w.a)
		w.ask(w.a, "rekey ike")
		w.answer(w.b, "INVALID_KE_PAYLOAD")
		w.ask(w.a, "rekey ike")
		w.answer(w.b, "accepted")
		w.ask(w.a, "delete ike old")
		w.answer(w.b, "empty")
		w.endsOn(w.a)
	}, otherIKEGroup)
}

// crossedIKE lets both ends ask, and both requests arrive.
func crossedIKE(w *collision) {
	w.t.Helper()
	w.rekeysIKE(w.a)
	w.rekeysIKE(w.b)
	w.ask(w.a, "rekey ike")
	w.ask(w.b, "rekey ike")
	most3(w)
}

// settledIKE goes through the Deletes of a crossing.
func settledIKE(w *collision, loserFirst bool) {
	w.t.Helper()
	loser, winner := w.loser(), w.winner()
	most3(w)
	loses := func() {
		w.ask(loser, "delete ike "+w.letter(loser)+"'s")
		w.answer(winner, "empty")
	}
	if loserFirst {
		loses()
	}
	w.ask(winner, "delete ike old")
	w.answer(loser, "empty")
	if !loserFirst {
		loses()
	}
	w.endsOn(winner)
}

// 37. RFC 7296 2.8.2: both notice, for either order of the answers and Deletes.
func TestCollision37IKERekeyAgainstIKERekey(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]struct{ aFirst, loserFirst bool }{
		"A's answer first, the redundant SA goes first": {true, true},
		"A's answer first, the old SA goes first":       {true, false},
		"B's answer first, the redundant SA goes first": {false, true},
		"B's answer first, the old SA goes first":       {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				crossedIKE(w)
				first, second := w.b, w.a
				if order.aFirst {
					first, second = w.a, w.b
				}
				w.answer(first, "accepted")
				w.answer(second, "accepted")
				settledIKE(w, order.loserFirst)
			})
		})
	}
}

// 39. Each end turns the other's group down, and both try again: the nonces of
// the second tries decide. In the variant one second try is late, as in 43.
func TestCollision39IKEGroupsDisagree(t *testing.T) {
	t.Parallel()
	refuse := func(w *collision) {
		w.t.Helper()
		disagree(w)
		second := w.lowest
		w.lowest = map[int]int{n1: n2, n2: n1, n3: n2, n4: n1}[second] // the other end would lose
		w.rekeysIKE(w.a)
		w.rekeysIKE(w.b)
		w.ask(w.a, "rekey ike")
		w.ask(w.b, "rekey ike")
		w.lowest = second
		w.answerFor(w.b, "INVALID_KE_PAYLOAD", n1)
		w.answerFor(w.a, "INVALID_KE_PAYLOAD", n2)
	}
	t.Run("both see it", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, allNonces, func(w *collision) {
			refuse(w)
			w.ask(w.a, "rekey ike")
			w.ask(w.b, "rekey ike")
			w.answer(w.a, "accepted")
			w.answer(w.b, "accepted")
			settledIKE(w, true)
		}, otherIKEGroup)
	})
	t.Run("A's second try is late", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, allNonces, func(w *collision) {
			refuse(w)
			late := w.keepAsk(w.a, "rekey ike")
			w.ask(w.b, "rekey ike")
			w.answer(w.a, "accepted")
			w.deliver(late)
			w.answer(w.b, "TEMPORARY_FAILURE")
			w.ask(w.b, "delete ike old")
			w.answer(w.a, "empty")
			w.endsOn(w.b)
		}, otherIKEGroup)
	})
}

// 40. B's answer to A is late. If B has won it deletes the old IKE SA, A finishes
// B's rekey, and B does not wait for ever for A to delete the redundant one. If
// B has lost, requests on the IKE SA that A does not know yet are ignored.
func TestCollision40IKEAnswerIsLate(t *testing.T) {
	t.Parallel()
	t.Run("B has won", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, []int{n1, n3}, func(w *collision) {
			crossedIKE(w)
			late := w.keepAnswer(w.b, "accepted")
			w.answer(w.a, "accepted")
			w.ask(w.b, "delete ike old")
			w.answer(w.a, "empty")
			w.deliver(late)
			w.silent()
			start := w.p.Now
			clean := func() bool { return w.p.Gateway.IKESAs() == 1 && len(w.ikes()) == 1 }
			if clean() {
				w.t.Fatal("there is no redundant IKE SA at B")
			}
			if w.b == iketest.TheClient {
				// It is deleted once, after 90 seconds, in vain, and then forgotten.
				w.p.Until(2*time.Minute, func() bool { return w.wire.Next(w.b, false) != nil })
				farewell := w.wire.Next(w.b, false)
				if took := w.p.Now.Sub(start); took != 90*time.Second || farewell == nil ||
					farewell.Header.Exchange != wire.ExchangeInformational || w.ikeName(farewell) != "A's" {
					w.t.Errorf("after %v the client sends %+v", took, farewell)
				}
			}
			w.wire.Free()
			if !w.p.Until(2*time.Minute, clean) {
				w.t.Fatal("the redundant IKE SA stays")
			}
			w.endsOn(w.b)
		})
	})
	t.Run("B has lost", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, []int{n2, n4}, func(w *collision) {
			crossedIKE(w)
			w.keepAnswer(w.b, "accepted") // lost
			w.answer(w.a, "accepted")
			w.ask(w.b, "delete ike B's")
			w.answer(w.a, "empty")
			// B would like to use A's IKE SA.
			asked := false
			if w.b == iketest.TheGateway {
				w.asks(w.b, w.tell(func(now time.Time) error { return w.p.Gateway.CheckLiveness(now, func() { asked = true }) }))
				early := w.keepAsk(w.b, "liveness")
				before := w.p.Drops[ike.DropUnknownSPI]
				w.deliver(early)
				if w.p.Drops[ike.DropUnknownSPI] != before+1 {
					w.t.Error("the client does not ignore a request on an IKE SA that it does not know")
				}
			} else {
				w.asks(w.b, func() error { return w.p.Do(ike.CheckLiveness{}) })
			}
			w.silent()
			// A asks again, with the same octets, and gets the same answer.
			w.p.Until(2*time.Second, func() bool { return w.wire.Next(w.a, false) != nil })
			w.ask(w.a, "rekey ike")
			w.answer(w.b, "accepted")
			w.ask(w.a, "delete ike old")
			w.answer(w.b, "empty")
			w.wire.Free()
			w.p.Drive(time.Minute)
			if w.b == iketest.TheGateway && !asked {
				w.t.Error("B's request is never answered")
			}
			w.endsOn(w.a)
		})
	})
}

// 42. A's request is lost, and B deletes the old IKE SA without having seen it.
// A finishes B's rekey, forgets its own, and does not start again.
func TestCollision42IKERequestIsLost(t *testing.T) {
	t.Parallel()
	eachNonce(t, allNonces, func(w *collision) {
		w.rekeysIKE(w.a)
		w.keepAsk(w.a, "rekey ike")
		w.rekeysIKE(w.b)
		w.ask(w.b, "rekey ike")
		w.answer(w.a, "accepted")
		w.ask(w.b, "delete ike old")
		w.answer(w.a, "empty")
		w.endsOn(w.b)
	})
}

// 43. A's request is late: B is closing the old IKE SA.
func TestCollision43IKERequestIsLate(t *testing.T) {
	t.Parallel()
	for name, deleteFirst := range map[string]bool{"Delete before TEMPORARY_FAILURE": true, "TEMPORARY_FAILURE before Delete": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				w.rekeysIKE(w.a)
				late := w.keepAsk(w.a, "rekey ike")
				w.rekeysIKE(w.b)
				w.ask(w.b, "rekey ike")
				w.answer(w.a, "accepted")
				w.deliver(late)
				if deleteFirst {
					w.ask(w.b, "delete ike old")
					w.answer(w.b, "TEMPORARY_FAILURE")
				} else {
					w.answer(w.b, "TEMPORARY_FAILURE")
					w.ask(w.b, "delete ike old")
				}
				w.answer(w.a, "empty")
				w.endsOn(w.b)
			})
		})
	}
}

// 44. RFC 7296 2.25.2: the rekey against the end of the IKE SA.
func TestCollision44IKERekeyAgainstIKEDelete(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"at once": false, "the Delete is late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.rekeysIKE(w.a)
				w.deletesIKE(w.b)
				deletion := w.keepAsk(w.b, "delete ike old")
				w.ask(w.a, "rekey ike")
				if late {
					w.answer(w.b, "TEMPORARY_FAILURE")
					w.wire.Keep = func(m *iketest.Held) bool { return m.From == w.a }
					w.p.Drive(300 * time.Millisecond)
					w.wire.Keep = nil
					w.silent() // no try at once
					w.deliver(deletion)
				} else {
					w.deliver(deletion)
					w.answer(w.b, "TEMPORARY_FAILURE")
				}
				w.answer(w.a, "empty")
				w.ends(told{closed: true})
			})
		})
	}
}

// 45. RFC 7296 2.25.2: both ends close. Both answer, and nothing failed.
func TestCollision45IKEDeleteAgainstIKEDelete(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.deletesIKE(w.a)
		w.deletesIKE(w.b)
		w.ask(w.a, "delete ike old")
		w.ask(w.b, "delete ike old")
		w.answer(w.b, "empty")
		w.answer(w.a, "empty")
		w.ends(told{closed: true})
		if w.p.Closed.Failure != nil {
			w.t.Errorf("closed with %v", w.p.Closed.Failure)
		}
	})
}

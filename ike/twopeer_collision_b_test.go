package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// Both ends rekey the same Child SA at a time (RFC 7296 2.8.1). With N1 or N3 as
// the lowest nonce A's new SA is redundant: A deletes it, and B the old one.

// crossed lets both ends ask, and both requests arrive.
func crossed(w *collision) {
	w.t.Helper()
	w.rekeys(w.a)
	w.rekeys(w.b)
	w.ask(w.a, "rekey child")
	w.ask(w.b, "rekey child")
}

// settled goes through the Deletes: the loser's of its own SA, the winner's of
// the old one, in either order.
func settled(w *collision, loserFirst bool) {
	w.t.Helper()
	loser, winner := w.loser(), w.winner()
	redundant := w.letter(loser) + "'s"
	loses := func() {
		w.ask(loser, "delete child "+redundant)
		w.answer(winner, "deleted "+redundant)
	}
	if loserFirst {
		loses()
	}
	w.ask(winner, "delete child old")
	w.answer(loser, "deleted old")
	if !loserFirst {
		loses()
	}
	w.ends(childRekeyed, w.letter(winner)+"'s")
}

// 11. Both notice, for either order of the answers and of the Deletes.
func TestCollision11ChildRekeyAgainstChildRekey(t *testing.T) {
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
				crossed(w)
				first, second := w.b, w.a
				if order.aFirst {
					first, second = w.a, w.b
				}
				w.answer(first, "accepted")
				w.answer(second, "accepted")
				settled(w, order.loserFirst)
			})
		})
	}
}

// 13. B's answer to A is late: B has deleted already what it must delete.
func TestCollision13AnswerIsLate(t *testing.T) {
	t.Parallel()
	t.Run("B has deleted its redundant SA", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, []int{n2, n4}, func(w *collision) {
			crossed(w)
			late := w.keepAnswer(w.b, "accepted")
			w.answer(w.a, "accepted")
			w.ask(w.b, "delete child B's")
			w.answer(w.a, "deleted B's")
			w.deliver(late)
			w.ask(w.a, "delete child old")
			w.answer(w.b, "deleted old")
			w.ends(childRekeyed, "A's")
		})
	})
	t.Run("B has deleted the old SA", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, []int{n1, n3}, func(w *collision) {
			crossed(w)
			late := w.keepAnswer(w.b, "accepted")
			w.answer(w.a, "accepted")
			w.ask(w.b, "delete child old")
			w.answer(w.a, "deleted old")
			w.deliver(late)
			w.ask(w.a, "delete child A's")
			w.answer(w.b, "deleted A's")
			w.ends(childRekeyed, "B's")
		})
	})
}

// 14. As 13, and B deletes the SA that stands, too, before its late answer
// arrives: the answer brings nothing back.
func TestCollision14AnswerIsLateAndEverythingIsDeleted(t *testing.T) {
	t.Parallel()
	t.Run("B's SA stood", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, []int{n1, n3}, func(w *collision) {
			crossed(w)
			late := w.keepAnswer(w.b, "accepted")
			w.answer(w.a, "accepted")
			w.ask(w.b, "delete child old")
			w.answer(w.a, "deleted old")
			w.deletes(w.b, "B's")
			w.ask(w.b, "delete child B's")
			w.answer(w.a, "deleted B's")
			w.deliver(late)
			if w.a == iketest.TheGateway {
				w.ask(w.a, "delete child A's")
				w.answer(w.b, "deleted A's")
			}
			closesAfterLastChild(w)
		})
	})
	t.Run("A's SA was to stand", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, []int{n2, n4}, func(w *collision) {
			crossed(w)
			late := w.keepAnswer(w.b, "accepted")
			w.answer(w.a, "accepted")
			w.ask(w.b, "delete child B's")
			w.answer(w.a, "deleted B's")
			w.deletes(w.b, "A's")
			w.ask(w.b, "delete child A's")
			w.answer(w.a, "empty") // A does not know it yet
			added := iketest.Count[ike.ChildAdded](w.p)
			w.deliver(late)
			if n := iketest.Count[ike.ChildAdded](w.p); w.a == iketest.TheClient && n != added {
				w.t.Error("an SA that the gateway has deleted is brought up")
			}
			if w.a == iketest.TheGateway {
				w.ask(w.a, "delete child old")
				w.answer(w.b, "deleted old")
			}
			closesAfterLastChild(w)
		})
	})
}

// bDoesNotSee crosses the rekeys so that A's request is late, and B, which knows
// of no collision, is about to delete the old SA.
func bDoesNotSee(w *collision) (late *iketest.Held) {
	w.t.Helper()
	w.rekeys(w.a)
	late = w.keepAsk(w.a, "rekey child")
	w.rekeys(w.b)
	w.ask(w.b, "rekey child")
	w.answer(w.a, "accepted")
	return late
}

// 16. A's request reaches B while B's Delete of the old SA is under way. A knows
// of the collision, and leaves it at B's rekey: it does not try again.
func TestCollision16RequestIsLate(t *testing.T) {
	t.Parallel()
	t.Run("Delete before TEMPORARY_FAILURE", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, allNonces, func(w *collision) {
			w.deliver(bDoesNotSee(w))
			w.ask(w.b, "delete child old")
			w.answer(w.b, "TEMPORARY_FAILURE")
			w.answer(w.a, "deleted old")
			w.ends(childRekeyed, "B's")
		})
	})
	t.Run("TEMPORARY_FAILURE before Delete", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, allNonces, func(w *collision) {
			w.deliver(bDoesNotSee(w))
			w.answer(w.b, "TEMPORARY_FAILURE")
			w.ask(w.b, "delete child old")
			w.answer(w.a, "deleted old")
			w.ends(childRekeyed, "B's")
		})
	})
	t.Run("the Delete never comes", func(t *testing.T) {
		t.Parallel()
		w := collide(t, iketest.TheClient, n2)
		w.deliver(bDoesNotSee(w))
		w.answer(w.b, "TEMPORARY_FAILURE")
		start := w.p.Now
		w.p.Until(2*time.Minute, func() bool { return w.wire.Next(w.a, false) != nil })
		if took := w.p.Now.Sub(start); took != 90*time.Second {
			t.Errorf("the client deletes the old SA itself after %v", took)
		}
		w.ask(w.a, "delete child old")
		w.answer(w.b, "empty") // its own is under way
		w.wire.Free()
		w.p.Drive(time.Minute)
		w.ends(childRekeyed, "B's")
	})
	t.Run("TEMPORARY_FAILURE long before Delete", func(t *testing.T) {
		t.Parallel()
		w := collide(t, iketest.TheClient, n2)
		w.deliver(bDoesNotSee(w))
		w.answer(w.b, "TEMPORARY_FAILURE")
		deletion := w.keepAsk(w.b, "delete child old")
		w.refused(ike.RekeyChild{InboundSPI: w.old[iketest.TheClient]})
		w.wire.Keep = func(m *iketest.Held) bool { return m.From == w.b }
		sent := len(w.p.Sent)
		w.p.Drive(40 * time.Second)
		if n := len(w.p.Sent) - sent; n != 0 {
			t.Errorf("the client sends %d messages instead of waiting for the Delete", n)
		}
		for _, again := range w.wire.Held() { // the Delete's repetitions
			w.wire.Take(again)
		}
		w.wire.Keep = nil
		w.deliver(deletion)
		w.answer(w.a, "deleted old")
		w.ends(childRekeyed, "B's")
	})
}

// 17. A's request is so late that the old SA is gone at B.
func TestCollision17RequestIsVeryLate(t *testing.T) {
	t.Parallel()
	veryLate := func(w *collision) (late *iketest.Held) {
		w.t.Helper()
		late = bDoesNotSee(w)
		w.ask(w.b, "delete child old")
		w.answer(w.a, "deleted old")
		return late
	}
	t.Run("the new SA stands", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, allNonces, func(w *collision) {
			w.deliver(veryLate(w))
			w.answer(w.b, "CHILD_SA_NOT_FOUND")
			w.ends(childRekeyed, "B's")
		})
	})
	t.Run("B has deleted the new SA too", func(t *testing.T) {
		t.Parallel()
		eachNonce(t, allNonces, func(w *collision) {
			late := veryLate(w)
			w.deletes(w.b, "B's")
			w.ask(w.b, "delete child B's")
			w.answer(w.a, "deleted B's")
			if w.b == iketest.TheClient {
				w.lossy = true
				w.silentBut("delete ike old") // nothing is left to carry, so that the client closes
				w.deliver(late)
				w.answer(w.b, "TEMPORARY_FAILURE")
			} else {
				w.deliver(late)
				w.answer(w.b, "CHILD_SA_NOT_FOUND")
			}
			closesAfterLastChild(w)
		})
	})
}

// 19. Each end turns the other's group down, and both try again: the nonces of
// the second tries decide, not those of the first.
func TestCollision19GroupsDisagree(t *testing.T) {
	t.Parallel()
	eachNonce(t, allNonces, func(w *collision) {
		second := w.lowest
		w.lowest = map[int]int{n1: n2, n2: n1, n3: n2, n4: n1}[second] // the other end would lose
		w.rekeys(w.a)
		w.rekeys(w.b)
		w.ask(w.a, "rekey child")
		w.ask(w.b, "rekey child")
		w.lowest = second
		w.lead(w.a, n1)
		w.answerFor(w.b, "INVALID_KE_PAYLOAD", n1)
		w.answerFor(w.a, "INVALID_KE_PAYLOAD", n2)
		w.ask(w.a, "rekey child")
		w.ask(w.b, "rekey child")
		w.answer(w.a, "accepted")
		w.answer(w.b, "accepted")
		settled(w, true)
	}, apart)
}

// 20. As 19, and A's second try is late: B sees no collision, as in 16.
func TestCollision20GroupsDisagreeAndRetryIsLate(t *testing.T) {
	t.Parallel()
	for name, deleteFirst := range map[string]bool{"Delete before TEMPORARY_FAILURE": true, "TEMPORARY_FAILURE before Delete": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				crossed(w)
				w.answerFor(w.b, "INVALID_KE_PAYLOAD", n1)
				w.answerFor(w.a, "INVALID_KE_PAYLOAD", n2)
				late := w.keepAsk(w.a, "rekey child")
				w.ask(w.b, "rekey child")
				w.answer(w.a, "accepted")
				w.deliver(late)
				if deleteFirst {
					w.ask(w.b, "delete child old")
					w.answer(w.b, "TEMPORARY_FAILURE")
				} else {
					w.answer(w.b, "TEMPORARY_FAILURE")
					w.ask(w.b, "delete child old")
				}
				w.answer(w.a, "deleted old")
				w.ends(childRekeyed, "B's")
			}, apart)
		})
	}
}

// 21. B loses, and deletes the old SA as well as its own, before its answer
// arrives. One SA is left all the same.
func TestCollision21LoserDeletesTheOldChildToo(t *testing.T) {
	t.Parallel()
	for _, lowest := range []int{n2, n4} {
		for name, oldFirst := range map[string]bool{"the old SA first": true, "its own first": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := collide(t, iketest.TheClient, lowest)
				crossed(w)
				late := w.keepAnswer(w.b, "accepted")
				w.answer(w.a, "accepted")
				w.ask(w.b, "delete child B's")
				w.answer(w.a, "deleted B's")
				w.deletes(w.b, "old")
				w.ask(w.b, "delete child old")
				if oldFirst {
					w.deliver(late)
					w.answer(w.a, "deleted old")
				} else {
					w.answer(w.a, "deleted old")
					w.deliver(late)
				}
				w.lossy = false
				w.check()
				w.ends(told{down: 1, up: 1}, "A's")
			})
		}
	}
}

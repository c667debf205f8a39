package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// The scenarios of the list that have several key exchanges (RFC 9370 2.2.4):
// the IKE SA. Its first key exchange is one alone, so that the tests begin with
// proposals that leave the additional ones out and change both ends afterwards.

// additionalIKE gives both ends the same key exchanges for the IKE SA, of which
// the gateway takes the additional ones in rekeys only.
func additionalIKE(t *testing.T, words string) iketest.PairConfig {
	t.Helper()
	return both(unsplit, iketest.PairConfig{
		Client:  func(c *ike.Config) { c.IKEProposals = append(ikeWords(t, words), ikeWords(t, noneAtAll)...) },
		Gateway: func(r *iketest.ResponderConfig) { r.IKE = ikeWords(t, noneAtAll) },
	})
}

// insist has the gateway take, and offer, these key exchanges from now on.
func insist(w *collision, takes, offers string) {
	w.t.Helper()
	w.p.Gateway.Reconfigure(func(r *iketest.ResponderConfig) {
		r.IKE, r.OfferIKE = ikeWords(w.t, takes), ikeWords(w.t, offers)
	})
}

// deletedIKEBy goes through a side's Delete of an IKE SA.
func deletedIKEBy(w *collision, s iketest.Side, name string) {
	w.t.Helper()
	w.ask(s, "delete ike "+name)
	w.answer(s.Other(), "empty")
}

// 35. RFC 9370 2.2.4: the key exchanges are made in the old IKE SA, and the new
// one exists after the last.
func TestCollision35IKERekeyWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		insist(w, twoMore, twoMore)
		w.rekeysIKE(w.a)
		w.ask(w.a, "rekey ike")
		w.answer(w.b, "accepted")
		followed(w, w.a)
		if n, m := len(w.ikes()), w.p.Gateway.IKESAs(); n != 1 || m != 1 {
			t.Errorf("the client has %d IKE SAs and the gateway %d before the last key exchange", n, m)
		}
		followed(w, w.a)
		deletedIKEBy(w, w.a, "old")
		w.endsOn(w.a)
	}, additionalIKE(t, twoMore))
}

// 36, with additional key exchanges.
func TestCollision36IKERekeyWithAnotherGroupAndAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.p.Gateway.Reconfigure(func(r *iketest.ResponderConfig) {
			r.IKE = ikeWords(t, oneMore)
			r.IKE[0].Group = []uint16{suite.GroupP521, suite.GroupP384}
		})
		w.rekeysIKE(w.a)
		w.ask(w.a, "rekey ike")
		w.answer(w.b, "INVALID_KE_PAYLOAD")
		w.ask(w.a, "rekey ike")
		w.answer(w.b, "accepted")
		followed(w, w.a)
		deletedIKEBy(w, w.a, "old")
		w.endsOn(w.a)
	}, additionalIKE(t, oneMore), iketest.PairConfig{Client: func(c *ike.Config) {
		for i := range c.IKEProposals {
			c.IKEProposals[i].Group = []uint16{suite.GroupX25519, suite.GroupP384}
		}
	}})
}

// 38. RFC 7296 2.8.2, RFC 9370 2.2.4: both rekey, and both, or only one of them,
// ask for additional key exchanges. The loser goes no further.
func TestCollision38BothRekeyIKEWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for name, aFirst := range map[string]bool{"both sides, A's answer first": true, "both sides, B's answer first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				insist(w, oneMore, oneMore)
				crossedIKE(w)
				first := w.b
				if aFirst {
					first = w.a
				}
				w.answer(first, "accepted")
				w.answer(first.Other(), "accepted")
				followed(w, w.winner())
				deletedIKEBy(w, w.winner(), "old")
				w.endsOn(w.winner())
			}, additionalIKE(t, oneMore))
		})
	}
	for _, proposes := range []iketest.Side{iketest.TheClient, iketest.TheGateway} {
		for name, aFirst := range map[string]bool{"A's answer first": true, "B's answer first": false} {
			t.Run("only the "+proposes.String()+", "+name, func(t *testing.T) {
				t.Parallel()
				eachNonce(t, allNonces, func(w *collision) {
					if proposes == iketest.TheClient {
						insist(w, oneMore, noneAtAll)
					} else {
						insist(w, noneAtAll, oneMore)
					}
					crossedIKE(w)
					first := w.b
					if aFirst {
						first = w.a
					}
					w.answer(first, "accepted")
					w.answer(first.Other(), "accepted")
					if w.winner() == proposes {
						deletedIKEBy(w, w.loser(), w.letter(w.loser())+"'s")
						followed(w, w.winner())
					}
					deletedIKEBy(w, w.winner(), "old")
					w.endsOn(w.winner())
				}, additionalIKE(t, oneMore))
			})
		}
	}
}

// 41. As 40, and B wins: its key exchanges are served while A's request is out.
func TestCollision41IKEAnswerIsLateWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"between the key exchanges", "after them", "after the Delete"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, []int{n1, n3}, func(w *collision) {
				insist(w, twoMore, twoMore)
				crossedIKE(w)
				late := w.keepAnswer(w.b, "accepted")
				w.answer(w.a, "accepted")
				followed(w, w.b)
				if when == "between the key exchanges" {
					w.deliver(late)
				}
				followed(w, w.b)
				if when == "after them" {
					w.deliver(late)
				}
				deletedIKEBy(w, w.b, "old")
				if when == "after the Delete" {
					w.deliver(late)
				}
				w.endsOn(w.b)
			}, additionalIKE(t, twoMore))
		})
	}
}

// 43, with additional key exchanges: B has done all of them and is closing the
// old IKE SA.
func TestCollision43IKERequestIsLateWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for name, deleteFirst := range map[string]bool{"Delete before TEMPORARY_FAILURE": true, "TEMPORARY_FAILURE before Delete": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				insist(w, oneMore, oneMore)
				late := bDoesNotSeeIKE(w)
				followed(w, w.b)
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
			}, additionalIKE(t, oneMore))
		})
	}
}

// bDoesNotSeeIKE is bDoesNotSee for the IKE SA.
func bDoesNotSeeIKE(w *collision) (late *iketest.Held) {
	w.t.Helper()
	w.rekeysIKE(w.a)
	late = w.keepAsk(w.a, "rekey ike")
	w.rekeysIKE(w.b)
	w.ask(w.b, "rekey ike")
	w.answer(w.a, "accepted")
	return late
}

// 43, and A's request reaches B in the middle of its key exchanges: both see who
// has lost, and the loser stops where it is.
func TestCollision43IKERequestIsLateInTheMiddleOfAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for name, served := range map[string]bool{"B's last request before its answer": true, "B's answer before its last request": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				insist(w, oneMore, oneMore)
				late := bDoesNotSeeIKE(w)
				last := w.keepAsk(w.b, "follow up")
				w.deliver(late)
				switch {
				case w.winner() == w.b:
					w.answer(w.b, "accepted")
					w.deliver(last)
					w.answer(w.a, "followed")
					deletedIKEBy(w, w.b, "old")
				case served:
					w.deliver(last)
					w.answer(w.a, "followed")
					w.answer(w.b, "accepted")
					deletedIKEBy(w, w.b, "B's")
				default:
					w.answer(w.b, "accepted")
					w.deliver(last)
					w.answer(w.a, "STATE_NOT_FOUND")
				}
				if w.winner() == w.a {
					followed(w, w.a)
					deletedIKEBy(w, w.a, "old")
				}
				w.endsOn(w.winner())
			}, additionalIKE(t, oneMore))
		})
	}
}

// 44, between CREATE_CHILD_SA and IKE_FOLLOWUP_KE: the IKE SA ends.
func TestCollision44IKEIsDeletedBetweenKeyExchanges(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"at once": false, "the Delete is late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				insist(w, oneMore, oneMore)
				w.rekeysIKE(w.a)
				w.ask(w.a, "rekey ike")
				w.answer(w.b, "accepted")
				w.deletesIKE(w.b)
				deletion := w.keepAsk(w.b, "delete ike old")
				w.ask(w.a, "follow up")
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
			}, additionalIKE(t, oneMore))
		})
	}
}

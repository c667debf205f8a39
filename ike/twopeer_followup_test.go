package ike_test

import (
	"testing"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// The scenarios of the list that have several key exchanges (RFC 9370 2.2.4):
// Child SAs. "follow up" is an IKE_FOLLOWUP_KE request, "followed" its answer.

// espWords is a proposal for Child SAs with these key exchanges.
func espWords(t *testing.T, words string) []suite.Proposal {
	t.Helper()
	p, err := suite.ParseESP("aes256gcm16", "", words)
	if err != nil {
		t.Fatal(err)
	}
	return []suite.Proposal{p}
}

func ikeWords(t *testing.T, words string) []suite.Proposal {
	t.Helper()
	p, err := suite.ParseIKE("aes256gcm16", "", "sha256", words)
	if err != nil {
		t.Fatal(err)
	}
	return []suite.Proposal{p}
}

// Key exchanges for Child SAs: one additional, two, and one that may be left out.
const (
	oneMore   = "x25519-ke1_mlkem768"
	twoMore   = "x25519-ke2_mlkem768-ke5_ecp256"
	perhaps   = "x25519-ke1_mlkem768-ke1_none"
	noneAtAll = "x25519"
)

// additionalChild gives both ends the same key exchanges for Child SAs.
func additionalChild(t *testing.T, words string) iketest.PairConfig {
	t.Helper()
	return both(unsplit, iketest.PairConfig{
		Client:  func(c *ike.Config) { c.ChildProposals = espWords(t, words) },
		Gateway: func(r *iketest.ResponderConfig) { r.ESP = espWords(t, words) },
	})
}

// unsplit keeps the values of ML-KEM in one message, for the tests that deliver
// messages one by one.
var unsplit = iketest.PairConfig{
	Client:  func(c *ike.Config) { c.FragmentSize = 4000 },
	Gateway: func(r *iketest.ResponderConfig) { r.FragmentSize = 4000 },
}

// onlyChild has only one side propose additional key exchanges for Child SAs;
// both would agree to them.
func onlyChild(t *testing.T, proposes iketest.Side) iketest.PairConfig {
	t.Helper()
	return both(unsplit, iketest.PairConfig{
		Client: func(c *ike.Config) { c.ChildProposals = espWords(t, perhaps) },
		Gateway: func(r *iketest.ResponderConfig) {
			r.ESP, r.OfferESP = espWords(t, oneMore), espWords(t, noneAtAll)
			if proposes == iketest.TheGateway {
				r.ESP, r.OfferESP = r.OfferESP, r.ESP
			}
		},
	})
}

// followed goes through one additional key exchange of a side.
func followed(w *collision, s iketest.Side) {
	w.t.Helper()
	w.ask(s, "follow up")
	w.answer(s.Other(), "followed")
}

// deletedBy goes through a side's Delete of a Child SA.
func deletedBy(w *collision, s iketest.Side, name string) {
	w.t.Helper()
	w.ask(s, "delete child "+name)
	w.answer(s.Other(), "deleted "+name)
}

// 2. RFC 9370 2.2.4: the new SA exists after the last key exchange, and the old
// one carries the traffic until then.
func TestCollision02ChildRekeyWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.most = 1
		w.rekeys(w.a)
		w.ask(w.a, "rekey child")
		w.answer(w.b, "accepted")
		followed(w, w.a)
		w.most = 2
		followed(w, w.a)
		deletedBy(w, w.a, "old")
		w.ends(childRekeyed, "A's")
	}, additionalChild(t, twoMore))
}

// 4. RFC 7296 1.3, RFC 9370 2.2.4: the group of the first key exchange is turned
// down, and the additional ones follow the second try.
func TestCollision04ChildRekeyWithAnotherGroupAndAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.most = 2
		w.rekeys(w.a)
		w.ask(w.a, "rekey child")
		w.answer(w.b, "INVALID_KE_PAYLOAD")
		w.ask(w.a, "rekey child")
		w.answer(w.b, "accepted")
		followed(w, w.a)
		deletedBy(w, w.a, "old")
		w.ends(childRekeyed, "A's")
	}, unsplit, iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.ChildProposals = espWords(t, oneMore)
			c.ChildProposals[0].Group = []uint16{suite.GroupX25519, suite.GroupP384}
		},
		Gateway: func(r *iketest.ResponderConfig) {
			r.ESP = espWords(t, oneMore)
			r.ESP[0].Group = []uint16{suite.GroupP521, suite.GroupP384}
		},
	})
}

// 12. RFC 7296 2.8.1, RFC 9370 2.2.4: both rekey. The loser goes no further than
// CREATE_CHILD_SA, and what it has made without more is deleted.
func TestCollision12BothRekeyWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	t.Run("both sides", func(t *testing.T) {
		t.Parallel()
		for name, aFirst := range map[string]bool{"A's answer first": true, "B's answer first": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				eachNonce(t, allNonces, func(w *collision) {
					w.most = 1
					crossed(w)
					first := w.b
					if aFirst {
						first = w.a
					}
					w.answer(first, "accepted")
					w.answer(first.Other(), "accepted")
					followed(w, w.winner())
					w.most = 2
					followed(w, w.winner())
					deletedBy(w, w.winner(), "old")
					w.ends(childRekeyed, w.letter(w.winner())+"'s")
				}, additionalChild(t, twoMore))
			})
		}
	})
	for _, proposes := range []iketest.Side{iketest.TheClient, iketest.TheGateway} {
		t.Run("only the "+proposes.String(), func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				w.most = 2
				crossed(w)
				w.answer(w.b, "accepted")
				w.answer(w.a, "accepted")
				if w.winner() == proposes {
					w.most = 3
					followed(w, w.winner())
					deletedBy(w, w.loser(), w.letter(w.loser())+"'s")
				}
				deletedBy(w, w.winner(), "old")
				w.ends(childRekeyed, w.letter(w.winner())+"'s")
			}, onlyChild(t, proposes))
		})
	}
}

// 15. B's answer to A is late, and B's rekey stands: its key exchanges are served
// while A's request is out. The answer comes after them, or after the old SA's
// Delete, or between them.
func TestCollision15AnswerIsLateWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"between the key exchanges", "after them", "after the Delete"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, []int{n1, n3}, func(w *collision) {
				w.most = 2
				crossed(w)
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
				deletedBy(w, w.b, "old")
				if when == "after the Delete" {
					w.deliver(late)
				}
				w.ends(childRekeyed, "B's")
			}, additionalChild(t, twoMore))
		})
	}
}

// 18. As 16: A's request reaches B when B, which knows of no collision, has done
// all key exchanges and deletes the old SA.
func TestCollision18RequestIsLateWithAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	for name, deleteFirst := range map[string]bool{"Delete before TEMPORARY_FAILURE": true, "TEMPORARY_FAILURE before Delete": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				w.most = 2
				late := bDoesNotSee(w)
				followed(w, w.b)
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
			}, additionalChild(t, oneMore))
		})
	}
}

// Between 12 and 18: A's request reaches B while B is in the middle of its key
// exchanges. B answers as usual, and both see who has lost: A then stops at its
// CREATE_CHILD_SA, or B in the middle.
func TestCollision18RequestIsLateInTheMiddleOfAdditionalKeyExchanges(t *testing.T) {
	t.Parallel()
	// The last request of a B that stops is out: A may serve it before B's answer
	// shows A that it has won, and then B deletes what it made; or later.
	for name, served := range map[string]bool{"B's last request before its answer": true, "B's answer before its last request": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachNonce(t, allNonces, func(w *collision) {
				late := bDoesNotSee(w)
				last := w.keepAsk(w.b, "follow up")
				w.deliver(late)
				if w.winner() == w.b {
					w.answer(w.b, "accepted")
					w.deliver(last)
					w.answer(w.a, "followed")
					deletedBy(w, w.b, "old")
					w.ends(childRekeyed, "B's")
					return
				}
				if served {
					w.deliver(last)
					w.answer(w.a, "followed")
					w.answer(w.b, "accepted")
					deletedBy(w, w.b, "B's")
				} else {
					w.answer(w.b, "accepted")
					w.deliver(last)
					w.answer(w.a, "STATE_NOT_FOUND")
				}
				followed(w, w.a)
				deletedBy(w, w.a, "old")
				w.ends(childRekeyed, "A's")
			}, additionalChild(t, oneMore))
		})
	}
}

// 23. RFC 7296 2.25.1: the old SA is deleted between CREATE_CHILD_SA and
// IKE_FOLLOWUP_KE. The rekey comes to nothing, and is not tried again.
func TestCollision23ChildIsDeletedBetweenKeyExchanges(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"Delete first", "key exchange first", "key exchange very late"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.most = 1
				w.rekeys(w.a)
				w.ask(w.a, "rekey child")
				w.answer(w.b, "accepted")
				late := w.keepAsk(w.a, "follow up")
				w.deletes(w.b, "old")
				switch order {
				case "Delete first":
					w.ask(w.b, "delete child old")
					w.deliver(late)
					w.answer(w.a, "deleted old")
					w.answer(w.b, "TEMPORARY_FAILURE")
				case "key exchange first":
					w.deliver(late)
					w.answer(w.b, "TEMPORARY_FAILURE")
					w.ask(w.b, "delete child old")
					w.answer(w.a, "deleted old")
				default:
					w.ask(w.b, "delete child old")
					w.answer(w.a, "deleted old")
					if w.b == iketest.TheClient {
						w.silentBut("delete ike old")
					}
					w.deliver(late)
					w.answer(w.b, "STATE_NOT_FOUND")
				}
				closesAfterLastChild(w)
				if n := w.heard().rekeyed; n != 0 {
					w.t.Errorf("%d rekeys", n)
				}
			}, additionalChild(t, oneMore))
		})
	}
}

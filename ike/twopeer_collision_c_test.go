package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/iketest"
)

// The rekey of a Child SA, or its end, against everything else that can be under
// way (RFC 7296 2.25).

// lineGone is what the owner hears when the last Child SA is deleted: it went
// once, and the Session with it.
var lineGone = told{down: 1, closed: true}

// gone goes through the client's farewell after its last Child SA, and wants
// these events and no other.
func gone(w *collision, want told) {
	w.t.Helper()
	closesAfterLastChild(w)
	if got := w.heard(); got != want {
		w.t.Errorf("the owner heard %+v, want %+v", got, want)
	}
}

// 22. RFC 7296 2.25.1: A rekeys what B deletes. The rekey ends, the SA is gone,
// nobody tries again.
func TestCollision22ChildRekeyAgainstChildDelete(t *testing.T) {
	t.Parallel()
	for name, rekeyFirst := range map[string]bool{"TEMPORARY_FAILURE first": true, "Delete first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.most = 1
				w.rekeys(w.a)
				w.deletes(w.b, "old")
				w.ask(w.a, "rekey child")
				if rekeyFirst {
					w.answer(w.b, "TEMPORARY_FAILURE")
					w.ask(w.b, "delete child old")
				} else {
					w.ask(w.b, "delete child old")
					w.answer(w.b, "TEMPORARY_FAILURE")
				}
				w.answer(w.a, "deleted old")
				gone(w, lineGone)
			})
		})
	}
}

// 24. As 22, and the Delete is late: A means to try again, and finds nothing.
func TestCollision24DeleteIsLate(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.most = 1
		w.rekeys(w.a)
		w.deletes(w.b, "old")
		late := w.keepAsk(w.b, "delete child old")
		w.ask(w.a, "rekey child")
		w.answer(w.b, "TEMPORARY_FAILURE")
		w.wire.Keep = func(m *iketest.Held) bool { return m.From == w.a }
		w.p.Drive(300 * time.Millisecond)
		w.wire.Keep = nil
		w.silent() // TEMPORARY_FAILURE is not answered with a try at once
		w.deliver(late)
		w.answer(w.a, "deleted old")
		gone(w, lineGone)
	})
}

// 25. As 22, and the rekey is late: the SA is not known any more, and A does not
// make it anew.
func TestCollision25RekeyIsLate(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.most = 1
		w.rekeys(w.a)
		late := w.keepAsk(w.a, "rekey child")
		w.deletes(w.b, "old")
		w.ask(w.b, "delete child old")
		w.answer(w.a, "deleted old")
		w.deliver(late)
		if w.b == iketest.TheClient { // it has nothing left, and is closing
			w.answer(w.b, "TEMPORARY_FAILURE")
		} else {
			w.answer(w.b, "CHILD_SA_NOT_FOUND")
		}
		gone(w, lineGone)
	})
}

// 26. B answers the rekey and deletes the new SA; its answer is late. A is told
// of an SA that it does not know, and must not keep it when the answer comes.
func TestCollision26NewChildDeletedBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.most = 2
		w.rekeys(w.a)
		w.ask(w.a, "rekey child")
		late := w.keepAnswer(w.b, "accepted")
		w.deletes(w.b, "A's")
		w.ask(w.b, "delete child A's")
		w.answer(w.a, "empty")
		w.deliver(late)
		if n := len(w.p.SAs); w.a == iketest.TheClient && n != 1 {
			w.t.Errorf("the client holds %d Child SAs, want the old one alone, on its way out", n)
		}
		if w.a == iketest.TheGateway {
			w.ask(w.a, "delete child old")
			w.answer(w.b, "deleted old")
			gone(w, lineGone)
			return
		}
		gone(w, told{closed: true})
	})
}

// 27. RFC 7296 2.25.2: a Child SA's rekey against the IKE SA's. Both are turned
// down, and both are tried again later.
func TestCollision27ChildRekeyAgainstIKERekey(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.most = 2
		w.rekeys(w.a)
		w.rekeysIKE(w.b)
		w.ask(w.a, "rekey child")
		w.ask(w.b, "rekey ike")
		w.answer(w.b, "TEMPORARY_FAILURE")
		w.answer(w.a, "TEMPORARY_FAILURE")
		w.p.Drive(4 * time.Second)
		w.silent() // not at once
		w.p.Drive(3 * time.Second)
		again := w.wire.Next(iketest.TheClient, false)
		if again == nil {
			w.t.Fatal("the client does not try again")
		}
		w.wire.Free()
		w.p.Drive(time.Second)
		if w.a == iketest.TheGateway {
			w.rekeys(w.a)
		} else {
			w.rekeysIKE(w.b)
		}
		w.p.Drive(time.Minute)
		w.ends(told{rekeyed: 1, ikeRekeyed: 1}, "A's")
	})
}

// 28. A Child SA's rekey against the end of the IKE SA.
func TestCollision28ChildRekeyAgainstIKEDelete(t *testing.T) {
	t.Parallel()
	for name, rekeyFirst := range map[string]bool{"TEMPORARY_FAILURE first": true, "Delete first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.most = 1
				w.rekeys(w.a)
				w.deletesIKE(w.b)
				w.ask(w.a, "rekey child")
				if rekeyFirst {
					w.answer(w.b, "TEMPORARY_FAILURE")
				}
				w.ask(w.b, "delete ike old")
				if !rekeyFirst {
					w.answer(w.b, "TEMPORARY_FAILURE")
				}
				w.answer(w.a, "empty")
				w.ends(told{closed: true})
			})
		})
	}
}

// 30. RFC 7296 1.4.1: both ends delete one Child SA. It goes once.
func TestCollision30ChildDeleteAgainstChildDelete(t *testing.T) {
	t.Parallel()
	t.Run("both requests arrive", func(t *testing.T) {
		t.Parallel()
		eitherSide(t, func(w *collision) {
			w.most = 1
			w.deletes(w.a, "old")
			w.deletes(w.b, "old")
			w.ask(w.a, "delete child old")
			w.ask(w.b, "delete child old")
			w.answer(w.b, "empty")
			w.answer(w.a, "empty")
			gone(w, lineGone)
		})
	})
	t.Run("A's request is lost at first", func(t *testing.T) {
		t.Parallel()
		eitherSide(t, func(w *collision) {
			w.most = 1
			w.deletes(w.a, "old")
			again := w.keepAsk(w.a, "delete child old")
			w.deletes(w.b, "old")
			w.ask(w.b, "delete child old")
			w.answer(w.a, "empty")
			w.deliver(again) // not known any more
			w.answer(w.b, "empty")
			gone(w, lineGone)
		})
	})
}

// 31. RFC 7296 2.25.2: the end of a Child SA against the IKE SA's rekey: the
// Delete is served, the rekey is not.
func TestCollision31ChildDeleteAgainstIKERekey(t *testing.T) {
	t.Parallel()
	for name, deleteFirst := range map[string]bool{"Delete first": true, "rekey first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.most = 1
				w.deletes(w.a, "old")
				w.rekeysIKE(w.b)
				if deleteFirst {
					w.ask(w.a, "delete child old")
					w.ask(w.b, "rekey ike")
				} else {
					w.ask(w.b, "rekey ike")
					w.ask(w.a, "delete child old")
				}
				w.answer(w.a, "TEMPORARY_FAILURE")
				w.answer(w.b, "deleted old")
				gone(w, lineGone)
			})
		})
	}
}

// 32. The end of a Child SA against the end of the IKE SA: everything goes.
func TestCollision32ChildDeleteAgainstIKEDelete(t *testing.T) {
	t.Parallel()
	for name, childFirst := range map[string]bool{"the Child SA first": true, "the IKE SA first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eitherSide(t, func(w *collision) {
				w.most = 1
				w.deletes(w.a, "old")
				w.deletesIKE(w.b)
				if childFirst {
					w.ask(w.a, "delete child old")
					w.answer(w.b, "deleted old")
					w.ask(w.b, "delete ike old")
					w.answer(w.a, "empty")
				} else {
					w.ask(w.b, "delete ike old")
					lost := w.keepAsk(w.a, "delete child old") // its sender is gone
					w.answer(w.a, "empty")
					w.deliver(lost)
				}
				w.finish()
			})
		})
	}
}

// finish lets the rest of a scenario run that ends with the line, in whatever
// order, and wants nothing left.
func (w *collision) finish() {
	w.t.Helper()
	w.wire.Free()
	w.p.Drive(15 * time.Minute)
	if w.p.Closed == nil || !w.p.Client.NextTimeout().IsZero() {
		w.t.Errorf("closed: %v", w.p.Closed)
	}
	if n, m := w.p.Gateway.IKESAs(), len(w.p.Gateway.Children()); n != 0 || m != 0 {
		w.t.Errorf("the gateway is left with %d IKE SAs and %d Child SAs", n, m)
	}
	got := w.heard()
	if !got.closed || got.down > 1 || got.up+got.rekeyed+got.ikeRekeyed != 0 {
		w.t.Errorf("the owner heard %+v", got)
	}
	mustBehave(w.t, w.p)
}

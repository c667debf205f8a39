package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The rekey of a Child SA without a collision (RFC 7296 1.3.3, 2.8). The numbers
// are those of the list of scenarios; the ones that are missing have several key
// exchanges (RFC 9370).

// childRekeyed is what the owner hears of one rekey of a Child SA.
var childRekeyed = told{rekeyed: 1}

// toDelete goes through A's rekey, up to its Delete of the old SA.
func toDelete(w *collision) {
	w.t.Helper()
	w.most = 2
	w.rekeys(w.a)
	w.ask(w.a, "rekey child")
	w.answer(w.b, "accepted")
}

// 1. RFC 7296 2.8: one SA takes over from the other, without a gap.
func TestCollision01ChildRekey(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		toDelete(w)
		w.ask(w.a, "delete child old")
		w.answer(w.b, "deleted old")
		w.ends(childRekeyed, "A's")
	})
}

// groupsOf gives each end its groups for Child SAs.
func groupsOf(client, gateway []uint16) iketest.PairConfig {
	with := func(groups []uint16) []suite.Proposal {
		ps := suite.DefaultESP()
		for i := range ps {
			ps[i].Group = groups
		}
		return ps
	}
	return iketest.PairConfig{
		Client:  func(c *ike.Config) { c.ChildProposals = with(client) },
		Gateway: func(r *iketest.ResponderConfig) { r.ESP = with(gateway) },
	}
}

// A first group that the other end does not have, and one that both have.
var apart = groupsOf([]uint16{suite.GroupX25519, suite.GroupP384}, []uint16{suite.GroupP521, suite.GroupP384})

// 3. RFC 7296 1.3: the group is turned down and another asked for.
func TestCollision03ChildRekeyWithAnotherGroup(t *testing.T) {
	t.Parallel()
	eitherSide(t, func(w *collision) {
		w.most = 2
		w.rekeys(w.a)
		w.ask(w.a, "rekey child")
		w.answer(w.b, "INVALID_KE_PAYLOAD")
		toldGroup := w.wire.Next(w.a, false)
		ps, err := w.wire.Payloads(toldGroup)
		if ke, ok := wire.Find[*wire.KEPayload](ps); err != nil || !ok || ke.Group != suite.GroupP384 {
			t.Errorf("the second try is %s, %v", wire.Describe(ps), err)
		}
		w.ask(w.a, "rekey child")
		w.answer(w.b, "accepted")
		w.ask(w.a, "delete child old")
		w.answer(w.b, "deleted old")
		w.ends(childRekeyed, "A's")
	}, apart)
}

// short gives Child SAs a lifetime in which things can happen.
func short(d time.Duration) iketest.PairConfig {
	return iketest.PairConfig{Client: func(c *ike.Config) { c.ChildLifetime = d }}
}

// 5. RFC 7296 2.8: the soft lifetime of an SA that waits to be deleted starts no
// rekey: not on time, and not on command.
func TestCollision05SoftLifetimeWhileWaitingForDelete(t *testing.T) {
	t.Parallel()
	const life = 200 * time.Second
	w := collide(t, iketest.TheGateway, 0, short(life))
	w.wire.Keep = func(m *iketest.Held) bool { return m.From == iketest.TheGateway && !m.Header.Response() }
	w.p.Drive(life*8/10 - 10*time.Second) // before any soft end
	w.most = 2
	w.rekeys(w.a)
	w.ask(w.a, "rekey child")
	w.p.Until(time.Second, func() bool { return w.wire.Next(w.a, false) != nil })
	late := w.keepAsk(w.a, "delete child old")
	sent := len(w.p.Sent)
	w.p.Drive(life/10 + 10*time.Second) // past the last soft end of the old one
	w.refused(ike.RekeyChild{InboundSPI: w.old[iketest.TheClient]})
	if n := len(w.p.Sent) - sent; n != 0 {
		t.Errorf("the client sends %d messages about an SA that is being replaced", n)
	}
	w.deliver(late)
	w.p.Drive(time.Second)
	w.wire.Free()
	w.p.Drive(time.Second)
	w.endsSo(childRekeyed, "A's")
}

// 6. RFC 7296 2.8: the Delete does not come, and the hard lifetime is over: who
// waits for the Delete does it.
func TestCollision06HardLifetimeWhileWaitingForDelete(t *testing.T) {
	t.Parallel()
	const life = 200 * time.Second
	w := collide(t, iketest.TheGateway, 0, short(life))
	born := w.p.Now
	w.p.Drive(life*8/10 - 2*time.Second) // so late that the usual patience is too long
	w.most = 2
	w.rekeys(w.a)
	w.ask(w.a, "rekey child")
	w.answer(w.b, "accepted")
	late := w.keepAsk(w.a, "delete child old")
	w.p.Until(life, func() bool { return w.wire.Next(w.b, false) != nil })
	if age := w.p.Now.Sub(born); age > life {
		t.Errorf("the client keeps the old SA for %v, and it was good for %v", age, life)
	}
	w.wire.Take(w.wire.Next(w.a, false)) // the gateway's Delete again
	w.ask(w.b, "delete child old")
	w.answer(w.a, "empty") // the gateway's own is under way
	w.deliver(late)
	w.answer(w.b, "empty")
	for _, again := range w.wire.Held() { // repetitions of the Delete
		w.wire.Take(again)
	}
	w.wire.Free()
	w.p.Drive(time.Second)
	w.endsSo(childRekeyed, "A's")
}

// 7. RFC 7296 1.4.1: the new SA is deleted before the old one's Delete arrives,
// by either end. Nothing is left, and nothing leaks.
func TestCollision07NewChildDeletedBeforeTheOldOne(t *testing.T) {
	t.Parallel()
	t.Run("by the other end", func(t *testing.T) {
		t.Parallel()
		eitherSide(t, func(w *collision) {
			toDelete(w)
			late := w.keepAsk(w.a, "delete child old")
			w.deletes(w.b, "A's")
			w.ask(w.b, "delete child A's")
			w.answer(w.a, "deleted A's")
			w.deliver(late)
			w.answer(w.b, "deleted old")
			closesAfterLastChild(w)
		})
	})
	t.Run("by the end that made it", func(t *testing.T) {
		t.Parallel()
		eitherSide(t, func(w *collision) {
			toDelete(w)
			w.deletes(w.a, "A's")
			w.ask(w.a, "delete child old")
			w.answer(w.b, "deleted old")
			w.ask(w.a, "delete child A's")
			w.answer(w.b, "deleted A's")
			closesAfterLastChild(w)
		})
	})
}

// closesAfterLastChild goes through what the client does when nothing is left to
// carry: it closes, in order, and no SA stays anywhere.
func closesAfterLastChild(w *collision) {
	w.t.Helper()
	w.ask(iketest.TheClient, "delete ike old")
	w.answer(iketest.TheGateway, "empty")
	w.silent()
	w.wire.Free()
	w.p.Drive(15 * time.Minute)
	if w.p.Closed == nil || !w.p.Client.NextTimeout().IsZero() {
		w.t.Errorf("closed: %v", w.p.Closed)
	}
	if n, m := w.p.Gateway.IKESAs(), len(w.p.Gateway.Children()); n != 0 || m != 0 {
		w.t.Errorf("the gateway is left with %d IKE SAs and %d Child SAs", n, m)
	}
	mustBehave(w.t, w.p)
}

// 8. RFC 7296 2.25: the other end has lost the SA.
func TestCollision08ChildIsNotFound(t *testing.T) {
	t.Parallel()
	t.Run("A is the client", func(t *testing.T) {
		t.Parallel()
		w := collide(t, iketest.TheClient, 0)
		w.lossy = true
		w.p.Gateway.LoseChild(w.spiAt(w.b, "old"))
		w.rekeys(w.a)
		w.ask(w.a, "rekey child")
		w.answer(w.b, "CHILD_SA_NOT_FOUND")
		w.ask(w.a, "create child")
		w.answer(w.b, "accepted")
		w.lossy = false
		w.check()
		w.ends(told{down: 1, up: 1}, "A's")
	})
	t.Run("A is the gateway", func(t *testing.T) {
		t.Parallel()
		w := collide(t, iketest.TheGateway, 0)
		ghost := w.p.Gateway.GhostChild()
		w.asks(w.a, w.tell(func(now time.Time) error { return w.p.Gateway.RekeyChild(now, ghost) }))
		w.ask(w.a, "rekey child")
		refusal := w.wire.Next(w.b, true)
		ps, err := w.wire.Payloads(refusal)
		if n, ok := wire.Notify(ps, wire.NotifyChildSANotFound); err != nil || !ok ||
			n.Protocol != wire.ProtocolESP || spiOf(n.SPI) != ghost {
			t.Errorf("the answer is %s, %v: the SPI of the request is missing", wire.Describe(ps), err)
		}
		w.answer(w.b, "CHILD_SA_NOT_FOUND")
		w.ends(told{}, "old")
	})
}

func spiOf(b []byte) (spi uint32) {
	for _, o := range b {
		spi = spi<<8 | uint32(o)
	}
	return spi
}

// 9. The gateway deletes the old SA although it did not ask for the rekey, before
// its answer to the rekey arrives: the rekey is finished all the same.
func TestCollision09ResponderDeletesTheOldChild(t *testing.T) {
	t.Parallel()
	w := collide(t, iketest.TheClient, 0)
	w.most = 2
	w.rekeys(w.a)
	w.ask(w.a, "rekey child")
	late := w.keepAnswer(w.b, "accepted")
	w.deletes(w.b, "old")
	w.ask(w.b, "delete child old")
	w.answer(w.a, "deleted old")
	w.deliver(late)
	w.lossy = false
	w.check()
	w.ends(told{down: 1, up: 1}, "A's")
}

// 10. RFC 7296 2.1, 2.4: the Delete of the old SA is never answered. The line is
// given up, and the old SA is not reported a second time.
func TestCollision10DeleteIsNeverAnswered(t *testing.T) {
	t.Parallel()
	t.Run("A is the client", func(t *testing.T) {
		t.Parallel()
		w := collide(t, iketest.TheClient, 0)
		toDelete(w)
		w.lossy = true // at the end
		w.wire.Keep = func(m *iketest.Held) bool { return m.From == w.b }
		mustFail(t, w.p, ike.CausePeerDead)
		if got, want := w.heard(), (told{rekeyed: 1, closed: true}); got != want {
			t.Errorf("the owner heard %+v, want %+v", got, want)
		}
	})
	t.Run("A is the gateway", func(t *testing.T) {
		t.Parallel()
		w := collide(t, iketest.TheGateway, 0)
		toDelete(w)
		w.ask(w.a, "delete child old")
		w.lossy = true // at the end
		w.wire.Keep = func(m *iketest.Held) bool { return m.From == w.b }
		w.p.Until(10*time.Minute, func() bool { return w.p.Gateway.Dead == 1 })
		if n := w.p.Gateway.IKESAs() + len(w.p.Gateway.Children()); n != 0 {
			t.Errorf("the gateway holds %d SAs", n)
		}
		if got := w.heard(); got != childRekeyed {
			t.Errorf("the owner heard %+v, want %+v", got, childRekeyed)
		}
	})
}

package ike_test

import (
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// What is lost with an IKE SA that the other end replaces and deletes.

// RFC 7296 2.25.2, RFC 9370 2.2.4: between two key exchanges of the gateway's rekey
// of the IKE SA the client rekeys a Child SA. Its request is lost, and so is the IKE
// SA that it was sent on. The Child SA is rekeyed all the same.
//
//	<-- CREATE_CHILD_SA (IKE)    --> accepted, with a link
//	--> CREATE_CHILD_SA (rekey of the Child SA), lost
//	<-- IKE_FOLLOWUP_KE          --> followed
//	<-- INFORMATIONAL { D(IKE) } --> answered
func TestChildRekeyIsLostWithItsIKESA(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(w *collision) error{
		"rekey":  func(w *collision) error { return w.p.Do(ike.RekeyChild{InboundSPI: w.old[iketest.TheClient]}) },
		"delete": func(w *collision) error { return w.p.Do(ike.DeleteChild{InboundSPI: w.old[iketest.TheClient]}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := collide(t, iketest.TheGateway, 0, additionalIKE(t, oneMore))
			w.lossy = true
			insist(w, oneMore, oneMore)
			w.rekeysIKE(w.a)
			w.ask(w.a, "rekey ike")
			w.answer(w.b, "accepted")
			if err := ask(w); err != nil {
				t.Fatal(err)
			}
			w.keepAsk(w.b, map[string]string{"rekey": "rekey child", "delete": "delete child old"}[name]) // lost
			followed(w, w.a)
			deletedIKEBy(w, w.a, "old")
			w.wire.Free()
			w.p.Drive(10 * time.Second)
			if _, there := w.p.SAs[w.old[iketest.TheClient]]; there {
				t.Error("the old Child SA is still there")
			}
			if name == "delete" {
				if w.p.Closed == nil || w.p.Closed.Failure != nil {
					t.Errorf("closed: %+v", w.p.Closed)
				}
				return
			}
			mustSettle(t, w.p, time.Second, 1)
		})
	}
}

// RFC 9370 2.2.4: a rekey of the gateway's that it spoils is not waited for: what it
// was to replace is rekeyed by the client, whose own time for that has passed.
func TestSpoiledFollowUpLeavesTheRekeyToUs(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		change iketest.PairConfig
		begin  func(w *collision)
		asks   string
		at     func(w *collision) time.Time
	}{
		"Child SA": {
			additionalChild(t, oneMore), func(w *collision) { w.rekeys(iketest.TheGateway) }, "rekey child",
			func(w *collision) time.Time { return w.p.Active().RekeyAt },
		},
		"IKE SA": {
			additionalIKE(t, oneMore), func(w *collision) {
				insist(w, oneMore, oneMore)
				w.rekeysIKE(iketest.TheGateway)
			}, "rekey ike",
			func(w *collision) time.Time { return w.p.Established.RekeyAt },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := collide(t, iketest.TheGateway, 0, of.change, iketest.PairConfig{Client: func(c *ike.Config) {
				c.IKELifetime, c.ChildLifetime = 2*time.Hour, 3*time.Hour
				if name == "Child SA" {
					c.IKELifetime = 10 * time.Hour
				}
			}})
			w.p.Drive(of.at(w).Sub(w.p.Now) - 5*time.Second)
			of.begin(w)
			w.ask(w.a, of.asks)
			ps, err := w.wire.Payloads(w.keepAnswer(w.b, "accepted"))
			if err != nil {
				t.Fatal(err)
			}
			link, ok := wire.Notify(ps, wire.NotifyAdditionalKeyExchange)
			if !ok {
				t.Fatal("no link")
			}
			w.p.Drive(10 * time.Second) // the client's own rekey would have begun
			if m := w.wire.Next(iketest.TheClient, false); m != nil {
				t.Fatalf("the client says %q", w.says(m))
			}
			if err := w.tell(func(now time.Time) error {
				w.p.Gateway.Interject(now, wire.ExchangeFollowupKE, []wire.Payload{
					&wire.KEPayload{Group: suite.GroupP521, Data: make([]byte, 132)},
					&wire.NotifyPayload{NotifyType: wire.NotifyAdditionalKeyExchange, Data: link.Data},
				})
				return nil
			})(); err != nil {
				t.Fatal(err)
			}
			for w.wire.Next(iketest.TheGateway, false) != nil && w.wire.Next(iketest.TheClient, false) == nil {
				w.wire.Deliver(w.wire.Next(iketest.TheGateway, false))
			}
			w.p.Drive(5 * time.Second)
			w.keepAsk(iketest.TheClient, of.asks)
		})
	}
}

package ike_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Moves while the IKE SA is being rekeyed (RFC 4555 3.5, RFC 7296 2.8).

// take gives the oldest message of a side that waits, which must be there.
func take(t *testing.T, w *iketest.Steering, from iketest.Side, answer bool, want string) *iketest.Held {
	t.Helper()
	m := w.Next(from, answer)
	if m == nil {
		t.Fatalf("the %v has not sent %q", from, want)
	}
	if got := w.Meaning(m); got != want {
		t.Fatalf("the %v says %q, want %q", from, got, want)
	}
	w.Take(m)
	return m
}

// The answer to the gateway's rekey is lost with the network that it left from. The
// gateway knows the old IKE SA only, and only from there it can be told where the
// client is now.
//
//	<-- CREATE_CHILD_SA (IKE)    --> lost
//	the client moves
//	--> INFORMATIONAL { N(UPDATE_SA_ADDRESSES) }, on the old IKE SA
//	<-- CREATE_CHILD_SA (IKE), again, to the new address
func TestMOBIKEMoveWhileTheGatewayRekeys(t *testing.T) {
	t.Parallel()
	for name, heard := range map[string]bool{"the answer is lost": false, "the answer has arrived": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mobile(t, nil)
			p.Drive(time.Second)
			w := iketest.Steer(p)
			if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
				t.Fatal(err)
			}
			w.Deliver(take(t, w, iketest.TheGateway, false, "rekey ike"))
			answer := take(t, w, iketest.TheClient, true, "accepted")
			if heard {
				w.Deliver(answer) // and what follows it is lost
				take(t, w, iketest.TheGateway, false, "delete ike")
			}
			w.Free()
			p.Network.Clear()
			mustMove(t, p, iketest.ClientMobile, netip.Addr{})
			mustSettle(t, p, 5*time.Second, 1)
			clientRekeysChild(t, p)
			mustSettle(t, p, 5*time.Second, 1)
		})
	}
}

// UPDATE_SA_ADDRESSES is on its way on an IKE SA that the gateway has replaced when
// it arrives: the new IKE SA and its Child SAs know nothing of the move.
//
//	--> INFORMATIONAL { N(UPDATE_SA_ADDRESSES) }, late
//	<-- CREATE_CHILD_SA (IKE)    --> accepted
//	    INFORMATIONAL arrives, and is answered
//	--> INFORMATIONAL { N(UPDATE_SA_ADDRESSES) }, on the new IKE SA
func TestMOBIKEUpdateOnTheReplacedIKESA(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	p.Drive(time.Second)
	var late *iketest.Held
	w := iketest.Steer(p)
	if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
		t.Fatal(err)
	}
	rekey := take(t, w, iketest.TheGateway, false, "rekey ike")
	p.Rehome(iketest.ClientMobile, iketest.ClientPublic) // make before break: both are there
	if err := p.Do(ike.Move{Local: p.Local()}); err != nil {
		t.Fatal(err)
	}
	if late = w.Next(iketest.TheClient, false); late == nil {
		t.Fatal("no UPDATE_SA_ADDRESSES")
	}
	w.Take(late)
	w.Deliver(rekey)
	w.Deliver(take(t, w, iketest.TheClient, true, "accepted"))
	w.Deliver(late)
	if answer := w.Next(iketest.TheGateway, true); answer == nil {
		t.Fatal("the late request is not answered")
	} else {
		w.Deliver(answer)
	}
	w.Free()
	mustHaveMoved(t, p, 0, time.Minute)
	mustSettle(t, p, 5*time.Second, 1)
}

// RFC 4555 3.6: what the gateway was told of our addresses on an IKE SA that it has
// deleted before it answered is told again.
func TestMOBIKEAddressesToldAgainAfterARekey(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	p.Drive(time.Second)
	w := iketest.Steer(p)
	if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
		t.Fatal(err)
	}
	rekey := take(t, w, iketest.TheGateway, false, "rekey ike")
	if err := p.Do(ike.Addresses{Local: []netip.Addr{iketest.ClientPublic, iketest.ClientPublic6}}); err != nil {
		t.Fatal(err)
	}
	told := w.Next(iketest.TheClient, false)
	if ps, err := w.Payloads(told); err != nil || !has(ps, wire.NotifyAdditionalIP6Address) {
		t.Fatalf("the client says %v, %v", ps, err)
	}
	w.Take(told) // lost
	w.Deliver(rekey)
	w.Deliver(take(t, w, iketest.TheClient, true, "accepted"))
	w.Deliver(take(t, w, iketest.TheGateway, false, "delete ike"))
	w.Free()
	mustSettle(t, p, 5*time.Second, 1)
	if got := p.Gateway.ClientAddresses; len(got) != 1 || got[0] != iketest.ClientPublic6 {
		t.Errorf("the gateway believes the client to be at %v as well", got)
	}
}

// RFC 7296 1.4.1: a gateway whose rekey was answered, and that lacks the answer, is
// told of the end where it can understand it, and does not keep the line for dead.
func TestDeleteWhileTheGatewayRekeys(t *testing.T) {
	t.Parallel()
	p := mobile(t, nil)
	p.Drive(time.Second)
	w := iketest.Steer(p)
	if err := p.Tell(p.Gateway.RekeyIKE); err != nil {
		t.Fatal(err)
	}
	w.Deliver(take(t, w, iketest.TheGateway, false, "rekey ike"))
	take(t, w, iketest.TheClient, true, "accepted") // lost
	w.Free()
	if err := p.Do(ike.Delete{}); err != nil {
		t.Fatal(err)
	}
	if !p.Down(2 * time.Second) {
		t.Fatal("still not closed")
	}
	p.Drive(time.Second)
	if n := p.Gateway.IKESAs(); n != 0 {
		t.Errorf("the gateway still has %d IKE SAs", n)
	}
	mustBehave(t, p)
}

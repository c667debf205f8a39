package ike_test

import (
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// How a scenario ends: what the owner heard, and what is left at both ends.

// told is what the client's owner heard since the scenario began.
type told struct {
	rekeyed    int // traffic moved from one Child SA to another
	down, up   int // it lost its Child SA, or got one without having had one
	ikeRekeyed int
	closed     bool
}

// heard counts the events.
func (w *collision) heard() told {
	var n told
	active, has := w.old[iketest.TheClient], true
	for _, e := range w.p.Events[w.before:] {
		switch e := e.(type) {
		case ike.ChildActive:
			if has {
				n.rekeyed++
			} else {
				n.up++
			}
			active, has = e.InboundSPI, true
		case ike.ChildRemoved:
			if has && e.InboundSPI == active {
				n.down++
				has = false
			}
		case ike.IKERekeyed:
			n.ikeRekeyed++
		case ike.Closed:
			n.closed = true
		}
	}
	return n
}

// ends checks how a scenario ends: nothing on the wire, nothing more in a quarter
// of an hour on a good line, the named Child SAs at both ends, one IKE SA, and
// exactly these events.
func (w *collision) ends(want told, children ...string) {
	w.t.Helper()
	w.silent()
	sent := len(w.p.Sent)
	w.wire.Free()
	w.p.Drive(15 * time.Minute)
	if !want.closed {
		for _, packet := range w.p.Sent[sent:] {
			h := header(w.t, packet.Data)
			w.t.Errorf("the client sends a %v, message %d, when all is done", h.Exchange, h.MessageID)
		}
	}
	w.endsSo(want, children...)
}

// endsSo is ends without a look at what was sent.
func (w *collision) endsSo(want told, children ...string) {
	w.t.Helper()
	if got := w.heard(); got != want {
		w.t.Errorf("the owner heard %+v, want %+v", got, want)
	}
	var names []string
	for _, c := range w.p.Gateway.Children() {
		names = append(names, w.childName(iketest.TheGateway, c.InboundSPI))
	}
	if !slices.Equal(names, children) {
		w.t.Errorf("the gateway ends with %q, want %q", names, children)
	}
	ikes := 1
	if want.closed {
		ikes = 0
	}
	if n := w.p.Gateway.IKESAs(); n != ikes {
		w.t.Errorf("the gateway ends with %d IKE SAs, want %d", n, ikes)
	}
	if w.p.Closed == nil {
		if err := w.p.Mirrored(); err != nil {
			w.t.Errorf("the ends differ: %v", err)
		}
	} else if !w.p.Client.NextTimeout().IsZero() {
		w.t.Error("a closed Session wants to be woken")
	}
	mustBehave(w.t, w.p)
}

package ike_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

// choices makes a run take one way through a tree of choices, and then says
// which way is next.
type choices struct {
	taken, of []int
	at        int
}

// pick gives a number below n.
func (c *choices) pick(n int) int {
	if c.at == len(c.taken) {
		c.taken, c.of = append(c.taken, 0), append(c.of, n)
	}
	c.of[c.at] = n
	c.at++
	return c.taken[c.at-1]
}

// next goes on to the next way; false: all have been taken.
func (c *choices) next() bool {
	c.taken, c.of = c.taken[:c.at], c.of[:c.at]
	for c.at = 0; len(c.taken) > 0; {
		last := len(c.taken) - 1
		if c.taken[last]++; c.taken[last] < c.of[last] {
			return true
		}
		c.taken, c.of = c.taken[:last], c.of[:last]
	}
	return false
}

// moves lists what can happen next: an end that has not acted acts, or the oldest
// request or answer of an end arrives.
func moves(w *collision, starts []func()) []func() {
	var out []func()
	for i, start := range starts {
		if start != nil {
			out = append(out, func() {
				starts[i] = nil
				start()
			})
		}
	}
	for _, s := range []iketest.Side{w.a, w.b} {
		for _, answer := range []bool{false, true} {
			if m := w.wire.Next(s, answer); m != nil {
				out = append(out, func() { w.deliver(m) })
			}
		}
	}
	return out
}

// startChild lets an end rekey the Child SA, unless that is being replaced already.
func startChild(w *collision, s iketest.Side) func() {
	return func() {
		if s == iketest.TheGateway {
			w.rekeys(s)
			return
		}
		w.lead(s, n1)
		err := w.p.Do(ike.RekeyChild{InboundSPI: w.p.Active().InboundSPI})
		if err != nil && !errors.Is(err, ike.ErrUnknownSA) {
			w.t.Fatal(err)
		}
	}
}

func startIKE(w *collision, s iketest.Side) func() { return func() { w.rekeysIKE(s) } }

// RFC 7296 2.8, 2.25: of two ends that act at a time every order of everything,
// each of the four nonces being the lowest: whenever either begins, and however
// requests and answers overtake each other. No packet is lost at any point, and
// one IKE SA and one Child SA are left, the same at both ends.
func TestCollisionEveryOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		client, gateway func(*collision, iketest.Side) func()
		nonces          []int
	}{
		{"both the Child SA", startChild, startChild, allNonces},
		{"both the IKE SA", startIKE, startIKE, allNonces},
		{"client the Child SA, gateway the IKE SA", startChild, startIKE, []int{0}},
		{"client the IKE SA, gateway the Child SA", startIKE, startChild, []int{0}},
	} {
		for _, lowest := range c.nonces {
			t.Run(fmt.Sprintf("%s, N%d is the lowest", c.name, lowest), func(t *testing.T) {
				t.Parallel()
				way, runs := &choices{}, 0
				for more := true; more && !t.Failed(); more = way.next() {
					w := collide(t, iketest.TheClient, lowest)
					starts := []func(){c.client(w, w.a), c.gateway(w, w.b)}
					for open := moves(w, starts); len(open) > 0; open = moves(w, starts) {
						open[way.pick(len(open))]()
					}
					runs++
					w.wire.Free()
					w.p.Drive(5 * time.Minute)
					settledInAnyWay(w)
				}
				if runs < 20 {
					t.Errorf("only %d orders", runs)
				}
				t.Logf("%d orders", runs)
			})
		}
	}
}

// RFC 7296 2.1, 2.8, 2.25: both ends rekey the Child SA and the IKE SA, now and then
// a message arrives twice, or an older one once more, and in every other run some
// are lost. The orders are too many to take them all.
func TestCollisionAnyOrderOfFour(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7296))
			w := collide(t, iketest.TheClient, 1+r.IntN(4))
			w.most = 5
			starts := []func(){
				startChild(w, w.a), startIKE(w, w.a), startChild(w, w.b), startIKE(w, w.b),
				startChild(w, w.a), startIKE(w, w.a), startChild(w, w.b), startIKE(w, w.b),
			}
			var past []*iketest.Held
			for open := moves(w, starts); len(open) > 0; open = moves(w, starts) {
				before := w.wire.Held()
				if seed%2 == 1 && len(before) > 0 && r.IntN(10) == 0 {
					w.wire.Take(before[r.IntN(len(before))])
					continue
				}
				open[r.IntN(len(open))]()
				past = append(past, before...)
				if len(past) > 0 && r.IntN(4) == 0 {
					w.deliver(past[r.IntN(len(past))])
				}
			}
			w.wire.Free()
			w.p.Drive(10 * time.Minute)
			settledInAnyWay(w)
		})
	}
}

// settledInAnyWay wants one IKE SA and one Child SA, the same at both ends, and an
// owner who heard of no gap.
func settledInAnyWay(w *collision) {
	w.t.Helper()
	got := w.heard()
	if got.down+got.up != 0 || got.closed || got.rekeyed+got.ikeRekeyed == 0 {
		w.t.Errorf("the owner heard %+v", got)
	}
	if n, m := w.p.Gateway.IKESAs(), len(w.ikes()); n != 1 || m != 1 {
		w.t.Errorf("the gateway has %d IKE SAs, the client %d", n, m)
	}
	if n := len(w.p.SAs); n != 1 {
		w.t.Errorf("the client has %d Child SAs", n)
	}
	if err := w.p.Mirrored(); err != nil {
		w.t.Errorf("the ends differ: %v", err)
	}
	mustBehave(w.t, w.p)
}

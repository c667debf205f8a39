package ike_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The collisions of RFC 7296 2.8 and 2.25, message by message: the test keeps
// every message off the wire and delivers it when its turn comes. After each the
// Child SAs of both ends are looked at, and an ESP packet is sent each way.
//
// A scenario has two ends, A and B. It is run with the client as A, and again
// with the gateway as A.

// Nonces of a crossing: A's Ni, B's Ni, B's Nr in its answer to A, A's Nr in its
// answer to B.
const (
	n1 = iota + 1
	n2
	n3
	n4
)

// collision is one run of a scenario.
type collision struct {
	t      *testing.T
	p      *iketest.Pair
	wire   *iketest.Steering
	a, b   iketest.Side
	nonces [2]*iketest.Nonces
	lowest int // n1 to n4; 0: whatever comes

	old    [2]uint32 // SPIs of the first Child SA, by receiving side
	most   int       // Child SAs at one end at a time
	lossy  bool      // packets may be lost: somebody misbehaves, or takes the line down
	lost   int
	before int // events before the scenario
}

// collide brings both ends up and takes the wire.
func collide(t *testing.T, a iketest.Side, lowest int, change ...iketest.PairConfig) *collision {
	t.Helper()
	w := &collision{t: t, a: a, b: a.Other(), lowest: lowest, most: 3}
	c := both(byPSK(), iketest.PairConfig{
		Client: func(c *ike.Config) {
			w.nonces[iketest.TheClient] = &iketest.Nonces{Rand: c.Rand}
			c.Rand, c.Liveness = w.nonces[iketest.TheClient], -1
		},
		Gateway: func(r *iketest.ResponderConfig) {
			w.nonces[iketest.TheGateway] = &iketest.Nonces{Rand: r.Rand}
			r.Rand = w.nonces[iketest.TheGateway]
		},
	})
	for _, more := range change {
		c = both(c, more)
	}
	w.p = connected(t, c)
	w.p.Drive(time.Second) // what follows from the start by itself
	w.wire = iketest.Steer(w.p)
	w.old = [2]uint32{w.p.Active().InboundSPI, w.p.Active().OutboundSPI}
	w.before = len(w.p.Events)
	w.p.OnStep = w.check
	w.check()
	return w
}

// eitherSide runs a scenario with each end as A.
func eitherSide(t *testing.T, scenario func(w *collision), change ...iketest.PairConfig) {
	t.Helper()
	for _, a := range []iketest.Side{iketest.TheClient, iketest.TheGateway} {
		t.Run(fmt.Sprintf("A is the %v", a), func(t *testing.T) {
			t.Parallel()
			scenario(collide(t, a, 0, change...))
		})
	}
}

// eachNonce runs a scenario with each end as A and each of the four nonces as
// the lowest.
func eachNonce(t *testing.T, nonces []int, scenario func(w *collision), change ...iketest.PairConfig) {
	t.Helper()
	for _, a := range []iketest.Side{iketest.TheClient, iketest.TheGateway} {
		for _, lowest := range nonces {
			t.Run(fmt.Sprintf("A is the %v, N%d is the lowest", a, lowest), func(t *testing.T) {
				t.Parallel()
				scenario(collide(t, a, lowest, change...))
			})
		}
	}
}

var allNonces = []int{n1, n2, n3, n4}

// loser is the end whose new SA is redundant, winner the other.
func (w *collision) loser() iketest.Side {
	if w.lowest == n1 || w.lowest == n3 {
		return w.a
	}
	return w.b
}

func (w *collision) winner() iketest.Side { return w.loser().Other() }

// letter is A or B.
func (w *collision) letter(s iketest.Side) string {
	if s == w.a {
		return "A"
	}
	return "B"
}

// lead sets how the next nonce of a side begins: low where it is to be the
// lowest of the crossing, else somewhere above.
func (w *collision) lead(s iketest.Side, nonce int) {
	n := w.nonces[s]
	n.Set, n.Lead = w.lowest != 0, byte(0x40*nonce-1)
	if nonce == w.lowest {
		n.Lead = 0
	}
}

// asks lets a side act, with its nonce.
func (w *collision) asks(s iketest.Side, do func() error) {
	w.t.Helper()
	nonce := n1
	if s == w.b {
		nonce = n2
	}
	w.lead(s, nonce)
	if err := do(); err != nil {
		w.t.Fatalf("%s: %v", w.letter(s), err)
	}
	w.check()
}

func (w *collision) tell(do func(now time.Time) error) func() error {
	return func() error { return w.p.Tell(do) }
}

// rekeys has a side rekey the Child SA that it sends on.
func (w *collision) rekeys(s iketest.Side) {
	w.t.Helper()
	w.asks(s, func() error {
		if s == iketest.TheClient {
			return w.p.Do(ike.RekeyChild{InboundSPI: w.p.Active().InboundSPI})
		}
		spi := w.p.Gateway.Outbound().InboundSPI
		return w.p.Tell(func(now time.Time) error { return w.p.Gateway.RekeyChild(now, spi) })
	})
}

// rekeysIKE has a side rekey the IKE SA.
func (w *collision) rekeysIKE(s iketest.Side) {
	w.t.Helper()
	w.asks(s, func() error {
		if s == iketest.TheClient {
			return w.p.Do(ike.RekeyIKE{})
		}
		return w.p.Tell(w.p.Gateway.RekeyIKE)
	})
}

// deletesIKE has a side close the IKE SA.
func (w *collision) deletesIKE(s iketest.Side) {
	w.t.Helper()
	w.lossy = true
	w.asks(s, func() error {
		if s == iketest.TheClient {
			return w.p.Do(ike.Delete{})
		}
		return w.p.Tell(w.p.Gateway.DeleteIKE)
	})
}

// deletes has a side delete a Child SA: "old", "A's" or "B's".
func (w *collision) deletes(s iketest.Side, name string) {
	w.t.Helper()
	w.lossy = true
	spi := w.spiAt(s, name)
	w.asks(s, func() error {
		if s == iketest.TheClient {
			return w.p.Do(ike.DeleteChild{InboundSPI: spi})
		}
		return w.p.Tell(func(now time.Time) error { return w.p.Gateway.DeleteChild(now, spi) })
	})
}

// spiAt finds the inbound SPI of a Child SA by its name.
func (w *collision) spiAt(s iketest.Side, name string) uint32 {
	w.t.Helper()
	var found uint32
	if s == iketest.TheClient {
		for spi := range w.p.SAs {
			if w.childName(s, spi) == name {
				found = spi
			}
		}
	} else {
		for _, c := range w.p.Gateway.Children() {
			if w.childName(s, c.InboundSPI) == name {
				found = c.InboundSPI
			}
		}
	}
	if found == 0 {
		w.t.Fatalf("the %v has no Child SA %q", s, name)
	}
	return found
}

// childName names a Child SA by the inbound SPI at one side: the first one is
// the old one, and others are named after who made them.
func (w *collision) childName(s iketest.Side, spi uint32) string {
	if spi == w.old[s] {
		return "old"
	}
	for _, c := range w.p.Gateway.Children() {
		if s == iketest.TheGateway && c.InboundSPI == spi || s == iketest.TheClient && c.OutboundSPI == spi {
			if c.Initiated {
				return w.letter(iketest.TheGateway) + "'s"
			}
			return w.letter(iketest.TheClient) + "'s"
		}
	}
	for _, e := range w.p.Events {
		added, ok := e.(ike.ChildAdded)
		if !ok || s == iketest.TheClient && added.SA.InboundSPI != spi || s == iketest.TheGateway && added.SA.OutboundSPI != spi {
			continue
		}
		if added.SA.Initiated {
			return w.letter(iketest.TheClient) + "'s"
		}
		return w.letter(iketest.TheGateway) + "'s"
	}
	return fmt.Sprintf("%08x", spi)
}

// says gives the meaning of a message, with the name of the SA that it deletes.
func (w *collision) says(m *iketest.Held) string {
	meaning := w.wire.Meaning(m)
	switch meaning {
	case "delete child", "deleted":
		return meaning + " " + w.childName(m.From, w.wire.DeletedSPI(m))
	case "delete ike":
		return meaning + " " + w.ikeName(m)
	}
	return meaning
}

// ikeName names the IKE SA of a message: the client began the old one with
// IKE_SA_INIT, and others are named after who asked for them.
func (w *collision) ikeName(m *iketest.Held) string {
	if m.Header.InitiatorSPI == header(w.t, w.p.Sent[0].Data).InitiatorSPI {
		return "old"
	}
	return w.letter(m.Began()) + "'s"
}

// ask delivers the oldest request of a side; answer its oldest answer. want is
// what it must say.
func (w *collision) ask(s iketest.Side, want string) {
	w.t.Helper()
	w.deliver(w.keepAsk(s, want))
}

func (w *collision) answer(s iketest.Side, want string) {
	w.t.Helper()
	w.deliver(w.keepAnswer(s, want))
}

// keepAsk takes the oldest request of a side away, to be delivered later;
// keepAnswer its oldest answer.
func (w *collision) keepAsk(s iketest.Side, want string) *iketest.Held {
	w.t.Helper()
	return w.keep(s, false, want)
}

func (w *collision) keepAnswer(s iketest.Side, want string) *iketest.Held {
	w.t.Helper()
	return w.keep(s, true, want)
}

func (w *collision) keep(s iketest.Side, answer bool, want string) *iketest.Held {
	w.t.Helper()
	m := w.wire.Next(s, answer)
	if m == nil {
		w.t.Fatalf("%s (the %v) has not sent %q", w.letter(s), s, want)
	}
	if got := w.says(m); got != want {
		w.t.Fatalf("%s (the %v) says %q, want %q", w.letter(s), s, got, want)
	}
	w.wire.Take(m)
	return m
}

// deliver hands a message over; the receiver's next nonce is that of an answer.
func (w *collision) deliver(m *iketest.Held) {
	w.t.Helper()
	w.p.Trace.Mark(fmt.Sprintf("%s: %s", w.letter(m.From), w.says(m)))
	nonce := n3
	if m.From == w.b {
		nonce = n4
	}
	w.lead(m.From.Other(), nonce)
	w.wire.Deliver(m)
}

// silent wants that nothing is on its way.
func (w *collision) silent() {
	w.t.Helper()
	for _, m := range w.wire.Held() {
		w.t.Errorf("the %v still says %q", m.From, w.says(m))
	}
}

// check is the look at both ends after every step.
func (w *collision) check() {
	w.t.Helper()
	at := w.p.Now.Sub(iketest.Epoch)
	if n, m := len(w.p.SAs), len(w.p.Gateway.Children()); n > w.most || m > w.most {
		w.t.Errorf("at %v the client has %d Child SAs and the gateway %d, at most %d are right", at, n, m, w.most)
	}
	for _, c := range w.p.Gateway.Children() {
		if sa, ok := w.p.SAs[c.OutboundSPI]; ok && sa.OutboundSPI != c.InboundSPI {
			w.t.Errorf("at %v the ends differ about Child SA %08x", at, c.OutboundSPI)
		}
	}
	for _, send := range []func() error{w.p.ClientToGateway, w.p.GatewayToClient} {
		if err := send(); err != nil {
			w.lost++
			if !w.lossy {
				w.t.Errorf("at %v a packet is lost: %v", at, err)
			}
		}
	}
	mustBehave(w.t, w.p)
}

// refused wants that the client turns a command down, as one for an SA that is
// being replaced.
func (w *collision) refused(c ike.Command) {
	w.t.Helper()
	if err := w.p.Do(c); !errors.Is(err, ike.ErrUnknownSA) {
		w.t.Errorf("%T: %v, want %v", c, err, ike.ErrUnknownSA)
	}
}

// answerFor delivers an answer whose receiver asks again, with this nonce.
func (w *collision) answerFor(s iketest.Side, want string, nonce int) {
	w.t.Helper()
	m := w.keepAnswer(s, want)
	w.lead(s.Other(), nonce)
	w.wire.Deliver(m)
}

// silentBut wants that this one message is on its way, and nothing else.
func (w *collision) silentBut(want string) {
	w.t.Helper()
	held := w.wire.Held()
	if len(held) != 1 || w.says(held[0]) != want {
		w.silent()
		w.t.Errorf("want %q alone on the wire", want)
	}
}

// ikes lists the client's IKE SAs.
func (w *collision) ikes() []wire.SPI { return w.p.Client.AppendSPIs(nil) }

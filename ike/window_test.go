package ike

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7296 2.2: message IDs start where they must, grow by one per request in
// each direction, and never wrap.
func TestWindowPlace(t *testing.T) {
	t.Parallel()
	var w window
	header := func(kind wire.ExchangeType, id uint32, response bool) wire.Header {
		h := wire.Header{Exchange: kind, MessageID: id}
		if response {
			h.Flags = wire.FlagResponse
		}
		return h
	}
	id, ok := w.begin(wire.ExchangeInformational, &liveness{})
	if !ok || id != 0 {
		t.Fatalf("first request is %d, %v", id, ok)
	}
	if _, ok := w.begin(wire.ExchangeInformational, &liveness{}); ok {
		t.Error("a second request while the first is under way (RFC 7296 2.3)")
	}
	w.expected, w.response = 7, [][]byte{{1}}
	for _, c := range []struct {
		name string
		h    wire.Header
		want relation
	}{
		{"answer", header(wire.ExchangeInformational, 0, true), awaited},
		{"answer to another exchange", header(wire.ExchangeCreateChildSA, 0, true), outside},
		{"answer to a later request", header(wire.ExchangeInformational, 1, true), outside},
		{"next request", header(wire.ExchangeInformational, 7, false), awaited},
		{"last request again", header(wire.ExchangeInformational, 6, false), repeated},
		{"older request", header(wire.ExchangeInformational, 5, false), outside},
		{"request beyond the window", header(wire.ExchangeInformational, 8, false), outside},
	} {
		if got := w.place(c.h); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if _, isLiveness := w.finish().(*liveness); !isLiveness {
		t.Error("finish does not say whose request it was")
	}
	if w.place(header(wire.ExchangeInformational, 0, true)) != outside {
		t.Error("an answer to nothing is awaited")
	}
	if id, _ := w.begin(wire.ExchangeInformational, nil); id != 1 {
		t.Errorf("second request is %d", id)
	}
	w.finish()
	w.next = math.MaxUint32
	if _, ok := w.begin(wire.ExchangeInformational, nil); ok {
		t.Error("message IDs wrap")
	}
	w = window{}
	if w.place(header(wire.ExchangeInformational, math.MaxUint32, false)) != outside {
		t.Error("before the first request there is nothing to repeat")
	}
}

// RFC 7296 2.2: the peer's message IDs do not begin anew either. What was recorded on
// this IKE SA long ago is not taken for new.
func TestPeerMessageIDsDoNotWrap(t *testing.T) {
	t.Parallel()
	w := window{expected: math.MaxUint32 - 1}
	last := wire.Header{Exchange: wire.ExchangeInformational, MessageID: math.MaxUint32 - 1}
	if w.place(last) != awaited {
		t.Error("the last but one is not taken")
	}
	w.accept()
	for _, id := range []uint32{math.MaxUint32, 0, 1} {
		if got := w.place(wire.Header{Exchange: wire.ExchangeInformational, MessageID: id}); got != outside {
			t.Errorf("message %d is %d, want it outside", id, got)
		}
	}
}

// RFC 7296 2.1: waits grow, to a limit, and tries are counted.
func TestBackoff(t *testing.T) {
	t.Parallel()
	r := Retransmit{First: time.Second, Factor: 2, Max: 5 * time.Second, Tries: 5}
	tr := transmission{pace: r}
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		if got, ok := tr.backoff(); !ok || got != want*time.Second {
			t.Errorf("try %d: wait %v, %v; want %v s", i+1, got, ok, int(want))
		}
	}
	if _, ok := tr.backoff(); ok {
		t.Error("a sixth try")
	}
}

// RFC 7296 2.1: a request is sent again bit by bit, and a repeated request of
// the peer gets the octets of the first answer.
func TestRepetitionsAreIdentical(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	p.do(CheckLiveness{})
	first := p.last()
	p.sent = nil
	if err := p.pass(2400 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if len(p.sent) != 2 {
		t.Fatalf("%d retransmissions in 2.4 s, want 2 (after at most 0.5 and 1.4 s)", len(p.sent))
	}
	for _, d := range p.sent {
		if !bytes.Equal(d.Data, first.Data) {
			t.Error("a retransmission differs from the request")
		}
	}
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}

	request := p.seal(wire.ExchangeInformational, 0, false)
	p.nextID = 1
	if err := p.deliver(request); err != nil {
		t.Fatal(err)
	}
	answer := p.last()
	if err := p.deliver(request); err != nil {
		t.Fatal(err)
	}
	if again := p.last(); !bytes.Equal(again.Data, answer.Data) {
		t.Error("a repeated request got another answer")
	}
	forged := bytes.Clone(request)
	forged[len(forged)-1] ^= 1
	before := len(p.sent)
	wantDrop(t, p.deliver(forged), DropNotAuthentic)
	if len(p.sent) != before {
		t.Error("a forged repetition was answered: an amplifier for anybody")
	}
}

// A peer that stops answering is dead after the last try, and no sooner.
func TestPeerDead(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.Retransmit = Retransmit{First: time.Second, Factor: 1.3, Tries: 3}
	p := established(t, cfg)
	p.do(CheckLiveness{})
	const most = 3990 * time.Millisecond // 1 s + 1.3 s + 1.69 s
	if err := p.pass(most * 4 / 5); err != nil {
		t.Fatal(err)
	}
	wantFatal(t, p, p.pass(most/5), CausePeerDead)
}

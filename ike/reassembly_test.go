package ike

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

func fragment(number, total uint16) *wire.EncryptedFragment {
	f := &wire.EncryptedFragment{Number: number, Total: total}
	if number == 1 {
		f.First = wire.PayloadNonce
	}
	return f
}

// RFC 7383 2.6: fragments come in any order and more than once.
func TestReassemblyInAnyOrder(t *testing.T) {
	t.Parallel()
	whole := []byte("one message in many small pieces")
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		total := 1 + r.IntN(len(whole))
		var b reassembly
		order := append(r.Perm(total), r.Perm(total)...) // all of them twice
		done := 0
		for _, i := range order {
			from, to := i*len(whole)/total, (i+1)*len(whole)/total
			first, got, ok := b.add(9, fragment(uint16(i+1), uint16(total)), whole[from:to])
			if !ok {
				continue
			}
			done++
			if first != wire.PayloadNonce || !bytes.Equal(got, whole) {
				t.Fatalf("%d fragments: got %q, first payload %v", total, got, first)
			}
			break
		}
		if done != 1 {
			t.Fatalf("%d fragments: complete %d times", total, done)
		}
	}
}

// RFC 7383 2.6: a larger total starts anew, a smaller one is late; what makes
// no sense is refused before it costs a decryption.
func TestReassemblyRefuses(t *testing.T) {
	t.Parallel()
	var b reassembly
	if _, _, whole := b.add(1, fragment(1, 3), []byte("old")); whole {
		t.Fatal("complete with one of three")
	}
	for _, c := range []struct {
		name          string
		id            uint32
		number, total uint16
		want          bool
	}{
		{"held already", 1, 1, 3, false},
		{"missing", 1, 2, 3, true},
		{"of an older, smaller cut", 1, 2, 2, false},
		{"of a newer, larger cut", 1, 1, 4, true},
		{"of another message", 2, 1, 2, true},
		{"number zero", 1, 0, 3, false},
		{"number beyond the total", 1, 4, 3, false},
		{"more fragments than any message needs", 1, 1, maxFragments + 1, false},
	} {
		if got := b.wants(c.id, fragment(c.number, c.total)); got != c.want {
			t.Errorf("%s: wanted %v, want %v", c.name, got, c.want)
		}
	}
	if _, _, whole := b.add(1, fragment(1, 3), nil); whole {
		t.Error("a repeated fragment completes a message")
	}
	b.add(1, fragment(2, 4), []byte("B"))
	b.add(1, fragment(3, 4), []byte("C"))
	b.add(1, fragment(4, 4), []byte("D"))
	if _, got, whole := b.add(1, fragment(1, 4), []byte("A")); !whole || string(got) != "ABCD" {
		t.Errorf("after a new cut: %q, %v", got, whole)
	}
	if b.parts != nil {
		t.Error("a complete message is kept")
	}
}

// The memory is bounded by the largest message that exists.
func TestReassemblyBound(t *testing.T) {
	t.Parallel()
	var b reassembly
	part := make([]byte, 40000)
	b.add(1, fragment(1, 3), part)
	if _, _, whole := b.add(1, fragment(2, 3), part); whole || b.parts != nil {
		t.Error("more octets than a message can have are kept")
	}
}

// A whole exchange in fragments, through the Session.
func TestFragmentedAnswer(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.toAuth()
	h, err := wire.ParseHeader(p.last().Data)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := p.protector.SealFragments(p.header(h.Exchange, h.MessageID, true), p.authReply(), 120)
	if err != nil || len(parts) < 3 {
		t.Fatalf("%d fragments, %v", len(parts), err)
	}
	for i := len(parts) - 1; i > 0; i-- {
		if err := p.deliver(parts[i]); err != nil {
			t.Fatal(err)
		}
		wantDrop(t, p.deliver(parts[i]), DropFragment)
	}
	if p.s.phase != phaseConnecting {
		t.Fatal("established without the first fragment")
	}
	if err := p.deliver(parts[0]); err != nil || p.s.phase != phaseEstablished {
		t.Fatalf("phase %d, %v", p.s.phase, err)
	}
}

// RFC 7383 2.6.1: of a repeated request in fragments only the first one is answered.
func TestFragmentedRepetition(t *testing.T) {
	t.Parallel()
	p := established(t, scriptConfig(1))
	long := &wire.VendorIDPayload{Data: make([]byte, 300)}
	parts, err := p.protector.SealFragments(p.header(wire.ExchangeInformational, 0, false), []wire.Payload{long}, 200)
	if err != nil || len(parts) < 2 {
		t.Fatalf("%d fragments, %v", len(parts), err)
	}
	for _, b := range parts {
		if err := p.deliver(b); err != nil {
			t.Fatal(err)
		}
	}
	answered := len(p.sent)
	wantDrop(t, p.deliver(parts[1]), DropDuplicate)
	if len(p.sent) != answered {
		t.Fatal("the second fragment again was answered")
	}
	if err := p.deliver(parts[0]); err != nil || len(p.sent) != answered+1 {
		t.Fatalf("the first fragment again got %d answers, %v", len(p.sent)-answered, err)
	}
}

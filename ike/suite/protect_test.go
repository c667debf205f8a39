package suite

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/iotest"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// protections is one proposal for each way to protect a message.
func protections(t testing.TB) []Proposal {
	t.Helper()
	var out []Proposal
	for _, w := range [][2]string{
		{"aes128gcm16"}, {"aes256gcm16"}, {"chacha20poly1305"},
		{"aes128", "sha256"}, {"aes192", "sha384"}, {"aes256", "sha512"},
		{"aes128gcm8"}, {"aes192gcm12"}, {"aes128ccm8"}, {"aes192ccm12"}, {"aes256ccm16"},
		{"aes128ctr", "aesxcbc"}, {"aes256ctr", "sha384"}, {"3des", "sha1"}, {"aes128", "aescmac"},
	} {
		p, err := ParseIKE(w[0], w[1], "sha256", "ecp256")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func pair(t testing.TB, p Proposal) (initiator, responder *Protector) {
	t.Helper()
	k, err := DeriveKeys(p, Secret("shared"), []byte("ni"), []byte("nr"), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if initiator, err = NewProtector(p, k, true, seeded(1)); err != nil {
		t.Fatal(err)
	}
	if responder, err = NewProtector(p, k, false, seeded(2)); err != nil {
		t.Fatal(err)
	}
	return initiator, responder
}

func open(t testing.TB, p *Protector, raw []byte) (wire.PayloadType, []byte, error) {
	t.Helper()
	m, err := wire.ParseMessage(raw)
	if err != nil {
		return 0, nil, err
	}
	before := bytes.Clone(raw)
	first, plain, err := p.Open(raw, m)
	if !bytes.Equal(raw, before) {
		t.Error("Open wrote to the message")
	}
	return first, plain, err
}

var testHeader = wire.Header{InitiatorSPI: 1, ResponderSPI: 2, Exchange: wire.ExchangeIKEAuth, Flags: wire.FlagInitiator, MessageID: 1}

// payloads makes inner payloads of a given length in all.
func payloads(n int) []wire.Payload {
	var out []wire.Payload
	for n > 0 {
		size := min(max(n-4, 0), 1000)
		out = append(out, &wire.VendorIDPayload{Data: bytes.Repeat([]byte{0xab}, size)})
		n -= size + 4
	}
	return out
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		i, r := pair(t, p)
		for n := 0; n < 80; n += 1 + n/40*3 {
			inner := payloads(n)
			first, want := wire.AppendChain(nil, inner)
			for _, way := range []struct{ from, to *Protector }{{i, r}, {r, i}} {
				raw, err := way.from.Seal(testHeader, inner)
				if err != nil {
					t.Fatal(err)
				}
				if len(raw) > wire.HeaderLen+len(want)+way.from.Overhead() {
					t.Errorf("%s: %d octets, more than Overhead says", p.Keyword(), len(raw))
				}
				gotFirst, plain, err := open(t, way.to, raw)
				if err != nil || gotFirst != first || !bytes.Equal(plain, want) {
					t.Errorf("%s: %d octets: first %v, %x, %v", p.Keyword(), n, gotFirst, plain, err)
				}
				if _, _, err := open(t, way.from, raw); !errors.Is(err, ErrIntegrity) {
					t.Errorf("%s: our own message came back and was accepted: %v", p.Keyword(), err)
				}
			}
		}
	}
}

// Nothing of a message may change on the way, the header among it.
func TestEveryBitCounts(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		i, r := pair(t, p)
		raw, err := i.Seal(testHeader, payloads(20))
		if err != nil {
			t.Fatal(err)
		}
		fragments, err := i.SealFragments(testHeader, payloads(200), 150)
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range [][]byte{raw, fragments[0]} {
			m, err := wire.ParseMessage(msg)
			if err != nil {
				t.Fatal(err)
			}
			for bit := range len(msg) * 8 {
				flipped := bytes.Clone(msg)
				flipped[bit/8] ^= 1 << (bit % 8)
				// The parse of the unchanged message keeps its shape; only
				// octets differ.
				shape := *m
				shape.Payloads = []wire.Payload{reshape(m.Payloads[0], flipped)}
				if _, _, err := r.Open(flipped, &shape); !errors.Is(err, ErrIntegrity) {
					t.Fatalf("%s: bit %d of %d: %v", p.Keyword(), bit, len(msg)*8, err)
				}
			}
		}
	}
}

// reshape points a payload at the tail of another message.
func reshape(p wire.Payload, raw []byte) wire.Payload {
	switch e := p.(type) {
	case *wire.Encrypted:
		return &wire.Encrypted{First: e.First, Body: raw[len(raw)-len(e.Body):]}
	case *wire.EncryptedFragment:
		return &wire.EncryptedFragment{First: e.First, Number: e.Number, Total: e.Total, Body: raw[len(raw)-len(e.Body):]}
	}
	return p
}

func TestCutMessagesFail(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		i, r := pair(t, p)
		raw, err := i.Seal(testHeader, payloads(40))
		if err != nil {
			t.Fatal(err)
		}
		for n := range raw {
			cut := bytes.Clone(raw[:n])
			if n >= wire.HeaderLen+genericHeader { // lengths that fit what is left
				cut[26], cut[27] = byte(n>>8), byte(n)
				cut[30], cut[31] = 0, byte(n-wire.HeaderLen)
			}
			if _, _, err := open(t, r, cut); err == nil {
				t.Errorf("%s: %d of %d octets were accepted", p.Keyword(), n, len(raw))
			}
		}
	}
}

func TestSealBounds(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		i, _ := pair(t, p)
		if _, err := i.Seal(testHeader, payloads(66000)); err == nil {
			t.Errorf("%s: a message beyond 65,535 octets", p.Keyword())
		}
		for _, limit := range []int{-1, 0, 40, wire.HeaderLen + 8 + i.out.size(0) - 1} {
			if _, err := i.SealFragments(testHeader, payloads(500), limit); err == nil {
				t.Errorf("%s: fragments of %d octets", p.Keyword(), limit)
			}
		}
	}
}

// No IV comes twice, and no two messages are alike.
func TestIVsDiffer(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		i, _ := pair(t, p)
		seen := map[string]bool{}
		add := func(raw []byte, at int) {
			if iv := string(raw[at : at+8]); seen[iv] {
				t.Errorf("%s: IV %x comes again", p.Keyword(), iv)
			} else {
				seen[iv] = true
			}
		}
		for range 50 {
			raw, err := i.Seal(testHeader, payloads(10))
			if err != nil {
				t.Fatal(err)
			}
			add(raw, wire.HeaderLen+4)
			parts, err := i.SealFragments(testHeader, payloads(300), 200)
			if err != nil {
				t.Fatal(err)
			}
			for _, raw := range parts {
				add(raw, wire.HeaderLen+8)
			}
		}
	}
}

func TestProtectorEdges(t *testing.T) {
	t.Parallel()
	gcm, cbc := protections(t)[1], protections(t)[3]
	k, err := DeriveKeys(gcm, Secret("s"), nil, nil, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewProtector(cbc, k, true, nil); err == nil {
		t.Error("keys of another suite were taken")
	}
	if _, err := NewProtector(DefaultIKE()[0], k, true, nil); err == nil {
		t.Error("a choice of ciphers was taken")
	}
	p, err := NewProtector(gcm, k, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.out.(*aeadCipher).count = 1<<64 - 1
	if _, err := p.Seal(testHeader, nil); err == nil {
		t.Error("the IV wrapped around")
	}
	if _, _, err := p.Open(nil, &wire.Message{}); !errors.Is(err, ErrIntegrity) {
		t.Errorf("a message without payloads: %v", err)
	}
	clearText := &wire.Message{Payloads: []wire.Payload{&wire.NoncePayload{Data: make([]byte, 32)}}}
	if _, _, err := p.Open(clearText.Marshal(), clearText); !errors.Is(err, ErrIntegrity) {
		t.Errorf("an unprotected message: %v", err)
	}
	foreign := &wire.Message{Payloads: []wire.Payload{&wire.Encrypted{Body: []byte("elsewhere")}}}
	if _, _, err := p.Open(make([]byte, 64), foreign); !errors.Is(err, ErrIntegrity) {
		t.Errorf("a body from elsewhere: %v", err)
	}

	broken := errors.New("broken")
	for _, suite := range protections(t) {
		if suite.AEAD() || suite.Encryption[0].ID == ENCR_AES_CTR {
			continue // their IVs count
		}
		keys, err := DeriveKeys(suite, Secret("s"), nil, nil, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		q, err := NewProtector(suite, keys, true, iotest.ErrReader(broken))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Seal(testHeader, nil); !errors.Is(err, broken) {
			t.Errorf("%s: no IV: %v", suite.Keyword(), err)
		}
	}
	for _, suite := range protections(t) {
		i, r := pair(t, suite)
		raw, err := i.Seal(testHeader, payloads(10))
		if err != nil {
			t.Fatal(err)
		}
		i.Clear()
		r.Clear()
		if _, err := i.Seal(testHeader, nil); !errors.Is(err, errCleared) {
			t.Errorf("%s: sealed after Clear: %v", suite.Keyword(), err)
		}
		if _, err := i.SealFragments(testHeader, payloads(500), 200); !errors.Is(err, errCleared) {
			t.Errorf("%s: sealed fragments after Clear: %v", suite.Keyword(), err)
		}
		if _, _, err := open(t, r, raw); !errors.Is(err, errCleared) {
			t.Errorf("%s: opened after Clear: %v", suite.Keyword(), err)
		}
	}
}

// A Protector keeps its own copy of the keys, so that the owner may clear them.
func TestProtectorOutlivesKeys(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		k, err := DeriveKeys(p, Secret("s"), nil, nil, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		i, err := NewProtector(p, k, true, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewProtector(p, k, false, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		k.Clear()
		raw, err := i.Seal(testHeader, payloads(30))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := open(t, r, raw); err != nil {
			t.Errorf("%s: %v", p.Keyword(), err)
		}
		zero, err := NewProtector(p, k, false, seeded(1))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := open(t, zero, raw); err == nil {
			t.Errorf("%s: the message was sealed with a cleared key", p.Keyword())
		}
	}
}

func FuzzOpen(f *testing.F) {
	var receivers []*Protector
	for n, p := range protections(f) {
		i, r := pair(f, p)
		receivers = append(receivers, r)
		raw, err := i.Seal(testHeader, payloads(20))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(n), raw)
		parts, err := i.SealFragments(testHeader, payloads(300), 200)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(n), parts[1])
	}
	genuine := map[string]bool{}
	for _, p := range protections(f) {
		i, _ := pair(f, p)
		raw, err := i.Seal(testHeader, payloads(20))
		if err != nil {
			f.Fatal(err)
		}
		genuine[string(raw)] = true
		parts, err := i.SealFragments(testHeader, payloads(300), 200)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range parts {
			genuine[string(part)] = true
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		m, err := wire.ParseMessage(raw)
		if err != nil {
			return
		}
		if _, _, err := receivers[int(which)%len(receivers)].Open(raw, m); err == nil && !genuine[string(raw)] {
			t.Errorf("a forged message was accepted: %x", raw)
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	for _, p := range protections(b) {
		i, r := pair(b, p)
		inner := payloads(1000)
		b.Run(p.Keyword(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				raw, err := i.Seal(testHeader, inner)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err := open(b, r, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDeriveKeys(b *testing.B) {
	p := protections(b)[1]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DeriveKeys(p, Secret("shared"), []byte("ni"), []byte("nr"), 1, 2); err != nil {
			b.Fatal(fmt.Errorf("derive: %w", err))
		}
	}
}

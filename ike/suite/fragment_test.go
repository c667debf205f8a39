package suite

import (
	"bytes"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7383 2.5: fragment numbers, the first payload type in fragment 1 alone, the
// header of the whole message and nothing else in front, no message above the
// limit, and the chain comes together again.
func TestFragments(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		i, r := pair(t, p)
		for _, limit := range []int{120, 131, 576 - 28, 1280 - 48, 1500 - 28} {
			for _, n := range []int{0, 50, limit - 60, limit, 5000} {
				inner := payloads(n)
				first, want := wire.AppendChain(nil, inner)
				messages, err := i.SealFragments(testHeader, inner, limit)
				if err != nil {
					t.Fatal(err)
				}
				var got []byte
				for at, raw := range messages {
					if len(raw) > limit {
						t.Errorf("%s: %d octets, limit %d", p.Keyword(), len(raw), limit)
					}
					gotFirst, part, err := open(t, r, raw)
					if err != nil {
						t.Fatalf("%s: %v", p.Keyword(), err)
					}
					if wantFirst := map[bool]wire.PayloadType{true: first}[at == 0]; gotFirst != wantFirst {
						t.Errorf("%s: fragment %d names %v, want %v", p.Keyword(), at+1, gotFirst, wantFirst)
					}
					checkNumber(t, raw, at+1, len(messages))
					got = append(got, part...)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s: %d octets at %d: the parts are not the whole", p.Keyword(), n, limit)
				}
			}
		}
	}
}

func checkNumber(t *testing.T, raw []byte, number, total int) {
	t.Helper()
	m, err := wire.ParseMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	h := testHeader
	h.NextPayload, h.Version, h.Length = m.NextPayload, wire.Version2, uint32(len(raw))
	if m.Header != h || len(m.Payloads) != 1 {
		t.Errorf("fragment %d has %d payloads and the header %+v, want %+v", number, len(m.Payloads), m.Header, h)
	}
	switch f := m.Payloads[0].(type) {
	case *wire.Encrypted:
		if total != 1 {
			t.Errorf("an SK payload among %d messages", total)
		}
	case *wire.EncryptedFragment:
		if int(f.Number) != number || int(f.Total) != total || total == 1 {
			t.Errorf("fragment %d of %d, want %d of %d", f.Number, f.Total, number, total)
		}
	}
}

// Fragments are as few as the limit allows.
func TestFragmentsFillTheLimit(t *testing.T) {
	t.Parallel()
	for _, p := range protections(t) {
		i, _ := pair(t, p)
		messages, err := i.SealFragments(testHeader, payloads(3000), 600)
		if err != nil {
			t.Fatal(err)
		}
		for at, raw := range messages[:len(messages)-1] {
			if len(raw) < 600-15 {
				t.Errorf("%s: fragment %d has only %d octets", p.Keyword(), at+1, len(raw))
			}
		}
	}
}

package wire

import (
	"bytes"
	"errors"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
)

// consistent checks what must hold for whatever parses: it can be sent again,
// is read back as the same payloads, and is stable from then on. Reserved
// bits and attributes that are not understood are not kept.
func consistent(t *testing.T, m *Message) {
	t.Helper()
	raw := m.Marshal()
	again, err := ParseMessage(raw)
	if err != nil {
		t.Fatalf("does not parse again: %v\n%x", err, raw)
	}
	if err := sameChain(m.Payloads, again.Payloads); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Marshal(), raw) {
		t.Fatal("marshalled twice it differs")
	}
}

// typed checks that a refusal is one that a caller can decide on.
func typed(t *testing.T, err error) {
	t.Helper()
	var syntax *SyntaxError
	var version *VersionError
	var critical *UnsupportedCriticalError
	if !errors.As(err, &syntax) && !errors.As(err, &version) && !errors.As(err, &critical) {
		t.Fatalf("error of another kind: %v", err)
	}
}

func FuzzParseMessage(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(newGenerator(seed).message().Marshal())
	}
	for _, c := range bodies {
		f.Add((&Message{Payloads: []Payload{c.want}}).Marshal())
	}
	for _, folder := range []string{"fuzz/ikev2-seeds", "fuzz/ikev1-seeds"} {
		for _, b := range vectors.Seeds(f, folder) {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		m, err := ParseMessage(raw)
		if !bytes.Equal(raw, before) {
			t.Fatal("the parser wrote to its input")
		}
		if err != nil {
			typed(t, err)
			return
		}
		if len(m.Payloads) > MaxPayloads {
			t.Fatalf("%d payloads", len(m.Payloads))
		}
		consistent(t, m)
	})
}

func FuzzParseChain(f *testing.F) {
	for seed := range uint64(40) {
		first, chain := AppendChain(nil, newGenerator(seed).payloads())
		f.Add(uint8(first), chain)
	}
	for _, c := range bodies {
		first, chain := AppendChain(nil, []Payload{c.want})
		f.Add(uint8(first), chain)
	}
	f.Fuzz(func(t *testing.T, first uint8, raw []byte) {
		ps, err := ParseChain(PayloadType(first), raw)
		if err != nil {
			typed(t, err)
			return
		}
		again, chain := AppendChain(nil, ps)
		back, err := ParseChain(again, chain)
		if err != nil {
			t.Fatal(err)
		}
		if err := sameChain(ps, back); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzSA aims at the deepest structure of all.
func FuzzSA(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(newGenerator(seed).payload(0).AppendBody(nil))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parseSA(raw)
		if err != nil {
			typed(t, err)
			return
		}
		again, err := parseSA(p.AppendBody(nil))
		if err != nil {
			t.Fatal(err)
		}
		if err := sameChain([]Payload{p}, []Payload{again}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzSelectors drives the arithmetic on ranges with whatever a peer can send.
func FuzzSelectors(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(newGenerator(seed).payload(10).AppendBody(nil))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parseTS(false, raw)
		if err != nil {
			typed(t, err)
			return
		}
		for _, a := range p.Selectors {
			if a.String() == "" {
				t.Fatal("no text")
			}
			prefixes := a.Prefixes()
			if a.Valid() != (len(prefixes) > 0) || len(prefixes) > 254 {
				t.Fatalf("%v: %d prefixes", a, len(prefixes))
			}
			if a.Valid() != a.Contains(a) {
				t.Fatalf("%v does not contain itself", a)
			}
		}
	})
}

// The messages of other implementations: nothing panics, what parses comes
// back, and most of it parses (some are malformed on purpose).
func TestForeignIKEv2Messages(t *testing.T) {
	t.Parallel()
	files := vectors.Dir(t, "fuzz/ikev2-seeds")
	parsed := 0
	for name, raw := range files {
		m, err := ParseMessage(raw)
		if err != nil {
			typed(t, err)
			t.Logf("%s refused: %v", name, err)
			continue
		}
		parsed++
		consistent(t, m)
	}
	t.Logf("%d of %d parsed", parsed, len(files))
	if parsed*10 < len(files)*7 {
		t.Errorf("only %d of %d parsed", parsed, len(files))
	}
}

// IKEv1 is refused for its version, or as malformed where a message lies
// about more than that; never accepted.
func TestForeignIKEv1MessagesAreRefused(t *testing.T) {
	t.Parallel()
	files := vectors.Dir(t, "fuzz/ikev1-seeds")
	for name, raw := range files {
		m, err := ParseMessage(raw)
		if err == nil {
			t.Errorf("%s was accepted as %v", name, m.Exchange)
			continue
		}
		typed(t, err)
	}
}

package eap

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// deliver sends a message from one end to the other.
func deliver(from, to *fragments, message []byte) (got []byte, packets int, err error) {
	packet := from.send(message)
	for range 100_000 {
		packets++
		a, err := to.receive(packet)
		if err != nil {
			return nil, packets, err
		}
		if a.whole {
			return a.message, packets, nil
		}
		if a, err = from.receive(a.reply); err != nil {
			return nil, packets, err
		}
		if packet = a.reply; packet == nil {
			return nil, packets, fmt.Errorf("nothing goes on after %d packets", packets)
		}
	}
	return nil, packets, errors.New("no end")
}

// RFC 5216 2.1.5: messages of any length, in parts of any size.
func TestFragments(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, minFragment, 100, 1000, 1400} {
		a, b := newFragments(0, size), newFragments(0, size)
		part := max(size, minFragment)
		if size == 0 {
			part = defaultFragment
		}
		for _, n := range []int{0, 1, part - 1, part, part + 1, 2 * part, 5*part + 3, maxTLSMessage} {
			message := bytes.Repeat([]byte{byte(n)}, n)
			got, packets, err := deliver(&a, &b, message)
			if err != nil || !bytes.Equal(got, message) {
				t.Errorf("%d octets in parts of %d: %d came, %v", n, size, len(got), err)
			}
			if want := max(1, (n+part-1)/part); packets != want {
				t.Errorf("%d octets in parts of %d: %d packets, want %d", n, size, packets, want)
			}
			a, b = b, a
		}
	}
}

// RFC 5216 3.1, RFC 9190 2.4: the length is in the first of several fragments and
// nowhere else; RFC 5281 9.2: the version is in every packet.
func TestFragmentFlags(t *testing.T) {
	t.Parallel()
	f := newFragments(3, 64)
	for _, row := range []struct {
		got, want []byte
	}{
		{f.send(nil), []byte{3}},
		{f.send([]byte{9}), []byte{3, 9}},
		{f.send(make([]byte, 150))[:5], []byte{0xc3, 0, 0, 0, 150}},
		{mustReply(t, &f, 3)[:1], []byte{0x43}},
		{mustReply(t, &f, 3)[:1], []byte{3}},
	} {
		if !bytes.Equal(row.got, row.want) {
			t.Errorf("%x, want %x", row.got, row.want)
		}
	}
}

func mustReply(t *testing.T, f *fragments, data ...byte) []byte {
	t.Helper()
	a, err := f.receive(data)
	if err != nil || a.reply == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	return a.reply
}

// What no honest server sends, and what FreeRADIUS does.
func TestFragmentsReceived(t *testing.T) {
	t.Parallel()
	type packets [][]byte
	long := make([]byte, 40_000)
	for name, row := range map[string]struct {
		sent  packets
		want  string // of the message
		fatal bool
		drop  bool
	}{
		"no flags":                  {sent: packets{{}}, drop: true},
		"length cut short":          {sent: packets{{0x80, 0, 0}}, drop: true},
		"length beyond the bound":   {sent: packets{{0xc0, 0, 1, 0, 1, 5}}, fatal: true},
		"length of four gigabytes":  {sent: packets{{0xc0, 255, 255, 255, 255, 5}}, fatal: true},
		"in one piece":              {sent: packets{{0, 'a'}}, want: "a"},
		"reserved flags":            {sent: packets{{0x18, 'a'}}, want: "a"},
		"in one piece, with length": {sent: packets{{0x80, 0, 0, 0, 1, 'a'}}, want: "a"},
		"length in every fragment":  {sent: packets{{0xc0, 0, 0, 0, 2, 'a'}, {0x80, 0, 0, 0, 2, 'b'}}, want: "ab"},
		"no length at all":          {sent: packets{{0x40, 'a'}, {0, 'b'}}, want: "ab"},
		"an empty last fragment":    {sent: packets{{0x40, 'a'}, {0}}, want: "a"},
		"another length later":      {sent: packets{{0xc0, 0, 0, 0, 2, 'a'}, {0x80, 0, 0, 0, 3, 'b'}}, fatal: true},
		"a length that comes late":  {sent: packets{{0x40, 'a'}, {0x80, 0, 0, 0, 2, 'b'}}, fatal: true},
		"more than announced":       {sent: packets{{0xc0, 0, 0, 0, 2, 'a', 'b', 'c'}}, fatal: true},
		"less than announced":       {sent: packets{{0x80, 0, 0, 0, 2, 'a'}}, fatal: true},
		"a fragment of nothing":     {sent: packets{{0x40, 'a'}, {0x40}}, fatal: true},
		"without end":               {sent: packets{append([]byte{0x40}, long...), append([]byte{0x40}, long...)}, fatal: true},
		"a start in the middle":     {sent: packets{{0x40, 'a'}, {0x20}}, drop: true},
	} {
		f := newFragments(0, 0)
		var a arrival
		var err error
		for i, p := range row.sent {
			if a, err = f.receive(p); err != nil {
				break
			}
			if last := i == len(row.sent)-1; a.whole != last || !last && !bytes.Equal(a.reply, []byte{0}) {
				t.Errorf("%s: packet %d: %+v", name, i, a)
			}
		}
		var e *Error
		if errors.As(err, &e); (err != nil) != (row.fatal || row.drop) || err != nil && e.Fatal != row.fatal {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && string(a.message) != row.want {
			t.Errorf("%s: %q", name, a.message)
		}
	}
}

// While our own message goes out, nothing but acknowledgements may come.
func TestFragmentsInterrupted(t *testing.T) {
	t.Parallel()
	for name, packet := range map[string][]byte{"data": {0, 1}, "more": {0x40}, "a start": {0x20}} {
		f := newFragments(0, 64)
		f.send(make([]byte, 100))
		if _, err := f.receive(packet); kindOf(err) != Unexpected {
			t.Errorf("%s: %v", name, err)
		}
		if got := mustReply(t, &f, 0); len(got) != 1+36 {
			t.Errorf("%s: goes on with %x", name, got)
		}
	}
}

func FuzzFragments(f *testing.F) {
	f.Add([]byte{0x20}, []byte{0xc0, 0, 0, 0, 2, 'a'}, []byte{0, 'b'}, 100)
	f.Add([]byte{0x40, 'a'}, []byte{0x40, 'b'}, []byte{0x80, 0, 0, 0, 3, 'c'}, 2000)
	f.Add([]byte{0}, []byte{0x80, 0, 0}, []byte{}, 0)
	f.Fuzz(func(t *testing.T, a, b, c []byte, n int) {
		x, y := newFragments(1, 64), newFragments(1, 200)
		for _, p := range [][]byte{a, b, c} {
			got, err := x.receive(p)
			if err != nil && kindOf(err) == "" {
				t.Errorf("untyped error %v", err)
			}
			if len(got.message) > maxTLSMessage || len(x.in) > maxTLSMessage {
				t.Error("beyond the bound")
			}
		}
		// Whatever came before, a whole message still arrives between two honest ends.
		if x.receiving {
			return
		}
		message := bytes.Repeat([]byte{1}, max(0, n%maxTLSMessage))
		got, _, err := deliver(&y, &x, message)
		if err != nil || !bytes.Equal(got, message) {
			t.Errorf("%d octets: %d, %v", n, len(got), err)
		}
	})
}

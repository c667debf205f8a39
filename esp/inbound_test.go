package esp

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
)

// inner4 is an IPv4 packet with that protocol and payload.
func inner4(protocol byte, payload ...byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	b[9] = protocol
	copy(b[12:], []byte{10, 98, 0, 7, 10, 99, 0, 2})
	return append(b, payload...)
}

// inner6 is an IPv6 packet from fd00::1 to fd00::2.
func inner6(next byte, payload ...byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6] = next
	b[8], b[23] = 0xfd, 1
	b[24], b[39] = 0xfd, 2
	return append(b, payload...)
}

// link is a sender with access to what Seal hides, and its receiver.
type link struct {
	out *Outbound
	in  *Inbound
}

func newLink(t testing.TB, c Config) link {
	t.Helper()
	if c.SPI == 0 {
		c.SPI = 0x1234
	}
	if c.Cipher == 0 {
		c.Cipher, c.Key = AESGCM16, make([]byte, 36)
	}
	if c.Source == nil {
		c.Source, c.Destination = everything(), everything()
	}
	out, err := NewOutbound(c)
	if err != nil {
		t.Fatal(err)
	}
	in, err := NewInbound(c)
	if err != nil {
		t.Fatal(err)
	}
	return link{out, in}
}

// raw seals a plaintext whose padding and trailer the test has made itself.
func (l link) raw(plain []byte, seq uint64) []byte {
	head := l.out.HeaderLen()
	b := make([]byte, head+len(plain), head+len(plain)+TrailerRoom)
	binary.BigEndian.PutUint32(b, l.out.spi)
	binary.BigEndian.PutUint32(b[4:], uint32(seq))
	copy(b[head:], plain)
	return l.out.transform.seal(b, seq)
}

// padded appends n octets of padding, pad length and next header.
func padded(b []byte, n int, next byte) []byte {
	b = bytes.Clone(b)
	for i := range n {
		b = append(b, byte(i+1))
	}
	return append(b, byte(n), next)
}

// What the plaintext of an authentic packet may look like (RFC 4303 2.4 to 2.7).
func TestUnwrap(t *testing.T) {
	t.Parallel()
	p4 := inner4(17, 0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4) // 32 octets
	p6 := inner6(17, 0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4) // 52 octets
	badPad := padded(p4, 6, 4)
	badPad[len(badPad)-3]++
	long := bytes.Clone(p4)
	binary.BigEndian.PutUint16(long[2:], uint16(len(p4)+4))
	tfc := append(bytes.Clone(p4), make([]byte, 100)...)
	tests := []struct {
		name  string
		plain []byte
		want  Drop
		inner []byte
	}{
		{"IPv4", padded(p4, 2, 4), DropNone, p4},
		{"IPv6", padded(p6, 2, 41), DropNone, p6},
		{"more padding than needed", padded(p4, 250, 4), DropNone, p4},
		{"traffic-flow padding", padded(tfc, 2, 4), DropNone, p4},
		{"dummy", padded(make([]byte, 32), 2, 59), DropDummy, nil},
		{"dummy with wrong padding", []byte{9, 9, 200, 59}, DropDummy, nil},
		{"wrong padding", badPad, DropPadding, nil},
		{"padding longer than the packet", []byte{1, 2, 7, 4}, DropPadding, nil},
		{"transport mode", padded(p4, 2, 17), DropNextHeader, nil},
		{"IPv4 called IPv6", padded(p4, 2, 41), DropInner, nil},
		{"IPv6 called IPv4", padded(p6, 2, 4), DropInner, nil},
		{"longer than the payload", padded(long, 2, 4), DropInner, nil},
		{"empty", []byte{1, 2, 2, 4}, DropInner, nil},
		{"neither version", padded(append([]byte{0x50}, p4[1:]...), 2, 4), DropInner, nil},
	}
	for _, test := range tests {
		l := newLink(t, Config{})
		got, drop := l.in.Open(l.raw(test.plain, 1))
		if drop != test.want || !bytes.Equal(got, test.inner) {
			t.Errorf("%s: %v, %x", test.name, drop, got)
		}
		if !drop.Authentic() {
			t.Errorf("%s: %v is not counted as authentic", test.name, drop)
		}
		// Whatever was inside, the number is used up.
		if _, drop = l.in.Open(l.raw(test.plain, 1)); drop != DropReplay {
			t.Errorf("%s again: %v", test.name, drop)
		}
	}
}

// Selectors hold in both directions, and name both ends of the packet.
func TestInboundSelectors(t *testing.T) {
	t.Parallel()
	from := func(s string) []Selector {
		p := netip.MustParsePrefix(s)
		last := p.Masked().Addr().As4()
		last[3] = 255
		return []Selector{{Start: p.Masked().Addr(), End: netip.AddrFrom4(last), EndPort: 65535}}
	}
	packet := padded(inner4(17, 0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4), 2, 4)
	for _, test := range []struct {
		src, dst string
		want     Drop
	}{
		{"10.98.0.0/24", "10.99.0.0/24", DropNone},
		{"10.97.0.0/24", "10.99.0.0/24", DropSelector},
		{"10.98.0.0/24", "10.98.0.0/24", DropSelector},
	} {
		c := Config{Source: from(test.src), Destination: from(test.dst)}
		l := newLink(t, c)
		if _, drop := l.in.Open(l.raw(packet, 1)); drop != test.want {
			t.Errorf("%s to %s: %v", test.src, test.dst, drop)
		}
		var in Inner
		if !in.Parse(packet) || l.out.Match(&in) != (test.want == DropNone) {
			t.Errorf("%s to %s: outbound disagrees", test.src, test.dst)
		}
	}
}

// Extended numbers cross 2^32 with packets late, early and lost on the way
// (RFC 4303 appendix A), with both kinds of transform.
func TestESNCrossing(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{
		{ESN: true},
		{ESN: true, Cipher: AESCBC, Key: make([]byte, 16), Integrity: HMACSHA384_192, IntegrityKey: make([]byte, 48)},
	} {
		l := newLink(t, c)
		plain := padded(inner4(59), 10, 4)
		l.in.window.top = 1<<32 - 50
		for _, seq := range []uint64{1<<32 - 40, 1<<32 + 7, 1<<32 - 1, 1 << 32, 1<<32 - 39, 1<<32 + 1, 1<<32 + 5000, 1<<32 + 4000} {
			if _, drop := l.in.Open(l.raw(plain, seq)); drop != DropNone {
				t.Errorf("%v number %#x: %v", c.Cipher, seq, drop)
			}
			if _, drop := l.in.Open(l.raw(plain, seq)); drop != DropReplay {
				t.Errorf("%v number %#x again: %v", c.Cipher, seq, drop)
			}
		}
		// A packet from the wrong subspace has the right low half only.
		if _, drop := l.in.Open(l.raw(plain, 5<<32+5001)); drop != DropAuthentication {
			t.Errorf("%v wrong subspace: %v", c.Cipher, drop)
		}
		if l.in.window.top != 1<<32+5000 {
			t.Errorf("%v: window moved to %#x", c.Cipher, l.in.window.top)
		}
	}
}

// The window is checked before decryption and updated only after it.
func TestWindowAfterAuthentication(t *testing.T) {
	t.Parallel()
	l := newLink(t, Config{ReplayWindow: 1024})
	plain := padded(inner4(59), 10, 4)
	forged := l.raw(plain, 1_000_000)
	forged[len(forged)-1] ^= 1
	if _, drop := l.in.Open(forged); drop != DropAuthentication {
		t.Fatal(drop)
	}
	for _, test := range []struct {
		seq  uint64
		want Drop
	}{
		{2000, DropNone}, {2000 - 1023, DropNone}, {2000 - 1024, DropReplay},
		{math.MaxUint32, DropNone}, {2001, DropReplay}, {0, DropReplay},
	} {
		if _, drop := l.in.Open(l.raw(plain, test.seq)); drop != test.want {
			t.Errorf("number %d: %v, want %v", test.seq, drop, test.want)
		}
	}
}

func TestDropNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for d := range NumDrops {
		if d.String() == "" || seen[d.String()] {
			t.Errorf("reason %d is called %q", uint8(d), d)
		}
		seen[d.String()] = true
	}
	if NumDrops.String() == "" {
		t.Error("an unknown reason has no text")
	}
}

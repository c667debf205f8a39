package dataplane

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

var (
	tcp4a = netip.MustParseAddrPort("10.98.0.7:40000")
	tcp4b = netip.MustParseAddrPort("10.99.0.2:443")
	tcp6a = netip.MustParseAddrPort("[fd00:98::7]:40000")
	tcp6b = netip.MustParseAddrPort("[fd00:99::2]:443")
)

func clamp(t testing.TB, packet []byte, limit mssLimit) {
	t.Helper()
	var in esp.Inner
	if !in.Parse(packet) {
		t.Fatal("the packet does not parse")
	}
	clampMSS(packet[:in.Length], &in, limit)
}

func TestClampMSS(t *testing.T) {
	t.Parallel()
	limit := mssLimit{v4: 1200, v6: 1180}
	tests := []struct {
		name    string
		options []byte
		want    []byte // nil: unchanged
	}{
		{"lowered", []byte{2, 4, 0x05, 0xb4}, []byte{2, 4, 1200 >> 8, 1200 & 0xff}},
		{"low enough", []byte{2, 4, 0x04, 0x00}, nil},
		{"equal", []byte{2, 4, 1200 >> 8, 1200 & 0xff}, nil},
		{"behind others", []byte{4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0x23, 0x28}, []byte{4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 1200 >> 8, 1200 & 0xff}},
		{"at an odd place", []byte{1, 2, 4, 0xff, 0xff, 1, 1, 0}, []byte{1, 2, 4, 1200 >> 8, 1200 & 0xff, 1, 1, 0}},
		{"the first only", []byte{2, 4, 0x05, 0xb4, 2, 4, 0x05, 0xb4}, []byte{2, 4, 1200 >> 8, 1200 & 0xff, 2, 4, 0x05, 0xb4}},
		{"no options", nil, nil},
		{"end before it", []byte{0, 0, 0, 0, 2, 4, 0x05, 0xb4}, nil},
		{"wrong length", []byte{2, 3, 0x05, 0xb4}, nil},
		{"overruns the header", []byte{1, 1, 2, 4}, nil},
		{"zero length", []byte{9, 0, 2, 4, 0x05, 0xb4, 0, 0}, nil},
		{"kind without length", []byte{1, 1, 1, 2}, nil},
	}
	for _, test := range tests {
		packet := esptest.SYN(tcp4a, tcp4b, test.options)
		clamp(t, packet, limit)
		want := test.want
		if want == nil {
			want = test.options
		}
		if !bytes.Equal(packet[40:], want) || !esptest.ValidChecksum(packet) {
			t.Errorf("%s: options %x, checksum valid: %t", test.name, packet[40:], esptest.ValidChecksum(packet))
		}
	}
}

// Only SYNs are touched: not data, not fragments, not other protocols.
func TestClampMSSLeaves(t *testing.T) {
	t.Parallel()
	option := []byte{2, 4, 0x05, 0xb4}
	ack := esptest.SYN(tcp4a, tcp4b, option)
	ack[33] = 0x10
	later := esptest.SYN(tcp4a, tcp4b, option)
	later[7] = 3
	udp := esptest.SYN(tcp4a, tcp4b, option)
	udp[9] = 17
	short := esptest.SYN(tcp6a, tcp6b, option)
	short[52] = 0x40 // a header of 16 octets
	long := esptest.SYN(tcp6a, tcp6b, option)
	long[52] = 0xf0 // a header that overruns the packet
	for _, packet := range [][]byte{ack, later, udp, short, long, esptest.IP(tcp4a.Addr(), tcp4b.Addr(), 6, make([]byte, 19))} {
		before := bytes.Clone(packet)
		clamp(t, packet, mssLimit{v4: 600, v6: 600})
		if !bytes.Equal(packet, before) {
			t.Errorf("%x became %x", before, packet)
		}
	}
}

// The limits leave room for plain headers and never go below what all hosts take.
func TestMSSLimit(t *testing.T) {
	t.Parallel()
	for inner, want := range map[int]mssLimit{
		1438: {1398, 1378}, 500: {536, 536}, 100_000: {65495, 65475},
	} {
		if got := mssLimitFor(inner); got != want {
			t.Errorf("%d: %+v", inner, got)
		}
	}
}

// FuzzClampMSS: no input panics; what changes is two octets of an MSS and the
// checksum; a valid checksum stays valid; the limit holds for a lone option.
func FuzzClampMSS(f *testing.F) {
	f.Add(esptest.SYN(tcp4a, tcp4b, []byte{2, 4, 0x05, 0xb4}), uint16(1200))
	f.Add(esptest.SYN(tcp6a, tcp6b, []byte{1, 2, 4, 0xff, 0xff, 1, 1, 0}), uint16(1))
	f.Add(esptest.SYN(tcp6a, tcp6b, []byte{1, 1, 2, 4}), uint16(1000))
	f.Add(esptest.UDP(tcp4a, tcp4b, []byte("not TCP")), uint16(1000))
	f.Fuzz(func(t *testing.T, packet []byte, limit uint16) {
		var in esp.Inner
		if !in.Parse(packet) {
			return
		}
		packet = packet[:in.Length]
		before := bytes.Clone(packet)
		clampMSS(packet, &in, mssLimit{v4: limit, v6: limit})
		changed := 0
		for i := range packet {
			if packet[i] != before[i] {
				changed++
			}
		}
		if changed == 0 {
			return
		}
		if changed > 4 || in.Protocol != protoTCP {
			t.Errorf("%d octets of %x changed to %x", changed, before, packet)
		}
		old, now := segmentSum(before[in.Upper:]), segmentSum(packet[in.Upper:])
		if old != now {
			t.Errorf("the sum over the segment went from %#x to %#x", old, now)
		}
	})
}

// segmentSum is the ones' complement sum over a segment, checksum field
// included, with the two forms of zero made one.
func segmentSum(b []byte) uint16 {
	if len(b)%2 == 1 {
		b = append(bytes.Clone(b), 0)
	}
	var sum uint64
	for i := 0; i < len(b); i += 2 {
		sum += uint64(binary.BigEndian.Uint16(b[i:]))
	}
	return uint16(sum % 0xffff)
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	var l limiter
	now := time.Unix(1000, 0)
	allowed := func(n int) (yes int) {
		for range n {
			if l.allow(now) {
				yes++
			}
		}
		return yes
	}
	if got := allowed(100); got != icmpBurst {
		t.Errorf("%d at once", got)
	}
	now = now.Add(100 * time.Millisecond)
	if got := allowed(100); got != icmpPerSecond/10 {
		t.Errorf("%d after a tenth of a second", got)
	}
	now = now.Add(-time.Hour)
	if got := allowed(100); got != 0 {
		t.Errorf("%d after the clock went back", got)
	}
	now = now.Add(3 * time.Hour)
	if got := allowed(100); got != icmpBurst {
		t.Errorf("%d after a rest", got)
	}
}

func TestDropNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, name := range dropNames {
		if name == "" || seen[name] {
			t.Errorf("name %q", name)
		}
		seen[name] = true
	}
	for d := range esp.NumDrops {
		if seen[d.String()] {
			t.Errorf("%v is also a reason of esp", d)
		}
	}
}

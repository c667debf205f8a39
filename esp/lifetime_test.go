package esp_test

import (
	"math"
	"testing"

	"github.com/homeward-vpn/homeward/esp"
	"github.com/homeward-vpn/homeward/esp/esptest"
)

// limited makes the two ends of one direction with a lifetime.
func limited(t *testing.T, s esptest.Suite, soft, hard esp.Lifetime) (*esp.Outbound, *esp.Inbound) {
	t.Helper()
	c := s.Config(0x1001, esptest.Any(), esptest.Any())
	c.Soft, c.Hard = soft, hard
	out, err := esp.NewOutbound(c)
	if err != nil {
		t.Fatal(err)
	}
	in, err := esp.NewInbound(c)
	if err != nil {
		t.Fatal(err)
	}
	return out, in
}

// pass sends packets of n octets until one is refused or there were enough, and
// tells how many went and when each end was worn.
func pass(t *testing.T, out *esp.Outbound, in *esp.Inbound, n, most int) (sent, wornOut, wornIn int, last esp.Drop) {
	t.Helper()
	inner := esptest.UDP(hostA, hostB, make([]byte, n-28))
	buf := make([]byte, esp.HeaderRoom+n+esp.TrailerRoom)
	for sent < most {
		seq, granted := out.Reserve(1)
		if granted == 0 {
			return sent, wornOut, wornIn, esp.DropSequence
		}
		copy(buf[esp.HeaderRoom:], inner)
		b, d := out.Seal(buf, esp.HeaderRoom, n, seq)
		if d != esp.DropNone {
			return sent, wornOut, wornIn, d
		}
		if _, d := in.Open(b); d != esp.DropNone {
			t.Fatalf("packet %d: %v", sent+1, d)
		}
		sent++
		if wornOut == 0 && out.Worn() != esp.NotWorn {
			wornOut = sent
		}
		if wornIn == 0 && in.Worn() != esp.NotWorn {
			wornIn = sent
		}
	}
	return sent, wornOut, wornIn, esp.DropNone
}

// RFC 7296 2.8, RFC 4301 4.4.2.1: each direction counts packets and octets, is worn
// at the soft limit and sends nothing beyond the hard one.
func TestLifetime(t *testing.T) {
	t.Parallel()
	forEachSuite(t, func(t *testing.T, s esptest.Suite) {
		const n = 512
		out, in := limited(t, s, esp.Lifetime{Packets: 8}, esp.Lifetime{Packets: 10})
		sent, wornOut, wornIn, last := pass(t, out, in, n, 100)
		if sent != 10 || wornOut != 8 || wornIn != 8 || last != esp.DropSequence || out.Worn() != esp.WornPackets {
			t.Errorf("by packets: %d sent, worn at %d and %d (%s), then %v", sent, wornOut, wornIn, out.Worn(), last)
		}
		out, in = limited(t, s, esp.Lifetime{Octets: 8 * n}, esp.Lifetime{Octets: 10 * n})
		sent, wornOut, wornIn, last = pass(t, out, in, n, 100)
		if sent != 10 || wornOut != 8 || wornIn != wornOut || last != esp.DropLifetime || out.Worn() != esp.WornOctets {
			t.Errorf("by octets: %d sent, worn at %d and %d (%s), then %v", sent, wornOut, wornIn, out.Worn(), last)
		}
		out, in = limited(t, s, esp.Lifetime{}, esp.Lifetime{Packets: 12})
		if sent, wornOut, wornIn, _ = pass(t, out, in, n, 100); sent != 12 || wornOut != 9 {
			t.Errorf("with an end alone: %d sent, worn at %d and %d", sent, wornOut, wornIn)
		}
		out, in = limited(t, s, esp.Lifetime{}, esp.Lifetime{})
		if sent, wornOut, wornIn, last = pass(t, out, in, n, 100); sent != 100 || wornOut+wornIn != 0 || last != esp.DropNone {
			t.Errorf("without limits: %d sent, worn at %d and %d, then %v", sent, wornOut, wornIn, last)
		}
	})
}

// RFC 4303 3.3.3: without extended numbers the counter never cycles, not in one
// step, not in many, not for many callers at once; and the last number is used.
func TestSequenceNeverCycles(t *testing.T) {
	t.Parallel()
	s := esptest.Default()
	s.ESN = false
	out, in := limited(t, s, esp.Lifetime{}, esp.Lifetime{Packets: 1 << 40})
	if _, n := out.Reserve(math.MaxUint32 - 4); n != math.MaxUint32-4 {
		t.Fatal(n)
	}
	sent, _, wornIn, last := pass(t, out, in, 100, 10)
	if sent != 4 || last != esp.DropSequence || in.Highest() != math.MaxUint32 {
		t.Errorf("%d more packets, the last with number %d, then %v", sent, in.Highest(), last)
	}
	if out.Worn() != esp.WornPackets || wornIn != 1 {
		t.Error("not worn at the end of the numbers")
	}
	for range 3 {
		if first, n := out.Reserve(128); n != 0 || first != 0 {
			t.Errorf("after the end %d numbers from %d are granted", n, first)
		}
	}
}

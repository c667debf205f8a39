package esp

import (
	"math/rand/v2"
	"testing"
)

// The ring against a plain model: a set of seen numbers and a maximum.
func TestReplayWindowModel(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1024, 1500, DefaultReplayWindow} {
		w := newReplayWindow(size)
		seen := map[uint64]bool{}
		top := uint64(0)
		r := rand.New(rand.NewPCG(3, uint64(size)))
		for range 200_000 {
			var seq uint64
			switch r.IntN(50) {
			case 0: // a leap, sometimes over the whole ring
				seq = top + r.Uint64N(3*w.size)
			case 1: // far behind
				seq = top - min(top, r.Uint64N(2*w.size))
			default:
				seq = top + 8 - min(top+8, r.Uint64N(w.size/4))
			}
			want := seq != 0 && (seq > top || top-seq < w.size) && !seen[seq]
			if got := w.fresh(seq); got != want {
				t.Fatalf("size %d top %d: fresh(%d) = %t", size, top, seq, got)
			}
			if want {
				w.accept(seq)
				seen[seq] = true
				top = max(top, seq)
			}
		}
	}
}

func TestReplayWindowSize(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]uint64{0: 1024, 1: 1024, 1024: 1024, 1025: 2048, 4096: 4096} {
		if got := newReplayWindow(asked).size; got != want {
			t.Errorf("asked for %d, got %d", asked, got)
		}
	}
}

// RFC 4303 appendix A2.2, cases A and B, and its edges.
func TestExtend(t *testing.T) {
	t.Parallel()
	const size = 1024
	tests := []struct {
		top  uint64
		low  uint32
		want uint64
		ok   bool
	}{
		{0, 1, 1, true},
		{0, 0xffff_ffff, 0, false}, // would be before the first number
		{5, 1 << 31, 1 << 31, true},
		{2000, 1500, 1500, true},
		{2000, 2000 - size + 1, 2000 - size + 1, true},
		{2000, 2000 - size, 1<<32 + 2000 - size, true}, // left of the window: the next subspace
		{1<<32 - 2, 3, 1<<32 + 3, true},
		{1<<32 + 3, 0xffff_fffe, 1<<32 - 2, true}, // window spans two subspaces
		{1<<32 + 3, 4, 1<<32 + 4, true},
		{7<<32 + 5000, 4999, 7<<32 + 4999, true},
		{1<<64 - 1, 5, 0, false}, // after the last number
		{1<<64 - 1, 0xffff_fffe, 1<<64 - 2, true},
	}
	for _, test := range tests {
		w := newReplayWindow(size)
		w.top = test.top
		got, ok := w.extend(test.low)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("top %#x low %#x: %#x %t, want %#x %t", test.top, test.low, got, ok, test.want, test.ok)
		}
	}
}

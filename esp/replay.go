package esp

// replayWindow is the anti-replay window of RFC 4303 3.4.3, kept as a ring of
// words in the way of RFC 6479: moving the window clears whole words instead
// of shifting bits. Not safe for concurrent use.
type replayWindow struct {
	top  uint64   // highest sequence number authenticated so far; 0: none
	size uint64   // width in packets
	ring []uint64 // one bit per number; a power of two of words, one more word than size needs
}

const wordBits = 64

// newReplayWindow makes a window of at least the given width.
func newReplayWindow(size int) replayWindow {
	width := MinReplayWindow
	for width < size {
		width *= 2
	}
	// A power of two beyond width, so that the word being filled never
	// holds numbers that are still inside the window.
	return replayWindow{size: uint64(width), ring: make([]uint64, 2*width/wordBits)}
}

// fresh says whether seq may be accepted: not 0, not left of the window and not
// seen. It changes nothing: the packet is not authenticated yet.
func (w *replayWindow) fresh(seq uint64) bool {
	if seq > w.top {
		return true
	}
	// RFC 4303 2.2: the first packet has number 1, so 0 is never valid.
	if seq == 0 || w.top-seq >= w.size {
		return false
	}
	return w.ring[w.word(seq)]&(1<<(seq%wordBits)) == 0
}

// accept marks an authenticated number, moving the window when it is the highest.
func (w *replayWindow) accept(seq uint64) {
	if seq > w.top {
		oldWord, newWord := w.top/wordBits, seq/wordBits
		steps := min(newWord-oldWord, uint64(len(w.ring)))
		for i := uint64(1); i <= steps; i++ {
			w.ring[(oldWord+i)%uint64(len(w.ring))] = 0
		}
		w.top = seq
	}
	w.ring[w.word(seq)] |= 1 << (seq % wordBits)
}

func (w *replayWindow) word(seq uint64) uint64 {
	return seq / wordBits % uint64(len(w.ring))
}

// extend recovers the 64-bit number of a packet that carries only its low half
// (RFC 4303 appendix A2.2): the one that lies in the window or ahead of it. It
// reports false where no such number exists. Authentication covers the high
// half, so a wrong guess cannot pass.
func (w *replayWindow) extend(low uint32) (uint64, bool) {
	topHigh, topLow := w.top>>32, uint32(w.top)
	bottom := topLow - uint32(w.size) + 1 // wraps when the window spans two subspaces
	high := topHigh
	switch {
	case uint64(topLow) >= w.size-1:
		if low < bottom {
			high++
		}
	case low >= bottom:
		high--
	}
	// Before number 0 there is nothing, and the last subspace is the last.
	if high > 1<<32-1 {
		return 0, false
	}
	return high<<32 | uint64(low), true
}

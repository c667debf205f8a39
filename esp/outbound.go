package esp

import (
	"encoding/binary"
	"math"
	"sync/atomic"
)

// A packet out: Match -> Reserve (a batch of sequence numbers at once) -> Seal
// each in its buffer.

// Outbound seals packets. Seal, Clear and the rest are for one goroutine at a
// time; Reserve is safe for several.
type Outbound struct {
	half
	next    atomic.Uint64 // number of sequence numbers given out
	octets  uint64        // given to the cipher
	soft    Lifetime
	hard    Lifetime // Packets: the highest sequence number allowed
	cleared bool
}

// NewOutbound makes the sending side of an SA. Errors wrap ErrConfig.
func NewOutbound(c Config) (*Outbound, error) {
	h, err := newHalf(&c)
	if err != nil {
		return nil, err
	}
	last := uint64(math.MaxUint32) // RFC 4303 3.3.3: the counter must never cycle
	if c.ESN {
		last = math.MaxUint64
	}
	o := &Outbound{half: h}
	o.soft, o.hard = c.lifetimes(h.block, last)
	return o, nil
}

// SPI is the peer's SPI for this SA.
func (o *Outbound) SPI() uint32 { return o.spi }

// Match says whether the packet may travel in this SA.
func (o *Outbound) Match(in *Inner) bool {
	return o.src.matchSource(in) && o.dst.matchDestination(in)
}

// Covers says whether every packet that p may carry may travel in o, too, as far
// as one selector of o covers one of p whole.
func (o *Outbound) Covers(p *Outbound) bool { return o.src.covers(p.src) && o.dst.covers(p.dst) }

// Reserve hands out n sequence numbers for a batch: first, first+1, ... Near
// the end of the number space, or of the packets that the SA may carry, it grants
// fewer than n, down to 0: then the SA must not send any more (RFC 4303 3.3.3).
func (o *Outbound) Reserve(n int) (first uint64, granted int) {
	for {
		used := o.next.Load()
		left := o.hard.Packets - used
		if uint64(n) < left {
			left = uint64(n)
		}
		if left == 0 {
			return 0, 0
		}
		if o.next.CompareAndSwap(used, used+left) {
			return used + 1, int(left)
		}
	}
}

// Used is how many sequence numbers have been given out.
func (o *Outbound) Used() uint64 { return o.next.Load() }

// Worn says whether the SA should be replaced, and why. It is of Seal's goroutine.
func (o *Outbound) Worn() Wear { return o.soft.worn(o.next.Load(), o.octets) }

// HeaderLen is the number of octets in front of the inner packet.
func (o *Outbound) HeaderLen() int { return spiSeqLen + o.ivLen }

// SealedLen is the length of the ESP packet for an inner packet of n octets.
func (o *Outbound) SealedLen(n int) int {
	return spiSeqLen + o.ivLen + n + o.padding(n) + 2 + o.icvLen
}

// MaxInner is the longest inner packet whose ESP packet fits into n octets, or
// 0 where none does.
func (o *Outbound) MaxInner(n int) int {
	room := n - spiSeqLen - o.ivLen - o.icvLen
	return max(room-room%o.block-2, 0)
}

// padding is the pad length that fills the last block (RFC 4303 2.4).
func (o *Outbound) padding(n int) int {
	return (o.block - (n+2)%o.block) % o.block
}

// Seal makes the ESP packet around the inner IP packet buf[at:at+n], in place,
// with a number from Reserve. at must be HeaderLen or more, and behind the
// inner packet buf must go on for TrailerRoom octets, or at least for what
// SealedLen says. The result is a part of buf, starting at at-HeaderLen; its
// capacity goes on to that of buf.
func (o *Outbound) Seal(buf []byte, at, n int, seq uint64) ([]byte, Drop) {
	if o.cleared {
		return nil, DropCleared
	}
	if o.octets >= o.hard.Octets {
		return nil, DropLifetime
	}
	start := at - spiSeqLen - o.ivLen
	if start < 0 || n < 1 {
		return nil, DropRoom
	}
	pad := o.padding(n)
	end := at + n + pad + 2
	if end+o.icvLen > len(buf) {
		return nil, DropRoom
	}
	next := byte(protoIPv4)
	if buf[at]>>4 == 6 {
		next = protoIPv6
	}
	trailer := buf[at+n : end]
	for i := range pad {
		trailer[i] = byte(i + 1)
	}
	trailer[pad] = byte(pad)
	trailer[pad+1] = next
	b := buf[start:end]
	binary.BigEndian.PutUint32(b, o.spi)
	binary.BigEndian.PutUint32(b[4:], uint32(seq))
	o.octets += uint64(n + pad + 2)
	return o.transform.seal(b, seq), DropNone
}

// Clear drops the keys; Seal refuses from then on. Key schedules inside the
// standard library cannot be overwritten: they are released to the collector.
func (o *Outbound) Clear() {
	o.cleared = true
	o.transform.clear()
}

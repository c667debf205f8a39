package esp

import (
	"encoding/binary"
	"math"
)

// A packet in: length -> whole sequence number -> replay check -> open ->
// window update -> padding -> next header -> inner length -> selectors.

// Inbound opens packets. One goroutine at a time.
type Inbound struct {
	half
	window  replayWindow
	inner   Inner
	octets  uint64 // of authentic packets, as the cipher has them
	soft    Lifetime
	cleared bool
}

// NewInbound makes the receiving side of an SA. Errors wrap ErrConfig.
func NewInbound(c Config) (*Inbound, error) {
	h, err := newHalf(&c)
	if err != nil {
		return nil, err
	}
	size := c.ReplayWindow
	if size == 0 {
		size = DefaultReplayWindow
	}
	i := &Inbound{half: h, window: newReplayWindow(size)}
	i.soft, _ = c.lifetimes(h.block, math.MaxUint64)
	return i, nil
}

// SPI is our SPI for this SA.
func (i *Inbound) SPI() uint32 { return i.spi }

// Highest is the highest sequence number that was authentic.
func (i *Inbound) Highest() uint64 { return i.window.top }

// Worn says whether the SA should be replaced, and why. Packets that were lost on
// the way count as carried: the peer has used their sequence numbers.
func (i *Inbound) Worn() Wear { return i.soft.worn(i.window.top, i.octets) }

// Inner describes the packet that Open has just returned.
func (i *Inbound) Inner() *Inner { return &i.inner }

// HeaderLen is the distance from the ESP packet's start to the inner packet.
func (i *Inbound) HeaderLen() int { return spiSeqLen + i.ivLen }

// Open verifies and decrypts the ESP packet b in place. The inner packet that
// it returns is a part of b, starting at HeaderLen; b's content is undefined
// when the packet is dropped. Nothing of the SA changes before the packet is
// authentic (RFC 4303 3.4.3). After DropPadding, DropDummy, DropNextHeader,
// DropInner and DropSelector the packet was authentic.
func (i *Inbound) Open(b []byte) ([]byte, Drop) {
	if i.cleared {
		return nil, DropCleared
	}
	body := len(b) - spiSeqLen - i.ivLen - i.icvLen
	if body < i.block || body%i.block != 0 {
		return nil, DropMalformed
	}
	low := binary.BigEndian.Uint32(b[4:])
	seq := uint64(low)
	if i.esn {
		var ok bool
		if seq, ok = i.window.extend(low); !ok {
			return nil, DropReplay
		}
	}
	if !i.window.fresh(seq) {
		return nil, DropReplay
	}
	plain, ok := i.transform.open(b, seq)
	if !ok {
		return nil, DropAuthentication
	}
	i.window.accept(seq)
	i.octets += uint64(body)
	return i.unwrap(plain)
}

// unwrap takes trailer, padding and traffic-flow padding off an authentic
// plaintext and checks what is inside.
func (i *Inbound) unwrap(plain []byte) ([]byte, Drop) {
	end := len(plain) - 2
	next, pad := plain[end+1], int(plain[end])
	// RFC 4303 2.6: a dummy is discarded whatever else it holds.
	if next == protoNone {
		return nil, DropDummy
	}
	if pad > end {
		return nil, DropPadding
	}
	padding := plain[end-pad : end]
	for k := range padding {
		if padding[k] != byte(k+1) {
			return nil, DropPadding
		}
	}
	if next != protoIPv4 && next != protoIPv6 {
		return nil, DropNextHeader
	}
	payload := plain[:end-pad]
	if !i.inner.Parse(payload) || i.inner.V6 != (next == protoIPv6) {
		return nil, DropInner
	}
	// RFC 4301 5.2 step 4: what came out must be what this SA may carry.
	if !i.src.matchSource(&i.inner) || !i.dst.matchDestination(&i.inner) {
		return nil, DropSelector
	}
	// RFC 4303 2.7: the inner header's own length ends the packet; the rest
	// is traffic-flow padding.
	return payload[:i.inner.Length], DropNone
}

// Clear drops the keys; Open refuses from then on. Key schedules inside the
// standard library cannot be overwritten: they are released to the collector.
func (i *Inbound) Clear() {
	i.cleared = true
	i.transform.clear()
}

package esp

import "math"

// How much an SA carries (RFC 4301 4.4.2.1, RFC 7296 2.8). Each direction counts
// what it has carried by itself. At the soft limit the SA is worn: it should be
// replaced, and goes on. At the hard limit it does not send any more. What the
// algorithms themselves allow bounds both, whatever a configuration says: 32-bit
// sequence numbers never cycle (RFC 4303 3.3.3), and a cipher with blocks of 64
// bits is kept far from where two blocks of ciphertext are likely to be equal,
// since from there on it gives plaintext away.

// Lifetime is an amount of traffic in one direction. 0: no limit but that of the
// algorithms.
type Lifetime struct {
	Packets uint64
	Octets  uint64 // of what the cipher is applied to: inner packets with their padding
}

// WornAt is after how many packets in one direction an SA should be replaced:
// three quarters of what 32-bit sequence numbers last for, so that there is time
// for it (RFC 4303 3.3.3). It holds for extended sequence numbers as well, where
// it bounds what is sealed under one key.
const WornAt = 3 << 30

// The limits of a cipher with blocks of 64 bits. 2^25 blocks have a chance of 2^-15
// that two of them are equal.
const (
	smallBlock      = 8 // octets
	smallBlockSoft  = 1 << 26
	smallBlockLimit = 1 << 28
)

// Wear is why an SA should be replaced.
type Wear string

// The reasons.
const (
	NotWorn     Wear = ""
	WornPackets Wear = "packets" // sequence numbers too
	WornOctets  Wear = "octets"
)

// lifetimes gives the limits of one direction: those of c, within those of the
// algorithms. last is the highest sequence number there is.
func (c *Config) lifetimes(block int, last uint64) (soft, hard Lifetime) {
	hard = Lifetime{Packets: atMost(c.Hard.Packets, last), Octets: atMost(c.Hard.Octets, math.MaxUint64)}
	soft = Lifetime{Packets: atMost(c.Soft.Packets, WornAt), Octets: atMost(c.Soft.Octets, math.MaxUint64)}
	if block == smallBlock {
		hard.Octets, soft.Octets = min(hard.Octets, smallBlockLimit), min(soft.Octets, smallBlockSoft)
	}
	// Where only the end is known the warning comes after three quarters.
	soft.Packets, soft.Octets = early(soft.Packets, hard.Packets), early(soft.Octets, hard.Octets)
	return soft, hard
}

// atMost is n, or most where n is 0 or more than that.
func atMost(n, most uint64) uint64 {
	if n == 0 {
		return most
	}
	return min(n, most)
}

// early is soft, or three quarters of hard where soft is not before it.
func early(soft, hard uint64) uint64 {
	if soft < hard || hard == math.MaxUint64 {
		return soft
	}
	return hard - hard/4
}

// worn says whether an amount is beyond a soft limit, and by which measure.
func (l *Lifetime) worn(packets, octets uint64) Wear {
	switch {
	case packets >= l.Packets:
		return WornPackets
	case octets >= l.Octets:
		return WornOctets
	}
	return NotWorn
}

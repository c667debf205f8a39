package esp

import (
	"errors"
	"fmt"
	"net/netip"
)

// Selector is one traffic selector (RFC 7296 3.13.1). Protocol 0 is any.
// Ports 0-65535 are any; for ICMP and ICMPv6 they hold type and code as
// type*256+code. Start 65535 with End 0 is OPAQUE: only packets whose ports
// cannot be seen.
type Selector struct {
	Protocol           uint8
	Start, End         netip.Addr // inclusive, one family
	StartPort, EndPort uint16     // inclusive
}

// Config is what one direction of an SA is made from. The constructors copy
// what they need: Key and IntegrityKey stay the caller's, who may clear them
// right after.
type Config struct {
	SPI          uint32
	Cipher       Cipher
	Key          []byte // followed by the salt or nonce, where the cipher has one
	Integrity    Integrity
	IntegrityKey []byte
	ESN          bool // 64-bit sequence numbers (RFC 4303 2.2.1)

	// Source and Destination are what an inner packet's source and destination
	// must match in this direction. Both must name at least one selector.
	Source, Destination []Selector

	// ReplayWindow is in packets, inbound only. 0: DefaultReplayWindow. Other
	// values are raised to MinReplayWindow and rounded up to a power of two.
	ReplayWindow int

	// Soft and Hard are how much the SA carries in this direction: after Soft it is
	// worn, after Hard it sends no more. The peer counts for itself what it sends, so
	// that Hard means nothing to an Inbound.
	Soft, Hard Lifetime
}

// Limits of Config.ReplayWindow, in packets.
const (
	DefaultReplayWindow = 4096
	MinReplayWindow     = 1024
	MaxReplayWindow     = 1 << 20
)

// Room that a buffer needs around an inner packet so that any Cipher can seal
// it in place, in octets.
const (
	HeaderRoom  = 24 // SPI, sequence number and an IV of up to 16 octets
	TrailerRoom = 52 // padding of up to 15, pad length, next header, ICV of up to 32, high sequence number as scratch
)

// ErrConfig is wrapped by every error of NewOutbound and NewInbound.
var ErrConfig = errors.New("esp: unusable SA")

// String leaves the keys out.
func (c Config) String() string {
	return fmt.Sprintf("esp SA %08x %v/%v esn=%t keys redacted", c.SPI, c.Cipher, c.Integrity, c.ESN)
}

// GoString leaves the keys out.
func (c Config) GoString() string { return c.String() }

// validate checks what does not depend on the direction. Key lengths are
// checked where the transform is made.
func (c *Config) validate() error {
	// RFC 4303 2.1: SPI 0 is never sent, 1 to 255 are reserved.
	if c.SPI < 256 {
		return fmt.Errorf("%w: reserved SPI %d", ErrConfig, c.SPI)
	}
	if c.ReplayWindow < 0 || c.ReplayWindow > MaxReplayWindow {
		return fmt.Errorf("%w: replay window of %d packets", ErrConfig, c.ReplayWindow)
	}
	return nil
}

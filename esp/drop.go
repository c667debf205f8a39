package esp

import "fmt"

// Drop is why a packet went no further. It is a value, not an error type, so
// that the data plane can count with an array index; DropNone is success.
type Drop uint8

// The reasons. Their names appear in status and are part of the interface.
const (
	DropNone           Drop = iota
	DropMalformed           // ESP packet too short, or not a whole number of blocks
	DropReplay              // sequence number seen before, or left of the window (RFC 4303 3.4.3)
	DropAuthentication      // ICV does not verify
	DropPadding             // padding is not 1, 2, 3, ... (RFC 4303 2.4)
	DropDummy               // next header 59: traffic-flow dummy (RFC 4303 2.6)
	DropNextHeader          // neither IPv4 nor IPv6 inside: not tunnel mode
	DropInner               // inner IP header malformed, or longer than its payload
	DropSelector            // inner packet outside the traffic selectors
	DropSequence            // outbound sequence numbers, or the packets of the SA's lifetime, are used up (RFC 4303 3.3.3)
	DropLifetime            // the SA has carried all the octets that it may
	DropRoom                // buffer without room for header, padding or ICV
	DropCleared             // the SA's keys have been cleared
	NumDrops                // number of reasons, for arrays
)

var dropNames = [NumDrops]string{
	DropNone:           "none",
	DropMalformed:      "malformed",
	DropReplay:         "replay",
	DropAuthentication: "authentication",
	DropPadding:        "padding",
	DropDummy:          "dummy",
	DropNextHeader:     "next-header",
	DropInner:          "inner-header",
	DropSelector:       "selector",
	DropSequence:       "sequence-exhausted",
	DropLifetime:       "lifetime-exhausted",
	DropRoom:           "no-room",
	DropCleared:        "sa-cleared",
}

// String is the counter's name.
func (d Drop) String() string {
	if d < NumDrops {
		return dropNames[d]
	}
	return fmt.Sprintf("drop-%d", uint8(d))
}

// Authentic says whether a packet that Open judged so came from the peer.
func (d Drop) Authentic() bool {
	switch d {
	case DropNone, DropPadding, DropDummy, DropNextHeader, DropInner, DropSelector:
		return true
	}
	return false
}

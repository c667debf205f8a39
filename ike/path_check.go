package ike

import (
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// pathCheck is an INFORMATIONAL of an exact size:
//
//	--> INFORMATIONAL { N(private use, padding) }    <-- INFORMATIONAL { }
//
// A notification of a status type that a peer does not know is ignored by it
// (RFC 7296 3.10.1), and the empty answer says that the request has arrived.
type pathCheck struct {
	size int  // of the IP packet
	lost bool // a smaller one had to go with it
}

// checkPath queues a path check.
func (s *Session) checkPath(size int) error {
	if size <= s.fragmentSize {
		// No larger than what every message may be cut to anyway.
		s.emit(PathChecked{Size: size, OK: true})
		return nil
	}
	s.current.enqueue(&pathCheck{size: size})
	return nil
}

func (*pathCheck) kind() wire.ExchangeType { return wire.ExchangeInformational }

func (c *pathCheck) build(s *Session, sa *ikeSA, _ time.Time) ([]wire.Payload, error) {
	return s.padding(sa, c.size), nil
}

// padding fills a message for an IP packet of size octets as nearly as the
// cipher's blocks allow, and never beyond it.
func (s *Session) padding(sa *ikeSA, size int) []wire.Payload {
	const notifyHeader = 8 // RFC 7296 3.10
	room := s.messageRoom(size) - wire.HeaderLen - sa.protector.Overhead() - notifyHeader
	return []wire.Payload{&wire.NotifyPayload{
		NotifyType: wire.NotifyType(notifyPathCheck),
		Data:       make([]byte, max(0, room)),
	}}
}

// notifyPathCheck is a status type from the range for private use (RFC 7296 3.10.1).
const notifyPathCheck = 49152

// handle implements exchange.
func (c *pathCheck) handle(s *Session, _ *ikeSA, _ time.Time, _ []wire.Payload) error {
	if !c.lost {
		s.passes(c.size)
	}
	s.emit(PathChecked{Size: c.size, OK: !c.lost})
	return nil
}

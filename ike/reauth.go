package ike

import (
	"encoding/binary"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Repeated authentication (RFC 4478): a gateway says how long the sign-in counts,
//
//	<-- IKE_AUTH { ..., N(AUTH_LIFETIME) }         with the last answer, or
//	<-- INFORMATIONAL { N(AUTH_LIFETIME) }         --> INFORMATIONAL { }
//
// and the client makes a new IKE SA from the beginning before it is over. A rekey
// does not prolong it. The Session tells by when; its owner makes another Session.

// noteLifetime tells of an AUTH_LIFETIME in an authentic message: seconds, four
// octets. What makes no sense is left alone.
func (s *Session) noteLifetime(now time.Time, ps []wire.Payload) {
	n, ok := wire.Notify(ps, wire.NotifyAuthLifetime)
	if !ok || len(n.Data) != 4 {
		return
	}
	lifetime := time.Duration(binary.BigEndian.Uint32(n.Data)) * time.Second
	s.emit(Reauthenticate{Lifetime: lifetime, By: now.Add(lifetime)})
}

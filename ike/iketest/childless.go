package iketest

import (
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Childless is what a gateway makes of a start without a Child SA (RFC 6023).
type Childless uint8

// The ways.
const (
	ChildlessUnknown  Childless = iota // it has never heard of it
	ChildlessOffered                   // announced and taken, and so is the usual start
	ChildlessRequired                  // announced, and no other start is taken
)

// announceChildless adds CHILDLESS_IKEV2_SUPPORTED to an IKE_SA_INIT response.
func (r *Responder) announceChildless(payloads []wire.Payload) []wire.Payload {
	if r.cfg.Childless == ChildlessUnknown {
		return payloads
	}
	return append(payloads, notify(wire.NotifyChildlessIKEv2Supported))
}

// childPart takes what the first IKE_AUTH request asks of a Child SA. False: it
// is answered with INVALID_SYNTAX (RFC 6023 3).
func (sa *ikeSA) childPart(now time.Time, request []wire.Payload) bool {
	hs := sa.hs
	var some [3]bool
	hs.sa, some[0] = wire.Find[*wire.SAPayload](request)
	hs.tsi, some[1] = wire.FindType[*wire.TSPayload](request, wire.PayloadTSi)
	hs.tsr, some[2] = wire.FindType[*wire.TSPayload](request, wire.PayloadTSr)
	switch some {
	case [3]bool{true, true, true}:
		return sa.r.cfg.Childless != ChildlessRequired
	case [3]bool{}:
		sa.r.Childless = true
		if sa.r.cfg.Childless == ChildlessUnknown {
			sa.r.complain(now, "a childless start that was not announced (RFC 6023 3)")
			return false
		}
		return true
	}
	sa.r.complain(now, "the first IKE_AUTH request has only some of SA, TSi and TSr (RFC 7296 1.2, RFC 6023 3)")
	return false
}

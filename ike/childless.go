package ike

import (
	"errors"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// The childless start (RFC 6023): IKE_AUTH authenticates and configures, and
// nothing more; the first Child SA follows with a key exchange of its own:
//
//	<-- IKE_SA_INIT { SA, KE, Nr, N(CHILDLESS_IKEV2_SUPPORTED) }
//	--> IKE_AUTH { IDi, [CERT..,] [IDr,] [AUTH,] [CP] }   <-- IKE_AUTH { IDr, [CERT..,] AUTH, [CP] }
//	--> CREATE_CHILD_SA { SA, Ni, KEi, TSi, TSr }         <-- CREATE_CHILD_SA { SA, Nr, KEr, TSi, TSr }
//
// The client says nothing about it in IKE_SA_INIT: a request without SA, TSi and
// TSr is sent only to a gateway that has announced that it takes one.

// Childless says how the first Child SA is made.
type Childless uint8

// The ways.
const (
	// ChildlessNever makes it within IKE_AUTH, from the keys of IKE_SA_INIT.
	ChildlessNever Childless = iota
	// ChildlessOffered makes it by CREATE_CHILD_SA where the gateway can.
	ChildlessOffered
	// ChildlessRequired ends with CauseChildless where the gateway cannot.
	ChildlessRequired
)

// mayStartChildless reads the gateway's announcement. A *Failure is what the
// person would be told if no better IKE_SA_INIT response comes: nothing of this
// one is authenticated, and the announcement can have been left out of a forgery.
func (s *Session) mayStartChildless(ps []wire.Payload) (bool, error) {
	_, announced := wire.Notify(ps, wire.NotifyChildlessIKEv2Supported)
	if !announced && s.cfg.Childless == ChildlessRequired {
		return false, &Failure{Cause: CauseChildless, Err: errors.New("gateway cannot start without a child sa (RFC 6023)")}
	}
	return announced, nil
}

// startsChildless says whether this IKE_AUTH leaves the Child SA out.
func (a *authentication) startsChildless(s *Session) bool {
	return a.sa.childless && s.cfg.Childless != ChildlessNever
}

// refusal is failureOf for IKE_AUTH. A gateway that announces the childless
// start and takes no other has no error of its own for that: it calls the
// request, which is whole, misbuilt.
func (a *authentication) refusal(s *Session, n *wire.NotifyPayload) *Failure {
	f := failureOf(n)
	if n.NotifyType == wire.NotifyInvalidSyntax && a.sa.childless && !a.startsChildless(s) {
		f.Cause = CauseChildless
		f.Err = errors.New("gateway insists on a start without a child sa (RFC 6023)")
	}
	return f
}

package iketest

import (
	"bytes"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// EAPOnly is what a gateway makes of EAP_ONLY_AUTHENTICATION (RFC 5998).
type EAPOnly uint8

// The ways.
const (
	EAPOnlyIgnored EAPOnly = iota // it authenticates itself before EAP, whatever the client offers
	EAPOnlyTaken                  // it proves itself by EAP alone to a client that offers it
	EAPOnlyForced                 // and to every other client too, which is against the rules
)

// Round is one more authentication that a gateway wants of its clients (RFC 4739).
type Round struct {
	Users    map[string]string // EAP user names and their passwords
	Identity string            // IDi that it wants; "": any
	// Bare ends the round with an EAP-Success of 5 octets and no method before it, or,
	// with Users, ignores the key of the method: AUTH is made with SK_pi and SK_pr.
	Bare bool

	EAPMethods []uint8 // as in ResponderConfig
	SignIn     SignIn  // as in ResponderConfig
}

// announceRounds adds MULTIPLE_AUTH_SUPPORTED to an IKE_SA_INIT response.
func (r *Responder) announceRounds(payloads []wire.Payload) []wire.Payload {
	if len(r.cfg.Further) == 0 && !r.cfg.MultipleAuth {
		return payloads
	}
	return append(payloads, notify(wire.NotifyMultipleAuthSupported))
}

// noteRounds reads what the first request says of further authentications, and of
// EAP alone.
func (sa *ikeSA) noteRounds(now time.Time, request []wire.Payload) {
	_, sa.hs.multiple = wire.Notify(request, wire.NotifyMultipleAuthSupported)
	_, sa.hs.eapOnly = wire.Notify(request, wire.NotifyEAPOnlyAuthentication)
	if sa.hs.multiple && len(sa.r.cfg.Further) == 0 && !sa.r.cfg.MultipleAuth {
		sa.r.complain(now, "MULTIPLE_AUTH_SUPPORTED without the gateway's (RFC 4739 2.1)")
	}
	_, proves := wire.Find[*wire.AuthPayload](request)
	if sa.hs.eapOnly && proves {
		sa.r.complain(now, "EAP_ONLY_AUTHENTICATION beside AUTH (RFC 5998 3)")
	}
	if _, follows := wire.Notify(request, wire.NotifyAnotherAuthFollows); follows && !proves {
		sa.r.complain(now, "ANOTHER_AUTH_FOLLOWS without AUTH (RFC 4739 2.2)")
	}
}

// provesByEAP tells whether IDr alone goes out before EAP (RFC 5998 3).
func (sa *ikeSA) provesByEAP() bool {
	return sa.r.cfg.EAPOnly == EAPOnlyForced || sa.r.cfg.EAPOnly == EAPOnlyTaken && sa.hs.eapOnly
}

// roundKeys are those of AUTH after EAP: the method's, else SK_pi and SK_pr
// (RFC 7296 2.16).
func (sa *ikeSA) roundKeys() (client, gateway suite.Secret) {
	if hs := sa.hs; hs.round > 0 && sa.r.cfg.Further[hs.round-1].Bare || len(hs.msk) == 0 {
		return sa.keys.SK_pi, sa.keys.SK_pr
	}
	return sa.hs.msk, sa.hs.msk
}

// roundDone goes on after an authentication: to the end, or to the client's next
// IDi. Both must want the same (RFC 4739 2.2).
func (sa *ikeSA) roundDone(now time.Time, request, proof []wire.Payload) ([]wire.Payload, func()) {
	hs := sa.hs
	_, follows := wire.Notify(request, wire.NotifyAnotherAuthFollows)
	if follows && !hs.multiple {
		sa.r.complain(now, "ANOTHER_AUTH_FOLLOWS without MULTIPLE_AUTH_SUPPORTED (RFC 4739 2.1)")
	}
	switch wants := hs.round < len(sa.r.cfg.Further); {
	case wants != follows:
		sa.r.trace(now, "   client says that another authentication follows: %v, gateway wants one: %v", follows, wants)
		return sa.refuse()
	case follows:
		hs.awaitIDi = true
		return proof, nil
	}
	return sa.conclude(now, proof)
}

// nextRound takes the client's IDi, alone, and begins EAP.
func (sa *ikeSA) nextRound(now time.Time, request []wire.Payload) ([]wire.Payload, func()) {
	hs := sa.hs
	id, ok := wire.FindType[*wire.IDPayload](request, wire.PayloadIDi)
	if !ok {
		sa.r.complain(now, "a further authentication without IDi (RFC 4739 2.2)")
		return sa.refuse()
	}
	for _, p := range request {
		if t := p.Type(); t != wire.PayloadIDi {
			sa.r.complain(now, "payload %v beside IDi of a further authentication by EAP (RFC 4739 2.2)", t)
		}
	}
	round := sa.r.cfg.Further[hs.round]
	if want := round.Identity; want != "" && auth.FromPayload(id).String() != want {
		sa.r.trace(now, "   IDi is %v, want %v", auth.FromPayload(id), want)
		return sa.refuse()
	}
	hs.round++
	hs.client, hs.awaitIDi, hs.msk, hs.eapDone = id, false, nil, false
	if round.Bare && round.Users == nil {
		hs.eapDone = true
		return []wire.Payload{&wire.EAPPayload{Data: []byte{eapSuccess, 99, 0, 5, 0}}}, nil
	}
	cfg := sa.r.cfg
	cfg.Users, cfg.EAPMethods, cfg.SignIn, cfg.EAP = round.Users, round.EAPMethods, round.SignIn, nil
	if cfg.EAPMethods == nil {
		cfg.EAPMethods = []uint8{eapMSCHAPv2}
	}
	hs.eap = cfg.eapServer()
	return []wire.Payload{&wire.EAPPayload{Data: bytes.Clone(hs.eap.Start())}}, nil
}

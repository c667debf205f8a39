package ike

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Two variations of IKE_AUTH. Several authentications, one after the other, of
// which each one after the first is by EAP (RFC 4739):
//
//	<-- IKE_SA_INIT { ..., N(MULTIPLE_AUTH_SUPPORTED) }
//	--> IKE_AUTH { IDi, CERT, AUTH, SA, TSi, TSr, N(MULTIPLE_AUTH_SUPPORTED), N(ANOTHER_AUTH_FOLLOWS) }
//	<-- IKE_AUTH { IDr, CERT, AUTH }
//	--> IKE_AUTH { IDi }   <-- IKE_AUTH { EAP }   --> IKE_AUTH { EAP } ... until EAP Success
//	--> IKE_AUTH { AUTH [, N(ANOTHER_AUTH_FOLLOWS)] }  <-- IKE_AUTH { AUTH, [CP,] SA, TSi, TSr }
//
// and a gateway that proves itself by EAP alone, where the client allows that
// (RFC 5998):
//
//	--> IKE_AUTH { IDi, SA, TSi, TSr, N(EAP_ONLY_AUTHENTICATION) }
//	<-- IKE_AUTH { IDr, EAP }
//	--> IKE_AUTH { EAP } ... until EAP Success, and AUTH by the key that EAP made, as ever

// maxFurther bounds the authentications after the first.
const maxFurther = 3

// Authentication is one more proof of who the client is, by EAP (RFC 4739).
type Authentication struct {
	Identity auth.Identity // IDi of this round
	EAP      eap.Config    // as in Config
	// Bare is for gateways that end this round with an EAP-Success without any
	// method before it, or whose AUTH does not use the key that the method made: both
	// AUTH payloads of the round use SK_pi and SK_pr (RFC 7296 2.16). The gateway
	// has proven who it is before.
	Bare bool
}

// checkRounds refuses what the variations cannot do.
func (c *Config) checkRounds() error {
	if len(c.Further) > maxFurther {
		return fmt.Errorf("ike: config with %d authentications after the first", len(c.Further))
	}
	for _, r := range c.Further {
		if len(r.Identity.Data) == 0 || len(r.EAP.Methods) == 0 {
			return errors.New("ike: config with a further authentication without identity or eap method")
		}
	}
	if c.Gateway == GatewayPSK && (c.Client == ClientEAP || len(c.Further) > 0) {
		// Everybody who has the key could be the gateway, and have the password guessed
		// or passed on (RFC 7296 2.16, 5).
		return errors.New("ike: config with eap, and a gateway without a certificate")
	}
	if len(c.EAPOnly) > 0 && c.Client != ClientEAP {
		return errors.New("ike: config with an eap-only gateway, and a client that does not use eap")
	}
	for _, m := range c.EAPOnly {
		if !eap.MakesKey(m) { // what is typed would go to whoever asks
			return fmt.Errorf("ike: config with an eap-only gateway, and method %d, which makes no key", m)
		}
	}
	return nil
}

// takesSeveral reads the gateway's announcement; see mayStartChildless for what a
// *Failure is.
func (s *Session) takesSeveral(ps []wire.Payload) error {
	if _, announced := wire.Notify(ps, wire.NotifyMultipleAuthSupported); !announced && len(s.cfg.Further) > 0 {
		return &Failure{Cause: CauseAnotherAuth, Err: errors.New("gateway takes one authentication only (RFC 4739)")}
	}
	return nil
}

// roundNotifies goes into the first request. What was not announced by the gateway
// is never claimed, since then there is no candidate.
func (a *authentication) roundNotifies(s *Session, proof *wire.AuthPayload) []wire.Payload {
	var ps []wire.Payload
	if len(s.cfg.EAPOnly) > 0 {
		ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyEAPOnlyAuthentication})
	}
	if len(s.cfg.Further) > 0 {
		ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyMultipleAuthSupported})
	}
	if proof != nil {
		ps = append(ps, a.follows(s)...)
	}
	return ps
}

// follows goes beside each AUTH payload but the last.
func (a *authentication) follows(s *Session) []wire.Payload {
	if a.round == len(s.cfg.Further) {
		return nil
	}
	return []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyAnotherAuthFollows}}
}

// current is the round under way, the first included.
func (a *authentication) current(s *Session) Authentication {
	if a.round > 0 {
		return s.cfg.Further[a.round-1]
	}
	r := Authentication{Identity: s.cfg.Identity, EAP: s.cfg.EAP}
	if a.eapOnly {
		r.EAP.Methods = slices.DeleteFunc(slices.Clone(r.EAP.Methods), func(m uint8) bool { return !slices.Contains(s.cfg.EAPOnly, m) })
	}
	return r
}

// proven goes on after an authentication that both sides are content with: to the
// next one, or to the end.
func (a *authentication) proven(s *Session, now time.Time, ps []wire.Payload) error {
	if a.round == len(s.cfg.Further) {
		return s.establish(now, a, ps)
	}
	if _, ends := wire.Find[*wire.SAPayload](ps); ends {
		return broken(errors.New("gateway made a child sa before the last authentication"))
	}
	a.round++
	a.msk.Clear()
	a.msk, a.given, a.rounds, a.eapOnly, a.vouched, a.signedIn = nil, 0, 0, false, false, false
	a.send([]wire.Payload{a.current(s).Identity.Payload(false)}, a.beginEAP)
	return nil
}

// offersEAPOnly says whether an answer without AUTH is the one that
// EAP_ONLY_AUTHENTICATION allows (RFC 5998 3).
func (a *authentication) offersEAPOnly(s *Session, ps []wire.Payload) bool {
	_, isEAP := wire.Find[*wire.EAPPayload](ps)
	return isEAP && len(s.cfg.EAPOnly) > 0
}

// keyed holds the end of an EAP conversation against what hangs on it: a gateway
// that has shown nothing else, in this round or before it, must share a key with us
// (RFC 5998 4).
func (a *authentication) keyed(s *Session, res eap.Result) error {
	if a.eapOnly && (len(res.MSK) == 0 || !slices.Contains(s.cfg.EAPOnly, res.Method)) {
		return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: errors.New("gateway has proven nothing by EAP alone (RFC 5998)")})
	}
	if a.current(s).Bare {
		res.MSK.Clear()
		res.MSK = nil
	}
	a.msk = res.MSK
	return nil
}

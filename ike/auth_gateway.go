package ike

import (
	"bytes"
	"errors"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The gateway's proof (RFC 7296 2.15, 2.16). It is checked in this order:
// identity, AUTH payload, and last, for a certificate, the verdict of the owner
// on the chain. No EAP packet is looked at before.

// takeFirst takes the answer to the first request.
func (a *authentication) takeFirst(s *Session, now time.Time, ps []wire.Payload) error {
	proof, ok := wire.Find[*wire.AuthPayload](ps)
	a.eapOnly = !ok && a.offersEAPOnly(s, ps)
	if !ok && !a.eapOnly {
		if n, isError := wire.FirstError(ps); isError {
			return a.refusal(s, n)
		}
		return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: errors.New("gateway sent no AUTH payload")})
	}
	id, ok := wire.FindType[*wire.IDPayload](ps, wire.PayloadIDr)
	if !ok {
		return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: errors.New("gateway sent no IDr payload")})
	}
	a.gateway = auth.FromPayload(id)
	chain := certificates(ps)
	if want := s.cfg.GatewayIdentity; want != nil && !s.answersTo(*want, a.gateway, chain) {
		return a.distrust(s, &Failure{
			Cause: CauseGatewayIdentity,
			Err:   &IdentityError{Seen: a.gateway.String(), Expected: want.String()},
		})
	}
	if a.eapOnly {
		s.progress(StepSigningIn)
		return a.beginEAP(s, now, ps)
	}
	a.rest = ps
	if s.cfg.Gateway == GatewayPSK {
		err := auth.VerifyPSK(proof, a.prf(), a.psk, a.gatewayOctets())
		if err != nil {
			return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: err})
		}
		return a.trust(s, now)
	}
	return a.checkSignature(s, proof, chain, s.staples(ps))
}

// answersTo says whether a gateway that calls itself seen is the one that was
// asked for. With a certificate it may use another of the certificate's names:
// Windows, Cisco's ASA and libreswan by default send the subject, whatever IDr
// they were sent, and a gateway of several sends its own name. The name that was
// asked for is then the certificate's word instead of IDr's, and weighs the same:
// AUTH is made with that certificate's key, and its chain is judged next.
func (s *Session) answersTo(want, seen auth.Identity, chain [][]byte) bool {
	if want.Equal(seen) {
		return true
	}
	return s.cfg.Gateway == GatewayCertificate && len(chain) > 0 &&
		want.CertifiedBy(chain[0]) && seen.CertifiedBy(chain[0])
}

// certificates lists the gateway's chain in the order of its payloads.
func certificates(ps []wire.Payload) (chain [][]byte) {
	for _, p := range ps {
		if c, ok := p.(*wire.CertPayload); ok && c.Encoding == wire.CertX509Signature {
			chain = append(chain, bytes.Clone(c.Data))
		}
	}
	return chain
}

// checkSignature verifies AUTH with the leaf's key and asks for the verdict on
// the chain. A signature by SHA-1 is taken only from a gateway that knows
// nothing better, which it would have said in IKE_SA_INIT (RFC 7427 4).
func (a *authentication) checkSignature(s *Session, proof *wire.AuthPayload, chain, staples [][]byte) error {
	if len(chain) == 0 {
		return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: errors.New("gateway sent no certificate")})
	}
	if err := auth.VerifyAuth(proof, chain[0], a.gatewayOctets(), a.peerHashes == nil); err != nil {
		return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: err})
	}
	s.emit(NeedVerdict{ID: a.ask(s, questionVerdict), Chain: chain, OCSP: staples, IDr: a.gateway})
	return nil
}

// takeVerdict continues with the owner's word on the chain.
func (a *authentication) takeVerdict(s *Session, now time.Time, v Verdict) error {
	if a.peer != nil {
		a.vouched = v.Err == nil
		return a.answerEAP(s, eap.Answer{Err: v.Err})
	}
	if v.Err != nil {
		return a.distrust(s, &Failure{Cause: CauseGatewayCert, Err: v.Err})
	}
	return a.trust(s, now)
}

// trust goes on with a gateway that has proven who it is.
func (a *authentication) trust(s *Session, now time.Time) error {
	s.settle(a.sa)
	a.psk.Clear()
	a.psk = nil
	ps := a.rest
	a.rest = nil
	if f := s.redirectIn(ps); f != nil {
		return a.turnTo(s, f)
	}
	s.progress(StepSigningIn)
	if s.cfg.Client == ClientEAP {
		return a.beginEAP(s, now, ps)
	}
	return a.proven(s, now, ps)
}

// distrust tells the gateway that it did not convince us, without waiting for
// an answer (RFC 7296 2.21.2), and gives the failure back.
func (a *authentication) distrust(s *Session, f *Failure) *Failure {
	s.sendOnce(a.sa, []wire.Payload{errorNotify(wire.NotifyAuthenticationFailed, nil)})
	return f
}

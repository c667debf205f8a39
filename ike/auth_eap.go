package ike

import (
	"errors"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// EAP inside IKE_AUTH (RFC 7296 2.16). It begins when the gateway is trusted.

// maxEAPRounds bounds the conversation.
const maxEAPRounds = 32

// beginEAP starts the conversation with the packet that came beside the
// gateway's AUTH payload, or in answer to IDi of a further authentication.
func (a *authentication) beginEAP(s *Session, now time.Time, ps []wire.Payload) error {
	r := a.current(s)
	a.identity = r.EAPIdentity
	if a.identity == "" {
		a.identity = identityText(r.Identity)
	}
	a.peer = eap.New(eap.Config{Identity: a.identity, Methods: r.EAPMethods, Rand: s.cfg.Rand, BareSuccess: r.Bare})
	return a.takeEAP(s, now, ps)
}

// identityText is an identity without the marks of its notation.
func identityText(id auth.Identity) string {
	switch id.Type {
	case auth.IDFQDN, auth.IDRFC822, auth.IDKeyID:
		return string(id.Data)
	default:
		return id.String()
	}
}

// takeEAP takes one answer of the conversation.
func (a *authentication) takeEAP(s *Session, _ time.Time, ps []wire.Payload) error {
	p, ok := wire.Find[*wire.EAPPayload](ps)
	if !ok {
		if n, isError := wire.FirstError(ps); isError {
			return a.turnedAway(n)
		}
		return broken(errors.New("gateway went on without an EAP packet"))
	}
	if a.rounds++; a.rounds > maxEAPRounds {
		return broken(errors.New("eap does not come to an end"))
	}
	if longEAPEnd(p.Data) {
		s.recognise(QuirkLongEAPSuccess)
	}
	res, err := a.peer.Handle(p.Data)
	return a.stepEAP(s, res, err)
}

// turnedAway is for a gateway that ends the conversation without an EAP packet.
// After the password was used, that is what it does not like.
func (a *authentication) turnedAway(n *wire.NotifyPayload) *Failure {
	f := failureOf(n)
	if f.Cause == CauseRejected && a.passworded {
		f.Cause = CauseWrongPassword
	}
	return f
}

// stepEAP does what the conversation wants next.
func (a *authentication) stepEAP(s *Session, res eap.Result, err error) error {
	switch {
	case err != nil:
		return a.eapFailure(err)
	case res.NeedPassword:
		s.emit(NeedCredentials{
			ID: a.ask(s, questionCredentials), Round: a.round, Unproven: a.eapOnly, Identity: a.identity, Method: res.Method, Message: res.Message,
		})
	case res.Done:
		if err := a.keyed(s, res); err != nil {
			return err
		}
		proof := auth.PSKAuth(a.prf(), a.ourEAPKey(), a.ourOctets(s))
		a.send(append([]wire.Payload{proof}, a.follows(s)...), a.takeLast)
	case res.Response != nil:
		a.send([]wire.Payload{&wire.EAPPayload{Data: res.Response}}, a.takeEAP)
	default:
		return broken(errors.New("gateway sent an EAP packet that wants no answer"))
	}
	return nil
}

// takeCredentials continues with the user's password.
func (a *authentication) takeCredentials(s *Session, c Credentials) error {
	if c.Err != nil || len(c.Password) == 0 {
		return credentialsFailure(c.Err, "no password was given")
	}
	a.passworded = true
	res, err := a.peer.Provide(suite.Secret(c.Password))
	return a.stepEAP(s, res, err)
}

// The keys of the last AUTH payloads: the MSK, or with a method that makes none
// those of the IKE SA itself (RFC 7296 2.16).
func (a *authentication) ourEAPKey() suite.Secret {
	if len(a.msk) > 0 {
		return a.msk
	}
	return a.sa.keys.SK_pi
}

func (a *authentication) gatewayEAPKey() suite.Secret {
	if len(a.msk) > 0 {
		return a.msk
	}
	return a.sa.keys.SK_pr
}

// takeLast takes the last answer: the gateway proves that it was the one that
// EAP ran with.
func (a *authentication) takeLast(s *Session, now time.Time, ps []wire.Payload) error {
	proof, ok := wire.Find[*wire.AuthPayload](ps)
	if !ok {
		if n, isError := wire.FirstError(ps); isError {
			return a.refusal(s, n)
		}
		return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: errors.New("gateway sent no last AUTH payload")})
	}
	if err := auth.VerifyPSK(proof, a.prf(), a.gatewayEAPKey(), a.gatewayOctets()); err != nil {
		return a.distrust(s, &Failure{Cause: CauseGatewayAuth, Err: err})
	}
	s.settle(a.sa)
	if f := s.redirectIn(ps); f != nil {
		return a.turnTo(s, f)
	}
	return a.proven(s, now, ps)
}

// eapFailure says what went wrong in words of the Session.
func (a *authentication) eapFailure(err error) *Failure {
	f := &Failure{Cause: CauseProtocol, Err: err}
	var e *eap.Error
	if !errors.As(err, &e) {
		return f
	}
	switch e.Kind {
	case eap.WrongPassword:
		f.Cause = CauseWrongPassword
	case eap.MethodRefused:
		f.Cause = CauseEAPMethod
	case eap.Account:
		f.Cause = CauseRejected
	case eap.ServerProof:
		f.Cause = CauseGatewayAuth
	case eap.Internal:
		f.Cause = CauseCredentials
	case eap.Failed:
		f.Cause = CauseRejected
		if a.passworded {
			f.Cause = CauseWrongPassword
		}
	}
	return f
}

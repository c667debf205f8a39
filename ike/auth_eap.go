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

// maxEAPRounds bounds the conversation. A message of TLS may come in 66 fragments
// (64 KiB in parts of 1,000 octets), and what runs inside takes a few more.
const maxEAPRounds = 128

// beginEAP starts the conversation with the packet that came beside the
// gateway's AUTH payload, or in answer to IDi of a further authentication.
func (a *authentication) beginEAP(s *Session, now time.Time, ps []wire.Payload) error {
	r := a.current(s)
	if r.EAP.Identity == "" {
		r.EAP.Identity = identityText(r.Identity)
	}
	r.EAP.Rand, r.EAP.Now, r.EAP.BareSuccess = s.cfg.Rand, now, r.Bare
	a.peer = eap.New(r.EAP)
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
func (a *authentication) takeEAP(s *Session, now time.Time, ps []wire.Payload) error {
	if a.failing != nil {
		return a.failing
	}
	a.waited = now.Sub(a.sent)
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
	if err == nil && res.Message != "" && !a.stranger() {
		s.emit(Notice{Message: res.Message})
	}
	return a.stepEAP(s, res, err)
}

// stepEAP does what the conversation wants next.
func (a *authentication) stepEAP(s *Session, res eap.Result, err error) error {
	switch {
	case err != nil:
		return a.eapFailure(err)
	case res.Ask != nil:
		return a.askEAP(s, res.Ask)
	case res.Done:
		a.signedIn = true
		if err := a.keyed(s, res); err != nil {
			return err
		}
		proof := auth.PSKAuth(a.prf(), a.ourEAPKey(), a.ourOctets(s))
		a.send(append([]wire.Payload{proof}, a.follows(s)...), a.takeLast)
	case res.Response != nil:
		if res.Failing != nil {
			a.failing = a.eapFailure(res.Failing)
		}
		a.send([]wire.Payload{&wire.EAPPayload{Data: res.Response}}, a.takeEAP)
	default:
		return broken(errors.New("gateway sent an EAP packet that wants no answer"))
	}
	return nil
}

// stranger says whether nobody has proven anything yet: the gateway is to do so by
// EAP alone, and no server's certificate has been judged.
func (a *authentication) stranger() bool { return a.eapOnly && !a.vouched }

var errNothingProven = errors.New("the gateway has not proven who it is, and nothing more is said to it")

// askEAP passes a question of the method on to whom it is for. A stranger has one
// password given, because the profile says so: not a second one that may be another
// account's, not a new one under the hash of the old (RFC 2759 8.9), which one answer
// to a challenge gives away, and no word of his is shown.
func (a *authentication) askEAP(s *Session, q *eap.Question) error {
	switch q.Kind {
	case eap.AskVerdict:
		e := NeedVerdict{ID: a.ask(s, questionVerdict), EAP: true, Round: a.round, Chain: q.Chain}
		if q.OCSP != nil {
			e.OCSP = [][]byte{q.OCSP}
		}
		s.emit(e)
	case eap.AskSignature:
		s.emit(NeedSignature{ID: a.ask(s, questionSignature), EAP: true, Certificate: a.shown(s), Scheme: q.Scheme, Message: q.Data})
	case eap.AskCertificate:
		s.emit(NeedCertificate{ID: a.ask(s, questionCertificate), EAP: true, Names: q.Issuers})
	default:
		if a.stranger() && (q.Kind != eap.AskPassword || q.Again) {
			return a.answerEAP(s, eap.Answer{Err: errNothingProven})
		}
		a.wanted = q.Kind
		s.emit(NeedCredentials{
			ID: a.ask(s, questionCredentials), Kind: q.Kind, Round: a.round, Unproven: a.eapOnly, Username: q.Username,
			Method: q.Method, Inner: q.Inner, Message: q.Message, Echo: q.Echo, Again: q.Again, Code: q.Code,
		})
	}
	return nil
}

// takeCredentials continues with what the user has given.
func (a *authentication) takeCredentials(s *Session, c Credentials) error {
	if a.wanted != eap.AskConsent && c.Err == nil {
		if len(c.Password)+len(c.New) == 0 {
			c.Err = errors.New("no password was given")
		} else {
			a.given = a.wanted
		}
	}
	return a.answerEAP(s, eap.Answer{Secret: c.Password, New: c.New, Err: c.Err})
}

// answerEAP gives an answer to the method.
func (a *authentication) answerEAP(s *Session, answer eap.Answer) error {
	res, err := a.peer.Provide(answer)
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

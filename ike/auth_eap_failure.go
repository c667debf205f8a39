package ike

import (
	"errors"
	"time"

	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// What the end of a conversation by EAP means. The gateway passes its packets to a
// server behind it, which is whom most of the causes are about.

// longWait is for how long a gateway that answers nothing but a refusal has itself
// waited in vain for the server behind it. Such servers answer within a second or
// two, those that hold wrong passwords back included.
const longWait = 6 * time.Second

// eapCauses says what the errors of EAP are for the Session; others are breaches of
// the protocol.
var eapCauses = map[eap.ErrorKind]Cause{
	eap.WrongPassword:      CauseWrongPassword,
	eap.WrongCode:          CauseWrongCode,
	eap.Account:            CauseAccount,
	eap.PasswordExpired:    CausePasswordExpired,
	eap.PasswordRefused:    CausePasswordRefused,
	eap.MethodRefused:      CauseEAPMethod,
	eap.ServerProof:        CauseServerProof,
	eap.Binding:            CauseServerProof,
	eap.Untrusted:          CauseServerCert,
	eap.TLSFailed:          CauseServerTLS,
	eap.NoEMS:              CauseServerTLS,
	eap.CertificateMissing: CauseClientCert,
	eap.CertificateRefused: CauseClientCert,
	eap.Internal:           CauseCredentials,
	eap.Declined:           CauseCredentials,
}

// eapFailure says what went wrong in words of the Session.
func (a *authentication) eapFailure(err error) *Failure {
	f := &Failure{Cause: CauseProtocol, Err: err}
	var e *eap.Error
	if !errors.As(err, &e) {
		return f
	}
	if cause, ok := eapCauses[e.Kind]; ok {
		f.Cause = cause
	}
	if e.Kind == eap.Failed {
		f.Cause = a.refused()
	}
	return f
}

// turnedAway is for a gateway that ends the conversation without an EAP packet.
func (a *authentication) turnedAway(n *wire.NotifyPayload) *Failure {
	f := failureOf(n)
	if f.Cause == CauseRejected {
		f.Cause = a.refused()
	}
	return f
}

// refused is what a refusal without a reason means. After something of the user's
// was given, that is what it is about; before, and after a long silence, it is that
// nobody has looked.
func (a *authentication) refused() Cause {
	switch {
	case a.given == eap.AskCode:
		return CauseWrongCode
	case a.given == eap.AskSignature: // servers seldom send the alert that would say so
		return CauseClientCert
	case a.given != 0:
		return CauseWrongPassword
	case a.waited >= longWait:
		return CauseSignInSilent
	}
	return CauseRejected
}

// signsIn says that the gateway has begun EAP, and waits for us or for the server
// behind it.
func (a *authentication) signsIn() bool { return a != nil && a.peer != nil && !a.signedIn }

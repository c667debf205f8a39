package tunnel

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// explain turns what ended a line into a cause that a person can be told.
func (t *Tunnel) explain(err error) *diagnose.Failure {
	var known *diagnose.Failure
	if errors.As(err, &known) {
		return known
	}
	var cert *auth.CertificateError
	if errors.As(err, &cert) {
		return explainCertificate(cert)
	}
	var f *ike.Failure
	if !errors.As(err, &f) {
		return diagnose.From(err)
	}
	out := &diagnose.Failure{Cause: sessionCause(f.Cause), Err: err}
	if f.Notify != 0 {
		out.Detail = f.Notify.String()
	}
	switch f.Cause {
	case ike.CauseNoAnswer:
		out.Expected = t.asked.id.String()
	case ike.CauseNoProposal:
		var unsafe *suite.UnsafeError
		if errors.As(err, &unsafe) {
			out.Seen = enumerate(unsafe.Names)
		}
	case ike.CauseWrongPassword, ike.CauseRejected:
		var e *eap.Error
		if errors.As(err, &e) {
			out.Seen = e.Message
		}
	case ike.CauseGatewayIdentity:
		var id *ike.IdentityError
		if errors.As(err, &id) {
			out.Seen, out.Expected = id.Seen, id.Expected
		}
	}
	return out
}

func sessionCause(c ike.Cause) diagnose.Cause {
	switch c {
	case ike.CauseNoAnswer:
		return diagnose.CauseGatewaySilent
	case ike.CausePeerDead:
		return diagnose.CauseLineLost
	case ike.CauseNoProposal:
		return diagnose.CauseNoCommonProposal
	case ike.CauseRejected:
		return diagnose.CauseRejected
	case ike.CauseWrongPassword:
		return diagnose.CauseWrongPassword
	case ike.CauseEAPMethod:
		return diagnose.CauseEAPMethod
	case ike.CauseGatewayAuth:
		return diagnose.CauseGatewayProof
	case ike.CauseGatewayIdentity:
		return diagnose.CauseGatewayIdentity
	case ike.CauseGatewayCert:
		return diagnose.CauseGatewayCertificate
	case ike.CauseCredentials:
		return diagnose.CauseCredentialsMissing
	case ike.CauseSelectors:
		return diagnose.CauseSelectors
	case ike.CauseNoAddress:
		return diagnose.CauseNoAddress
	case ike.CauseAnotherAuth:
		return diagnose.CauseFurtherSignIn
	case ike.CauseChildless:
		return diagnose.CauseChildless
	case ike.CauseInternal:
		return diagnose.CauseInternal
	case ike.CauseClosedByGateway:
		return diagnose.CauseClosedByGateway
	}
	return diagnose.CauseProtocol
}

func explainCertificate(e *auth.CertificateError) *diagnose.Failure {
	f := &diagnose.Failure{Seen: e.Seen, Expected: e.Expected, Err: e}
	switch e.Kind {
	case auth.Untrusted:
		f.Cause = diagnose.CauseGatewayUntrusted
	case auth.WrongName:
		f.Cause = diagnose.CauseGatewayWrongName
	case auth.Expired:
		f.Cause, f.When = diagnose.CauseGatewayExpired, e.NotAfter
	case auth.NotYetValid:
		f.Cause, f.When = diagnose.CauseGatewayNotYetValid, e.NotBefore
	case auth.Usage:
		f.Cause = diagnose.CauseGatewayUsage
	case auth.WrongIssuer:
		f.Cause = diagnose.CauseGatewayIssuer
	default:
		f.Cause = diagnose.CauseGatewayCertificate
	}
	return f
}

// sendFailure explains why a datagram could not leave this machine: without a
// route there is no network, and the person should hear that rather than that
// the gateway is silent.
func sendFailure(err error, to netip.AddrPort) *diagnose.Failure {
	if errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) ||
		strings.Contains(err.Error(), "unreachable") {
		return &diagnose.Failure{Cause: diagnose.CauseNoNetwork, Expected: to.Addr().String(), Err: err}
	}
	return nil
}

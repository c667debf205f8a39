package tunnel

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// explain turns what ended a line into a cause that a person can be told.
func (t *Tunnel) explain(err error) *diagnose.Failure {
	var known *diagnose.Failure
	var f *ike.Failure
	ofSession := errors.As(err, &f)
	if errors.As(err, &known) && !(ofSession && refusal(f)) {
		return known
	}
	var cert *auth.CertificateError
	if errors.As(err, &cert) {
		if ofSession && f.Cause == ike.CauseServerCert {
			return explainServer(cert)
		}
		return explainCertificate(cert)
	}
	if !ofSession {
		return diagnose.From(err)
	}
	out := &diagnose.Failure{Cause: sessionCauses[f.Cause], Err: err}
	if out.Cause == "" {
		out.Cause = diagnose.CauseProtocol
	}
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
	case ike.CauseGatewayIdentity:
		var id *ike.IdentityError
		if errors.As(err, &id) {
			out.Seen, out.Expected = id.Seen, id.Expected
		}
	default:
		t.explainSignIn(out, f)
	}
	return out
}

// sessionCauses says what the causes of a Session are to a person; what is missing is
// the gateway's breach of the rules.
var sessionCauses = map[ike.Cause]diagnose.Cause{
	ike.CauseNoAnswer:        diagnose.CauseGatewaySilent,
	ike.CausePeerDead:        diagnose.CauseLineLost,
	ike.CauseNoProposal:      diagnose.CauseNoCommonProposal,
	ike.CauseRejected:        diagnose.CauseRejected,
	ike.CauseWrongPassword:   diagnose.CauseWrongPassword,
	ike.CauseWrongCode:       diagnose.CauseWrongCode,
	ike.CauseAccount:         diagnose.CauseAccountLocked,
	ike.CausePasswordExpired: diagnose.CausePasswordExpired,
	ike.CausePasswordRefused: diagnose.CausePasswordRefused,
	ike.CauseSignInSilent:    diagnose.CauseSignInSilent,
	ike.CauseEAPMethod:       diagnose.CauseEAPMethod,
	ike.CauseServerCert:      diagnose.CauseServerCertificate,
	ike.CauseServerTLS:       diagnose.CauseServerTLS,
	ike.CauseServerProof:     diagnose.CauseServerProof,
	ike.CauseClientCert:      diagnose.CauseCertificateMissing,
	ike.CauseGatewayAuth:     diagnose.CauseGatewayProof,
	ike.CauseGatewayIdentity: diagnose.CauseGatewayIdentity,
	ike.CauseGatewayCert:     diagnose.CauseGatewayCertificate,
	ike.CauseCredentials:     diagnose.CauseCredentialsMissing,
	ike.CauseSelectors:       diagnose.CauseSelectors,
	ike.CauseNoAddress:       diagnose.CauseNoAddress,
	ike.CauseAnotherAuth:     diagnose.CauseFurtherSignIn,
	ike.CauseChildless:       diagnose.CauseChildless,
	ike.CauseInternal:        diagnose.CauseInternal,
	ike.CauseClosedByGateway: diagnose.CauseClosedByGateway,
}

func explainCertificate(e *auth.CertificateError) *diagnose.Failure {
	f := &diagnose.Failure{Seen: e.Seen, Expected: e.Expected, Err: e}
	switch e.Kind {
	case auth.Untrusted:
		f.Cause = diagnose.CauseGatewayUntrusted
	case auth.WrongName:
		f.Cause = diagnose.CauseGatewayWrongName
	case auth.Expired:
		f.Cause, f.Seen, f.When = diagnose.CauseGatewayExpired, e.Authority, e.NotAfter
	case auth.NotYetValid:
		f.Cause, f.Seen, f.When = diagnose.CauseGatewayNotYetValid, e.Authority, e.NotBefore
	case auth.Usage:
		f.Cause = diagnose.CauseGatewayUsage
	case auth.WrongIssuer:
		f.Cause = diagnose.CauseGatewayIssuer
	case auth.NotPinned:
		f.Cause = diagnose.CauseGatewayPin
	case auth.Revoked:
		f.Cause, f.When = diagnose.CauseGatewayRevoked, e.RevokedAt
	case auth.Unverified:
		f.Cause = diagnose.CauseRevocationUnknown
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

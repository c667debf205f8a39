package tunnel

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
)

// refusal says that the server has seen an answer of the user's and did not take it.
// That is what has happened, whatever became of the question for another answer.
func refusal(f *ike.Failure) bool {
	switch f.Cause {
	case ike.CauseWrongPassword, ike.CauseWrongCode, ike.CauseAccount, ike.CausePasswordExpired, ike.CausePasswordRefused:
		return true
	}
	return false
}

// explainSignIn adds what EAP knows about the end of a sign-in.
func (t *Tunnel) explainSignIn(out *diagnose.Failure, f *ike.Failure) {
	var e *eap.Error
	if !errors.As(f, &e) {
		if f.Cause == ike.CauseClientCert {
			out.Cause = diagnose.CauseCertificateRefused // it was shown, and nothing else was said
		}
		return
	}
	switch f.Cause {
	case ike.CauseEAPMethod:
		out.Seen, out.Expected = methodName(e.Method), t.allowedMethods()
	case ike.CauseClientCert:
		explainAlert(out, e)
	case ike.CauseServerTLS:
		out.Seen = tlsReason(e)
	default:
		out.Seen = e.Message
	}
	if e.Code != 0 {
		out.Detail = "error " + strconv.Itoa(e.Code)
	}
}

// explainAlert says what the server's alert means for the user's certificate, where
// that is why it said no (RFC 8446 6.2).
func explainAlert(out *diagnose.Failure, e *eap.Error) {
	if e.Kind == eap.CertificateMissing {
		return
	}
	out.Cause = diagnose.CauseCertificateRefused
	switch e.Alert {
	case tlsstep.AlertCertificateExpired:
		out.Cause = diagnose.CauseCertificateExpired
	case tlsstep.AlertCertificateRequired:
		out.Cause = diagnose.CauseCertificateMissing
	case tlsstep.AlertCertificateRevoked:
		out.Seen = "it has been revoked"
	case tlsstep.AlertUnknownCA:
		out.Seen = "its issuer is not known there"
	case tlsstep.AlertUnsupportedCertificate:
		out.Seen = "it is of a kind that the server does not know"
	case tlsstep.AlertAccessDenied:
		out.Seen = "its owner may not sign in"
	}
}

// tlsReason says to an administrator why there is no TLS.
func tlsReason(e *eap.Error) string {
	switch {
	case e.Kind == eap.NoEMS:
		return "it lacks the Extended Master Secret of RFC 7627, and the profile does not do without"
	case e.Alert == tlsstep.AlertProtocolVersion:
		return "no common version of TLS"
	case e.Alert == tlsstep.AlertHandshakeFailure || e.Alert == tlsstep.AlertInsufficientSecurity:
		return "no common algorithms"
	}
	return ""
}

// methodName is an EAP type as administrators know it.
func methodName(kind uint8) string {
	for m, k := range eapTypes {
		if k == kind {
			return strings.ToUpper(string(m))
		}
	}
	return "EAP type " + strconv.Itoa(int(kind))
}

// allowedMethods lists what the profile allows at any of its sign-ins.
func (t *Tunnel) allowedMethods() string {
	c := &t.cfg.Profile.Client
	first, _ := c.SignIn()
	all := slices.Clone(first.Methods)
	for i := range c.Further {
		settings, _ := c.Further[i].SignIn()
		all = append(all, settings.Methods...)
	}
	var names []string
	for _, m := range all {
		if n := strings.ToUpper(string(m)); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return enumerate(names)
}

// explainServer speaks of the server behind the gateway, to which the user signs in by
// EAP over TLS.
func explainServer(e *auth.CertificateError) *diagnose.Failure {
	f := &diagnose.Failure{Cause: diagnose.CauseServerCertificate, Seen: e.Seen, Expected: e.Expected, Err: e}
	switch e.Kind {
	case auth.Untrusted, auth.WrongIssuer:
		f.Cause = diagnose.CauseServerUntrusted
	case auth.WrongName:
		f.Cause = diagnose.CauseServerWrongName
	case auth.Expired:
		f.Cause, f.When = diagnose.CauseServerExpired, e.NotAfter
	case auth.Revoked:
		f.Cause, f.When = diagnose.CauseServerRevoked, e.RevokedAt
	case auth.Unverified:
		f.Cause = diagnose.CauseRevocationUnknown
	}
	return f
}

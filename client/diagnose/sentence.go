package diagnose

import (
	"strings"
	"time"
	"unicode"
)

// Sentence says in one sentence what is wrong and what to do. It ends with a
// full stop and never holds a line break, whatever the network sent.
func (f *Failure) Sentence() string {
	seen, expected := clean(f.Seen, nameLimit), clean(f.Expected, nameLimit)
	switch f.Cause {
	case CauseNoNetwork, CauseNameNotFound, CauseGatewaySilent, CauseTimeout:
		return f.path(expected)
	case CauseGatewayUntrusted, CauseGatewayIssuer, CauseGatewayWrongName,
		CauseGatewayExpired, CauseGatewayNotYetValid, CauseGatewayUsage,
		CauseGatewayPin, CauseGatewayRevoked, CauseRevocationUnknown,
		CauseGatewayCertificate, CauseGatewayIdentity, CauseGatewayProof:
		return f.gateway(seen, expected)
	case CauseServerUntrusted, CauseServerExpired, CauseServerWrongName,
		CauseServerRevoked, CauseServerCertificate, CauseServerProof, CauseServerTLS:
		return f.server(seen, expected)
	case CauseWrongPassword, CauseAccountLocked, CausePasswordExpired, CausePasswordRefused, CauseWrongCode,
		CauseRejected, CauseEAPMethod, CauseCredentialsMissing, CauseUnanswered,
		CauseFurtherSignIn, CauseSignInSilent, CauseKeychain:
		return f.signIn(seen, expected)
	case CauseCertificateExpired, CauseCertificateMissing, CauseCertificateRefused, CauseKeyMissing,
		CauseCardRemoved, CausePINWrong, CausePINLocked:
		return f.certificate(seen, expected)
	default:
		return f.line(seen, expected)
	}
}

// path speaks of the way to the gateway.
func (f *Failure) path(expected string) string {
	gateway := withName("the gateway", expected)
	switch f.Cause {
	case CauseNoNetwork:
		return "There is no network to reach " + gateway + " by; check that this computer is online, then connect again."
	case CauseNameNotFound:
		return "The name of " + gateway + " cannot be found; check that this computer is online, and if other sites open, ask your administrator for the right name."
	case CauseTimeout:
		return "Connecting took longer than was allowed; check that this computer is online and try again, or allow more time."
	default:
		return capital(gateway) + " does not answer; check that this computer is online, and if other sites open, this network may block VPN traffic (UDP ports 500 and 4500)."
	}
}

// line speaks of the line itself and of this computer.
func (f *Failure) line(seen, expected string) string {
	if disk := f.disk(); disk != "" {
		return disk
	}
	switch f.Cause {
	case CauseNoCommonProposal:
		if seen != "" {
			return "The gateway wants what is not safe (" + seen + ") and Homeward never uses; tell your administrator."
		}
		return "The gateway and the profile have no encryption in common; ask your administrator for a profile that fits the gateway."
	case CauseNoAddress:
		return "The gateway has no address to give to this computer; try again later, and if it stays so, tell your administrator."
	case CauseSelectors:
		return "The gateway does not allow the networks that the profile asks for; ask your administrator for a profile that fits the gateway."
	case CauseChildless:
		return "The gateway and the profile do not agree on whether a connection starts with or without a Child SA (RFC 6023); ask your administrator for a profile that fits the gateway."
	case CauseProtocol:
		return "The gateway answered in a way that makes no sense" + inBrackets(seen) + "; try again, and if it stays so, send the log to your administrator."
	case CauseClosedByGateway:
		return "The gateway closed the connection; connect again, and if it stays so, ask your administrator."
	case CauseRedirectLoop:
		return "The gateways send this computer from one to the next" + inBrackets(seen) + " and none of them takes it; try again in some minutes, and if it stays so, tell your administrator."
	case CauseSignInExpired:
		return "The gateway wanted a new sign-in and ended the connection because none came in time; connect again and sign in."
	case CauseLineLost:
		return "The gateway stopped answering and the connection was lost; check that this computer is online, then connect again."
	case CauseTransportFailed:
		return "This computer cannot send to the network" + inBrackets(seen) + "; check that it is online and that no other VPN program is running."
	case CauseTUNFailed:
		return "The network device of the tunnel could not be made, or kept" + inBrackets(seen) + "; check that no other VPN program is running, then restart the Homeward service."
	case CauseRoutesFailed:
		return "The routes of the tunnel could not be set" + inBrackets(seen) + "; check that no other VPN program is running, then connect again."
	case CauseDNSFailed:
		return "Name lookups could not be sent through the tunnel" + inBrackets(seen) + "; check that no other VPN program is running, then connect again."
	case CausePolicyFailed:
		return "The kill switch could not be set" + inBrackets(seen) + "; restart the Homeward service, and if it stays so, tell your administrator."
	case CauseLockdown:
		return "Lockdown is on, so nothing leaves this computer outside a connection; connect, or ask an administrator to lift it with «sudo homewardctl killswitch off»."
	case CauseServiceRestarted:
		if expected != "" {
			return "The Homeward service or this computer was restarted while you wanted a connection, and lockdown is on, so nothing leaves this computer; connect again, or ask an administrator to lift it with «sudo homewardctl killswitch off»."
		}
		return "The Homeward service or this computer was restarted while you wanted a connection, so nothing leaves this computer; connect again, or open the network with «homewardctl disconnect»."
	case CauseProfile:
		return "This profile cannot be used" + inBrackets(seen) + "; ask your administrator for a new one and import it again."
	case CauseCancelled:
		return "The connection was stopped before it was made; connect again when you want it."
	default:
		return "Something went wrong inside Homeward" + inBrackets(seen) + "; try again, and if it stays so, look at the log with «homewardctl logs»."
	}
}

const (
	nameLimit   = 200 // runes of a name inside a sentence
	detailLimit = 500 // runes of a technical detail
)

// clean makes text from the network fit for one line on a terminal: control
// and formatting characters, which could rewrite what stands before them,
// become spaces, and what is longer than limit runes is cut.
func clean(s string, limit int) string {
	if most := 8 * limit; len(s) > most { // what is cut anyway is not looked at
		s = s[:most]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > limit {
		s = string(r[:limit-1]) + "…"
	}
	return s
}

// Shown gives Seen and Expected as Sentence shows them, whatever the network sent: on
// one line, not too long, and fit to stand between quotation marks.
func (f *Failure) Shown() (seen, expected string) {
	return Quotable(clean(f.Seen, nameLimit)), Quotable(clean(f.Expected, nameLimit))
}

// Quotable makes the words of others fit to stand between our quotation marks: they
// cannot end the quotation and go on as if they were ours.
func Quotable(s string) string { return quotes.Replace(s) }

var quotes = strings.NewReplacer("«", "'", "»", "'", "“", "'", "”", "'", "„", "'", "‟", "'",
	"「", "'", "」", "'", "『", "'", "』", "'")

func withName(what, name string) string {
	if name == "" {
		return what
	}
	return what + " " + name
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown name"
	}
	return s
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func says(s string) string {
	if s == "" {
		return ""
	}
	return " and says «" + Quotable(s) + "»"
}

const dateForm = "2 January 2006"

func on(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " on " + t.Format(dateForm)
}

func from(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", only from " + t.Format(dateForm) + " on"
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

package diagnose

// Cause names why a connection could not be made or was lost. The text is part
// of the control API (error.cause) and does not change.
type Cause string

// The causes. The comment says what Seen and Expected hold where they are used.
const (
	// The way to the gateway.

	CauseNoNetwork     Cause = "no-network"     // Expected: the gateway's address
	CauseNameNotFound  Cause = "name-not-found" // Expected: the name that was looked up
	CauseGatewaySilent Cause = "gateway-silent" // Expected: the gateway's address
	CauseTimeout       Cause = "timeout"        // the caller's own deadline

	// What both sides can agree on.

	CauseNoCommonProposal Cause = "no-common-proposal" // Seen: what the gateway wants that is broken, or empty
	CauseNoAddress        Cause = "no-address"
	CauseSelectors        Cause = "selectors"
	CauseChildless        Cause = "childless"     // how a line starts (RFC 6023)
	CauseRedirectLoop     Cause = "redirect-loop" // Seen: the gateway named last
	CauseProtocol         Cause = "protocol"      // the gateway broke the rules of IKEv2

	// Signing in. The server is whoever knows the accounts: the gateway, or one
	// behind it (RADIUS).

	CauseWrongPassword      Cause = "wrong-password"      // Seen: the server's own words
	CauseAccountLocked      Cause = "account-locked"      // or disabled, or outside its hours; Seen: the server's own words
	CausePasswordExpired    Cause = "password-expired"    // and was not changed; Seen: the server's own words
	CausePasswordRefused    Cause = "password-refused"    // the new one; Seen: the server's own words
	CauseWrongCode          Cause = "wrong-code"          // a one-time code; Seen: the server's own words
	CauseRejected           Cause = "rejected"            // the server said no without a reason
	CauseEAPMethod          Cause = "eap-method"          // Seen: what it asked for, Expected: what is allowed
	CauseCredentialsMissing Cause = "credentials-missing" // the user said no; Expected: "password", "shared key", "private key", "code"
	CauseUnanswered         Cause = "unanswered"          // nobody answered in time; Expected: as above
	CauseFurtherSignIn      Cause = "further-sign-in"     // the gateway takes one sign-in only
	CauseSignInSilent       Cause = "sign-in-silent"      // the gateway answers, but the server behind it does not
	CauseKeychain           Cause = "keychain"            // Seen: what the keychain said

	// The user's certificate, its key and the card that holds it.

	CauseCertificateExpired Cause = "certificate-expired" // When: its end
	CauseCertificateMissing Cause = "certificate-missing" // there is none that fits; Expected: the issuer that is wanted
	CauseCertificateRefused Cause = "certificate-refused" // by the server that checks accounts; Seen: why
	CauseKeyMissing         Cause = "key-missing"         // the certificate is here, its private key is not; Seen: the certificate's name
	CauseCardRemoved        Cause = "card-removed"        // Seen: the card or token's name
	CausePINWrong           Cause = "pin-wrong"           // Tries: how many are left, 0: not known
	CausePINLocked          Cause = "pin-locked"          // Seen: the card or token's name

	// Who the server is that the sign-in goes to, through the gateway (the TLS
	// server of EAP-TLS, TTLS and PEAP).

	CauseServerUntrusted   Cause = "server-untrusted"   // Seen: the issuer
	CauseServerExpired     Cause = "server-expired"     // When: the end
	CauseServerWrongName   Cause = "server-wrong-name"  // Seen and Expected: names
	CauseServerRevoked     Cause = "server-revoked"     // When: since when
	CauseServerCertificate Cause = "server-certificate" // malformed, too weak, not yet valid or not meant for a server; Seen: which
	CauseServerProof       Cause = "server-proof"       // the end of the sign-in does not verify
	CauseServerTLS         Cause = "server-tls"         // no TLS with it; Seen: why

	// Who the gateway is.

	CauseGatewayUntrusted   Cause = "gateway-untrusted"     // Seen: the issuer
	CauseGatewayIssuer      Cause = "gateway-issuer"        // Seen and Expected: issuer names
	CauseGatewayWrongName   Cause = "gateway-wrong-name"    // Seen and Expected: names
	CauseGatewayExpired     Cause = "gateway-expired"       // When: the end; Seen: the issuer whose own it is, empty: the gateway's
	CauseGatewayNotYetValid Cause = "gateway-not-yet-valid" // When: the beginning; Seen: as above
	CauseGatewayUsage       Cause = "gateway-usage"         // not meant for a gateway
	CauseGatewayPin         Cause = "gateway-pin"           // none of the pinned keys; Seen: the key's hash
	CauseGatewayRevoked     Cause = "gateway-revoked"       // When: since when
	CauseRevocationUnknown  Cause = "revocation-unknown"    // strict, and nobody vouches for the certificate; Seen: which
	CauseGatewayCertificate Cause = "gateway-certificate"   // malformed or too weak; Seen: which
	CauseGatewayIdentity    Cause = "gateway-identity"      // Seen and Expected: IKE identities
	CauseGatewayProof       Cause = "gateway-proof"         // its AUTH payload does not verify

	// A line that stood.

	CauseClosedByGateway Cause = "closed-by-gateway"
	CauseLineLost        Cause = "line-lost"
	CauseSignInExpired   Cause = "sign-in-expired" // the user did not sign in again in time

	// This computer.

	CauseTransportFailed  Cause = "transport-failed"
	CauseTUNFailed        Cause = "tun-failed"
	CauseRoutesFailed     Cause = "routes-failed"
	CauseDNSFailed        Cause = "dns-failed"
	CausePolicyFailed     Cause = "policy-failed"     // the kill switch could not be set
	CauseLockdown         Cause = "lockdown"          // nothing leaves, and nobody wants a line
	CauseServiceRestarted Cause = "service-restarted" // the kill switch of a line that an earlier run of the service made; Expected: what holds besides
	CauseProfile          Cause = "profile"           // the stored profile cannot be used; Seen: why
	CauseCancelled        Cause = "cancelled"         // the user's own wish
	CauseInternal         Cause = "internal"          // a defect of Homeward
)

// Causes lists all of them, in the order above.
func Causes() []Cause {
	return []Cause{
		CauseNoNetwork, CauseNameNotFound, CauseGatewaySilent, CauseTimeout,
		CauseNoCommonProposal, CauseNoAddress, CauseSelectors, CauseChildless, CauseRedirectLoop, CauseProtocol,
		CauseWrongPassword, CauseAccountLocked, CausePasswordExpired, CausePasswordRefused, CauseWrongCode,
		CauseRejected, CauseEAPMethod, CauseCredentialsMissing, CauseUnanswered,
		CauseFurtherSignIn, CauseSignInSilent, CauseKeychain,
		CauseCertificateExpired, CauseCertificateMissing, CauseCertificateRefused, CauseKeyMissing,
		CauseCardRemoved, CausePINWrong, CausePINLocked,
		CauseServerUntrusted, CauseServerExpired, CauseServerWrongName,
		CauseServerRevoked, CauseServerCertificate, CauseServerProof, CauseServerTLS,
		CauseGatewayUntrusted, CauseGatewayIssuer, CauseGatewayWrongName,
		CauseGatewayExpired, CauseGatewayNotYetValid, CauseGatewayUsage,
		CauseGatewayPin, CauseGatewayRevoked, CauseRevocationUnknown,
		CauseGatewayCertificate, CauseGatewayIdentity, CauseGatewayProof,
		CauseClosedByGateway, CauseLineLost, CauseSignInExpired,
		CauseTransportFailed, CauseTUNFailed, CauseRoutesFailed, CauseDNSFailed,
		CausePolicyFailed, CauseLockdown, CauseServiceRestarted, CauseProfile, CauseCancelled, CauseInternal,
	}
}

// Passing says that the same attempt may succeed later without anybody
// changing anything: the network comes back, the gateway restarts. A lasting
// cause ends the attempts to reconnect, for repeating it helps nobody, and with
// a refused password it locks the account.
func (c Cause) Passing() bool {
	switch c {
	case CauseNoNetwork, CauseNameNotFound, CauseGatewaySilent, CauseTimeout,
		CauseNoAddress, CauseRedirectLoop, CauseProtocol, CauseClosedByGateway, CauseLineLost,
		CauseSignInSilent,
		CauseTransportFailed, CauseTUNFailed, CauseRoutesFailed, CauseDNSFailed:
		return true
	default:
		return false
	}
}

// OfPath says that there was no way to the gateway, which another network may have.
func (c Cause) OfPath() bool {
	switch c {
	case CauseNoNetwork, CauseNameNotFound, CauseGatewaySilent, CauseLineLost, CauseTransportFailed:
		return true
	default:
		return false
	}
}

// Refused says that the server has seen what the user answered, a password or a
// code, and did not take it: the same must not be sent again by itself.
func (c Cause) Refused() bool {
	switch c {
	case CauseWrongPassword, CauseAccountLocked, CausePasswordExpired, CausePasswordRefused, CauseWrongCode, CauseRejected:
		return true
	default:
		return false
	}
}

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

	// Signing in.

	CauseWrongPassword      Cause = "wrong-password"      // Seen: the gateway's own words
	CauseRejected           Cause = "rejected"            // the gateway said no without a reason
	CauseEAPMethod          Cause = "eap-method"          // Seen: what it asked for, Expected: what is allowed
	CauseCredentialsMissing Cause = "credentials-missing" // Expected: "password", "psk" or "private key"
	CauseFurtherSignIn      Cause = "further-sign-in"     // the gateway takes one sign-in only
	CauseCertificateExpired Cause = "certificate-expired" // our own; When: its end
	CauseKeychain           Cause = "keychain"            // Seen: what the keychain said

	// Who the gateway is.

	CauseGatewayUntrusted   Cause = "gateway-untrusted"     // Seen: the issuer
	CauseGatewayIssuer      Cause = "gateway-issuer"        // Seen and Expected: issuer names
	CauseGatewayWrongName   Cause = "gateway-wrong-name"    // Seen and Expected: names
	CauseGatewayExpired     Cause = "gateway-expired"       // When: the end
	CauseGatewayNotYetValid Cause = "gateway-not-yet-valid" // When: the beginning
	CauseGatewayUsage       Cause = "gateway-usage"         // not meant for a gateway
	CauseGatewayCertificate Cause = "gateway-certificate"   // malformed or too weak; Seen: which
	CauseGatewayIdentity    Cause = "gateway-identity"      // Seen and Expected: IKE identities
	CauseGatewayProof       Cause = "gateway-proof"         // its AUTH payload does not verify

	// A line that stood.

	CauseClosedByGateway Cause = "closed-by-gateway"
	CauseLineLost        Cause = "line-lost"
	CauseSignInExpired   Cause = "sign-in-expired" // the user did not sign in again in time

	// This computer.

	CauseTransportFailed Cause = "transport-failed"
	CauseTUNFailed       Cause = "tun-failed"
	CauseRoutesFailed    Cause = "routes-failed"
	CauseDNSFailed       Cause = "dns-failed"
	CausePolicyFailed    Cause = "policy-failed" // the kill switch could not be set
	CauseProfile         Cause = "profile"       // the stored profile cannot be used; Seen: why
	CauseCancelled       Cause = "cancelled"     // the user's own wish
	CauseInternal        Cause = "internal"      // a defect of Homeward
)

// Causes lists all of them, in the order above.
func Causes() []Cause {
	return []Cause{
		CauseNoNetwork, CauseNameNotFound, CauseGatewaySilent, CauseTimeout,
		CauseNoCommonProposal, CauseNoAddress, CauseSelectors, CauseChildless, CauseRedirectLoop, CauseProtocol,
		CauseWrongPassword, CauseRejected, CauseEAPMethod, CauseCredentialsMissing,
		CauseFurtherSignIn, CauseCertificateExpired, CauseKeychain,
		CauseGatewayUntrusted, CauseGatewayIssuer, CauseGatewayWrongName,
		CauseGatewayExpired, CauseGatewayNotYetValid, CauseGatewayUsage,
		CauseGatewayCertificate, CauseGatewayIdentity, CauseGatewayProof,
		CauseClosedByGateway, CauseLineLost, CauseSignInExpired,
		CauseTransportFailed, CauseTUNFailed, CauseRoutesFailed, CauseDNSFailed,
		CausePolicyFailed, CauseProfile, CauseCancelled, CauseInternal,
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
		CauseTransportFailed, CauseTUNFailed, CauseRoutesFailed, CauseDNSFailed:
		return true
	default:
		return false
	}
}

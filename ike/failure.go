package ike

import (
	"fmt"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Cause is why a Session ended, as far as the protocol can tell.
type Cause string

// The causes.
const (
	CauseNoAnswer        Cause = "no-answer"         // nothing came back before the first reply
	CausePeerDead        Cause = "peer-dead"         // an established peer stopped answering
	CauseNoProposal      Cause = "no-proposal"       // NO_PROPOSAL_CHOSEN, or an answer outside what we offered
	CauseRejected        Cause = "rejected"          // AUTHENTICATION_FAILED from the gateway
	CauseWrongPassword   Cause = "wrong-password"    // EAP failed after a password was sent
	CauseWrongCode       Cause = "wrong-code"        // EAP failed after something else that the user typed was sent
	CauseAccount         Cause = "account"           // disabled, locked, or not now (RFC 2759 6)
	CausePasswordExpired Cause = "password-expired"  // and was not changed
	CausePasswordRefused Cause = "password-refused"  // the new one
	CauseSignInSilent    Cause = "sign-in-silent"    // the gateway began EAP, and then nothing came, or nothing but a refusal after a long wait
	CauseServerProof     Cause = "server-proof"      // the EAP server does not know the password, or is not at the tunnel's end
	CauseEAPMethod       Cause = "eap-method"        // the gateway wants a method that is not allowed
	CauseGatewayAuth     Cause = "gateway-auth"      // the gateway's AUTH payload does not verify
	CauseGatewayIdentity Cause = "gateway-identity"  // IDr is not who was asked for
	CauseGatewayCert     Cause = "gateway-cert"      // Verdict.Err, wrapped
	CauseCredentials     Cause = "credentials"       // the user gave none (Err of the answer, wrapped)
	CauseServerCert      Cause = "server-cert"       // Verdict.Err on the EAP server's chain, wrapped
	CauseServerTLS       Cause = "server-tls"        // no TLS with the EAP server: no common ground, or it broke the rules
	CauseClientCert      Cause = "client-cert"       // there is none to show, or the EAP server does not take it
	CauseSelectors       Cause = "selectors"         // TS_UNACCEPTABLE or an answer outside what we asked
	CauseNoAddress       Cause = "no-address"        // INTERNAL_ADDRESS_FAILURE, FAILED_CP_REQUIRED, no address at all
	CauseChildless       Cause = "childless"         // the gateway cannot start childless, or cannot start otherwise (RFC 6023)
	CauseAnotherAuth     Cause = "another-auth"      // the gateway takes one authentication only (RFC 4739)
	CauseNoChild         Cause = "no-child"          // IKE SA without a Child SA, for another reason
	CauseClosedByGateway Cause = "closed-by-gateway" // Delete of the IKE SA, or of the last Child SA
	CauseRedirected      Cause = "redirected"        // another gateway is to be asked (RFC 5685): RedirectTo
	CauseNAT             Cause = "nat"               // UNEXPECTED_NAT_DETECTED: somebody changes addresses that Config.NoNATs protects
	CauseProtocol        Cause = "protocol"          // the authenticated peer broke the rules
	CauseInternal        Cause = "internal"          // our own side failed: no randomness, an impossible key
)

// Failure is the fatal third of the error contract: the Session is over.
type Failure struct {
	Cause  Cause
	Notify wire.NotifyType // the peer's notify, 0: none
	Err    error           // the underlying error, may be nil

	RedirectTo GatewayID // with CauseRedirected
}

// Error implements error.
func (f *Failure) Error() string {
	s := "ike: " + string(f.Cause)
	if f.Notify != 0 {
		s += fmt.Sprintf(" (%v)", f.Notify)
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

// Unwrap gives the underlying error.
func (f *Failure) Unwrap() error { return f.Err }

package ike

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// IKE_AUTH (RFC 7296 1.2, 2.15, 2.16):
//
//	--> IKE_AUTH { IDi, [N(INITIAL_CONTACT)], N(IKEV2_MESSAGE_ID_SYNC_SUPPORTED), [CERT..,] [CERTREQ,] [IDr,] [AUTH,] [CP,] SA, TSi, TSr }
//
// (without SA, TSi and TSr at a childless start: childless.go)
//
// with a certificate or a shared key, AUTH is in it, and the answer is the last:
//
//	<-- IKE_AUTH { IDr, [CERT..,] AUTH, [CP,] SA, TSi, TSr }
//
// with EAP, AUTH is not in it, and the gateway must prove itself first:
//
//	<-- IKE_AUTH { IDr, [CERT..,] AUTH, EAP }
//	--> IKE_AUTH { EAP }   <-- IKE_AUTH { EAP }   ... until EAP Success
//	--> IKE_AUTH { AUTH }  <-- IKE_AUTH { AUTH, [CP,] SA, TSi, TSr }
//
// The steps: begin -> (question: PSK) -> (question: certificate) -> (question:
// signature) -> first request
// -> gateway's AUTH -> (question: verdict) -> EAP rounds (question: credentials)
// -> establish.

// authentication is one IKE SA on its way through IKE_AUTH.
type authentication struct {
	sa                *ikeSA
	request, response []byte // IKE_SA_INIT as it was on the wire
	ni, nr            []byte
	peerHashes        []uint16   // nil: the gateway does not know RFC 7427
	issuers           [][20]byte // whose certificates the gateway takes; see NeedCertificate
	spi               uint32     // inbound SPI offered for the first Child SA

	intermediates intermediates

	question uint64 // the one question that is open; 0: none
	asked    questionKind

	psk    suite.Secret
	scheme auth.Scheme // of the signature that was asked for
	method uint8

	gateway auth.Identity
	rest    []wire.Payload // the gateway's first answer, while the verdict is awaited

	round    int  // 0, or which one of Config.Further, from 1
	eapOnly  bool // the gateway has not authenticated itself before EAP
	vouched  bool // the certificate of the EAP server is trusted
	peer     *eap.Peer
	leaf     []byte // of the chain that was given for EAP; nil: the configuration's
	rounds   int
	sent     time.Time        // the last request of IKE_AUTH
	waited   time.Duration    // for its answer
	signedIn bool             // EAP has ended well
	wanted   eap.QuestionKind // what the open question asks of the user
	given    eap.QuestionKind // what the server has been given last; 0: nothing yet
	msk      suite.Secret
	failing  *Failure // how EAP has ended for us, before the server says so
}

// questionKind says which answer a question wants.
type questionKind uint8

const (
	questionPSK questionKind = iota + 1
	questionSignature
	questionVerdict
	questionCertificate
	questionCredentials
)

// newAuthentication keeps what IKE_AUTH needs of IKE_SA_INIT, and both messages.
func (s *Session) newAuthentication(sa *ikeSA, request, response []byte, ps []wire.Payload) *authentication {
	nonce, _ := wire.Find[*wire.NoncePayload](ps)
	return &authentication{
		sa: sa, request: request, response: response,
		ni: s.init.nonce, nr: bytes.Clone(nonce.Data), peerHashes: peerHashes(ps), issuers: issuers(ps),
	}
}

// peerHashes lists what an IKE_SA_INIT response says that the gateway verifies
// signatures with (RFC 7427 4); nil: it does not say.
func peerHashes(ps []wire.Payload) []uint16 {
	n, ok := wire.Notify(ps, wire.NotifySignatureHashAlgorithms)
	if !ok {
		return nil
	}
	hashes := []uint16{}
	for b := n.Data; len(b) >= 2; b = b[2:] {
		hashes = append(hashes, binary.BigEndian.Uint16(b))
	}
	return hashes
}

// maySign holds that against the client's key; see mayStartChildless for what a
// *Failure is.
func (s *Session) maySign(ps []wire.Payload) error {
	if s.cfg.Client != ClientCertificate || s.lacksCertificate() {
		return nil
	}
	if _, _, err := auth.ChooseScheme(s.cfg.Certificates[0], peerHashes(ps)); err != nil {
		return &Failure{Cause: CauseCredentials, Err: err}
	}
	return nil
}

// clear wipes the secrets.
func (a *authentication) clear() {
	a.psk.Clear()
	a.msk.Clear()
	if a.peer != nil {
		a.peer.Clear()
	}
	a.psk, a.msk, a.peer = nil, nil, nil
}

// ask opens a question and gives its ID.
func (a *authentication) ask(s *Session, kind questionKind) uint64 {
	s.nextID++
	a.question, a.asked = s.nextID, kind
	return a.question
}

// answered finds the IKE SA whose open question has this ID and kind, and closes it.
func (s *Session) answered(id uint64, kind questionKind) (*authentication, error) {
	for _, sa := range s.sas {
		if a := sa.auth; a != nil && id != 0 && a.question == id && a.asked == kind {
			a.question = 0
			return a, nil
		}
	}
	return nil, ErrUnknownQuestion
}

// begin asks for what the first request needs.
func (a *authentication) begin(s *Session, now time.Time) error {
	if s.cfg.Client == ClientPSK || s.cfg.Gateway == GatewayPSK {
		s.emit(NeedPSK{ID: a.ask(s, questionPSK)})
		return nil
	}
	return a.prove(s)
}

// takePSK continues with the shared key.
func (a *authentication) takePSK(s *Session, p PSK) error {
	if p.Err != nil || len(p.Key) == 0 {
		return credentialsFailure(p.Err, "no shared key was given")
	}
	a.psk = suite.Secret(bytes.Clone(p.Key))
	return a.prove(s)
}

// prove makes our AUTH payload, or asks for the signature in it; with EAP there
// is none yet.
func (a *authentication) prove(s *Session) error {
	switch s.cfg.Client {
	case ClientPSK:
		return a.sendFirst(s, auth.PSKAuth(a.prf(), a.psk, a.ourOctets(s)))
	case ClientCertificate:
		if s.lacksCertificate() {
			a.askCertificate(s)
			return nil
		}
		scheme, method, err := auth.ChooseScheme(s.cfg.Certificates[0], a.peerHashes)
		if err != nil {
			return &Failure{Cause: CauseCredentials, Err: err}
		}
		a.scheme, a.method = scheme, method
		s.emit(NeedSignature{ID: a.ask(s, questionSignature), Certificate: s.cfg.Certificates[0], Scheme: scheme, Message: a.ourOctets(s)})
		return nil
	default:
		return a.sendFirst(s, nil)
	}
}

// takeSignature continues with the client's signature.
func (a *authentication) takeSignature(s *Session, sig Signature) error {
	if a.peer != nil {
		if sig.Err == nil {
			a.given = eap.AskSignature
		}
		return a.answerEAP(s, eap.Answer{Signature: sig.Value, Err: sig.Err})
	}
	if sig.Err != nil || len(sig.Value) == 0 {
		return credentialsFailure(sig.Err, "no signature was given")
	}
	p, err := auth.AuthPayload(a.scheme, a.method, sig.Value)
	if err != nil {
		return &Failure{Cause: CauseCredentials, Err: err}
	}
	return a.sendFirst(s, p)
}

// sendFirst queues the first request; proof is nil with EAP.
func (a *authentication) sendFirst(s *Session, proof *wire.AuthPayload) error {
	spi, err := s.newESPSPI()
	if err != nil {
		return err
	}
	a.spi = spi
	ps := []wire.Payload{s.cfg.Identity.Payload(false)}
	if s.cfg.InitialContact {
		ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyInitialContact})
	}
	ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyMessageIDSyncSupported})
	if s.cfg.Client == ClientCertificate {
		for _, der := range s.cfg.Certificates {
			ps = append(ps, &wire.CertPayload{Encoding: wire.CertX509Signature, Data: der})
		}
	}
	if s.cfg.Gateway == GatewayCertificate {
		ps = append(ps, certRequest(s.cfg.CertRequests))
		ps = append(ps, s.staplesWanted()...)
	}
	if s.cfg.GatewayIdentity != nil {
		ps = append(ps, s.cfg.GatewayIdentity.Payload(true))
	}
	if proof != nil {
		ps = append(ps, proof)
	}
	ps = append(ps, a.roundNotifies(s, proof)...)
	if cp := configRequest(s.cfg.RequestIPv4, s.cfg.RequestIPv6, s.cfg.RequestAddresses); cp != nil {
		ps = append(ps, cp)
	}
	ps = append(ps, s.supportsMobility()...)
	if !a.startsChildless(s) {
		ps = append(ps,
			&wire.SAPayload{Proposals: suite.ToWire(withoutGroups(s.cfg.ChildProposals), wire.ProtocolESP, spiBytes(spi))},
			&wire.TSPayload{Selectors: s.cfg.LocalTS},
			&wire.TSPayload{Responder: true, Selectors: s.cfg.RemoteTS})
	}
	s.progress(StepChecking)
	a.send(ps, a.takeFirst)
	return nil
}

// send queues one IKE_AUTH request.
func (a *authentication) send(ps []wire.Payload, next func(*Session, time.Time, []wire.Payload) error) {
	a.sa.enqueue(&authRound{payloads: ps, next: next})
}

// authRound is one request of IKE_AUTH and what takes its answer.
type authRound struct {
	payloads []wire.Payload
	next     func(*Session, time.Time, []wire.Payload) error
}

func (*authRound) kind() wire.ExchangeType { return wire.ExchangeIKEAuth }

func (r *authRound) build(_ *Session, sa *ikeSA, now time.Time) ([]wire.Payload, error) {
	if sa.auth != nil {
		sa.auth.sent = now
	}
	return r.payloads, nil
}

func (r *authRound) handle(s *Session, sa *ikeSA, now time.Time, answer []wire.Payload) error {
	if _, ok := wire.Notify(answer, wire.NotifyMessageIDSyncSupported); ok {
		sa.syncs = true
	}
	return r.next(s, now, answer)
}

// prf is the pseudorandom function of the IKE SA.
func (a *authentication) prf() uint16 { return a.sa.suite.PRF[0] }

// ourOctets is what our AUTH payload covers (RFC 7296 2.15, RFC 9242 3.3.2).
func (a *authentication) ourOctets(s *Session) []byte {
	octets := auth.SignedOctets(a.request, a.nr, a.prf(), a.sa.keys.SK_pi, a.current(s).Identity.Body())
	return append(octets, a.intermediates.octets()...)
}

// gatewayOctets is what the gateway's AUTH payload covers.
func (a *authentication) gatewayOctets() []byte {
	octets := auth.SignedOctets(a.response, a.ni, a.prf(), a.sa.keys.SK_pr, a.gateway.Body())
	return append(octets, a.intermediates.octets()...)
}

// credentialsFailure is for a question that the user did not answer.
func credentialsFailure(err error, otherwise string) *Failure {
	if err == nil {
		err = errors.New(otherwise)
	}
	return &Failure{Cause: CauseCredentials, Err: err}
}

// certRequest names the trust anchors (RFC 7296 3.7).
func certRequest(hashes [][20]byte) *wire.CertReqPayload {
	p := &wire.CertReqPayload{Encoding: wire.CertX509Signature}
	for i := range hashes {
		p.Data = append(p.Data, hashes[i][:]...)
	}
	return p
}

// withoutGroups is the offer for a Child SA that has no key exchange of its own.
func withoutGroups(ps []suite.Proposal) []suite.Proposal {
	out := slices.Clone(ps)
	for i := range out {
		out[i] = out[i].WithoutGroup()
	}
	return out
}

func spiBytes(spi uint32) []byte { return binary.BigEndian.AppendUint32(nil, spi) }

// failureOf says what an error notification means for the handshake.
func failureOf(n *wire.NotifyPayload) *Failure {
	f := &Failure{Notify: n.NotifyType, Err: fmt.Errorf("gateway answered %v", n.NotifyType)}
	switch n.NotifyType {
	case wire.NotifyNoProposalChosen, wire.NotifyInvalidKEPayload:
		f.Cause = CauseNoProposal
	case wire.NotifyAuthenticationFailed, wire.NotifyAuthorizationFailed:
		f.Cause = CauseRejected
	case wire.NotifyTSUnacceptable, wire.NotifySinglePairRequired, wire.NotifyInvalidSelectors:
		f.Cause = CauseSelectors
	case wire.NotifyInternalAddressFailure, wire.NotifyFailedCPRequired:
		f.Cause = CauseNoAddress
	case wire.NotifyUnexpectedNATDetected:
		f.Cause = CauseNAT
	case wire.NotifyNoAdditionalSAs, wire.NotifyTemporaryFailure:
		f.Cause = CauseNoChild
	default:
		f.Cause = CauseProtocol
	}
	return f
}

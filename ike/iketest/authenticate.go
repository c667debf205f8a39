package iketest

import (
	"bytes"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// handshake is what the gateway keeps between IKE_SA_INIT and the end of
// IKE_AUTH.
type handshake struct {
	request, response []byte // IKE_SA_INIT, for the AUTH octets (RFC 7296 2.15)
	ni, nr            []byte
	peerHashes        []uint16 // RFC 7427; nil: not known to the client

	client *wire.IDPayload
	sa     *wire.SAPayload // of the first IKE_AUTH request, like the rest
	tsi    *wire.TSPayload
	tsr    *wire.TSPayload
	cp     *wire.CPPayload
	eap    EAPServer
	msk    suite.Secret

	intermediate

	eapDone  bool // EAP has succeeded, and AUTH is awaited
	eapOnly  bool // offered by the client (RFC 5998)
	multiple bool // the client takes several authentications (RFC 4739)
	round    int  // 0, or which one of Further, from 1
	awaitIDi bool // of the next round
}

// authenticate serves IKE_AUTH, from its first request to its last:
//
//	certificate, PSK:  --> IDi, [CERT,] AUTH, [CP,] SA, TSi, TSr
//	                   <-- IDr, [CERT,] AUTH, [CP,] SA, TSi, TSr
//	EAP (2.16):        --> IDi, [CP,] SA, TSi, TSr
//	                   <-- IDr, [CERT,] AUTH, EAP
//	                   --> EAP ... <-- EAP (success)
//	                   --> AUTH    <-- AUTH, [CP,] SA, TSi, TSr
func (sa *ikeSA) authenticate(now time.Time, request []wire.Payload) ([]wire.Payload, func()) {
	hs := sa.hs
	if hs.client == nil {
		return sa.authenticateFirst(now, request)
	}
	if hs.awaitIDi {
		return sa.nextRound(now, request)
	}
	if e, ok := wire.Find[*wire.EAPPayload](request); ok && !hs.eapDone {
		return sa.authenticateEAP(now, e)
	}
	a, ok := wire.Find[*wire.AuthPayload](request)
	if !ok || !hs.eapDone {
		sa.r.complain(now, "IKE_AUTH without EAP and AUTH")
		return sa.refuse()
	}
	theirs, ours := sa.roundKeys()
	if err := auth.VerifyPSK(a, sa.prf(), theirs, sa.clientOctets()); err != nil {
		sa.r.trace(now, "   client's AUTH with the EAP key: %v", err)
		return sa.refuse()
	}
	proof := []wire.Payload{auth.PSKAuth(sa.prf(), ours, sa.gatewayOctets())}
	if to := sa.r.redirectAuth(sa.r.cfg.RedirectLast); to != nil {
		return append(proof, to...), nil
	}
	return sa.roundDone(now, request, proof)
}

// conclude gives the last answer to a client that has proven who it is.
func (sa *ikeSA) conclude(now time.Time, proof []wire.Payload) ([]wire.Payload, func()) {
	if !sa.second(now) {
		return sa.refuse()
	}
	return slices.Concat(proof, sa.finish(now), sa.r.authLifetime()), nil
}

func (sa *ikeSA) authenticateFirst(now time.Time, request []wire.Payload) ([]wire.Payload, func()) {
	hs := sa.hs
	idi, ok1 := wire.FindType[*wire.IDPayload](request, wire.PayloadIDi)
	if !ok1 {
		sa.r.complain(now, "the first IKE_AUTH request lacks IDi (RFC 7296 1.2)")
	}
	if !ok1 || !sa.childPart(now, request) {
		return []wire.Payload{notify(wire.NotifyInvalidSyntax)}, sa.drop
	}
	hs.client = idi
	hs.cp, _ = wire.Find[*wire.CPPayload](request)
	sa.mobikeOffered(now, request)
	sa.noteRounds(now, request)
	sa.noteStapling(now, request)
	if _, ok := wire.Notify(request, wire.NotifyInitialContact); ok {
		sa.r.InitialContact = true
		sa.r.InitialContacts++
	}

	a, hasAuth := wire.Find[*wire.AuthPayload](request)
	switch {
	case !hasAuth && sa.r.cfg.Client != ClientByEAP, hasAuth && sa.r.cfg.Client == ClientByEAP:
		return sa.refuse()
	case hasAuth:
		if err := sa.verifyClient(request, a); err != nil {
			sa.r.trace(now, "   client's AUTH: %v", err)
			return sa.refuse()
		}
	}
	if sa.provesByEAP() && !hasAuth {
		hs.eap = sa.r.cfg.eapServer()
		return []wire.Payload{sa.r.cfg.Identity.Payload(true), &wire.EAPPayload{Data: hs.eap.Start()}}, nil
	}
	proof, err := sa.prove()
	if err != nil {
		sa.r.complain(now, "gateway cannot sign: %v", err)
		return sa.refuse()
	}
	if sa.r.cfg.MessageIDSync {
		if _, ok := wire.Notify(request, wire.NotifyMessageIDSyncSupported); !ok {
			sa.r.complain(now, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED is missing (RFC 6311 5.1)")
		}
		proof = append(proof, notify(wire.NotifyMessageIDSyncSupported))
	}
	if to := sa.r.redirectAuth(sa.r.cfg.RedirectAuth); to != nil {
		return append(proof, to...), nil
	}
	if hasAuth {
		return sa.roundDone(now, request, proof)
	}
	hs.eap = sa.r.cfg.eapServer()
	return append(proof, &wire.EAPPayload{Data: hs.eap.Start()}), nil
}

// authenticateEAP passes one EAP packet to the method and back.
func (sa *ikeSA) authenticateEAP(now time.Time, e *wire.EAPPayload) ([]wire.Payload, func()) {
	reply, err := sa.hs.eap.Handle(bytes.Clone(e.Data))
	if err != nil {
		sa.r.complain(now, "EAP: %v", err)
		return sa.refuse()
	}
	payloads := []wire.Payload{&wire.EAPPayload{Data: reply}}
	switch reply[0] {
	case eapSuccess:
		sa.hs.msk, sa.hs.eapDone = sa.hs.eap.MSK(), true
	case eapFailure:
		return payloads, sa.drop
	}
	return payloads, nil
}

// refuse answers AUTHENTICATION_FAILED and forgets the IKE SA (RFC 7296 2.21.2).
func (sa *ikeSA) refuse() ([]wire.Payload, func()) {
	return []wire.Payload{notify(wire.NotifyAuthenticationFailed)}, sa.drop
}

// verifyClient checks the client's AUTH payload.
func (sa *ikeSA) verifyClient(request []wire.Payload, a *wire.AuthPayload) error {
	if sa.r.cfg.Client == ClientByPSK {
		return auth.VerifyPSK(a, sa.prf(), sa.r.cfg.PSK, sa.clientOctets())
	}
	var chain [][]byte
	for _, p := range request {
		if c, ok := p.(*wire.CertPayload); ok {
			chain = append(chain, c.Data)
		}
	}
	if len(chain) == 0 {
		return errNoCertificate
	}
	if err := checkClientChain(chain, sa.r.cfg.ClientAnchors); err != nil {
		return err
	}
	// Method 1 is by SHA-1 between peers without RFC 7427 (RFC 7296 3.8).
	return auth.VerifyAuth(a, chain[0], sa.clientOctets(), sa.r.cfg.NoSignatureHashes)
}

// prove makes IDr, CERT and AUTH.
func (sa *ikeSA) prove() ([]wire.Payload, error) {
	cfg := &sa.r.cfg
	out := []wire.Payload{cfg.Identity.Payload(true)}
	if cfg.Certificate == nil {
		return append(out, auth.PSKAuth(sa.prf(), cfg.PSK, sa.gatewayOctets())), nil
	}
	for _, der := range cfg.Certificate.Chain {
		out = append(out, &wire.CertPayload{Encoding: wire.CertX509Signature, Data: der})
	}
	out = append(out, sa.staples()...)
	peer := sa.hs.peerHashes
	if cfg.NoSignatureHashes {
		peer = nil
	}
	scheme, method, err := auth.ChooseScheme(cfg.Certificate.Chain[0], peer)
	if err != nil {
		return nil, err
	}
	if cfg.Scheme != "" {
		scheme, method = cfg.Scheme, authDigitalSignature
	}
	signature, err := auth.Sign(cfg.Certificate.Key, scheme, cfg.Rand, sa.gatewayOctets())
	if err != nil {
		return nil, err
	}
	a, err := auth.AuthPayload(scheme, method, signature)
	if err != nil {
		return nil, err
	}
	return append(out, a), nil
}

// authDigitalSignature is AUTH method 14 (RFC 7427 3).
const authDigitalSignature = 14

// finish makes everything behind the last AUTH: configuration and Child SA. An
// error there leaves the IKE SA standing (RFC 7296 1.2).
func (sa *ikeSA) finish(now time.Time) []wire.Payload {
	hs := sa.hs
	sa.established = true
	sa.r.esp = sa.path
	if sa.mangled {
		return []wire.Payload{notify(wire.NotifyUnexpectedNATDetected)}
	}
	if n := sa.r.cfg.RefuseChild; n != 0 {
		return []wire.Payload{notify(n)}
	}
	reply, addresses, ok := sa.r.configuration(hs.cp)
	if !ok {
		return []wire.Payload{notify(wire.NotifyInternalAddressFailure)}
	}
	sa.r.given = addresses
	if hs.sa == nil { // RFC 6023
		if reply != nil {
			return []wire.Payload{reply}
		}
		return nil
	}
	allowed := childRequest{
		offer: hs.sa.Proposals, tsi: hs.tsi.Selectors, tsr: hs.tsr.Selectors,
		allowI: []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}, allowR: sa.r.cfg.LocalTS,
		ni: hs.ni, nr: hs.nr, first: true,
	}
	if len(addresses) > 0 {
		allowed.allowI = addresses
	}
	_, child, refused := sa.makeChild(now, allowed)
	if refused != 0 {
		child = []wire.Payload{notify(refused)}
	}
	child = append(child, sa.mobikeAnswer()...)
	if reply != nil {
		return append([]wire.Payload{reply}, child...)
	}
	return child
}

func (sa *ikeSA) prf() uint16 { return sa.proposal.PRF[0] }

// clientOctets is what the client's AUTH covers (RFC 7296 2.15).
func (sa *ikeSA) clientOctets() []byte {
	return append(auth.SignedOctets(sa.hs.request, sa.hs.nr, sa.prf(), sa.keys.SK_pi, auth.FromPayload(sa.hs.client).Body()), sa.hs.intAuth()...)
}

// gatewayOctets is what the gateway's AUTH covers.
func (sa *ikeSA) gatewayOctets() []byte {
	return append(auth.SignedOctets(sa.hs.response, sa.hs.ni, sa.prf(), sa.keys.SK_pr, sa.r.cfg.Identity.Body()), sa.hs.intAuth()...)
}

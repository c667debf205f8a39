package ike

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// IKE_SA_INIT (RFC 7296 1.2):
//
//	--> IKE_SA_INIT { [N(COOKIE)], SA, KE, Ni, N(NAT_DETECTION_*), N(FRAGMENTATION), N(HASHES) }
//	<-- IKE_SA_INIT { N(COOKIE) }               the same again with the cookie in front
//	<-- IKE_SA_INIT { N(INVALID_KE_PAYLOAD) }   the same again with another group
//	<-- IKE_SA_INIT { N(REDIRECT) }             another gateway: a hint too (redirect.go)
//	<-- IKE_SA_INIT { N(error) }                a hint, believed after a while
//	<-- IKE_SA_INIT { SA, KE, Nr, N... }        a candidate IKE SA: on to IKE_AUTH
//
// Nothing here is authenticated, so nothing here ends the attempt at once.

// The bounds of what an unauthenticated answer can make us do.
const (
	maxCookies    = 5  // cookies followed, changed ones included (RFC 7296 2.6)
	maxGroups     = 4  // INVALID_KE_PAYLOAD followed
	maxCandidates = 3  // IKE_SA_INIT responses tried at a time
	maxTried      = 12 // and in all
	staleTries    = 3  // of IKE_AUTH without an answer: a candidate may make room
	maxCookieLen  = 64
	hintWait      = 2 * time.Second
	// rivalWait is how long a full answer to IKE_SA_INIT may still come where what
	// has come can only be of somebody who has read our request: that may be a
	// listener on the way, who cannot hold back the gateway's own answer.
	rivalWait = 300 * time.Millisecond
	// cookieWait is how long a full answer to the request without the cookie
	// may still come. A gateway that never sent the cookie answers both
	// requests, and then nobody can tell which of them its AUTH covers.
	cookieWait = 200 * time.Millisecond
)

// initiation is IKE_SA_INIT from our first request until the gateway has proven
// itself on one of the candidates.
type initiation struct {
	id      uint64
	spi     wire.SPI
	nonce   []byte
	source  []byte // NAT_DETECTION_SOURCE_IP
	kx      suite.KeyExchange
	cookie  []byte
	taken   []byte // the next cookie, until cookieWait is over
	cookies int
	groups  int
	seen    []wire.SPI // of the responses that were tried
	request []byte     // the octets sent last: a part of the AUTH octets
	earlier []offered  // with other groups
	sent    transmission
	hint    *Failure // what an unprotected error would mean
}

// offered is one form of the request. Answers to each may still come: who forges
// INVALID_KE_PAYLOAD can have us ask for a group that the gateway does not know, but
// not forget the one that it does.
type offered struct {
	kx      suite.KeyExchange
	request []byte
}

// withGroup gives the request that had this group, the last one of several.
func (in *initiation) withGroup(group uint16) (offered, bool) {
	if in.kx.Group() == group {
		return offered{in.kx, in.request}, true
	}
	i := slices.IndexFunc(in.earlier, func(o offered) bool { return o.kx.Group() == group })
	if i < 0 {
		return offered{}, false
	}
	return in.earlier[i], true
}

// connect starts the handshake.
func (s *Session) connect(now time.Time) error {
	s.nextID++
	in, err := s.newInitiation(s.nextID)
	if err != nil {
		return err
	}
	s.init = in
	s.phase = phaseConnecting
	s.progress(StepReaching)
	return s.useGroup(now, offeredGroups(s.cfg.IKEProposals)[0])
}

// newInitiation draws SPI and nonce.
func (s *Session) newInitiation(id uint64) (*initiation, error) {
	spi, err := s.newIKESPI()
	if err != nil {
		return nil, err
	}
	nonce, err := s.newNonce()
	if err != nil {
		return nil, err
	}
	source, err := s.falseSource()
	if err != nil {
		return nil, err
	}
	return &initiation{id: id, spi: spi, nonce: nonce, source: source}, nil
}

// useGroup sends IKE_SA_INIT with a private value of a group: a new one, or that
// which the group has had before.
func (s *Session) useGroup(now time.Time, group uint16) error {
	in := s.init
	before, again := offered{}, false
	if in.kx != nil {
		before, again = in.withGroup(group)
		in.earlier = slices.DeleteFunc(in.earlier, func(o offered) bool { return o.kx.Group() == in.kx.Group() })
		in.earlier = append(in.earlier, offered{in.kx, in.request})
	}
	if again {
		in.kx = before.kx
	} else if err := s.drawGroup(group); err != nil {
		return err
	}
	return s.sendInit(now)
}

func (s *Session) drawGroup(group uint16) error {
	kx, err := suite.NewKeyExchange(group, s.cfg.Rand)
	if err != nil {
		return internal(err)
	}
	s.init.kx = kx
	return nil
}

// sendInit builds the request anew and starts its retransmissions. With a
// cookie everything else stays as it was (RFC 7296 2.6).
func (s *Session) sendInit(now time.Time) error {
	s.composeInit()
	return s.retransmitInit(now)
}

// composeInit makes the request's octets.
func (s *Session) composeInit() {
	in := s.init
	m := wire.Message{
		Header: wire.Header{
			InitiatorSPI: in.spi, Version: wire.Version2,
			Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagInitiator,
		},
		Payloads: s.initPayloads(),
	}
	in.request = m.Marshal()
	in.sent = transmission{kind: wire.ExchangeIKESAInit, path: s.path, packets: [][]byte{in.request}, pace: s.cfg.Retransmit}
	in.sent.pace.Tries = s.cfg.Retransmit.InitTries
}

// initPayloads lists the request's payloads; a cookie comes first.
func (s *Session) initPayloads() []wire.Payload {
	in := s.init
	var ps []wire.Payload
	if in.cookie != nil {
		ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyCookie, Data: in.cookie})
	}
	// SHA-2, and the hash that an algorithm brings itself (RFC 7427 4, RFC 8420 2).
	var hashes []byte
	for _, h := range auth.SupportedHashes() {
		hashes = binary.BigEndian.AppendUint16(hashes, h)
	}
	ps = append(ps,
		&wire.SAPayload{Proposals: suite.ToWire(s.cfg.IKEProposals, wire.ProtocolIKE, nil)},
		&wire.KEPayload{Group: in.kx.Group(), Data: in.kx.Public()},
		&wire.NoncePayload{Data: in.nonce},
		&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionSourceIP, Data: in.source},
		&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionDestinationIP, Data: natHash(in.spi, 0, s.path.remote)},
		&wire.NotifyPayload{NotifyType: wire.NotifyFragmentationSupported},
		&wire.NotifyPayload{NotifyType: wire.NotifySignatureHashAlgorithms, Data: hashes},
	)
	if suite.OffersAdditional(s.cfg.IKEProposals) {
		ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyIntermediateExchangeSupport})
	}
	return append(ps, s.redirectPayloads()...)
}

// retransmitInit sends IKE_SA_INIT, the first time or again.
func (s *Session) retransmitInit(now time.Time) error {
	in := s.init
	if in.plainIsSilent() && len(s.sas) == 0 {
		return s.leavePlain(now)
	}
	wait, ok, err := s.nextWait(&in.sent)
	switch {
	case err != nil:
		return err
	case ok:
		s.sendTry(now, in.id, &in.sent, wait)
		return nil
	case len(s.sas) > 0:
		return nil // candidates are being tried, and time out by themselves
	case in.hint != nil:
		return in.hint
	default:
		return &Failure{Cause: CauseNoAnswer, Err: fmt.Errorf("no answer to %v after %d tries", in.sent.kind, in.sent.tries)}
	}
}

// receiveInit takes an IKE_SA_INIT message. Requests are none of a client's business.
func (s *Session) receiveInit(now time.Time, d Datagram, h wire.Header) error {
	in := s.init
	switch {
	case in == nil || !h.Response() || h.Flags.Has(wire.FlagInitiator) || h.MessageID != 0:
		return dropped(DropUnexpected, nil)
	case h.InitiatorSPI != in.spi:
		return dropped(DropUnknownSPI, nil)
	case d.Remote.IsValid() && !sameHost(d.Remote, s.cfg.Remote):
		return dropped(DropWrongSource, nil)
	}
	m, err := wire.ParseMessage(d.Data)
	if err != nil {
		return dropped(DropMalformed, err)
	}
	if _, ok := wire.Find[*wire.SAPayload](m.Payloads); ok {
		return s.tryCandidate(now, d, m)
	}
	if len(in.seen) > 0 {
		return dropped(DropUnexpected, nil) // a full answer has come already
	}
	if n, ok := wire.Notify(m.Payloads, wire.NotifyCookie); ok {
		return s.followCookie(now, n.Data)
	}
	if n, ok := wire.Notify(m.Payloads, wire.NotifyInvalidKEPayload); ok {
		return s.followGroup(now, n.Data)
	}
	if n, ok := wire.Notify(m.Payloads, wire.NotifyRedirect); ok {
		return s.followRedirect(now, n.Data)
	}
	if n, ok := wire.FirstError(m.Payloads); ok {
		return s.keepHint(now, failureOf(n))
	}
	return dropped(DropInitAnswer, errors.New("neither an SA nor a notification"))
}

// followCookie sends the request again with the responder's cookie. The cookie
// may change from one answer to the next (RFC 7296 2.6), but not for ever.
func (s *Session) followCookie(now time.Time, cookie []byte) error {
	in := s.init
	switch {
	case len(cookie) == 0 || len(cookie) > maxCookieLen:
		return dropped(DropInitAnswer, errors.New("cookie of a wrong length"))
	case bytes.Equal(cookie, in.cookie), bytes.Equal(cookie, in.taken):
		return dropped(DropDuplicate, nil)
	case in.cookies == maxCookies:
		return dropped(DropRetries, nil)
	}
	in.cookies++
	in.taken = bytes.Clone(cookie)
	s.timers.set(timerCookie, 0, now.Add(cookieWait))
	return nil
}

// sendCookie sends the request with the cookie, unless a full answer to the one
// without has come meanwhile.
func (s *Session) sendCookie(now time.Time) error {
	if s.init == nil || len(s.init.seen) > 0 {
		return nil
	}
	s.init.cookie, s.init.taken = s.init.taken, nil
	return s.sendInit(now)
}

// followGroup sends the request again with a group that the responder wants,
// if it is one that was offered (RFC 7296 1.2, 2.7).
func (s *Session) followGroup(now time.Time, data []byte) error {
	in := s.init
	if len(data) != 2 {
		return dropped(DropInitAnswer, errors.New("group of a wrong length"))
	}
	group := binary.BigEndian.Uint16(data)
	switch {
	case group == in.kx.Group():
		return dropped(DropDuplicate, nil)
	case !slices.Contains(offeredGroups(s.cfg.IKEProposals), group):
		return s.keepHint(now, &Failure{
			Cause: CauseNoProposal, Notify: wire.NotifyInvalidKEPayload,
			Err: suite.RefuseGroup(group),
		})
	case in.groups == maxGroups:
		return dropped(DropRetries, nil)
	}
	in.groups++
	return s.useGroup(now, group)
}

// keepHint remembers what an unprotected error would mean, and waits for
// something better: anybody can send one (RFC 7296 2.21.1).
func (s *Session) keepHint(now time.Time, f *Failure) error {
	if s.init.hint == nil {
		s.init.hint = f
		s.timers.set(timerHint, 0, now.Add(hintWait))
	}
	// Its text only: wrapped as it is, the Failure would pass for a fatal one.
	return dropped(DropInitAnswer, errors.New(f.Error()))
}

// believeHint ends the attempt for want of a better answer.
func (s *Session) believeHint() error {
	if s.init == nil || s.init.hint == nil || len(s.sas) > 0 {
		return nil
	}
	return s.init.hint
}

// negotiateInit checks the response against the offer and derives the keys
// (RFC 7296 2.7, 2.14). A *Failure is what the person would be told if no
// better response comes.
func (s *Session) negotiateInit(remote wire.SPI, ps []wire.Payload) (*ikeSA, error) {
	in := s.init
	childless, err := s.mayStartChildless(ps)
	if err != nil {
		return nil, err
	}
	if err := s.takesSeveral(ps); err != nil {
		return nil, err
	}
	if err := s.maySign(ps); err != nil {
		return nil, err
	}
	answer, _ := wire.Find[*wire.SAPayload](ps)
	ke, hasKE := wire.Find[*wire.KEPayload](ps)
	nonce, hasNonce := wire.Find[*wire.NoncePayload](ps)
	if !hasKE || !hasNonce {
		return nil, errors.New("no key exchange or no nonce")
	}
	chosen, _, err := suite.Choose(s.cfg.IKEProposals, answer.Proposals, wire.ProtocolIKE)
	if err != nil {
		return nil, &Failure{Cause: CauseNoProposal, Err: err}
	}
	if err := checkNonce(nonce.Data, chosen.PRF[0]); err != nil {
		return nil, err
	}
	asked, known := in.withGroup(ke.Group)
	if !known || ke.Group != chosen.Group[0] {
		return nil, errors.New("key exchange of another group than chosen")
	}
	if _, ok := wire.Notify(ps, wire.NotifyIntermediateExchangeSupport); !ok && len(chosen.Additional()) > 0 {
		return nil, &Failure{Cause: CauseNoProposal, Err: errors.New("additional key exchanges without IKE_INTERMEDIATE")}
	}
	shared, err := asked.kx.Shared(ke.Data)
	if err != nil {
		return nil, err
	}
	defer shared.Clear()
	keys, err := suite.DeriveKeys(chosen, shared, in.nonce, nonce.Data, in.spi, remote)
	if err != nil {
		return nil, err
	}
	_, fragments := wire.Notify(ps, wire.NotifyFragmentationSupported)
	return &ikeSA{
		localSPI: in.spi, remoteSPI: remote, initiator: true,
		suite: chosen, keys: keys, fragments: fragments, childless: childless,
		window: window{next: 1}, // IKE_SA_INIT was message 0
	}, nil
}

// checkNonce wants 16 to 256 octets and at least half the key of the PRF
// (RFC 7296 2.10).
func checkNonce(nonce []byte, prf uint16) error {
	if len(nonce) < wire.MinNonceLen || len(nonce) > wire.MaxNonceLen || 2*len(nonce) < suite.PRFSize(prf) {
		return fmt.Errorf("nonce of %d octets", len(nonce))
	}
	return nil
}

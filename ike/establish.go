package ike

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The end of IKE_AUTH: both sides are proven, and the answer brings the first
// Child SA and the configuration; a childless start makes the Child SA after it. A
// gateway may accept the client and refuse the rest (RFC 7296 1.2, 2.21.2); then
// there is an IKE SA without a use, and it is deleted, unless it was selectors of
// several pairs that were refused: those are asked for one by one.

// establish takes the last answer of IKE_AUTH.
func (s *Session) establish(now time.Time, a *authentication, ps []wire.Payload) error {
	sa := a.sa
	s.progress(StepSettingUp)
	s.phase, s.current = phaseEstablished, sa
	sa.state, sa.auth = ikeLive, nil
	defer a.clear()
	s.enableMobility(ps)

	c, keys, refused := s.firstChild(now, a, ps)
	if refused != nil && refused.Cause != CauseSelectors {
		return refused
	}
	cp, _ := wire.Find[*wire.CPPayload](ps)
	if listsDomains(cp) {
		s.recognise(QuirkDomainLists)
	}
	cfg := parseConfiguration(cp, s.cfg.RequestIPv4, s.cfg.RequestIPv6)
	if len(cfg.Addresses) == 0 && (s.cfg.RequestIPv4 || s.cfg.RequestIPv6) {
		keys.Clear()
		if refused == nil {
			refused = &Failure{Cause: CauseNoAddress, Err: errors.New("gateway gave no address")}
		}
		return refused
	}
	for _, p := range cfg.Addresses {
		s.addresses = append(s.addresses, p.Addr().Unmap())
	}
	asked := pair{s.cfg.LocalTS, s.cfg.RemoteTS}
	if refused != nil && !s.asPieces(true, asked, refused.Notify) {
		return refused
	}
	var err error
	if sa.rekeyAt, err = s.soften(now, s.cfg.IKELifetime); err != nil {
		keys.Clear()
		return err
	}
	sa.expires = now.Add(s.cfg.IKELifetime)
	s.timers.set(timerRekeyIKE, sa.id, sa.rekeyAt)
	s.timers.set(timerEndIKE, 0, s.endOf(sa.rekeyAt, sa.expires))
	s.emit(Established{
		GatewayIdentity: a.gateway, Suite: sa.suite, Remote: s.path.remote, Behind: s.nat,
		Configuration: cfg, RekeyAt: sa.rekeyAt, PeerFragments: sa.fragments, MOBIKE: s.mobility.on,
	})
	if s.mobility.on {
		s.emit(PeerAddresses{Addresses: slices.Clone(s.mobility.theirs)})
	}
	switch {
	case c != nil:
		s.addChild(c, keys, 0)
		s.activate(c)
		s.askRest(&createChild{want: asked}, ps)
	case refused == nil: // a childless start
		sa.enqueue(&createChild{first: true, want: s.wish(s.cfg.RemoteTS)})
	}
	s.armLiveness(now)
	s.armKeepalive(now)
	s.noteLifetime(now, ps)
	return nil
}

// firstChild makes the Child SA of IKE_AUTH: its keys come from the nonces of
// IKE_SA_INIT, without a key exchange of its own (RFC 7296 2.17). At a childless
// start there is none.
func (s *Session) firstChild(now time.Time, a *authentication, ps []wire.Payload) (*child, suite.ChildKeys, *Failure) {
	fail := func(f *Failure) (*child, suite.ChildKeys, *Failure) { return nil, suite.ChildKeys{}, f }
	answer, ok := wire.Find[*wire.SAPayload](ps)
	switch {
	case a.startsChildless(s) && ok:
		return fail(broken(errors.New("gateway made a child sa that was not asked for")))
	case !ok:
		if n, isError := wire.FirstError(ps); isError {
			return fail(a.refusal(s, n))
		}
		if a.startsChildless(s) {
			return fail(nil)
		}
		return fail(&Failure{Cause: CauseNoChild, Err: errors.New("gateway sent no SA payload")})
	}
	offer := withoutGroups(s.cfg.ChildProposals)
	c := &child{inbound: a.spi, initiated: true}
	if err := c.choose(offer, answer); err != nil {
		return fail(&Failure{Cause: CauseNoProposal, Err: err})
	}
	if err := c.narrowTo(s.cfg.LocalTS, s.cfg.RemoteTS, ps); err != nil {
		return fail(&Failure{Cause: CauseSelectors, Err: err})
	}
	keys, err := suite.DeriveChild(a.sa.suite, a.sa.keys.SK_d, nil, a.ni, a.nr, c.suite)
	if err != nil {
		return fail(internal(err))
	}
	if err := s.age(now, c); err != nil {
		return fail(asFailure(err))
	}
	return c, keys, nil
}

// choose takes the responder's choice of a proposal and its SPI.
func (c *child) choose(offer []suite.Proposal, answer *wire.SAPayload) error {
	chosen, spi, err := suite.Choose(offer, answer.Proposals, wire.ProtocolESP)
	if err != nil {
		return err
	}
	return c.take(chosen, spi)
}

// take keeps a chosen proposal and the peer's SPI, which must be one that ESP
// may use (RFC 4303 2.1).
func (c *child) take(chosen suite.Proposal, spi []byte) error {
	if len(spi) != 4 || binary.BigEndian.Uint32(spi) < 256 {
		return fmt.Errorf("esp spi of the gateway %x", spi)
	}
	c.suite, c.outbound = chosen, binary.BigEndian.Uint32(spi)
	return nil
}

// narrowTo takes the responder's choice of selectors; we are the initiator.
func (c *child) narrowTo(local, remote []wire.TrafficSelector, ps []wire.Payload) error {
	tsi, tsr := tsPayloads(ps)
	var err error
	if c.localTS, err = checkNarrowed(local, tsi); err != nil {
		return fmt.Errorf("TSi: %w", err)
	}
	if c.remoteTS, err = checkNarrowed(remote, tsr); err != nil {
		return fmt.Errorf("TSr: %w", err)
	}
	return nil
}

package ike

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Rules of RFC 7296 about what is negotiated: offers, groups, nonces, selectors,
// keys and lifetimes.

// offerIn gives the SA payload of the IKE_SA_INIT request sent last, as octets.
func (p *script) offerIn() []byte {
	p.t.Helper()
	sa, ok := wire.Find[*wire.SAPayload](p.sentInit().Payloads)
	if !ok {
		p.t.Fatal("no SA payload")
	}
	return sa.AppendBody(nil)
}

// RFC 7296 1.2, 2.7: with another group the whole offer is made again, so that a
// forged INVALID_KE_PAYLOAD cannot make it weaker; and a cookie changes nothing.
func TestWholeOfferIsMadeAgain(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	offer := p.offerIn()
	for _, group := range []uint16{suite.GroupP256, suite.GroupX25519} {
		if err := p.deliver(p.plain(0, invalidKE(0, byte(group)))); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.offerIn(), offer) {
			t.Errorf("group %d: another offer than at first", group)
		}
	}
	p.takeCookie(1, 2, 3)
	if !bytes.Equal(p.offerIn(), offer) {
		t.Error("with a cookie: another offer than at first")
	}
}

// RFC 7296 2.6.1: a gateway that makes a new cookie for a request with another
// group is followed as well as one that takes the old.
func TestShorterCookieExchangeIsNotNeeded(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.do(Connect{})
	p.takeCookie(1)
	if err := p.deliver(p.plain(0, invalidKE(0, byte(suite.GroupP256)))); err != nil {
		t.Fatal(err)
	}
	p.takeCookie(2)
	m := p.sentInit()
	n, _ := wire.Notify(m.Payloads, wire.NotifyCookie)
	if ke, _ := wire.Find[*wire.KEPayload](m.Payloads); ke.Group != suite.GroupP256 || !bytes.Equal(n.Data, []byte{2}) {
		t.Errorf("group %d with cookie %x", ke.Group, n.Data)
	}
	if err := p.deliver(p.initReply()); err != nil {
		t.Error(err)
	}
}

// RFC 7296 2.10: a nonce must have half the PRF's key, and ours has that for
// every PRF.
func TestNonceFitsThePRF(t *testing.T) {
	t.Parallel()
	for _, k := range suite.Keywords() {
		if k.Kind != "prf" {
			continue
		}
		q, err := suite.ParseIKE("aes256gcm16", "", k.Word, "x25519")
		if err != nil {
			t.Fatal(err)
		}
		prf := q.PRF[0]
		least := max(wire.MinNonceLen, suite.PRFSize(prf)/2)
		for n, good := range map[int]bool{least - 1: false, least: true, 256: true, 257: false, 0: false} {
			if err := checkNonce(make([]byte, n), prf); (err == nil) != good {
				t.Errorf("%s: a nonce of %d octets: %v", k.Word, n, err)
			}
		}
		s := &Session{cfg: scriptConfig(1)}
		if ours, err := s.newNonce(); err != nil || checkNonce(ours, prf) != nil {
			t.Errorf("%s: our own nonce has %d octets, %v", k.Word, len(ours), err)
		}
	}
	cfg := scriptConfig(1)
	cfg.IKEProposals[0].PRF = []uint16{suite.PRF_HMAC_SHA2_512}
	p := newScript(t, cfg)
	p.do(Connect{})
	m, err := wire.ParseMessage(p.initReply())
	if err != nil {
		t.Fatal(err)
	}
	nonce, _ := wire.Find[*wire.NoncePayload](m.Payloads)
	nonce.Data = nonce.Data[:31]
	wantDrop(t, p.deliver(m.Marshal()), DropInitAnswer)
}

// RFC 7296 2.18, 3.3.6: the IKE SA is rekeyed with a key exchange or not at all.
func TestRekeyOfIKESAWantsAGroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(ps []wire.Payload) []wire.Payload
		want  wire.NotifyType
	}{
		"NONE alone": {func(ps []wire.Payload) []wire.Payload {
			of(ps, wire.TransformKE, wire.Transform{Type: wire.TransformKE, ID: suite.GroupNone})
			return ps
		}, wire.NotifyNoProposalChosen},
		"no group": {func(ps []wire.Payload) []wire.Payload {
			of(ps, wire.TransformKE)
			return ps
		}, wire.NotifyNoProposalChosen},
		"no KE payload": {func(ps []wire.Payload) []wire.Payload { return ps[:2] }, wire.NotifyInvalidKEPayload},
		"no PRF": {func(ps []wire.Payload) []wire.Payload {
			of(ps, wire.TransformPRF)
			return ps
		}, wire.NotifyNoProposalChosen},
		"no cipher": {func(ps []wire.Payload) []wire.Payload {
			of(ps, wire.TransformENCR)
			return ps
		}, wire.NotifyNoProposalChosen},
		"an unknown type of transform": {func(ps []wire.Payload) []wire.Payload {
			of(ps, 99, wire.Transform{Type: 99, ID: 1})
			return ps
		}, wire.NotifyNoProposalChosen},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := established(t, scriptConfig(1))
			answer, err := p.ask(wire.ExchangeCreateChildSA, c.spoil(p.ikeRekeyRequest(suite.GroupX25519))...)
			wantTold(t, err, c.want)
			if len(answer) != 1 || len(p.s.sas) != 1 {
				t.Errorf("%s, %d IKE SAs", wire.Describe(answer), len(p.s.sas))
			}
		})
	}
	t.Run("NONE among others", func(t *testing.T) {
		t.Parallel()
		p := established(t, scriptConfig(1))
		ps := p.ikeRekeyRequest(suite.GroupX25519)
		sa := ps[0].(*wire.SAPayload)
		good := sa.Proposals[0]
		good.Number = 2
		good.Transforms = append(slices.Clone(good.Transforms), wire.Transform{Type: wire.TransformKE, ID: suite.GroupNone},
			wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_AES_GCM_16, KeyLen: 256, Unknown: true})
		sa.Proposals[0].Transforms = append(slices.Clone(sa.Proposals[0].Transforms), wire.Transform{Type: 99})
		sa.Proposals = append(sa.Proposals, good)
		answer, err := p.ask(wire.ExchangeCreateChildSA, ps...)
		if err != nil {
			t.Fatal(err)
		}
		chosen, _ := wire.Find[*wire.SAPayload](answer)
		groups := 0
		for _, tr := range chosen.Proposals[0].Transforms {
			if tr.Type == wire.TransformKE && tr.ID == suite.GroupX25519 {
				groups++
			}
		}
		if _, ok := wire.Find[*wire.KEPayload](answer); !ok || groups != 1 || chosen.Proposals[0].Number != 2 {
			t.Errorf("%+v", chosen.Proposals[0])
		}
	})
}

// of puts other transforms in the place of all of one type, in every proposal.
func of(ps []wire.Payload, kind wire.TransformType, instead ...wire.Transform) {
	sa := ps[0].(*wire.SAPayload)
	for i := range sa.Proposals {
		kept := slices.DeleteFunc(slices.Clone(sa.Proposals[i].Transforms), func(t wire.Transform) bool { return t.Type == kind })
		sa.Proposals[i].Transforms = append(kept, instead...)
	}
}

// RFC 7296 3.3.6: where NONE is chosen as the group of a Child SA, the peer's KE
// payload is passed over and none is sent; and the attributes and the number of
// what is chosen come back as they were.
func TestGroupNoneIsAnsweredWithoutKE(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.ChildProposals[0].Group = nil
	p := established(t, cfg)
	kx, err := suite.NewKeyExchange(suite.GroupX25519, p.rand)
	if err != nil {
		t.Fatal(err)
	}
	ps := p.rekeyRequest(p.childSPI, 0x55667788, p.octets(32))
	sa := ps[1].(*wire.SAPayload)
	sa.Proposals[0].Transforms = append(sa.Proposals[0].Transforms,
		wire.Transform{Type: wire.TransformKE, ID: suite.GroupX25519}, wire.Transform{Type: wire.TransformKE, ID: suite.GroupNone})
	ps = append(ps, &wire.KEPayload{Group: suite.GroupX25519, Data: kx.Public()})
	answer, err := p.ask(wire.ExchangeCreateChildSA, ps...)
	if err != nil {
		t.Fatal(err)
	}
	if ke, ok := wire.Find[*wire.KEPayload](answer); ok {
		t.Errorf("a KE payload of group %d", ke.Group)
	}
	chosen, _ := wire.Find[*wire.SAPayload](answer)
	if len(chosen.Proposals) != 1 || chosen.Proposals[0].Number != 1 || chosen.Proposals[0].Protocol != wire.ProtocolESP ||
		!slices.Contains(chosen.Proposals[0].Transforms, wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_AES_GCM_16, KeyLen: 256}) {
		t.Errorf("chosen %+v", chosen.Proposals)
	}
}

// RFC 7296 3.10.1: an error that nobody knows fails the request that it answers.
func TestUnknownErrorFailsItsRequest(t *testing.T) {
	t.Parallel()
	const unknown = wire.NotifyType(8191)
	t.Run("IKE_AUTH", func(t *testing.T) {
		t.Parallel()
		p := newScript(t, scriptConfig(1))
		p.toAuth()
		wantFatal(t, p, p.reply(errorNotify(unknown, nil)), CauseProtocol)
	})
	for name, rekey := range map[string]func(p *script){
		"rekey of a Child SA": func(p *script) { p.startRekey() },
		"rekey of the IKE SA": func(p *script) { p.do(RekeyIKE{}) },
		"one more Child SA":   func(p *script) { p.do(CreateChild{RemoteTS: selectors("10.0.0.0/8")}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := scriptConfig(1)
			cfg.RemoteTS = selectors("192.0.2.0/24")
			p := established(t, cfg)
			rekey(p)
			added, rekeyed := count[ChildAdded](p), count[IKERekeyed](p)
			if err := p.reply(errorNotify(unknown, nil)); err != nil {
				t.Fatal(err)
			}
			if count[ChildAdded](p) != added || count[IKERekeyed](p) != rekeyed || p.s.children[0].state != childLive {
				t.Errorf("events %+v", p.events)
			}
			if name == "one more Child SA" { // and is told
				if r, ok := event[ChildRefused](p); !ok || r.Notify != unknown {
					t.Errorf("events %+v", p.events)
				}
				return
			}
			sent := len(p.sent) // and is tried again
			if err := p.pass(10 * time.Second); err != nil {
				t.Fatal(err)
			}
			if len(p.sent) == sent {
				t.Error("given up")
			} else if h, _ := p.open(p.last()); h.Exchange != wire.ExchangeCreateChildSA {
				t.Errorf("we send %v", h.Exchange)
			}
		})
	}
}

// RFC 7296 2.12: when a connection is closed, nothing is left of what its keys
// could be computed from again.
func TestKeysAreForgotten(t *testing.T) {
	t.Parallel()
	p := newScript(t, scriptConfig(1))
	p.toAuth()
	sa := p.s.sas[0]
	if len(sa.auth.psk) == 0 {
		t.Fatal("no shared key to forget")
	}
	sa.auth.msk = suite.Secret("the key that an EAP method has made") // RFC 7296 2.16: for AUTH alone
	secrets := []suite.Secret{sa.auth.psk, sa.auth.msk}
	if err := p.reply(p.authReply()...); err != nil {
		t.Fatal(err)
	}
	if p.s.init != nil || sa.auth != nil {
		t.Error("the private value or the handshake outlives the handshake")
	}
	secrets = append(secrets, sa.keys.SK_d, sa.keys.SK_ei, sa.keys.SK_er, sa.keys.SK_pi, sa.keys.SK_pr)
	p.do(Delete{})
	if err := p.reply(); err != nil {
		t.Fatal(err)
	}
	for i, s := range secrets {
		if !bytes.Equal(s, make([]byte, len(s))) {
			t.Errorf("secret %d of %d octets is left", i, len(s))
		}
	}
	if _, err := sa.protector.Seal(wire.Header{}, nil); err == nil {
		t.Error("the IKE SA can still seal")
	}
	if p.s.sas != nil || p.s.current != nil || p.s.children != nil {
		t.Error("SAs are left")
	}
}

// RFC 7296 4: a gateway that rekeys no SA (NO_ADDITIONAL_SAS) has the whole line
// made anew: its SAs are closed in good order before they are too old.
func TestGatewayThatRekeysNothing(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*Config){
		"child sa": func(c *Config) { c.ChildLifetime, c.IKELifetime = 10*time.Minute, 10*time.Hour },
		"ike sa":   func(c *Config) { c.ChildLifetime, c.IKELifetime = 10*time.Hour, 10*time.Minute },
	} {
		cfg := scriptConfig(1)
		set(&cfg)
		p := established(t, cfg)
		var err error
		for err == nil {
			if err = p.pass(p.s.NextTimeout().Sub(p.now)); err == nil {
				err = p.reply(errorNotify(wire.NotifyNoAdditionalSAs, nil))
			}
		}
		if age := p.now.Sub(epoch); age > 10*time.Minute || age < 8*time.Minute {
			t.Errorf("%s: closed after %v", name, age)
		}
		_, farewell := p.open(p.last())
		if d, ok := wire.Find[*wire.DeletePayload](farewell); !ok || d.Protocol != wire.ProtocolIKE {
			t.Errorf("%s: no Delete of the IKE SA, but %s", name, wire.Describe(farewell))
		}
		wantFatal(t, p, err, CauseProtocol)
	}
}

// RFC 7296 2.9.2: the peer's rekey of a Child SA carries all that the old one did,
// or is refused.
func TestRekeyIsNotNarrower(t *testing.T) {
	t.Parallel()
	cfg := scriptConfig(1)
	cfg.RemoteTS = selectors("10.0.0.0/8", "192.0.2.0/24")
	for name, c := range map[string]struct {
		tsi  []wire.TrafficSelector
		want wire.NotifyType
	}{
		"the same":                   {cfg.RemoteTS, 0},
		"the other way round":        {selectors("192.0.2.0/24", "10.0.0.0/8"), 0},
		"more":                       {selectors("0.0.0.0/0"), 0},
		"one of two":                 {selectors("10.0.0.0/8"), wire.NotifyTSUnacceptable},
		"one, and part of the other": {selectors("10.0.0.0/8", "192.0.2.0/25"), wire.NotifyTSUnacceptable},
		"nothing of it":              {selectors("172.16.0.0/12"), wire.NotifyTSUnacceptable},
	} {
		p := established(t, cfg)
		ps := p.rekeyRequest(p.childSPI, 0x55667788, p.octets(32))
		ps[3] = &wire.TSPayload{Selectors: c.tsi}
		answer, err := p.ask(wire.ExchangeCreateChildSA, ps...)
		if c.want != 0 {
			wantTold(t, err, c.want)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tsi, _ := tsPayloads(answer); !slices.Equal(tsi.Selectors, cfg.RemoteTS) {
			t.Errorf("%s: answered %v", name, tsi.Selectors)
		}
	}
}

// RFC 7296 2.16, 5: with EAP the gateway proves itself by a certificate, and a
// configuration in which it does so by a key that its clients share is refused.
func TestEAPWantsACertificate(t *testing.T) {
	t.Parallel()
	further := []Authentication{{Identity: scriptIDr, EAP: eap.Config{Methods: []uint8{26}}}}
	for name, c := range map[string]struct {
		set  func(*Config)
		good bool
	}{
		"certificate":            {func(c *Config) { c.Client, c.EAP.Methods, c.Gateway = ClientEAP, []uint8{26}, GatewayCertificate }, true},
		"shared key":             {func(c *Config) { c.Client, c.EAP.Methods, c.Gateway = ClientEAP, []uint8{26}, GatewayPSK }, false},
		"shared key, then EAP":   {func(c *Config) { c.Further = further }, false},
		"certificate, and later": {func(c *Config) { c.Further, c.Gateway = further, GatewayCertificate }, true},
		"no EAP":                 {func(*Config) {}, true},
	} {
		cfg := scriptConfig(1)
		c.set(&cfg)
		if _, err := New(cfg); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 7296 2.8: a new Child SA can receive before the answer that makes it goes
// out, and sends after it; and ours is in use before the old one's Delete goes out.
func TestOutputsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	// order drains the Session and names what comes, in its order.
	order := func(p *script) (names []string) {
		for {
			if d, ok := p.s.PollTransmit(); ok {
				d.Data = bytes.Clone(d.Data)
				p.sent = append(p.sent, d)
				names = append(names, "datagram")
			} else if e, ok := p.s.PollEvent(); ok {
				p.events = append(p.events, e)
				switch e.(type) {
				case ChildAdded:
					names = append(names, "added")
				case ChildActive:
					names = append(names, "active")
				}
			} else {
				return names
			}
		}
	}
	give := func(p *script, data []byte) {
		t.Helper()
		if err := p.s.HandleDatagram(p.now, Datagram{Local: clientAddr, Remote: serverAddr, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	cfg := scriptConfig(1)
	cfg.RemoteTS = selectors("10.0.0.0/8")
	p := established(t, cfg)
	rekey := p.rekeyRequest(p.childSPI, 0x55667788, p.octets(32))
	rekey[3] = &wire.TSPayload{Selectors: cfg.RemoteTS}
	give(p, p.seal(wire.ExchangeCreateChildSA, 0, false, rekey...))
	if got := order(p); !slices.Equal(got, []string{"added", "datagram"}) {
		t.Errorf("the peer's rekey: %q", got)
	}
	fresh := p.rekeyRequest(0, 0x66778899, p.octets(32))[1:]
	fresh[2] = &wire.TSPayload{Selectors: cfg.RemoteTS}
	give(p, p.seal(wire.ExchangeCreateChildSA, 1, false, fresh...))
	if got := order(p); !slices.Equal(got, []string{"added", "datagram", "active"}) {
		t.Errorf("the peer's own Child SA: %q", got)
	}

	p = established(t, scriptConfig(1))
	_, request := p.startRekey()
	h, _ := wire.ParseHeader(p.last().Data)
	give(p, p.seal(h.Exchange, h.MessageID, true, p.childReply(request, 0x55667788, p.octets(32))...))
	if got := order(p); !slices.Equal(got, []string{"added", "active", "datagram"}) {
		t.Errorf("our rekey: %q", got)
	}
}

package ike

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The line stands, and the gateway itself misbehaves: single requests and answers that
// break the rules, and then too much of what is allowed.

// byMOBIKE lets the gateway speak RFC 4555: the last answer of IKE_AUTH says so.
func (h *hostile) byMOBIKE() {
	h.s.enableMobility([]wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyMOBIKESupported}})
}

func note(t wire.NotifyType, data ...byte) *wire.NotifyPayload {
	return &wire.NotifyPayload{NotifyType: t, Data: data}
}

// fresh is a request for a Child SA of the gateway's.
func (h *hostile) fresh(spi uint32) []wire.Payload {
	return h.rekeyRequest(h.childSPI, spi, h.octets(32))[1:]
}

// hostileRequests are single messages.
func hostileRequests() []misbehaviour {
	row := func(name string, want fate, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, by: gateway, when: whileConnected, want: want, act: act}
	}
	asks := func(name string, want fate, kind wire.ExchangeType, ps func(h *hostile) []wire.Payload) misbehaviour {
		return row(name, want, func(h *hostile) error { return h.tell(kind, ps(h)...) })
	}
	child := func(name string, want fate, change func(h *hostile, ps []wire.Payload) []wire.Payload) misbehaviour {
		return asks(name, want, wire.ExchangeCreateChildSA, func(h *hostile) []wire.Payload {
			return change(h, h.rekeyRequest(h.childSPI, 0x55667788, h.octets(32)))
		})
	}
	rekeyIKE := func(name string, want fate, change func(h *hostile, ps []wire.Payload) []wire.Payload) misbehaviour {
		return asks(name, want, wire.ExchangeCreateChildSA, func(h *hostile) []wire.Payload {
			return change(h, h.ikeRekeyRequest(suite.GroupX25519))
		})
	}
	answers := func(name string, want fate, change func(h *hostile, ps []wire.Payload) []wire.Payload) misbehaviour {
		return row(name, want, func(h *hostile) error {
			_, request := h.startRekey()
			return h.respond(change(h, h.childReply(request, 0x55667788, h.octets(32)))...)
		})
	}
	nonce := func(n int) func(*hostile, []wire.Payload) []wire.Payload {
		return func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.NoncePayload{Data: h.octets(n)})
		}
	}
	key := func(b []byte) func(*hostile, []wire.Payload) []wire.Payload {
		return func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.KEPayload{Group: suite.GroupX25519, Data: b})
		}
	}
	just := func(ps ...wire.Payload) func(*hostile) []wire.Payload {
		return func(*hostile) []wire.Payload { return ps }
	}
	const info = wire.ExchangeInformational
	return []misbehaviour{
		asks("an exchange of an unknown type", tells(wire.NotifyInvalidSyntax), 240, just()),
		asks("IKE_AUTH once more", tells(wire.NotifyInvalidSyntax), wire.ExchangeIKEAuth, just(note(wire.NotifyInitialContact))),
		asks("IKE_INTERMEDIATE out of place", tells(wire.NotifyInvalidSyntax), wire.ExchangeIntermediate, just()),
		asks("an unknown critical payload", tells(wire.NotifyUnsupportedCriticalPayload), info, just(&wire.Unknown{PayloadType: 200, Critical: true})),
		asks("unknown payloads that are not critical", serves, info, just(slices.Repeat([]wire.Payload{&wire.Unknown{PayloadType: 200, Body: make([]byte, 900)}}, 64)...)),
		asks("65 payloads", ends(CauseProtocol), info, just(slices.Repeat([]wire.Payload{&wire.VendorIDPayload{}}, 65)...)),
		asks("a chain that is cut short", ends(CauseProtocol), info, just(&rawChain{wire.PayloadNotify, []byte{0, 0}})),
		asks("a notification with an SPI longer than itself", ends(CauseProtocol), info, just(&rawChain{wire.PayloadNotify, []byte{3, 255, 0x40, 0}})),
		asks("64 KiB in one request", serves, info, just(&wire.VendorIDPayload{Data: make([]byte, 65000)})),
		asks("AUTHENTICATION_FAILED after the fact", ends(CauseRejected), info, just(note(wire.NotifyAuthenticationFailed))),
		asks("every other error notification in a request", serves, info, func(*hostile) []wire.Payload {
			var ps []wire.Payload
			for n := range wire.NotifyType(60) {
				if n+1 != wire.NotifyAuthenticationFailed {
					ps = append(ps, note(n+1, 0, 0))
				}
			}
			return ps
		}),
		asks("a Delete for SPIs of nobody", serves, info, func(h *hostile) []wire.Payload {
			d := &wire.DeletePayload{Protocol: wire.ProtocolESP}
			for range 15000 {
				d.SPIs = append(d.SPIs, h.octets(4))
			}
			return []wire.Payload{d}
		}),
		asks("Deletes for AH, for SPIs of 8 octets and for our own SPI", serves, info, func(h *hostile) []wire.Payload {
			a, _ := event[ChildAdded](h.script)
			return []wire.Payload{
				&wire.DeletePayload{Protocol: wire.ProtocolAH, SPIs: [][]byte{spiBytes(h.childSPI)}},
				&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{make([]byte, 8)}},
				&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(a.SA.InboundSPI)}},
			}
		}),
		asks("the last child sa deleted, a thousand times in one Delete", ends(CauseClosedByGateway), info, func(h *hostile) []wire.Payload {
			return []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: slices.Repeat([][]byte{spiBytes(h.childSPI)}, 1000)}}
		}),
		asks("questions about us and settings for us", serves, info, func(*hostile) []wire.Payload {
			set := bomb(wire.InternalIP4DNS, 700, hosts)
			set.CFGType = wire.CFGSet
			ask := bomb(wire.ApplicationVersion, 700, func(int) []byte { return nil })
			ask.CFGType = wire.CFGRequest
			return slices.Repeat([]wire.Payload{set, ask}, 4)
		}),
		asks("redirects to nowhere", serves, info, just(note(wire.NotifyRedirect), note(wire.NotifyRedirect, 3, 255, 'x'), note(wire.NotifyRedirect, 1, 4, 0, 0, 0, 0))),
		asks("message ID synchronisation that was not agreed on", serves, info, just(note(wire.NotifyMessageIDSync, make([]byte, 12)...))),

		child("a rekey of a child sa that is not there", tells(wire.NotifyChildSANotFound), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.NotifyPayload{Protocol: wire.ProtocolESP, SPI: spiBytes(1), NotifyType: wire.NotifyRekeySA})
		}),
		child("a rekey of a child sa for AH", tells(wire.NotifyChildSANotFound), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.NotifyPayload{Protocol: wire.ProtocolAH, SPI: spiBytes(h.childSPI), NotifyType: wire.NotifyRekeySA})
		}),
		child("a rekey with a nonce of 15", ends(CauseProtocol), nonce(15)),
		child("a rekey with a nonce of 257", ends(CauseProtocol), nonce(257)),
		child("a rekey with 255 selectors of others", tells(wire.NotifyTSUnacceptable), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.TSPayload{Selectors: slices.Repeat([]wire.TrafficSelector{wire.AnyIPv6()}, 255)})
		}),
		child("a rekey with a reserved SPI", tells(wire.NotifyInvalidSyntax), func(h *hostile, _ []wire.Payload) []wire.Payload {
			return h.rekeyRequest(h.childSPI, 1, h.octets(32))
		}),
		child("a rekey with the SPI that is in use", tells(wire.NotifyInvalidSyntax), func(h *hostile, _ []wire.Payload) []wire.Payload {
			return h.rekeyRequest(h.childSPI, h.childSPI, h.octets(32))
		}),
		child("a rekey without encryption", tells(wire.NotifyNoProposalChosen), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.SAPayload{Proposals: []wire.Proposal{{Number: 1, Protocol: wire.ProtocolESP, SPI: spiBytes(0x12345678),
				Transforms: []wire.Transform{{Type: wire.TransformENCR, ID: suite.ENCR_NULL}, {Type: wire.TransformESN, ID: 1}}}}})
		}),
		rekeyIKE("an ike rekey with a value of small order", tells(wire.NotifyInvalidSyntax), key(make([]byte, 32))),
		rekeyIKE("an ike rekey with a value of a wrong length", tells(wire.NotifyInvalidSyntax), key(make([]byte, 31))),
		rekeyIKE("an ike rekey with a group that we do not want", tells(wire.NotifyInvalidKEPayload), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.KEPayload{Group: suite.Group2048, Data: make([]byte, 256)})
		}),
		rekeyIKE("an ike rekey with an SPI of zero", tells(wire.NotifyInvalidSyntax), func(h *hostile, ps []wire.Payload) []wire.Payload {
			sa, _ := wire.Find[*wire.SAPayload](ps)
			for i := range sa.Proposals {
				sa.Proposals[i].SPI = make([]byte, 8)
			}
			return ps
		}),
		rekeyIKE("an ike rekey by weak algorithms", tells(wire.NotifyNoProposalChosen), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.SAPayload{Proposals: []wire.Proposal{{Number: 1, Protocol: wire.ProtocolIKE, SPI: h.octets(8), Transforms: []wire.Transform{
				{Type: wire.TransformENCR, ID: suite.ENCR_3DES}, {Type: wire.TransformPRF, ID: suite.PRF_HMAC_SHA1},
				{Type: wire.TransformINTEG, ID: suite.AUTH_HMAC_SHA1_96}, {Type: wire.TransformKE, ID: suite.Group1024},
			}}}})
		}),

		answers("our rekey answered with a value of small order", ends(CauseProtocol), key(make([]byte, 32))),
		answers("our rekey answered with another group", ends(CauseProtocol), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.KEPayload{Group: suite.GroupP256, Data: h.octets(64)})
		}),
		answers("our rekey answered without its key exchange", ends(CauseProtocol), func(_ *hostile, ps []wire.Payload) []wire.Payload { return withoutType(ps, wire.PayloadKE) }),
		answers("our rekey answered with a nonce of 15", ends(CauseProtocol), nonce(15)),
		answers("our rekey answered with wider selectors", ends(CauseProtocol), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.TSPayload{Responder: true, Selectors: []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}})
		}),
		answers("our rekey answered with an SPI of zero", ends(CauseProtocol), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			sa, _ := wire.Find[*wire.SAPayload](ps)
			sa.Proposals[0].SPI = make([]byte, 4)
			return ps
		}),
		answers("our rekey answered with nothing", ends(CauseProtocol), func(*hostile, []wire.Payload) []wire.Payload { return nil }),
		answers("our rekey answered with 64 KiB", serves, func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return append(ps, &wire.VendorIDPayload{Data: make([]byte, 60000)})
		}),
		withAddKE(answers("a rekey without the link to the rest", ends(CauseProtocol), func(_ *hostile, ps []wire.Payload) []wire.Payload { return ps })),
		withAddKE(answers("a link of 60,000 octets", ends(CauseProtocol), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return append(ps, note(wire.NotifyAdditionalKeyExchange, h.octets(60000)...))
		})),
	}
}

// hostileStorms are too much of what is allowed.
func hostileStorms() []misbehaviour {
	row := func(name string, want fate, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, by: gateway, when: whileConnected, want: want, act: act, lasts: time.Hour}
	}
	// storm asks n times, with a pause after each, and gives the last error.
	storm := func(n int, pause time.Duration, ask func(h *hostile, i int) error) func(h *hostile) error {
		return func(h *hostile) (err error) {
			for i := range n {
				if err = ask(h, i); isFatal(err) {
					return err
				}
				if late := h.answerAll(); late != nil {
					return late
				}
				if late := h.pass(pause); late != nil {
					return late
				}
			}
			return err
		}
	}
	refuses := func(n *wire.NotifyPayload, command func(h *hostile) Command) func(h *hostile) error {
		return func(h *hostile) error {
			h.do(command(h))
			for range 1000 {
				for h.s.current.window.request != nil {
					if err := h.respond(n); err != nil {
						return err
					}
				}
				if err := h.pass(max(0, h.s.NextTimeout().Sub(h.now))); err != nil {
					return err
				}
			}
			return nil
		}
	}
	rekeyChild := func(h *hostile) Command {
		a, _ := event[ChildAdded](h.script)
		return RekeyChild{InboundSPI: a.SA.InboundSPI}
	}
	rekeyIKE := func(*hostile) Command { return RekeyIKE{} }
	mobile := func(act func(h *hostile) error) func(h *hostile) error {
		return func(h *hostile) error { h.byMOBIKE(); return act(h) }
	}
	rows := []misbehaviour{
		row("a storm of child sa rekeys", tells(wire.NotifyTemporaryFailure), storm(3000, 50*time.Millisecond, func(h *hostile, i int) error {
			err := h.tell(wire.ExchangeCreateChildSA, h.rekeyRequest(h.childSPI, uint32(0x1000+i), h.octets(32))...)
			if err == nil {
				h.childSPI = uint32(0x1000 + i)
			}
			return err
		})),
		row("a storm of ike sa rekeys on the first ike sa", tells(wire.NotifyTemporaryFailure), storm(3000, 20*time.Millisecond, func(h *hostile, _ int) error {
			return h.tell(wire.ExchangeCreateChildSA, h.ikeRekeyRequest(suite.GroupX25519)...)
		})),
		row("rekeys each second, each asked for twice, and nothing deleted", tells(wire.NotifyTemporaryFailure), func(h *hostile) (err error) {
			for i := range 600 {
				b := h.seal(wire.ExchangeCreateChildSA, h.nextID, false, h.rekeyRequest(h.childSPI, uint32(0x1000+i), h.octets(32))...)
				h.nextID++
				if err = h.deliver(b); err == nil {
					h.childSPI = uint32(0x1000 + i)
				}
				h.each(serves, b) // which tells us that our answer has got lost
				if late := errors.Join(h.answerAll(), h.pass(time.Second)); late != nil {
					return late
				}
				if n := len(h.s.children); n > defaultMaxChildren+maxReplaced {
					h.t.Fatalf("%d Child SAs stand", n)
				}
			}
			return err
		}),
		row("ike rekeys each second, each asked for twice, and nothing deleted", tells(wire.NotifyTemporaryFailure), func(h *hostile) (err error) {
			for range 100 {
				if err = h.rekeyTwice(); err != nil && !tells(wire.NotifyTemporaryFailure).matches(err) {
					return err
				}
				if late := h.pass(time.Second); late != nil {
					return late
				}
				if n := len(h.s.sas); n > maxIKESAs {
					h.t.Fatalf("%d IKE SAs stand", n)
				}
			}
			return err
		}),
		row("a storm of new child sas", tells(wire.NotifyNoAdditionalSAs), storm(3000, 100*time.Millisecond, func(h *hostile, i int) error {
			return h.tell(wire.ExchangeCreateChildSA, h.fresh(uint32(0x1000+i))...)
		})),
		row("child sas made and deleted in turn", serves, storm(2000, 10*time.Millisecond, func(h *hostile, i int) error {
			_ = h.tell(wire.ExchangeCreateChildSA, h.fresh(uint32(0x1000+i))...)
			return h.inform(&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(uint32(0x1000 + i))}})
		})),
		row("a storm of Deletes", serves, storm(5000, 0, func(h *hostile, i int) error {
			return h.inform(&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{spiBytes(uint32(0x1000 + i))}})
		})),
		row("a storm of settings", serves, storm(3000, 0, func(h *hostile, i int) error {
			return h.inform(&wire.CPPayload{CFGType: wire.CFGSet, Attributes: []wire.ConfigAttribute{{Type: wire.InternalIP4DNS, Value: hosts(i)}}})
		})),
		row("a storm of redirects", serves, storm(3000, 0, func(h *hostile, i int) error {
			return h.inform(note(wire.NotifyRedirect, GatewayAt(fmt.Sprintf("n%d.example.com", i)).append(nil)...))
		})),
		row("a storm of liveness checks", serves, storm(10000, 0, func(h *hostile, _ int) error { return h.inform() })),
		withAddKE(row("additional key exchanges that are begun and left", serves, func(h *hostile) (err error) {
			for range 40 {
				if err = h.tell(wire.ExchangeCreateChildSA, h.followed()...); err != nil && !tells(wire.NotifyTemporaryFailure).matches(err) {
					return err
				}
				if n := len(h.s.current.unfinished); n > maxUnfinished {
					h.t.Fatalf("%d wait for the rest", n)
				}
			}
			if late := h.pass(unfinishedWait); late != nil {
				return late
			}
			if n := len(h.s.current.unfinished); n != 0 {
				h.t.Errorf("%d wait for ever", n)
			}
			return h.inform()
		})),
		row("additional key exchanges out of order", tells(wire.NotifyStateNotFound), func(h *hostile) (err error) {
			for range 1000 {
				err = h.tell(wire.ExchangeFollowupKE, &wire.KEPayload{Group: suite.GroupP256, Data: h.octets(64)}, note(wire.NotifyAdditionalKeyExchange, h.octets(8)...))
				if !tells(wire.NotifyStateNotFound).matches(err) {
					return err
				}
			}
			return err
		}),
		row("endless TEMPORARY_FAILURE to a child sa rekey", ends(CauseProtocol), refuses(errorNotify(wire.NotifyTemporaryFailure, nil), rekeyChild)),
		row("endless TEMPORARY_FAILURE to an ike sa rekey", ends(CauseProtocol), refuses(errorNotify(wire.NotifyTemporaryFailure, nil), rekeyIKE)),
		row("endless groups to try for a child sa rekey", ends(CauseProtocol), refuses(errorNotify(wire.NotifyInvalidKEPayload, []byte{0, 19}), rekeyChild)),
		row("endless groups to try for an ike sa rekey", ends(CauseProtocol), refuses(errorNotify(wire.NotifyInvalidKEPayload, []byte{0, 19}), rekeyIKE)),
		row("endless NO_PROPOSAL_CHOSEN to a child sa rekey", ends(CauseProtocol), refuses(errorNotify(wire.NotifyNoProposalChosen, nil), rekeyChild)),
		row("a child sa that is lost again and again", ends(CauseProtocol), func(h *hostile) error {
			h.do(rekeyChild(h))
			for range 1000 {
				for h.s.current.window.request != nil {
					if err := h.respond(errorNotify(wire.NotifyChildSANotFound, nil)); err != nil {
						return err
					}
				}
				if err := h.pass(max(0, h.s.NextTimeout().Sub(h.now))); err != nil {
					return err
				}
			}
			return nil
		}),

		row("COOKIE2 of any length without end", serves, mobile(storm(500, 0, func(h *hostile, i int) error {
			return h.inform(note(wire.NotifyCookie2, h.octets(i)...))
		}))),
		row("UPDATE_SA_ADDRESSES, which is ours to send", serves, mobile(func(h *hostile) error {
			was := h.s.path
			err := h.inform(note(wire.NotifyUpdateSAAddresses), note(wire.NotifyNATDetectionSourceIP, h.octets(20)...), note(wire.NotifyNATDetectionDestinationIP, h.octets(20)...))
			if h.s.path != was {
				h.t.Errorf("the path is %v now", h.s.path)
			}
			return err
		})),
		row("additional addresses without end", serves, mobile(func(h *hostile) (err error) {
			for i := range 500 {
				var ps []wire.Payload
				for k := range 60 {
					ps = append(ps, note(wire.NotifyAdditionalIP4Address, hosts(60*i+k)...))
				}
				if err = h.inform(append(ps, note(wire.NotifyAdditionalIP4Address, serverAddr.Addr().AsSlice()...))...); err != nil {
					return err
				}
			}
			if n := len(h.s.mobility.theirs); n > maxPeerAddresses {
				h.t.Errorf("%d addresses are kept", n)
			}
			return err
		})),
		row("additional addresses that nobody has", serves, mobile(func(h *hostile) error {
			var ps []wire.Payload
			for _, a := range []string{"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1", "::", "::1", "ff02::1", "fe80::1", "::ffff:10.0.0.1"} {
				addr := netip.MustParseAddr(a)
				t := wire.NotifyAdditionalIP6Address
				if addr.Is4() {
					t = wire.NotifyAdditionalIP4Address
				}
				ps = append(ps, note(t, addr.AsSlice()...))
			}
			err := h.inform(append(ps, note(wire.NotifyAdditionalIP4Address, 1), note(wire.NotifyAdditionalIP6Address))...)
			if n := len(h.s.mobility.theirs); n != 1 {
				h.t.Errorf("%v", h.s.mobility.theirs)
			}
			return err
		})),
		row("NO_NATS_ALLOWED that lies", tells(wire.NotifyUnexpectedNATDetected), mobile(func(h *hostile) error {
			return h.each(tells(wire.NotifyUnexpectedNATDetected), h.next(note(wire.NotifyNoNATsAllowed)), h.next(note(wire.NotifyNoNATsAllowed, h.octets(12)...)), h.next(note(wire.NotifyNoNATsAllowed, h.octets(60000)...)))
		})),
		row("a COOKIE2 of ours that comes back wrong", ends(CauseProtocol), mobile(func(h *hostile) error {
			h.do(Move{Remote: netip.MustParseAddrPort("203.0.113.77:4500")})
			return h.respond(note(wire.NotifyCookie2, h.octets(32)...))
		})),
		row("every move refused, and always another address", serves, mobile(func(h *hostile) error {
			for i := range 300 {
				at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 4500)
				b := h.next(note(wire.NotifyNoAdditionalAddresses))
				if err := h.deliverFrom(at, b); err != nil {
					return err
				}
				for range 20 {
					if h.s.current.window.request == nil {
						break
					}
					if err := h.respond(errorNotify(wire.NotifyUnacceptableAddresses, nil)); err != nil {
						return err
					}
				}
			}
			m := &h.s.mobility
			if len(m.refused) > maxRefused || len(m.proven) > maxPeerAddresses {
				h.t.Errorf("%d paths refused, %d addresses proven", len(m.refused), len(m.proven))
			}
			return nil
		})),
	}
	return append(rows, hostileSync()...)
}

// answerAll answers what the Session asks, with nothing.
func (h *hostile) answerAll() error {
	for range 100 {
		if h.s.current == nil || h.s.current.window.request == nil || h.request().MessageID != h.s.current.window.request.id {
			return nil
		}
		if err := h.respond(); err != nil {
			return err
		}
	}
	h.t.Fatal("it asks without end")
	return nil
}

// rekeyTwice rekeys the IKE SA as the gateway, asks twice, and goes on with the new one,
// if there is one.
func (h *hostile) rekeyTwice() error {
	h.t.Helper()
	kx, err := suite.NewKeyExchange(suite.GroupX25519, h.rand)
	if err != nil {
		h.t.Fatal(err)
	}
	ni, spi := h.octets(32), h.octets(8)
	b := h.seal(wire.ExchangeCreateChildSA, h.nextID, false,
		&wire.SAPayload{Proposals: suite.ToWire(h.s.cfg.IKEProposals, wire.ProtocolIKE, spi)},
		&wire.NoncePayload{Data: ni}, &wire.KEPayload{Group: suite.GroupX25519, Data: kx.Public()})
	h.nextID++
	refused := h.deliver(b)
	_, answer := h.open(h.last())
	h.each(serves, b)
	sa, ok := wire.Find[*wire.SAPayload](answer)
	if !ok {
		return refused
	}
	ke, _ := wire.Find[*wire.KEPayload](answer)
	nonce, _ := wire.Find[*wire.NoncePayload](answer)
	chosen, theirs, err := suite.Choose(h.s.cfg.IKEProposals, sa.Proposals, wire.ProtocolIKE)
	if err != nil {
		h.t.Fatal(err)
	}
	shared, err := kx.Shared(ke.Data)
	if err != nil {
		h.t.Fatal(err)
	}
	h.began = true
	h.become(chosen, shared, ni, nonce.Data, spi, theirs)
	return refused
}

// withAddKE lets Child SAs have one key exchange more.
func withAddKE(m misbehaviour) misbehaviour {
	m.setup = func(c *Config) { c.ChildProposals[0].AddKE[0] = []uint16{suite.GroupP256} }
	return m
}

// followed is a request for a Child SA that an additional key exchange is to follow.
func (h *hostile) followed() []wire.Payload {
	h.t.Helper()
	offer := suite.PreferGroup(h.s.cfg.ChildProposals, suite.GroupX25519)[:1]
	offer[0].Group = []uint16{suite.GroupX25519}
	kx, err := suite.NewKeyExchange(suite.GroupX25519, h.rand)
	if err != nil {
		h.t.Fatal(err)
	}
	return instead(append(h.fresh(1), &wire.KEPayload{Group: suite.GroupX25519, Data: kx.Public()}),
		&wire.SAPayload{Proposals: suite.ToWire(offer, wire.ProtocolESP, spiBytes(0x1000+h.nextID))})
}

// next is the gateway's next INFORMATIONAL.
func (h *hostile) next(ps ...wire.Payload) []byte {
	b := h.seal(wire.ExchangeInformational, h.nextID, false, ps...)
	h.nextID++
	return b
}

// isFatal says whether a Session has ended with an error.
func isFatal(err error) bool {
	var f *Failure
	return errors.As(err, &f)
}

// hostileSync are rows about message ID synchronisation (RFC 6311).
func hostileSync() []misbehaviour {
	row := func(name string, want fate, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, by: gateway, when: whileConnected, want: want, act: func(h *hostile) error {
			h.s.current.syncs = true
			return act(h)
		}}
	}
	sync := func(h *hostile, m1, p1 uint32) []byte {
		data := binary.BigEndian.AppendUint32(h.octets(4), m1)
		return h.seal(wire.ExchangeInformational, 0, false, note(wire.NotifyMessageIDSync, binary.BigEndian.AppendUint32(data, p1)...))
	}
	return []misbehaviour{
		row("message ID synchronisation of a wrong length", drops(DropMalformed), func(h *hostile) error {
			h.recordedRequests()
			return h.deliver(h.seal(wire.ExchangeInformational, 0, false, note(wire.NotifyMessageIDSync, h.octets(11)...)))
		}),
		row("message ID synchronisation backwards", drops(DropDuplicate), func(h *hostile) error {
			h.recordedRequests()
			return h.each(drops(DropDuplicate), sync(h, 3, 0), sync(h, 0, 0))
		}),
		row("message ID synchronisation to the end of all message IDs", drops(DropMalformed), func(h *hostile) error {
			return h.each(drops(DropMalformed), sync(h, 100, 1<<32-1), sync(h, 1<<32-1, 5))
		}),
		row("message ID synchronisation to our last message ID", ends(CauseProtocol), func(h *hostile) error {
			if err := h.deliver(sync(h, 100, 1<<32-2)); err != nil {
				return err
			}
			h.do(CheckLiveness{})
			if err := h.respond(); err != nil {
				return err
			}
			err := h.s.Do(h.now, CheckLiveness{})
			h.drain()
			return err
		}),
		row("a thousand synchronisations", serves, func(h *hostile) (err error) {
			for i := range uint32(1000) {
				if err = h.deliver(sync(h, 100+i, 5+i)); err != nil {
					return err
				}
			}
			h.nextID = 1099
			return err
		}),
	}
}

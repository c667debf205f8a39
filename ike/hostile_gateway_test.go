package ike

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// While IKE_AUTH is under way, by whoever stands at the other end of the IKE SA: it
// has keys, and proves who it is, or does not. What breaks the rules is the end, where
// nothing better comes (RFC 7296 2.21.2).

// withoutType leaves payloads of a type out.
func withoutType(ps []wire.Payload, kind wire.PayloadType) []wire.Payload {
	return slices.DeleteFunc(slices.Clone(ps), func(p wire.Payload) bool { return p.Type() == kind })
}

// instead puts a payload in the place of that of its type.
func instead(ps []wire.Payload, with wire.Payload) []wire.Payload {
	out := slices.Clone(ps)
	for i, p := range out {
		if p.Type() == with.Type() {
			out[i] = with
		}
	}
	return out
}

// bomb is CFG_REPLY with an address and as much more as fits.
func bomb(kind uint16, n int, value func(i int) []byte) *wire.CPPayload {
	p := &wire.CPPayload{CFGType: wire.CFGReply, Attributes: []wire.ConfigAttribute{{Type: wire.InternalIP4Address, Value: []byte{10, 0, 0, 9}}}}
	for i := range n {
		p.Attributes = append(p.Attributes, wire.ConfigAttribute{Type: kind, Value: value(i)})
	}
	return p
}

// hosts gives different addresses.
func hosts(i int) []byte { return binary.BigEndian.AppendUint32(nil, 0x0b000000+uint32(i)) }

// byEAP makes the client sign in with a password, and the gateway with a certificate.
func byEAP(c *Config) {
	c.Client, c.Gateway, c.EAP.Methods, c.EAP.Identity = ClientEAP, GatewayCertificate, []uint8{26}, "alice"
}

// eapRequest is a packet of the server: code, identifier, type and data.
func eapRequest(code, id, kind byte, data []byte) *wire.EAPPayload {
	b := binary.BigEndian.AppendUint16([]byte{code, id}, uint16(5+len(data)))
	return &wire.EAPPayload{Data: append(append(b, kind), data...)}
}

// beginEAP proves who the gateway is, and begins EAP with a packet.
func (h *hostile) beginEAP(packet wire.Payload) error {
	h.t.Helper()
	const digitalSignature = 14
	proof := h.signed(auth.RSASHA256, digitalSignature, hostileCert(hostileKey().Public()))
	if err := h.respond(append(proof, packet)...); err != nil {
		return err
	}
	return h.judge(nil)
}

// endlessly goes on until something is wrong.
func endlessly(h *hostile, packet func(i int) wire.Payload) error {
	if err := h.beginEAP(packet(0)); err != nil {
		return err
	}
	for i := 1; i < 1000; i++ {
		if err := h.respond(packet(i)); err != nil {
			return err
		}
	}
	return nil
}

// hostileGateway are those rows.
func hostileGateway() []misbehaviour {
	row := func(name string, want fate, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, by: gateway, when: whileProving, want: want, act: act}
	}
	says := func(name string, want fate, change func(h *hostile, ps []wire.Payload) []wire.Payload) misbehaviour {
		return row(name, want, func(h *hostile) error { return h.respond(change(h, h.authReply())...) })
	}
	rows := []misbehaviour{
		says("an AUTH that is wrong", ends(CauseGatewayAuth), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.AuthPayload{Method: 2, Data: h.octets(32)})
		}),
		says("an AUTH of every method", ends(CauseGatewayAuth), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.AuthPayload{Method: 13, Data: h.octets(32)})
		}),
		says("an AUTH without an octet", ends(CauseGatewayAuth), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.AuthPayload{Method: 2})
		}),
		says("our own AUTH", ends(CauseGatewayAuth), func(h *hostile, ps []wire.Payload) []wire.Payload {
			_, ours := h.open(h.script.last())
			mine, _ := wire.Find[*wire.AuthPayload](ours)
			return instead(ps, mine)
		}),
		says("no AUTH", ends(CauseGatewayAuth), func(_ *hostile, ps []wire.Payload) []wire.Payload { return withoutType(ps, wire.PayloadAUTH) }),
		says("no IDr", ends(CauseGatewayAuth), func(_ *hostile, ps []wire.Payload) []wire.Payload { return withoutType(ps, wire.PayloadIDr) }),
		says("another IDr", ends(CauseGatewayAuth), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, auth.Identity{Type: auth.IDFQDN, Data: []byte("evil.example.com")}.Payload(true))
		}),
		says("an IDr of 60,000 octets", ends(CauseGatewayAuth), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.IDPayload{Responder: true, IDType: auth.IDKeyID, Data: h.octets(60000)})
		}),
		says("EAP without having proven itself", ends(CauseGatewayAuth), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return []wire.Payload{ps[0], eapRequest(1, 1, 1, nil)}
		}),
		says("a child sa that was not offered", ends(CauseNoProposal), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.SAPayload{Proposals: []wire.Proposal{{Number: 1, Protocol: wire.ProtocolESP, SPI: spiBytes(0x12345678),
				Transforms: []wire.Transform{{Type: wire.TransformENCR, ID: suite.ENCR_NULL}, {Type: wire.TransformESN}}}}})
		}),
		says("a child sa for AH", ends(CauseNoProposal), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			sa, _ := wire.Find[*wire.SAPayload](ps)
			sa.Proposals[0].Protocol = wire.ProtocolAH
			return ps
		}),
		says("a reserved ESP SPI", ends(CauseNoProposal), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			sa, _ := wire.Find[*wire.SAPayload](ps)
			sa.Proposals[0].SPI = spiBytes(255)
			return ps
		}),
		says("selectors that are wider than ours", ends(CauseSelectors), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.TSPayload{Responder: true, Selectors: []wire.TrafficSelector{wire.AnyIPv6()}})
		}),
		says("no selectors at all", ends(CauseSelectors), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return withoutType(ps, wire.PayloadTSr)
		}),
		says("255 selectors", ends(CauseSelectors), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.TSPayload{Responder: true, Selectors: slices.Repeat([]wire.TrafficSelector{wire.AnyIPv4()}, 255)})
		}),
		says("selectors that end before they begin", ends(CauseSelectors), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			t := wire.SelectorFromPrefix(netip.MustParsePrefix("10.0.0.0/8"))
			t.Start, t.End = t.End, t.Start
			return instead(ps, &wire.TSPayload{Responder: true, Selectors: []wire.TrafficSelector{t}})
		}),
		says("no address", ends(CauseNoAddress), func(_ *hostile, ps []wire.Payload) []wire.Payload { return withoutType(ps, wire.PayloadCP) }),
		says("addresses that no host has", ends(CauseNoAddress), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return instead(ps, &wire.CPPayload{CFGType: wire.CFGReply, Attributes: []wire.ConfigAttribute{
				{Type: wire.InternalIP4Address, Value: []byte{127, 0, 0, 1}}, {Type: wire.InternalIP4Address, Value: []byte{224, 0, 0, 1}},
				{Type: wire.InternalIP4Address, Value: []byte{0, 0, 0, 0}}, {Type: wire.InternalIP4Address, Value: []byte{10, 0}},
				{Type: wire.InternalIP6Address, Value: make([]byte, 17)},
			}})
		}),
		says("an unknown critical payload", ends(CauseProtocol), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return append(ps, &wire.Unknown{PayloadType: 200, Critical: true})
		}),
		says("65 payloads", ends(CauseProtocol), func(_ *hostile, ps []wire.Payload) []wire.Payload {
			return append(ps, slices.Repeat([]wire.Payload{&wire.VendorIDPayload{}}, 60)...)
		}),
		says("an encrypted payload inside the other", ends(CauseProtocol), func(h *hostile, ps []wire.Payload) []wire.Payload {
			return append(ps, &wire.Encrypted{Body: h.octets(50)})
		}),
		row("16,000 addresses to configure", serves, func(h *hostile) error {
			return h.respond(instead(h.authReply(), bomb(wire.InternalIP4Address, 8000, hosts))...)
		}),
		row("16,000 attributes that nobody knows", serves, func(h *hostile) error {
			return h.respond(instead(h.authReply(), bomb(0x7fff, 16000, func(int) []byte { return nil }))...)
		}),
		row("a list of 30,000 domains in one attribute", serves, func(h *hostile) error {
			return h.respond(instead(h.authReply(), bomb(wire.InternalDNSDomain, 1, func(int) []byte { return []byte(strings.Repeat("a;", 30000)) }))...)
		}),
		row("4,000 domains", serves, func(h *hostile) error {
			err := h.respond(instead(h.authReply(), bomb(wire.InternalDNSDomain, 4000, func(i int) []byte { return fmt.Appendf(nil, "n%d.test", i) }))...)
			if e, ok := event[Established](h.script); ok && len(e.Configuration.Domains) > maxConfigured {
				h.t.Errorf("%d domains", len(e.Configuration.Domains))
			}
			return err
		}),
		row("AUTH_LIFETIME of nothing and of for ever", serves, func(h *hostile) error {
			lifetime := func(b ...byte) wire.Payload {
				return &wire.NotifyPayload{NotifyType: wire.NotifyAuthLifetime, Data: b}
			}
			err := h.respond(append(h.authReply(), lifetime(0, 0, 0, 0))...)
			for _, b := range [][]byte{{255, 255, 255, 255}, {}, {1}, {0, 0, 0, 0, 1}} {
				if err := h.inform(lifetime(b...)); err != nil {
					return err
				}
			}
			if e, ok := event[Reauthenticate](h.script); !ok || e.Lifetime <= 0 || !e.By.After(h.now) {
				h.t.Errorf("%+v", e)
			}
			return err
		}),
	}
	return slices.Concat(rows, hostileEAP(), hostileEarly(), hostileCertificates())
}

// hostileEAP are conversations that do not end, or end too soon (RFC 3748).
func hostileEAP() []misbehaviour {
	row := func(name string, want fate, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, by: gateway, when: whileProving, want: want, setup: byEAP, act: act}
	}
	one := func(name string, want fate, packet ...byte) misbehaviour {
		return row(name, want, func(h *hostile) error { return h.beginEAP(&wire.EAPPayload{Data: packet}) })
	}
	return []misbehaviour{
		row("endless questions for the identity", ends(CauseProtocol), func(h *hostile) error {
			return endlessly(h, func(i int) wire.Payload { return eapRequest(1, byte(i), 1, nil) })
		}),
		row("endless notifications", ends(CauseProtocol), func(h *hostile) error {
			return endlessly(h, func(i int) wire.Payload { return eapRequest(1, byte(i), 2, []byte("wait")) })
		}),
		row("endless methods that nobody allows", ends(CauseProtocol), func(h *hostile) error {
			return endlessly(h, func(i int) wire.Payload { return eapRequest(1, byte(i), byte(30+i%200), []byte("hello")) })
		}),
		row("the same request without end", ends(CauseProtocol), func(h *hostile) error {
			return endlessly(h, func(int) wire.Payload { return eapRequest(1, 7, 1, nil) })
		}),
		row("an identity request of 60,000 octets", ends(CauseProtocol), func(h *hostile) error {
			return endlessly(h, func(i int) wire.Payload { return eapRequest(1, byte(i), 1, h.octets(60000)) })
		}),
		one("success at once", ends(CauseProtocol), 3, 1, 0, 4),
		one("a password asked for by a challenge of no length", ends(CauseProtocol), 1, 1, 0, 10, 26, 1, 1, 0, 5, 0),
		row("a method that would show the password", ends(CauseEAPMethod), func(h *hostile) error {
			if err := h.beginEAP(eapRequest(1, 1, 6, []byte("password?"))); err != nil {
				return err
			}
			if count[NeedCredentials](h.script) != 0 {
				h.t.Error("the password is asked for")
			}
			return h.respond(&wire.EAPPayload{Data: []byte{4, 1, 0, 4}})
		}),
		one("an EAP response", ends(CauseProtocol), 2, 1, 0, 5, 1),
		row("an EAP packet cut short", ends(CauseProtocol), func(h *hostile) error {
			return h.respond(append(h.authReply()[:2], &wire.EAPPayload{Data: []byte{1, 1}})...)
		}),
		one("an EAP length beyond the packet", ends(CauseProtocol), 1, 1, 255, 255, 1),
		one("a Nak as a request", ends(CauseProtocol), 1, 1, 0, 6, 3, 26),
		one("failure at once", ends(CauseRejected), 4, 1, 0, 4),
	}
}

// hostileEarly are requests of a gateway that has proven nothing, and its fragments.
func hostileEarly() []misbehaviour {
	row := func(name string, want fate, act func(h *hostile) error) misbehaviour {
		return misbehaviour{name: name, by: gateway, when: whileProving, want: want, act: act}
	}
	return []misbehaviour{
		row("CREATE_CHILD_SA before its time", tells(wire.NotifyTemporaryFailure), func(h *hostile) error {
			h.each(tells(wire.NotifyTemporaryFailure), h.seal(wire.ExchangeCreateChildSA, 0, false, h.ikeRekeyRequest(suite.GroupX25519)...))
			h.nextID = 1
			return h.tell(wire.ExchangeCreateChildSA, h.rekeyRequest(1, 2, h.octets(32))...)
		}),
		row("IKE_AUTH as a request", tells(wire.NotifyInvalidSyntax), func(h *hostile) error { return h.tell(wire.ExchangeIKEAuth) }),
		row("IKE_FOLLOWUP_KE before its time", tells(wire.NotifyStateNotFound), func(h *hostile) error {
			return h.tell(wire.ExchangeFollowupKE, &wire.KEPayload{Group: 31, Data: h.octets(32)},
				&wire.NotifyPayload{NotifyType: wire.NotifyAdditionalKeyExchange, Data: []byte{1}})
		}),
		row("a thousand INFORMATIONALs before its time", serves, func(h *hostile) (err error) {
			for range 1000 {
				err = h.inform(&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{h.octets(4)}},
					&wire.NotifyPayload{NotifyType: wire.NotifyRedirect, Data: GatewayAt("192.0.2.66").append(nil)},
					&wire.NotifyPayload{NotifyType: wire.NotifyAuthLifetime, Data: make([]byte, 4)})
				if err != nil {
					return err
				}
			}
			if count[Redirect](h.script)+count[Reauthenticate](h.script) != 0 {
				h.t.Error("news from a gateway that has proven nothing")
			}
			return err
		}),
		row("fragments that never make a whole", serves, func(h *hostile) error {
			parts := h.parts(h.request().Exchange, h.request().MessageID, true, 1000, &wire.VendorIDPayload{Data: h.octets(60000)})
			err := h.each(serves, parts[:len(parts)-1]...)
			if late := h.pass(reassemblyTime / 10); late != nil {
				h.t.Fatal(late)
			}
			return err
		}),
		row("fragments cut anew and anew", serves, func(h *hostile) error {
			var all [][]byte
			for room := 1800; room > 1000; room -= 20 { // each cut into more pieces than the one before
				all = append(all, h.parts(h.request().Exchange, h.request().MessageID, true, room, &wire.VendorIDPayload{Data: h.octets(60000)})[0])
			}
			for _, d := range all {
				if err := h.deliver(d); err != nil && !drops(DropFragment).matches(err) {
					return err
				}
			}
			return nil
		}),
		row("fragments of more than a message can hold", serves, func(h *hostile) error {
			big := h.parts(h.request().Exchange, h.request().MessageID, true, 1500, &wire.VendorIDPayload{Data: h.octets(64000)})
			for number := range uint16(64) { // each as long as a datagram can be
				d := h.fragment(h.request().Exchange, h.request().MessageID, true, number+1, 64, h.octets(60000))
				if err := h.deliver(d); err != nil && !drops(DropFragment).matches(err) {
					return err
				}
			}
			return h.each(serves, big[:10]...)
		}),
	}
}

package iketest

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// formRequest is an IKE_SA_INIT request in order: SA from octet 28 on, with its
// one proposal at 32 and transforms at 40, 52, 60 and 68; KE at 76, Nonce at 116, N
// at 152.
func formRequest() []byte {
	p := suite.Proposal{
		Encryption: []suite.Transform{{ID: suite.ENCR_AES_CBC, KeyLen: 256}}, PRF: []uint16{suite.PRF_HMAC_SHA2_256},
		Integrity: []uint16{suite.AUTH_HMAC_SHA2_256_128}, Group: []uint16{suite.GroupX25519},
	}
	m := wire.Message{
		Header: wire.Header{InitiatorSPI: 1, Exchange: wire.ExchangeIKESAInit, Flags: wire.FlagInitiator},
		Payloads: []wire.Payload{
			&wire.SAPayload{Proposals: suite.ToWire([]suite.Proposal{p}, wire.ProtocolIKE, nil)},
			&wire.KEPayload{Group: suite.GroupX25519, Data: make([]byte, 32)},
			&wire.NoncePayload{Data: make([]byte, 32)},
			&wire.NotifyPayload{NotifyType: wire.NotifyFragmentationSupported},
		},
	}
	return m.Marshal()
}

// formInside is what the other exchanges hold, in order.
func formInside() map[string]struct {
	h  wire.Header
	ps []wire.Payload
} {
	type message = struct {
		h  wire.Header
		ps []wire.Payload
	}
	h := func(kind wire.ExchangeType) wire.Header {
		return wire.Header{InitiatorSPI: 1, ResponderSPI: 2, Version: wire.Version2, Exchange: kind, Flags: wire.FlagInitiator}
	}
	esp := suite.ToWire([]suite.Proposal{{
		Encryption: []suite.Transform{{ID: suite.ENCR_AES_GCM_16, KeyLen: 256}}, Group: []uint16{suite.GroupP256}, ESN: []uint16{suite.ESNNo},
	}}, wire.ProtocolESP, []byte{1, 2, 3, 4})
	ts := []wire.TrafficSelector{wire.SelectorFromPrefix(netip.MustParsePrefix("10.0.0.0/8"))}
	return map[string]message{
		"auth": {h(wire.ExchangeIKEAuth), []wire.Payload{
			&wire.IDPayload{IDType: 2, Data: []byte("a.example")},
			&wire.AuthPayload{Method: 2, Data: make([]byte, 32)},
			&wire.CPPayload{CFGType: wire.CFGRequest, Attributes: []wire.ConfigAttribute{{Type: wire.InternalIP4Address}}},
			&wire.CertReqPayload{Encoding: 4, Data: make([]byte, 20)},
			&wire.EAPPayload{Data: []byte{2, 1, 0, 5, 1}},
		}},
		"create": {h(wire.ExchangeCreateChildSA), []wire.Payload{
			&wire.NotifyPayload{Protocol: wire.ProtocolESP, SPI: []byte{1, 2, 3, 4}, NotifyType: wire.NotifyRekeySA},
			&wire.SAPayload{Proposals: esp},
			&wire.NoncePayload{Data: make([]byte, 32)},
			&wire.KEPayload{Group: suite.GroupP256, Data: make([]byte, 64)},
			&wire.TSPayload{Selectors: ts}, &wire.TSPayload{Responder: true, Selectors: ts},
		}},
		"delete":     {h(wire.ExchangeInformational), []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: [][]byte{{1, 2, 3, 4}}}}},
		"delete IKE": {h(wire.ExchangeInformational), []wire.Payload{&wire.DeletePayload{Protocol: wire.ProtocolIKE}}},
		"liveness":   {h(wire.ExchangeInformational), nil},
	}
}

// What is in order is not complained about, and each rule is: one octet of a
// message in order is changed, and the complaint must be of the rule's section.
func TestFormIsHeld(t *testing.T) {
	t.Parallel()
	good := formRequest()
	if f := formOf(good); len(f.problems) != 0 {
		t.Fatalf("a request in order: %q", f.problems)
	}
	for _, c := range []struct {
		name    string
		at      int
		value   byte
		section string
	}{
		{"SPI of zero", 7, 0, "3.1"},
		{"responder's SPI at once", 15, 1, "3.1"},
		{"minor version", 17, 0x21, "3.1"},
		{"version flag", 19, 0x18, "3.1"},
		{"reserved flag", 19, 0x09, "3.1"},
		{"length", 27, 0, "3.1"},
		{"protected", 16, 46, "1.2"},
		{"critical bit", 29, 0x80, "2.5, 3.2"},
		{"reserved bit of a generic header", 29, 0x01, "2.5, 3.2"},
		{"payload length", 31, 3, "3.2"},
		{"last proposal", 32, 2, "3.3.1"},
		{"reserved octet of a proposal", 33, 1, "2.5, 3.3.1"},
		{"proposal length", 35, 7, "3.3.1"},
		{"proposal number", 36, 2, "3.3.1"},
		{"SPI in IKE_SA_INIT", 38, 8, "3.3.1"},
		{"count of transforms", 39, 3, "3.3.1"},
		{"last transform", 40, 0, "3.3.2"},
		{"reserved octet of a transform", 41, 1, "2.5, 3.3.2"},
		{"second reserved octet of a transform", 45, 1, "2.5, 3.3.2"},
		{"no cipher", 44, 6, "3.3"},
		{"AEAD beside integrity", 47, 20, "3.3"},
		{"NULL for an IKE SA", 47, 11, "5"},
		{"a key length for a fixed key", 47, 28, "3.3.5"},
		{"the long form of a key length", 48, 0, "3.3.5"},
		{"another attribute", 49, 15, "3.3.5"},
		{"no PRF", 56, 7, "3.3.3"},
		{"no integrity", 67, 0, "3.3.3, 5"},
		{"NONE as the group of an IKE SA", 75, 0, "2.18, 3.3.6"},
		{"reserved field of KE", 82, 1, "2.5, 3.4"},
		{"KE of a group that no proposal names", 81, 19, "1.3, 3.4"},
		{"KE of another length", 81, 14, "3.4"},
		{"protocol without an SPI", 156, 1, "3.10"},
	} {
		b := bytes.Clone(good)
		b[c.at] = c.value
		if f := formOf(b); !hasSection(f.problems, c.section) {
			t.Errorf("%s: %q, want a complaint of %s", c.name, f.problems, c.section)
		}
	}
	good[158], good[159] = 0x40, 0x06 // COOKIE, empty and behind the others
	if f := formOf(good); !hasSection(f.problems, "2.6") {
		t.Errorf("a cookie that does not come first: %q", f.problems)
	}
}

func hasSection(problems []string, section string) bool {
	for _, p := range problems {
		if strings.HasSuffix(p, "(RFC 7296 "+section+")") {
			return true
		}
	}
	return false
}

// The same for what is inside of protected messages.
func TestFormIsHeldInside(t *testing.T) {
	t.Parallel()
	messages := formInside()
	for name, m := range messages {
		first, chain := wire.AppendChain(nil, m.ps)
		if f := inside(m.h, first, chain); len(f.problems) != 0 {
			t.Errorf("%s in order: %q", name, f.problems)
		}
	}
	for _, c := range []struct {
		name, message string
		spoil         func(ps []wire.Payload) []wire.Payload
		section       string
	}{
		{"reserved field of ID", "auth", raw(0, formIDi, 2, 0, 1, 0, 'a'), "2.5, 3.5"},
		{"a name with a terminator", "auth", raw(0, formIDi, 2, 0, 0, 0, 'a', 0), "3.5"},
		{"reserved field of AUTH", "auth", raw(1, formAUTH, 2, 0, 0, 1), "2.5, 3.8"},
		{"reserved field of CP", "auth", raw(2, formCP, 1, 0, 1, 0, 0, 1, 0, 0), "2.5, 3.15"},
		{"reserved bit of an attribute", "auth", raw(2, formCP, 1, 0, 0, 0, 0x80, 1, 0, 0), "2.5, 3.15.1"},
		{"no address is asked for", "auth", raw(2, formCP, 1, 0, 0, 0, 0, 3, 0, 0), "2.19"},
		{"a netmask is asked for", "auth", raw(2, formCP, 1, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 4, 1, 2, 3, 4), "3.15.1"},
		{"half a hash", "auth", raw(3, formCERTREQ, 4, 1, 2), "3.7"},
		{"EAP packet with another length", "auth", raw(4, formEAP, 2, 1, 0, 6, 1), "3.16"},
		{"EAP request", "auth", raw(4, formEAP, 1, 1, 0, 5, 1), "3.16"},
		{"a nonce in IKE_AUTH", "auth", raw(4, formNonce, make([]byte, 16)...), "1.2"},
		{"INITIAL_CONTACT later", "liveness", add(formN, 0, 0, 0x40, 0), "2.4"},
		{"critical payload", "liveness", func([]wire.Payload) []wire.Payload {
			return []wire.Payload{&wire.Unknown{PayloadType: formV, Critical: true}}
		}, "2.5, 3.2"},
		{"SK inside", "liveness", add(formSK, 1), "3.1, 3.14"},
		{"short nonce", "create", raw(2, formNonce, make([]byte, 15)...), "3.9"},
		{"two nonces", "create", add(formNonce, make([]byte, 16)...), "1.3"},
		{"notification of an IKE SPI", "create", raw(0, formN, 1, 8, 0x40, 9, 1, 2, 3, 4, 5, 6, 7, 8), "3.10"},
		{"an SPI for the IKE SA's Delete", "delete IKE", raw(0, formD, 1, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8), "3.11"},
		{"a Delete of nothing", "delete", raw(0, formD, 3, 4, 0, 0), "3.11"},
		{"a Delete of no protocol", "delete", raw(0, formD, 0, 4, 0, 1, 1, 2, 3, 4), "3.11"},
		{"no selector", "create", raw(4, formTSi, 0, 0, 0, 0), "3.13"},
		{"reserved field of TS", "create", raw(4, formTSi, 1, 0, 0, 1, 7, 0, 0, 16, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1), "2.5, 3.13"},
		{"ports without a protocol", "create", raw(4, formTSi, 1, 0, 0, 0, 7, 0, 0, 16, 0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1), "3.13.1"},
		{"addresses the wrong way round", "create", raw(4, formTSi, 1, 0, 0, 0, 7, 0, 0, 16, 0, 0, 255, 255, 0, 0, 0, 1, 0, 0, 0, 0), "3.13.1"},
		{"a selector of an unknown type", "create", raw(4, formTSi, 1, 0, 0, 0, 9, 0, 0, 8, 0, 0, 255, 255), "3.13.1"},
		{"TSi alone", "create", func(ps []wire.Payload) []wire.Payload { return ps[:5] }, "2.9"},
		{"an ESP SPI that is reserved", "create", esp(func(p *wire.Proposal) { p.SPI = []byte{0, 0, 0, 255} }), "3.3.1"},
		{"an ESP SPI of another length", "create", esp(func(p *wire.Proposal) { p.SPI = make([]byte, 8) }), "3.3.1"},
		{"an IKE SPI of zero", "create", esp(func(p *wire.Proposal) { p.Protocol, p.SPI = 1, make([]byte, 8) }), "2.6, 3.1"},
		{"no ESN", "create", esp(func(p *wire.Proposal) { p.Transforms = p.Transforms[:2] }), "3.3.3"},
		{"both kinds of ciphers", "create", esp(func(p *wire.Proposal) {
			p.Transforms = append(p.Transforms, wire.Transform{Type: wire.TransformENCR, ID: suite.ENCR_AES_CBC, KeyLen: 128})
		}), "3.3"},
		{"KE, and no group", "create", esp(func(p *wire.Proposal) {
			p.Transforms = []wire.Transform{p.Transforms[0], p.Transforms[2]}
		}), "1.3, 3.4"},
	} {
		m := messages[c.message]
		first, chain := wire.AppendChain(nil, c.spoil(append([]wire.Payload(nil), m.ps...)))
		if f := inside(m.h, first, chain); !hasSection(f.problems, c.section) {
			t.Errorf("%s: %q, want a complaint of %s", c.name, f.problems, c.section)
		}
	}
	answer := messages["create"]
	answer.h.Flags |= wire.FlagResponse
	first, chain := wire.AppendChain(nil, esp(func(p *wire.Proposal) {
		p.Transforms = append(p.Transforms, wire.Transform{Type: wire.TransformKE, ID: suite.GroupX25519})
	})(answer.ps))
	if f := inside(answer.h, first, chain); !hasSection(f.problems, "2.7") {
		t.Errorf("two groups are chosen: %q", f.problems)
	}
}

// raw puts other octets in the place of a payload's body.
func raw(at int, kind byte, body ...byte) func([]wire.Payload) []wire.Payload {
	return func(ps []wire.Payload) []wire.Payload {
		ps[at] = &wire.Unknown{PayloadType: wire.PayloadType(kind), Body: body}
		return ps
	}
}

func add(kind byte, body ...byte) func([]wire.Payload) []wire.Payload {
	return func(ps []wire.Payload) []wire.Payload {
		return append(ps, &wire.Unknown{PayloadType: wire.PayloadType(kind), Body: body})
	}
}

// esp changes the proposal of CREATE_CHILD_SA.
func esp(change func(p *wire.Proposal)) func([]wire.Payload) []wire.Payload {
	return func(ps []wire.Payload) []wire.Payload {
		p := ps[1].(*wire.SAPayload).Proposals[0]
		p.Transforms = append([]wire.Transform(nil), p.Transforms...)
		change(&p)
		ps[1] = &wire.SAPayload{Proposals: []wire.Proposal{p}}
		return ps
	}
}

// A nonce that comes twice is seen, but for IKE_SA_INIT sent anew.
func TestNoncesAreRemembered(t *testing.T) {
	t.Parallel()
	r := NewResponder(ResponderConfig{Rand: NewRand(1)})
	once := &form{nonces: [][]byte{{1, 2, 3}}}
	h := wire.Header{InitiatorSPI: 7, Exchange: wire.ExchangeIKESAInit}
	r.holdForm(Epoch, h, once)
	r.holdForm(Epoch, h, once)
	if len(r.Complaints) != 0 {
		t.Errorf("%q", r.Complaints)
	}
	h.InitiatorSPI = 8
	r.holdForm(Epoch, h, once)
	h.Exchange = wire.ExchangeCreateChildSA
	r.holdForm(Epoch, h, once)
	if len(r.Complaints) != 2 {
		t.Errorf("%q", r.Complaints)
	}
}

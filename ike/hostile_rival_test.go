package ike

import (
	"crypto/ed25519"
	"testing"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// A rival of the gateway's has read our IKE_SA_INIT request and answers it first, with
// keys of its own. It can say whatever it likes under protection, but does not prove to
// be the gateway, whose own answer comes a moment later (RFC 7296 2.4).

// rivalry lists what a rival may say on its candidate, of which none may end the attempt.
var rivalry = []struct {
	name string
	say  func(h *hostile) error
}{
	{"AUTHENTICATION_FAILED", func(h *hostile) error { return h.respond(errorNotify(wire.NotifyAuthenticationFailed, nil)) }},
	{"NO_PROPOSAL_CHOSEN", func(h *hostile) error { return h.respond(errorNotify(wire.NotifyNoProposalChosen, nil)) }},
	{"nothing", func(h *hostile) error { return h.respond() }},
	{"octets that are no payloads", func(h *hostile) error { return h.respond(&rawChain{wire.PayloadNotify, []byte{0, 0}}) }},
	{"an unknown critical payload", func(h *hostile) error { return h.respond(&wire.Unknown{PayloadType: 200, Critical: true}) }},
	{"an AUTH that is wrong", func(h *hostile) error {
		return h.respond(instead(h.authReply(), &wire.AuthPayload{Method: 2, Data: h.octets(32)})...)
	}},
	{"another name", func(h *hostile) error {
		return h.respond(instead(h.authReply(), auth.Identity{Type: auth.IDFQDN, Data: []byte("evil.example.com")}.Payload(true))...)
	}},
	{"a redirect", func(h *hostile) error {
		return h.respond(note(wire.NotifyRedirect, GatewayAt("192.0.2.66").append(nil)...))
	}},
	{"a Delete", func(h *hostile) error { return h.inform(&wire.DeletePayload{Protocol: wire.ProtocolIKE}) }},
	{"AUTHENTICATION_FAILED in a request", func(h *hostile) error { return h.inform(errorNotify(wire.NotifyAuthenticationFailed, nil)) }},
	{"a request that is misbuilt", func(h *hostile) error { return h.inform(&rawChain{wire.PayloadNotify, []byte{0, 0}}) }},
	{"part of an answer", func(h *hostile) error {
		return h.deliver(h.parts(h.request().Exchange, h.request().MessageID, true, 600, &wire.VendorIDPayload{Data: h.octets(3000)})[0])
	}},
}

// The rival's whole round trip is over before the gateway's answer comes, or between
// that and the gateway's proof; three rivals are as good as one.
func TestRivalsEndNothing(t *testing.T) {
	t.Parallel()
	for _, r := range rivalry {
		for _, rivals := range []int{1, 2} {
			for _, late := range []bool{false, true} {
				t.Run(r.name, func(t *testing.T) {
					t.Parallel()
					h := misbehaviour{when: whileReaching}.reach(t)
					var speakers []*hostile
					for range rivals {
						rival := *h.script
						rival.sent = append(rival.sent, h.first)
						if err := h.deliver(rival.initReply()); err != nil {
							t.Fatal(err)
						}
						h.toPSK()
						rival.sent = h.sent
						speakers = append(speakers, &hostile{script: &rival, first: h.first})
					}
					genuine := func() {
						h.sent = append(h.sent, h.first)
						if err := h.deliver(h.initReply()); err != nil {
							t.Fatalf("the gateway's own answer: %v", err)
						}
						h.toPSK()
					}
					if late {
						genuine()
					}
					for _, s := range speakers {
						if err := r.say(s); err != nil && !drops("").matches(err) {
							t.Fatalf("a rival says: %v", err)
						}
					}
					if !late {
						if err := h.pass(rivalWait * 9 / 10); err != nil {
							t.Fatal(err)
						}
						genuine()
					}
					if err := h.pass(2 * rivalWait); err != nil {
						t.Fatalf("what the rival said is believed: %v", err)
					}
					h.goesOn(misbehaviour{when: whileProving})
				})
			}
		}
	}
}

// What a rival says of hash algorithms decides which signature is made, and with an
// Ed25519 key there may be none (RFC 7427 4, RFC 8420 2): that is a hint as well.
func TestRivalWithoutHashes(t *testing.T) {
	t.Parallel()
	m := misbehaviour{when: whileReaching, setup: func(c *Config) {
		c.Client, c.Gateway = ClientCertificate, GatewayCertificate
		c.Certificates = [][]byte{hostileCert(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public())}
	}, extras: []wire.Payload{note(wire.NotifySignatureHashAlgorithms, 0, 2, 0, 5)}}
	forged := func(h *hostile) []byte {
		return h.forge(func(m *wire.Message) {
			hashes, _ := wire.Notify(m.Payloads, wire.NotifySignatureHashAlgorithms)
			hashes.Data = []byte{0, 2}
		})
	}
	h := m.reach(t)
	if err := h.deliver(forged(h)); err != nil && !drops("").matches(err) {
		t.Fatalf("an unauthenticated answer: %v", err)
	}
	h.sent = append(h.sent, h.first)
	if err := h.deliver(h.initReply()); err != nil {
		t.Fatalf("the gateway's own answer: %v", err)
	}
	if err := h.pass(2 * rivalWait); err != nil {
		t.Fatalf("what the rival said is believed: %v", err)
	}
	if len(h.s.sas) != 1 || h.s.sas[0].remoteSPI != h.spiR || count[NeedSignature](h.script) != 1 {
		t.Errorf("%d candidates, %d signatures", len(h.s.sas), count[NeedSignature](h.script))
	}
	alone := m.reach(t)
	wantDrop(t, alone.deliver(forged(alone)), DropInitAnswer)
	wantFatal(t, alone.script, alone.pass(hintWait), CauseCredentials)
}

package ike

import (
	"crypto/ed25519"
	"testing"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// RFC 7296 2.4: several answers to IKE_SA_INIT, of which only one is the gateway's,
// put one question for the certificate to the owner, and its answer is for all of
// them; where the one that has asked goes, the question stays.
func TestCertificateQuestionOfRivals(t *testing.T) {
	t.Parallel()
	leaf := hostileCert(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public())
	m := misbehaviour{when: whileReaching, setup: func(c *Config) {
		c.Client, c.Gateway, c.Certificates = ClientCertificate, GatewayCertificate, nil
	}, extras: []wire.Payload{note(wire.NotifySignatureHashAlgorithms, 0, 2, 0, 5)}}
	for name, drop := range map[string]bool{"both stay": false, "the first goes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := m.reach(t)
			// A rival whose word on hashes leaves no way to sign with Ed25519.
			forged := h.forge(func(m *wire.Message) {
				hashes, _ := wire.Notify(m.Payloads, wire.NotifySignatureHashAlgorithms)
				hashes.Data = []byte{0, 2}
			})
			if err := h.deliver(forged); err != nil {
				t.Fatalf("an unauthenticated answer: %v", err)
			}
			h.sent = append(h.sent, h.first)
			if err := h.deliver(h.initReply()); err != nil {
				t.Fatalf("the gateway's own answer: %v", err)
			}
			q, ok := event[NeedCertificate](h.script)
			if !ok || count[NeedCertificate](h.script) != 1 || len(h.s.sas) != 2 {
				t.Fatalf("%d questions of %d candidates", count[NeedCertificate](h.script), len(h.s.sas))
			}
			if drop {
				h.s.dropSA(h.s.sas[0])
			}
			h.do(Certificates{ID: q.ID, Chain: [][]byte{leaf}})
			if len(h.s.sas) != 1 || h.s.sas[0].remoteSPI != h.spiR || count[NeedSignature](h.script) != 1 {
				t.Errorf("%d candidates, %d signatures", len(h.s.sas), count[NeedSignature](h.script))
			}
			if err := h.s.Do(h.now, Certificates{ID: q.ID, Chain: [][]byte{leaf}}); err != ErrUnknownQuestion {
				t.Errorf("a second answer: %v", err)
			}
		})
	}
}

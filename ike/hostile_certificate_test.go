package ike

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Certificates of a gateway that is not who it should be, or wants to cost much.

// hostileKey signs what a gateway with an RSA certificate sends.
var hostileKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(seeded(99), 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// hostileCert makes a certificate for a key.
func hostileCert(public crypto.PublicKey) []byte {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vpn.example.com"}, DNSNames: []string{"vpn.example.com"},
		NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(seeded(98), template, template, public, hostileKey())
	if err != nil {
		panic(err)
	}
	return der
}

// signed is IDr, certificates and an AUTH by the first one's key.
func (h *hostile) signed(scheme auth.Scheme, method uint8, chain ...[]byte) []wire.Payload {
	h.t.Helper()
	octets := auth.SignedOctets(h.response, h.ni, h.suite.PRF[0], h.keys.SK_pr, scriptIDr.Body())
	signature, err := auth.Sign(hostileKey(), scheme, seeded(97), octets)
	if err != nil {
		h.t.Fatal(err)
	}
	proof, err := auth.AuthPayload(scheme, method, signature)
	if err != nil {
		h.t.Fatal(err)
	}
	ps := []wire.Payload{scriptIDr.Payload(true)}
	for _, der := range chain {
		ps = append(ps, &wire.CertPayload{Encoding: wire.CertX509Signature, Data: der})
	}
	return append(ps, proof)
}

// judge is the owner's word on the chain that came last; nil: it is trusted.
func (h *hostile) judge(word error) error {
	h.t.Helper()
	q, ok := event[NeedVerdict](h.script)
	if !ok {
		h.t.Fatal("nobody is asked about the chain")
	}
	err := h.s.Do(h.now, Verdict{ID: q.ID, Err: word})
	h.drain()
	return err
}

// errStranger is the owner's word on a chain.
var errStranger = errors.New("nobody vouches for this certificate")

// hostileCertificates are those rows.
func hostileCertificates() []misbehaviour {
	const rsaSignature, digitalSignature = 1, 14
	knowsBetter := []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifySignatureHashAlgorithms, Data: []byte{0, 2, 0, 3}}}
	row := func(name string, want fate, extras []wire.Payload, act func(h *hostile) error) misbehaviour {
		return misbehaviour{
			name: name, by: gateway, when: whileProving, want: want, extras: extras, act: act,
			setup: func(c *Config) { c.Gateway = GatewayCertificate },
		}
	}
	// judged lets the owner say no to the chain that comes up.
	judged := func(h *hostile, ps []wire.Payload) error {
		if err := h.respond(ps...); err != nil {
			return err
		}
		return h.judge(errStranger)
	}
	return []misbehaviour{
		row("a signature by SHA-1 where RFC 7427 is known", ends(CauseGatewayAuth), knowsBetter, func(h *hostile) error {
			return h.respond(h.signed(auth.RSASHA1, rsaSignature, hostileCert(hostileKey().Public()))...)
		}),
		row("a signature by another key than the certificate's", ends(CauseGatewayAuth), knowsBetter, func(h *hostile) error {
			ps := h.signed(auth.RSASHA256, digitalSignature, hostileCert(hostileKey().Public()))
			proof, _ := wire.Find[*wire.AuthPayload](ps)
			proof.Data[len(proof.Data)-1] ^= 1
			return h.respond(ps...)
		}),
		row("a shared key where a certificate is wanted", ends(CauseGatewayAuth), nil, func(h *hostile) error {
			return h.respond(h.authReply()...)
		}),
		row("63 certificates that are none", ends(CauseGatewayAuth), nil, func(h *hostile) error {
			return h.respond(h.signed(auth.RSASHA256, digitalSignature, slices.Repeat([][]byte{h.octets(900)}, 60)...)...)
		}),
		row("60 certificates behind the right one", ends(CauseGatewayCert), knowsBetter, func(h *hostile) error {
			good := hostileCert(hostileKey().Public())
			return judged(h, h.signed(auth.RSASHA256, digitalSignature, slices.Repeat([][]byte{good}, 60)...))
		}),
		row("an RSA key of 200,000 bits", ends(CauseGatewayAuth), knowsBetter, func(h *hostile) error {
			n := new(big.Int).SetBytes(append([]byte{0xc0}, bytes.Repeat([]byte{0x55}, 25000)...))
			huge := hostileCert(&rsa.PublicKey{N: n, E: 1<<31 - 1})
			began := time.Now()
			err := h.respond(h.signed(auth.RSASHA256, digitalSignature, huge)...)
			if d := time.Since(began); d > time.Second {
				h.t.Errorf("a signature that nobody can make cost %v", d)
			}
			return err
		}),
		row("a certificate of 60,000 octets", ends(CauseGatewayAuth), knowsBetter, func(h *hostile) error {
			return h.respond(h.signed(auth.RSASHA256, digitalSignature, h.octets(60000))...)
		}),
		row("a certificate by its address", ends(CauseGatewayAuth), knowsBetter, func(h *hostile) error {
			ps := h.signed(auth.RSASHA256, digitalSignature, []byte("http://192.0.2.66/cert.der"))
			c, _ := wire.Find[*wire.CertPayload](ps)
			c.Encoding = wire.CertHashAndURL
			return h.respond(ps...)
		}),
	}
}

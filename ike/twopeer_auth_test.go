package ike_test

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
)

var allSteps = []ike.StepName{ike.StepReaching, ike.StepChecking, ike.StepSigningIn, ike.StepSettingUp}

// RFC 7296 2.16, with identity, challenge and success:
//
//	--> IKE_SA_INIT { SA, KE, Ni, N.. }        <-- IKE_SA_INIT { SA, KE, Nr, N.. }
//	--> IKE_AUTH { IDi, CERTREQ, CP, SA, TS }  <-- IKE_AUTH { IDr, CERT, AUTH, EAP(Identity) }
//	--> IKE_AUTH { EAP(Identity) }             <-- IKE_AUTH { EAP(MSCHAPv2 challenge) }
//	--> IKE_AUTH { EAP(MSCHAPv2 response) }    <-- IKE_AUTH { EAP(MSCHAPv2 success) }
//	--> IKE_AUTH { EAP(MSCHAPv2 success) }     <-- IKE_AUTH { EAP Success }
//	--> IKE_AUTH { AUTH }                      <-- IKE_AUTH { AUTH, CP, SA, TS }
func TestTwoPeerEAPMSCHAPv2(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{})
	if init, authn := exchanges(p); init != 1 || authn != 5 {
		t.Errorf("%d IKE_SA_INIT and %d IKE_AUTH exchanges, want 1 and 5", init, authn)
	}
	if !slices.Equal(p.Steps(), allSteps) {
		t.Errorf("steps %v", p.Steps())
	}
	if got := p.Established.GatewayIdentity.String(); got != iketest.GatewayName {
		t.Errorf("gateway identity %q", got)
	}
	if !p.Gateway.InitialContact {
		t.Error("no INITIAL_CONTACT (RFC 7296 2.4)")
	}
	// The password is asked for only when the gateway is verified.
	verdict := slices.IndexFunc(p.Events, func(e ike.Event) bool { _, ok := e.(ike.NeedVerdict); return ok })
	password := slices.IndexFunc(p.Events, func(e ike.Event) bool { _, ok := e.(ike.NeedCredentials); return ok })
	if verdict < 0 || password < verdict {
		t.Errorf("verdict is event %d, password %d", verdict, password)
	}
}

// A gateway that knows the name already begins with the method.
//
//	<-- IKE_AUTH { IDr, CERT, AUTH, EAP(MSCHAPv2 challenge) }
func TestTwoPeerEAPWithoutIdentityRequest(t *testing.T) {
	t.Parallel()
	p := connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.NoEAPIdentity = true }})
	if _, authn := exchanges(p); authn != 4 {
		t.Errorf("%d IKE_AUTH exchanges, want 4", authn)
	}
}

// RFC 3748 5.3.1: a method that is not allowed is refused with the one that is.
//
//	<-- IKE_AUTH { EAP(MD5) }       --> IKE_AUTH { EAP(Nak: MSCHAPv2) }
//	<-- IKE_AUTH { EAP(MSCHAPv2) }  --> ...
func TestTwoPeerEAPNak(t *testing.T) {
	t.Parallel()
	connected(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) { r.EAPMethods = []uint8{4, 6, 26} }})
}

// Names and passwords beyond ASCII, and a very long one.
func TestTwoPeerEAPPasswords(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"x", "pässwörd €𝄞", string(make([]byte, 100)) + "long"} {
		p := newPair(t, iketest.PairConfig{Gateway: func(r *iketest.ResponderConfig) {
			r.Users = map[string]string{iketest.UserName: password}
		}})
		p.Password = password
		connect(t, p)
		mustUp(t, p)
	}
}

// RFC 7296 2.15: a shared key at both ends takes two exchanges.
//
//	--> IKE_AUTH { IDi, AUTH, CP, SA, TS }  <-- IKE_AUTH { IDr, AUTH, CP, SA, TS }
func TestTwoPeerPSK(t *testing.T) {
	t.Parallel()
	p := connected(t, byPSK())
	if init, authn := exchanges(p); init != 1 || authn != 1 {
		t.Errorf("%d and %d exchanges, want 1 and 1", init, authn)
	}
	if iketest.Count[ike.NeedPSK](p) != 1 || iketest.Count[ike.NeedVerdict](p) != 0 {
		t.Error("one question for the key, and none for a certificate")
	}
}

// Client by PSK, gateway by certificate, and the other way round: each side
// has its own method (RFC 7296 2.15).
func TestTwoPeerMixedMethods(t *testing.T) {
	t.Parallel()
	t.Run("client PSK, gateway certificate", func(t *testing.T) {
		t.Parallel()
		connected(t, iketest.PairConfig{
			Client:  func(c *ike.Config) { c.Client = ike.ClientPSK },
			Gateway: func(r *iketest.ResponderConfig) { r.Client = iketest.ClientByPSK },
		})
	})
	t.Run("client certificate, gateway PSK", func(t *testing.T) {
		t.Parallel()
		p := byCertificate(t, iketest.PairConfig{
			Client:  func(c *ike.Config) { c.Gateway = ike.GatewayPSK },
			Gateway: func(r *iketest.ResponderConfig) { r.Certificate = nil },
		}, iketest.P256)
		connect(t, p)
		mustUp(t, p)
	})
}

// RFC 7296 2.15, RFC 4754, RFC 7427: every kind of key at either end, with a
// gateway that knows RFC 7427 and with one that does not.
//
//	--> IKE_AUTH { IDi, CERT, CERTREQ, AUTH, CP, SA, TS }
//	<-- IKE_AUTH { IDr, CERT, AUTH, CP, SA, TS }
func TestTwoPeerCertificates(t *testing.T) {
	t.Parallel()
	for _, client := range []iketest.KeyKind{iketest.RSA2048, iketest.P256, iketest.P384, iketest.P521} {
		for _, gateway := range []iketest.KeyKind{iketest.RSA2048, iketest.P256, iketest.P384, iketest.P521} {
			for _, old := range []bool{false, true} {
				name := string(client) + " and " + string(gateway)
				if old {
					name += ", older methods"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					p := byCertificate(t, iketest.PairConfig{
						Leaf:    func(l *iketest.Leaf) { l.Kind = gateway },
						Gateway: func(r *iketest.ResponderConfig) { r.NoSignatureHashes = old },
					}, client)
					connect(t, p)
					mustUp(t, p)
					if init, authn := exchanges(p); init != 1 || authn != 1 {
						t.Errorf("%d and %d exchanges, want 1 and 1", init, authn)
					}
				})
			}
		}
	}
}

// RFC 8420: Ed25519 and Ed448 at either end, where both know the Identity hash.
func TestTwoPeerEdwardsCertificates(t *testing.T) {
	t.Parallel()
	for _, client := range []iketest.KeyKind{iketest.Ed25519, iketest.Ed448, iketest.P256} {
		for _, gateway := range []iketest.KeyKind{iketest.Ed25519, iketest.Ed448} {
			t.Run(string(client)+" and "+string(gateway), func(t *testing.T) {
				t.Parallel()
				p := byCertificate(t, iketest.PairConfig{Leaf: func(l *iketest.Leaf) { l.Kind = gateway }}, client)
				connect(t, p)
				mustUp(t, p)
			})
		}
	}
}

// RFC 7427: a gateway may sign with PSS, or with a larger hash than usual.
func TestTwoPeerGatewaySchemes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   iketest.KeyKind
		scheme auth.Scheme
	}{
		{iketest.RSA2048, "rsa-pkcs1-sha256"}, {iketest.RSA2048, "rsa-pkcs1-sha512"},
		{iketest.RSA2048, "rsa-pss-sha256"}, {iketest.RSA2048, "rsa-pss-sha384"}, {iketest.RSA2048, "rsa-pss-sha512"},
		{iketest.P256, "ecdsa-sha384"}, {iketest.P384, "ecdsa-sha256"}, {iketest.P256, "ecdsa-sha512"},
		{iketest.Ed25519, "ed25519"}, {iketest.Ed448, "ed448"},
	} {
		t.Run(string(c.kind)+" "+string(c.scheme), func(t *testing.T) {
			t.Parallel()
			connected(t, iketest.PairConfig{
				Leaf:    func(l *iketest.Leaf) { l.Kind = c.kind },
				Gateway: func(r *iketest.ResponderConfig) { r.Scheme = c.scheme },
			})
		})
	}
}

// RFC 7296 3.6: CERT payloads carry the chain, the leaf in front.
func TestTwoPeerIntermediateCertificate(t *testing.T) {
	t.Parallel()
	root := iketest.NewAuthority("Root", iketest.P384)
	between := root.Intermediate("Issuing", iketest.P256)
	leaf := between.Issue(iketest.Leaf{
		DNSNames: []string{iketest.GatewayName}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, between)
	p := newPair(t, iketest.PairConfig{
		Authority: root,
		Gateway:   func(r *iketest.ResponderConfig) { r.Certificate = leaf },
	})
	connect(t, p)
	mustUp(t, p)
	for _, e := range p.Events {
		if v, ok := e.(ike.NeedVerdict); ok && len(v.Chain) != 2 {
			t.Errorf("a chain of %d certificates, want 2", len(v.Chain))
		}
	}
}

// A client's answer may take as long as a person does: nothing times out, and
// nothing is sent while it is awaited.
func TestTwoPeerSlowAnswers(t *testing.T) {
	t.Parallel()
	p := newPair(t, iketest.PairConfig{})
	p.AnswerDelay = 10 * time.Minute
	connect(t, p)
	if !p.Until(time.Hour, func() bool { return p.Established != nil }) {
		t.Fatalf("not connected: %v", p.Cause())
	}
	mustAgree(t, p)
	if n := p.Client.Counters().Retransmitted; n != 0 {
		t.Errorf("%d retransmissions while a person was thinking", n)
	}
}

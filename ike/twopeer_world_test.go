package ike_test

import (
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Two-peer tests: a Session and an iketest.Responder, which shares no code with
// it, on a virtual network in virtual time. Above each step stands a picture
// of the messages; --> is from the client to the gateway.

// authority signs the certificates of all tests that do not need their own.
var authority = sync.OnceValue(func() *iketest.Authority {
	return iketest.NewAuthority("Example CA", iketest.P256)
})

// newPair makes both ends. A failed test prints the whole transcript.
func newPair(t *testing.T, c iketest.PairConfig) *iketest.Pair {
	t.Helper()
	if c.Authority == nil {
		c.Authority = authority()
	}
	p, err := iketest.NewPair(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("\n" + p.Trace.String())
		}
	})
	return p
}

// connect starts the handshake.
func connect(t *testing.T, p *iketest.Pair) {
	t.Helper()
	if err := p.Connect(); err != nil {
		t.Fatal(err)
	}
}

// connected makes both ends and brings them to an established Child SA.
func connected(t *testing.T, c iketest.PairConfig) *iketest.Pair {
	t.Helper()
	p := newPair(t, c)
	connect(t, p)
	mustUp(t, p)
	return p
}

func mustUp(t *testing.T, p *iketest.Pair) {
	t.Helper()
	if !p.Up(2 * time.Minute) {
		t.Fatalf("not connected: %v", p.Cause())
	}
	mustAgree(t, p)
}

// mustAgree wants the same SAs at both ends and nothing to complain about.
func mustAgree(t *testing.T, p *iketest.Pair) {
	t.Helper()
	if err := p.Mirrored(); err != nil {
		t.Errorf("the ends differ: %v", err)
	}
	mustBehave(t, p)
}

// mustBehave wants that the client broke no rule that the gateway, or its
// owner, could see.
func mustBehave(t *testing.T, p *iketest.Pair) {
	t.Helper()
	for _, c := range p.Gateway.Complaints {
		t.Errorf("gateway complains: %s", c)
	}
	for _, c := range p.Complaints {
		t.Errorf("owner complains: %s", c)
	}
}

// mustSettle lets time pass until the wire is quiet, and wants one IKE SA and
// a number of Child SAs at both ends.
func mustSettle(t *testing.T, p *iketest.Pair, d time.Duration, children int) {
	t.Helper()
	p.Drive(d)
	if p.Closed != nil {
		t.Fatalf("closed: %v", p.Closed.Failure)
	}
	if n := len(p.SAs); n != children {
		t.Errorf("the client has %d child SAs, want %d", n, children)
	}
	if n := p.Gateway.IKESAs(); n != 1 {
		t.Errorf("the gateway has %d IKE SAs, want 1", n)
	}
	mustAgree(t, p)
}

// mustFail lets time pass until the client closes, for a cause.
func mustFail(t *testing.T, p *iketest.Pair, cause ike.Cause) *ike.Failure {
	t.Helper()
	if !p.Down(5 * time.Minute) {
		t.Fatalf("still not closed, want %v", cause)
	}
	if p.Cause() != cause {
		t.Fatalf("cause %q, want %q (%v)", p.Cause(), cause, p.Closed.Failure)
	}
	if !p.Client.NextTimeout().IsZero() {
		t.Error("a closed session still wants to be woken")
	}
	return p.Closed.Failure
}

// oneSuite narrows both sides to one proposal each. An empty keyword leaves a
// side as it is.
func oneSuite(t *testing.T, ikeSuite [4]string, espSuite [3]string) iketest.PairConfig {
	t.Helper()
	p, err := suite.ParseIKE(ikeSuite[0], ikeSuite[1], ikeSuite[2], ikeSuite[3])
	if err != nil {
		t.Fatal(err)
	}
	e, err := suite.ParseESP(espSuite[0], espSuite[1], espSuite[2])
	if err != nil {
		t.Fatal(err)
	}
	return iketest.PairConfig{
		Client: func(c *ike.Config) {
			c.IKEProposals, c.ChildProposals = []suite.Proposal{p}, []suite.Proposal{e}
		},
		Gateway: func(r *iketest.ResponderConfig) { r.IKE, r.ESP = []suite.Proposal{p}, []suite.Proposal{e} },
	}
}

// byPSK makes both ends authenticate with a shared key.
func byPSK() iketest.PairConfig {
	return iketest.PairConfig{
		Client: func(c *ike.Config) { c.Client, c.Gateway = ike.ClientPSK, ike.GatewayPSK },
		Gateway: func(r *iketest.ResponderConfig) {
			r.Client, r.Certificate = iketest.ClientByPSK, nil
		},
	}
}

// byCertificate makes a pair whose client authenticates with a certificate of
// its own, with a key of a kind.
func byCertificate(t *testing.T, c iketest.PairConfig, kind iketest.KeyKind) *iketest.Pair {
	t.Helper()
	ca := authority()
	cert := ca.Issue(iketest.Leaf{Kind: kind, CommonN: "alice", Emails: []string{"alice@example.com"}})
	changeClient, changeGateway := c.Client, c.Gateway
	c.Client = func(cfg *ike.Config) {
		cfg.Client, cfg.Certificates = ike.ClientCertificate, cert.Chain
		if changeClient != nil {
			changeClient(cfg)
		}
	}
	c.Gateway = func(r *iketest.ResponderConfig) {
		r.Client, r.ClientAnchors = iketest.ClientByCertificate, [][]byte{ca.DER}
		if changeGateway != nil {
			changeGateway(r)
		}
	}
	p := newPair(t, c)
	p.ClientCert = cert
	return p
}

// both runs two changes of a configuration, either of which may be nil.
func both(a, b iketest.PairConfig) iketest.PairConfig {
	c := a
	c.Client = func(cfg *ike.Config) {
		for _, f := range []func(*ike.Config){a.Client, b.Client} {
			if f != nil {
				f(cfg)
			}
		}
	}
	c.Gateway = func(r *iketest.ResponderConfig) {
		for _, f := range []func(*iketest.ResponderConfig){a.Gateway, b.Gateway} {
			if f != nil {
				f(r)
			}
		}
	}
	return c
}

// exchanges counts the different requests of the client that the gateway saw.
func exchanges(p *iketest.Pair) (init, authn int) {
	return p.Gateway.Received[wire.ExchangeIKESAInit], p.Gateway.Received[wire.ExchangeIKEAuth]
}

// header reads the header of a packet that a test intercepts.
func header(t *testing.T, b []byte) wire.Header {
	t.Helper()
	h, err := wire.ParseHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// fqdn is an identity that is a name.
func fqdn(name string) auth.Identity { return auth.Identity{Type: auth.IDFQDN, Data: []byte(name)} }

package ike_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// eapTunnelPair is a client and a gateway that sign in by what is inside TLS. The
// answers to what is asked for are the server's secrets, in order.
func eapTunnelPair(t *testing.T, server *iketest.TunnelServer, c iketest.PairConfig) *iketest.Pair {
	t.Helper()
	w, err := theSignInServer()
	if err != nil {
		t.Fatal(err)
	}
	if server.TLS == nil {
		server.TLS = &tls.Config{}
	}
	server.TLS.Certificates, server.TLS.Time = []tls.Certificate{w.server}, tlsserver.TimeFunc
	server.Name = "anna"
	change := c.Client
	c.Client = func(cfg *ike.Config) {
		cfg.EAP = eap.Config{
			Identity: "anonymous@example.com", Username: "anna", Methods: []uint8{server.Kind}, RequireBinding: true,
			Inner: []eap.InnerMethod{eap.InnerPAP}, InnerPEAP: []eap.InnerMethod{eap.InnerEAP(eap.TypeGTC)},
		}
		if change != nil {
			change(cfg)
		}
	}
	c.Gateway = func(r *iketest.ResponderConfig) { r.EAP = func() iketest.EAPServer { return server } }
	p, err := iketest.NewPair(c)
	if err != nil {
		t.Fatal(err)
	}
	secrets := slices.Clone(server.Secrets)
	p.Answer = func(e ike.Event) (ike.Command, bool) {
		ask, ok := e.(ike.NeedCredentials)
		if !ok || len(secrets) == 0 {
			return w.answer(e)
		}
		next := secrets[0]
		secrets = secrets[1:]
		return ike.Credentials{ID: ask.ID, Password: []byte(next)}, true
	}
	return p
}

// tunnelQuestions are what a client was asked for, in order.
func tunnelQuestions(p *iketest.Pair) (asked []string) {
	for _, e := range p.Events {
		switch e := e.(type) {
		case ike.NeedVerdict:
			asked = append(asked, map[bool]string{false: "gateway", true: "server"}[e.EAP])
		case ike.NeedCredentials:
			asked = append(asked, fmt.Sprintf("%d in %d of %s: %s", e.Inner, e.Method, e.Username, e.Message))
		case ike.Notice:
			asked = append(asked, "notice: "+e.Message)
		case ike.NeedCertificate, ike.NeedSignature, ike.NeedPSK:
			asked = append(asked, fmt.Sprintf("%T", e))
		}
	}
	return asked
}

// RFC 7296 2.16 with RFC 5281 and MS-PEAP: after the gateway's certificate and the
// server's, and not before, password and codes go inside TLS; both AUTH payloads are made
// with its MSK, PEAP's with the bound one.
func TestTwoPeerEAPTunnel(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, conditions := range map[string]iketest.Conditions{"a good wire": {}, "a bad wire": {Loss: 0.2, Duplicate: 0.2}} {
			for method, row := range map[string]struct {
				server iketest.TunnelServer
				asked  []string
			}{
				"TTLS": {
					iketest.TunnelServer{Kind: iketest.TunnelTTLS, Secrets: []string{"tiger", "1234", "5678"}, Prompts: []string{"Code?", "Next code?"}},
					[]string{"gateway", "server", "0 in 21 of anna: ", "0 in 21 of anna: Code?", "0 in 21 of anna: Next code?"},
				},
				"PEAP": {
					iketest.TunnelServer{Kind: iketest.TunnelPEAP, Secrets: []string{"1234", "5678"}, Prompts: []string{"Code?", "Next code?"}, Greeting: "Good morning"},
					[]string{"gateway", "server", "notice: Good morning", "6 in 25 of anna: Code?", "6 in 25 of anna: Next code?"},
				},
			} {
				t.Run(fmt.Sprintf("%s, %s, %s", method, tls.VersionName(version), name), func(t *testing.T) {
					t.Parallel()
					server := row.server
					server.TLS = &tls.Config{MaxVersion: version}
					p := eapTunnelPair(t, &server, iketest.PairConfig{Conditions: conditions})
					if err := p.Connect(); err != nil {
						t.Fatal(err)
					}
					if !p.Up(10 * time.Minute) {
						t.Fatalf("not up: %+v\n%s", p.Closed, p.Trace)
					}
					for _, complaint := range append(p.Complaints, p.Gateway.Complaints...) {
						t.Error(complaint)
					}
					if asked := tunnelQuestions(p); !slices.Equal(asked, row.asked) {
						t.Errorf("asked %q, want %q", asked, row.asked)
					}
					if server.Outer() != "anonymous@example.com" {
						t.Errorf("outside it is %q", server.Outer())
					}
				})
			}
		}
	}
}

// Each end that is a bad one has its cause.
func TestTwoPeerEAPTunnelFailures(t *testing.T) {
	t.Parallel()
	no := errors.New("another name")
	wrong := func(e ike.Event) (ike.Command, bool) {
		c, ok := e.(ike.NeedCredentials)
		return ike.Credentials{ID: c.ID, Password: []byte("wrong")}, ok
	}
	peap := func(change func(*iketest.TunnelServer)) iketest.TunnelServer {
		s := iketest.TunnelServer{Kind: iketest.TunnelPEAP, Secrets: []string{"1234"}, Prompts: []string{"Code?"}}
		change(&s)
		return s
	}
	as := func(*iketest.TunnelServer) {}
	pap := iketest.TunnelServer{Kind: iketest.TunnelTTLS, Secrets: []string{"tiger", "1234"}, Prompts: []string{"Code?"}}
	for name, row := range map[string]struct {
		server iketest.TunnelServer
		client func(*ike.Config)
		answer func(ike.Event) (ike.Command, bool)
		want   ike.Cause
		secret bool // something was asked for
	}{
		"TTLS, wrong password": {pap, nil, wrong, ike.CauseWrongPassword, true},
		"TTLS, wrong code": {pap, nil, func(e ike.Event) (ike.Command, bool) {
			c, ok := wrong(e)
			return c, ok && e.(ike.NeedCredentials).Message == "Code?"
		}, ike.CauseWrongCode, true},
		"TTLS, the server is not trusted": {pap, nil, func(e ike.Event) (ike.Command, bool) {
			v, ok := e.(ike.NeedVerdict)
			return ike.Verdict{ID: v.ID, Err: no}, ok && v.EAP
		}, ike.CauseServerCert, false},
		"PEAP, wrong code":    {peap(as), nil, wrong, ike.CauseWrongCode, true},
		"PEAP, not bound":     {peap(func(s *iketest.TunnelServer) { s.Unbound = true }), nil, nil, ike.CauseServerProof, true},
		"PEAP, badly bound":   {peap(func(s *iketest.TunnelServer) { s.Misbound = true }), func(c *ike.Config) { c.EAP.RequireBinding = false }, nil, ike.CauseServerProof, true},
		"PEAP is not allowed": {peap(as), func(c *ike.Config) { c.EAP.Methods = []uint8{eap.TypeTTLS} }, nil, ike.CauseEAPMethod, false},
		"GTC is not allowed":  {peap(as), func(c *ike.Config) { c.EAP.InnerPEAP = []eap.InnerMethod{eap.InnerEAP(eap.TypeMSCHAPv2)} }, nil, ike.CauseEAPMethod, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := row.server
			p := eapTunnelPair(t, &server, iketest.PairConfig{Client: row.client})
			if row.answer != nil {
				answer := p.Answer
				p.Answer = func(e ike.Event) (ike.Command, bool) {
					if c, ok := row.answer(e); ok {
						return c, true
					}
					return answer(e)
				}
			}
			if f := closedFor(t, p); f.Cause != row.want {
				t.Errorf("%v, want %s", f, row.want)
			}
			secret := slices.ContainsFunc(p.Events, func(e ike.Event) bool { _, ok := e.(ike.NeedCredentials); return ok })
			if secret != row.secret {
				t.Errorf("asked %q", tunnelQuestions(p))
			}
		})
	}
}

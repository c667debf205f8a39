package ike_test

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/iketest"
	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// signInServer is a RADIUS server's certificates, and those of its users.
type signInServer struct {
	anchor, users *tlsserver.Authority
	server, user  tls.Certificate
}

var theSignInServer = sync.OnceValues(func() (*signInServer, error) {
	w := &signInServer{}
	var errs [4]error
	w.anchor, errs[0] = tlsserver.NewAuthority("Servers", "ecdsa")
	w.users, errs[1] = tlsserver.NewAuthority("Users", "ecdsa")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	w.server, errs[2] = w.anchor.Server("radius.example", "ecdsa", nil)
	w.user, errs[3] = w.users.Client("anna@example.com", "ecdsa", nil)
	return w, errors.Join(errs[:]...)
})

// eapTLSPair is a client and a gateway that sign in by EAP-TLS. change may be nil.
func eapTLSPair(t *testing.T, c iketest.PairConfig, change func(*tls.Config)) *iketest.Pair {
	t.Helper()
	w, err := theSignInServer()
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(w.users.Certificate)
	server := &tls.Config{
		Certificates: []tls.Certificate{w.server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Time: tlsserver.TimeFunc,
	}
	if change != nil {
		change(server)
	}
	client, gateway := c.Client, c.Gateway
	c.Client = func(cfg *ike.Config) {
		cfg.EAP = eap.Config{Identity: "anonymous@example.com", Methods: []uint8{eap.TypeTLS}}
		if client != nil {
			client(cfg)
		}
	}
	c.Gateway = func(r *iketest.ResponderConfig) {
		r.EAPMethods, r.EAPTLS = []uint8{eap.TypeTLS}, server
		if gateway != nil {
			gateway(r)
		}
	}
	p, err := iketest.NewPair(c)
	if err != nil {
		t.Fatal(err)
	}
	p.Answer = w.answer
	return p
}

// answer is what the owner of the line says to EAP-TLS's questions.
func (w *signInServer) answer(e ike.Event) (ike.Command, bool) {
	switch e := e.(type) {
	case ike.NeedVerdict:
		return ike.Verdict{ID: e.ID, Err: auth.VerifyChain(e.Chain, auth.ChainPolicy{
			Purpose: auth.ForEAPServer, Anchors: [][]byte{w.anchor.Certificate.Raw}, Names: []string{"radius.example"}, Now: tlsserver.Time,
		})}, e.EAP
	case ike.NeedCertificate:
		return ike.Certificates{ID: e.ID, Chain: w.user.Certificate}, e.EAP
	case ike.NeedSignature:
		value, err := crypto.SignMessage(w.user.PrivateKey.(crypto.Signer), iketest.NewRand(e.ID), e.Message, crypto.SHA256)
		return ike.Signature{ID: e.ID, Value: value, Err: err}, e.EAP
	}
	return nil, false
}

// closedFor connects and gives why the client closed.
func closedFor(t *testing.T, p *iketest.Pair) *ike.Failure {
	t.Helper()
	if err := p.Connect(); err != nil {
		t.Fatal(err)
	}
	if !p.Down(10*time.Minute) || p.Closed.Failure == nil {
		t.Fatalf("closed: %+v\n%s", p.Closed, p.Trace)
	}
	return p.Closed.Failure
}

// RFC 7296 2.16 with RFC 5216 and RFC 9190: whoever shows a certificate inside EAP is
// connected, and both AUTH payloads are made with the MSK.
//
//	<-- IKE_AUTH { EAP(TLS Start) }        --> IKE_AUTH { EAP(ClientHello) }
//	<-- IKE_AUTH { EAP(ServerHello ...) }  (NeedVerdict, NeedCertificate, NeedSignature)
//	--> IKE_AUTH { EAP(Certificate ...) }  ... <-- IKE_AUTH { EAP Success }
//	--> IKE_AUTH { AUTH }                  <-- IKE_AUTH { AUTH, CP, SA, TS }
func TestTwoPeerEAPTLS(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, conditions := range map[string]iketest.Conditions{"a good wire": {}, "a bad wire": {Loss: 0.2, Duplicate: 0.2}} {
			t.Run(tls.VersionName(version)+", "+name, func(t *testing.T) {
				t.Parallel()
				p := eapTLSPair(t, iketest.PairConfig{Conditions: conditions}, func(c *tls.Config) { c.MaxVersion = version })
				if err := p.Connect(); err != nil {
					t.Fatal(err)
				}
				if !p.Up(10 * time.Minute) {
					t.Fatalf("not up: %+v\n%s", p.Closed, p.Trace)
				}
				for _, complaint := range append(p.Complaints, p.Gateway.Complaints...) {
					t.Error(complaint)
				}
				var asked []string
				for _, e := range p.Events {
					switch e := e.(type) {
					case ike.NeedVerdict:
						asked = append(asked, map[bool]string{false: "gateway", true: "server"}[e.EAP])
					case ike.NeedCertificate:
						asked = append(asked, "certificate")
					case ike.NeedSignature:
						asked = append(asked, "signature")
					case ike.NeedCredentials, ike.NeedPSK:
						t.Errorf("asked for %T", e)
					}
				}
				if want := []string{"gateway", "server", "certificate", "signature"}; !slices.Equal(asked, want) {
					t.Errorf("asked for %v, want %v", asked, want)
				}
			})
		}
	}
}

// Each end that is a bad one has its cause, also when the gateway does not say so, or
// says nothing at all any more.
func TestTwoPeerEAPTLSFailures(t *testing.T) {
	t.Parallel()
	w, err := theSignInServer()
	if err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	deny := func(deny func(ike.Event) (ike.Command, bool)) func(ike.Event) (ike.Command, bool) {
		return func(e ike.Event) (ike.Command, bool) {
			if c, ok := deny(e); ok {
				return c, true
			}
			return w.answer(e)
		}
	}
	for name, row := range map[string]struct {
		server func(*tls.Config)
		client func(*ike.Config)
		answer func(ike.Event) (ike.Command, bool)
		want   ike.Cause
		is     error
	}{
		"the server is not trusted": {want: ike.CauseServerCert, is: no, answer: deny(func(e ike.Event) (ike.Command, bool) {
			v, ok := e.(ike.NeedVerdict)
			return ike.Verdict{ID: v.ID, Err: no}, ok && v.EAP
		})},
		"no certificate": {want: ike.CauseClientCert, answer: deny(func(e ike.Event) (ike.Command, bool) {
			v, ok := e.(ike.NeedCertificate)
			return ike.Certificates{ID: v.ID}, ok
		})},
		"the key is gone": {want: ike.CauseCredentials, is: no, answer: deny(func(e ike.Event) (ike.Command, bool) {
			v, ok := e.(ike.NeedSignature)
			return ike.Signature{ID: v.ID, Err: no}, ok
		})},
		"our certificate is refused": {want: ike.CauseClientCert, server: func(c *tls.Config) { c.ClientCAs = x509.NewCertPool() }},
		"no common version":          {want: ike.CauseServerTLS, server: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }},
		"nobody asks who we are":     {want: ike.CauseProtocol, server: func(c *tls.Config) { c.ClientAuth = tls.NoClientCert }},
		"another method":             {want: ike.CauseEAPMethod, client: func(c *ike.Config) { c.EAP.Methods = []uint8{eap.TypeMSCHAPv2} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, silent := range []bool{false, true} {
				p := eapTLSPair(t, iketest.PairConfig{Client: row.client}, row.server)
				if row.answer != nil {
					p.Answer = row.answer
				}
				if silent {
					if row.is == nil {
						continue // the cause is the gateway's to say
					}
					answer := p.Answer
					p.Answer = func(e ike.Event) (ike.Command, bool) {
						c, ok := answer(e)
						if v, isVerdict := c.(ike.Verdict); ok && isVerdict && v.Err != nil {
							p.Network.Conditions.Loss = 1
						}
						if v, isSignature := c.(ike.Signature); ok && isSignature && v.Err != nil {
							p.Network.Conditions.Loss = 1
						}
						return c, ok
					}
				}
				f := closedFor(t, p)
				if f.Cause != row.want || row.is != nil && !errors.Is(f, row.is) {
					t.Errorf("silent %v: %v, want %s", silent, f, row.want)
				}
			}
		})
	}
}

// Whatever a Session's end, it leaves no coroutine of TLS. Not in parallel: it looks
// at all that are there.
func TestTwoPeerEAPTLSLeavesNothing(t *testing.T) {
	for _, end := range []string{"up", "delete while asked", "silence"} {
		p := eapTLSPair(t, iketest.PairConfig{}, nil)
		asked := false
		if end != "up" {
			answer := p.Answer
			p.Answer = func(e ike.Event) (ike.Command, bool) {
				if v, ok := e.(ike.NeedVerdict); ok && v.EAP {
					asked = true
					return nil, true
				}
				return answer(e)
			}
		}
		if err := p.Connect(); err != nil {
			t.Fatal(err)
		}
		if end == "up" {
			if !p.Up(time.Minute) {
				t.Fatal("not up")
			}
			noTLS(t, end)
			continue
		}
		if !p.Until(time.Minute, func() bool { return asked }) {
			t.Fatal("nobody asked")
		}
		if end == "silence" {
			p.Network.Conditions.Loss = 1
		}
		if err := p.Do(ike.Delete{}); err != nil {
			t.Fatal(err)
		}
		if !p.Down(10 * time.Minute) {
			t.Fatal("not closed")
		}
		noTLS(t, end)
	}
}

func noTLS(t *testing.T, when string) {
	t.Helper()
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil || strings.Contains(stacks.String(), "tlsstep.(*Conn)") {
		t.Errorf("%s: a coroutine is left:\n%s", when, stacks.String())
	}
}

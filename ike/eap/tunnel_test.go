package eap

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// tunnelRun is one conversation of a Peer with a server that has something inside.
type tunnelRun struct {
	*testing.T
	peer    *Peer
	server  *tlsserver.EAP
	answer  func(*Question) (Answer, bool) // false: as a person who knows all would
	asked   []Question
	outside [][]byte // what the client sent
	codes   int
	result  Result
	said    []string // messages for the user
	// onTheWay changes what the server sends; nil: nothing.
	onTheWay func([]byte) []byte
}

// tunnelConfig is a client's whose user is only known inside.
func tunnelConfig(kind uint8, inner ...InnerMethod) Config {
	return Config{
		Identity: outsideName, Username: insideName, Methods: []uint8{kind}, Inner: inner,
		Rand: rand.Reader, Now: tlsserver.Time,
	}
}

// tunnelTLS is a server that asks for no certificate.
func tunnelTLS(version uint16) *tls.Config {
	cfg := theCompany().serverConfig()
	cfg.ClientAuth, cfg.MaxVersion = tls.NoClientCert, version
	return cfg
}

// otherServer has a certificate of the right authority for another name.
func otherServer(t *testing.T) *tls.Config {
	t.Helper()
	cfg := theCompany().serverConfig()
	other, err := theCompany().anchor.Server("printer.example", "ecdsa", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Certificates = []tls.Certificate{other}
	return cfg
}

func newTunnelRun(t *testing.T, cfg Config, server *tls.Config) *tunnelRun {
	r := &tunnelRun{T: t, peer: New(cfg), server: &tlsserver.EAP{Server: tlsserver.New(server), Kind: cfg.Methods[0]}}
	t.Cleanup(func() { r.peer.Clear(); r.server.Close() })
	return r
}

func (r *tunnelRun) respond(q *Question) Answer {
	r.asked = append(r.asked, *q)
	if r.answer != nil {
		if a, ok := r.answer(q); ok {
			return a
		}
	}
	c := theCompany()
	switch q.Kind {
	case AskVerdict:
		return Answer{Err: c.verdict(q)}
	case AskPassword:
		return Answer{Secret: suite.Secret(insidePassword)}
	case AskCode:
		r.codes++
		return Answer{Secret: suite.Secret(fmt.Sprintf("code-%d", r.codes))}
	case AskCertificate:
		return Answer{Certificates: c.user.Certificate}
	case AskSignature:
		signature, err := signWith(c.user.PrivateKey.(crypto.Signer), q)
		return Answer{Signature: signature, Err: err}
	}
	return Answer{Err: errors.New("not asked for here")}
}

// run plays the conversation to its end.
func (r *tunnelRun) run() error {
	r.Helper()
	packet := r.server.Start()
	for range 300 {
		if r.onTheWay != nil {
			packet = r.onTheWay(packet)
		}
		res, err := r.peer.Handle(packet)
		for err == nil && res.Ask != nil {
			res, err = r.peer.Provide(r.respond(res.Ask))
		}
		if err != nil {
			return err
		}
		if res.Message != "" {
			r.said = append(r.said, res.Message)
		}
		if r.result = res; res.Done {
			return nil
		}
		r.outside = append(r.outside, res.Response)
		if packet, err = r.server.Handle(res.Response); err != nil {
			r.Fatalf("the server dropped %x: %v", res.Response, err)
		}
	}
	r.Fatal("no end")
	return nil
}

// kinds are the questions in order.
func (r *tunnelRun) kinds() (out []QuestionKind) {
	for _, q := range r.asked {
		out = append(out, q.Kind)
	}
	return out
}

// checkSecrecy shows that name and password went out in no packet as they are, and
// that nothing was asked for before the verdict on the server.
func (r *tunnelRun) checkSecrecy() {
	r.Helper()
	for _, b := range r.outside {
		for _, secret := range []string{insideName, insidePassword} {
			if bytes.Contains(b, []byte(secret)) {
				r.Errorf("%q is in the clear in %x", secret, b)
			}
		}
	}
	for i, q := range r.asked {
		if q.Method != r.server.Kind || (i == 0) != (q.Kind == AskVerdict && q.Inner == 0) {
			r.Errorf("question %d is %d of method %d inside %d", i, q.Kind, q.Inner, q.Method)
		}
	}
}

// Version 0 is what we speak, whatever is offered (RFC 5281 9.2.1, MS-PEAP 2.2.2), and a
// server that goes on with another is refused.
func TestTunnelVersion(t *testing.T) {
	t.Parallel()
	for kind, highest := range map[uint8]byte{TypeTTLS: 7, TypePEAP: 3} {
		for offer := byte(1); offer <= highest; offer++ {
			cfg := tunnelConfig(kind, InnerPAP, InnerEAP(TypeMSCHAPv2))
			r := newTunnelRun(t, cfg, tunnelTLS(tls.VersionTLS13))
			r.server.Offer = offer
			if kind == TypeTTLS {
				r.server.Greeting = rawAVP(18, 0, 0, []byte("what nobody has to read")) // RFC 5281 9.2
				joinTTLS(r, &ttlsServer{}, InnerPAP)
			} else {
				joinPEAP(r, &peapServer{in: newMicrosoft(insidePassword)})
			}
			if err := r.run(); err != nil {
				t.Errorf("%d, version %d offered: %v", kind, offer, err)
			}

			cfg.TLS.FragmentSize = 4000
			peer := New(cfg)
			t.Cleanup(peer.Clear)
			res, err := peer.Handle(request(1, kind, flagStart|offer))
			if err != nil || res.Response[5]&maskVersion != 0 {
				t.Errorf("%d, version %d offered: %x, %v", kind, offer, res.Response, err)
			}
			if _, err := peer.Handle(request(2, kind, offer, 22, 3, 3, 0, 0)); kindOf(err) != MethodRefused {
				t.Errorf("%d, version %d insisted on: %v", kind, offer, err)
			}
		}
	}
}

// Nothing runs inside where the profile names nothing that can.
func TestTunnelWithNothingInside(t *testing.T) {
	t.Parallel()
	for _, inner := range [][]InnerMethod{nil, {InnerEAP(TypePEAP)}, {InnerEAP(TypeTTLS), InnerEAP(99)}} {
		for _, kind := range []uint8{TypeTTLS, TypePEAP} {
			if _, err := New(tunnelConfig(kind, inner...)).Handle(request(1, kind, flagStart)); kindOf(err) != Internal {
				t.Errorf("%d with %v: %v", kind, inner, err)
			}
		}
	}
	if _, err := New(tunnelConfig(TypePEAP, InnerPAP)).Handle(request(1, TypePEAP, flagStart)); kindOf(err) != Internal {
		t.Errorf("PEAP with PAP: %v", err)
	}
}

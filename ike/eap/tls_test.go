package eap

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// company is the certificates that the tests over TLS share: keys take their time.
type company struct {
	anchor, users *tlsserver.Authority
	server, user  tls.Certificate
}

var theCompany = sync.OnceValue(func() *company {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	c := &company{}
	var err error
	c.anchor, err = tlsserver.NewAuthority("Servers", "ecdsa")
	must(err)
	c.users, err = tlsserver.NewAuthority("Users", "ecdsa")
	must(err)
	c.server, err = c.anchor.Server("radius.example", "ecdsa", nil)
	must(err)
	c.user, err = c.users.Client("anna@example.com", "ecdsa", nil)
	must(err)
	return c
})

// serverConfig is a RADIUS server's that wants the company's user certificates.
func (c *company) serverConfig() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(c.users.Certificate)
	return &tls.Config{
		Certificates: []tls.Certificate{c.server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		Time: tlsserver.TimeFunc,
	}
}

// tlsConfig is a client's that signs in with its certificate.
func (c *company) tlsConfig() Config {
	return Config{
		Identity: "anonymous@example.com", Methods: []uint8{TypeTLS}, Rand: rand.Reader, Now: tlsserver.Time,
		TLS: TLSConfig{Certificates: c.user.Certificate},
	}
}

// verdict judges a chain as client/tunnel does: by the profile's anchors and names.
func (c *company) verdict(q *Question) error {
	return auth.VerifyChain(q.Chain, auth.ChainPolicy{
		Purpose: auth.ForEAPServer, Anchors: [][]byte{c.anchor.Certificate.Raw}, Names: []string{"radius.example"}, Now: tlsserver.Time,
	})
}

// signWith answers a signature question as a key's holder does.
func signWith(key crypto.Signer, q *Question) ([]byte, error) {
	var opts crypto.SignerOpts = crypto.Hash(0)
	for suffix, h := range map[string]crypto.Hash{"-sha256": crypto.SHA256, "-sha384": crypto.SHA384, "-sha512": crypto.SHA512} {
		if strings.HasSuffix(string(q.Scheme), suffix) {
			opts = h
		}
	}
	if strings.HasPrefix(string(q.Scheme), "rsa-pss") {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: opts.HashFunc()}
	}
	return crypto.SignMessage(key, rand.Reader, q.Data, opts)
}

// signIn is one conversation of a Peer with a server over TLS.
type signIn struct {
	*testing.T
	peer   *Peer
	server *tlsserver.EAP
	answer func(*Question) Answer // nil: company.answer
	asked  []string
	seen   []*Question
	result Result // the last one
	most   int    // octets of the longest response
}

// answer gives what a person with the company's certificate does.
func (c *company) answer(q *Question) Answer {
	switch q.Kind {
	case AskVerdict:
		return Answer{Err: c.verdict(q)}
	case AskCertificate:
		return Answer{Certificates: c.user.Certificate}
	case AskSignature:
		signature, err := signWith(c.user.PrivateKey.(crypto.Signer), q)
		return Answer{Signature: signature, Err: err}
	}
	return Answer{Err: errors.New("not asked for here")}
}

var questionNames = map[QuestionKind]string{AskVerdict: "verdict", AskCertificate: "certificate", AskSignature: "signature"}

func newSignIn(t *testing.T, cfg Config, server *tls.Config) *signIn {
	s := &signIn{T: t, peer: New(cfg), server: &tlsserver.EAP{Server: tlsserver.New(server), Kind: TypeTLS}}
	t.Cleanup(func() { s.peer.Clear(); s.server.Close() })
	return s
}

// handle gives a packet to the peer and answers what it asks.
func (s *signIn) handle(packet []byte) ([]byte, error) {
	r, err := s.peer.Handle(packet)
	for err == nil && r.Ask != nil {
		if r.Response != nil || r.Done {
			s.Errorf("a question beside something else: %+v", r)
		}
		q := r.Ask
		s.asked, s.seen = append(s.asked, questionNames[q.Kind]), append(s.seen, q)
		if q.Method != TypeTLS {
			s.Errorf("a question of method %d", q.Method)
		}
		answer := theCompany().answer
		if s.answer != nil {
			answer = s.answer
		}
		r, err = s.peer.Provide(answer(q))
	}
	s.result = r
	s.most = max(s.most, len(r.Response))
	return r.Response, err
}

// run plays the conversation to its end, or until the server drops something.
func (s *signIn) run() error {
	s.Helper()
	packet := s.server.Start()
	for range 200 {
		response, err := s.handle(packet)
		if err != nil || s.result.Done {
			return err
		}
		if again, err := s.peer.Handle(packet); err != nil || !bytes.Equal(again.Response, response) {
			s.Errorf("the same request again: %x, %v; want %x", again.Response, err, response)
		}
		if packet, err = s.server.Handle(response); err != nil {
			s.Fatalf("the server dropped %x: %v", response, err)
		}
	}
	s.Fatal("no end")
	return nil
}

// good checks that both ends have succeeded, with the same key.
func (s *signIn) good() {
	s.Helper()
	want, err := s.server.MSK("client EAP encryption")
	if err != nil {
		s.Fatal(err)
	}
	if !s.result.Done || !s.server.Success || len(want) != mskSize || !bytes.Equal(s.result.MSK, want) {
		s.Errorf("done here %v, there %v; the key is the same: %v", s.result.Done, s.server.Success, bytes.Equal(s.result.MSK, want))
	}
}

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// RFC 5216 2.1.1, 2.3 and RFC 9190 2.1.1, 2.3: both versions, every kind of key, the
// fragments small and large, and the same MSK on both sides.
func TestTLS(t *testing.T) {
	t.Parallel()
	c := theCompany()
	for _, version := range tlsVersions {
		for _, kind := range []string{"ecdsa", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa"} {
			t.Run(tls.VersionName(version)+" "+kind, func(t *testing.T) {
				t.Parallel()
				user, err := c.users.Client("bert@example.com", kind, nil)
				if err != nil {
					t.Fatal(err)
				}
				cfg, server := c.tlsConfig(), c.serverConfig()
				cfg.TLS.Certificates, server.MaxVersion = user.Certificate, version
				s := newSignIn(t, cfg, server)
				s.answer = func(q *Question) Answer {
					if q.Kind != AskSignature {
						return c.answer(q)
					}
					signature, err := signWith(user.PrivateKey.(crypto.Signer), q)
					return Answer{Signature: signature, Err: err}
				}
				if err := s.run(); err != nil {
					t.Fatal(err)
				}
				s.good()
				if got := strings.Join(s.asked, " "); got != "verdict signature" {
					t.Errorf("asked for %s", got)
				}
				if got := s.server.TLS.ConnectionState().PeerCertificates[0]; !got.Equal(user.Leaf) {
					t.Errorf("the server saw %s", got.Subject)
				}
			})
		}
	}
}

// RFC 5216 2.1.5: fragments both ways, of any size, with the length in the first one
// or, as FreeRADIUS does it, in all.
func TestTLSFragments(t *testing.T) {
	t.Parallel()
	c := theCompany()
	middle, err := c.users.Below("Users, Branch", "rsa-4096")
	if err != nil {
		t.Fatal(err)
	}
	user, err := middle.Client("bert@example.com", "rsa-4096", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range tlsVersions {
		for _, size := range []int{64, 200, 1000, 1400} {
			for _, every := range []bool{false, true} {
				cfg, server := c.tlsConfig(), c.serverConfig()
				cfg.TLS.Certificates, cfg.TLS.FragmentSize, server.MaxVersion = user.Certificate, size, version
				s := newSignIn(t, cfg, server)
				s.server.Fragment, s.server.EveryLength = size, every
				s.answer = func(q *Question) Answer {
					if q.Kind != AskSignature {
						return c.answer(q)
					}
					signature, err := signWith(user.PrivateKey.(crypto.Signer), q)
					return Answer{Signature: signature, Err: err}
				}
				if err := s.run(); err != nil {
					t.Fatalf("%s, %d octets, %v: %v", tls.VersionName(version), size, every, err)
				}
				s.good()
				if s.most > 5+1+4+size {
					t.Errorf("%d octets in one packet, want fragments of %d", s.most, size)
				}
			}
		}
	}
}

// The certificate may be chosen while the server waits: it says whose it takes
// (RFC 5246 7.4.4, RFC 8446 4.2.4).
func TestTLSCertificateIsAskedFor(t *testing.T) {
	t.Parallel()
	c := theCompany()
	for _, version := range tlsVersions {
		cfg, server := c.tlsConfig(), c.serverConfig()
		cfg.TLS.Certificates, server.MaxVersion = nil, version
		s := newSignIn(t, cfg, server)
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		s.good()
		if got := strings.Join(s.asked, " "); got != "verdict certificate signature" {
			t.Errorf("asked for %s", got)
		}
		if got := s.seen[1].Issuers; len(got) != 1 || !bytes.Equal(got[0], c.users.Certificate.RawSubject) {
			t.Errorf("issuers %x", got)
		}
	}
}

// RFC 5216 2.1.2, RFC 9190 2.1.2: a session is taken up again without a signature;
// the chain of then is judged anew, and a verdict that has changed ends it.
func TestTLSResumption(t *testing.T) {
	t.Parallel()
	c := theCompany()
	for _, version := range tlsVersions {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			cfg, server := c.tlsConfig(), c.serverConfig()
			server.MaxVersion = version
			server.SetSessionTicketKeys([][32]byte{{1}})
			cfg.TLS.Sessions = &tlsstep.Sessions{}
			resumed := func(cfg Config) bool {
				t.Helper()
				s := newSignIn(t, cfg, server)
				if err := s.run(); err != nil {
					t.Fatal(err)
				}
				s.good()
				again := s.server.TLS.ConnectionState().DidResume
				want := "verdict signature"
				if again {
					want = "verdict"
				}
				if got := strings.Join(s.asked, " "); got != want || !bytes.Equal(s.seen[0].Chain[0], c.server.Certificate[0]) {
					t.Errorf("asked for %s", got)
				}
				return again
			}
			if resumed(cfg) {
				t.Error("resumed from nothing")
			}
			for range 3 {
				if !resumed(cfg) {
					t.Error("not resumed")
				}
			}
			other := cfg
			other.Identity = "bert@example.com"
			if resumed(other) {
				t.Error("resumed for somebody else")
			}
			other = cfg
			other.TLS.Policy = "other anchors"
			if resumed(other) {
				t.Error("resumed under another policy")
			}

			s := newSignIn(t, cfg, server)
			s.answer = func(*Question) Answer { return Answer{Err: errDistrust} }
			if err := s.run(); kindOf(err) != Untrusted || !errors.Is(err, errDistrust) {
				t.Errorf("no longer trusted: %v", err)
			}
			if resumed(cfg) {
				t.Error("resumed after a verdict of no")
			}
		})
	}
}

var errDistrust = errors.New("not trusted")

// BenchmarkTLS is a whole EAP-TLS on both sides, with ECDSA on P-256.
func BenchmarkTLS(b *testing.B) {
	for _, version := range tlsVersions {
		b.Run(tls.VersionName(version), func(b *testing.B) {
			c := theCompany()
			server := c.serverConfig()
			server.MaxVersion = version
			b.ReportAllocs()
			for b.Loop() {
				p, s := New(c.tlsConfig()), &tlsserver.EAP{Server: tlsserver.New(server), Kind: TypeTLS}
				for packet, err := s.Start(), error(nil); ; {
					r, err2 := p.Handle(packet)
					for err2 == nil && r.Ask != nil {
						r, err2 = p.Provide(c.answer(r.Ask))
					}
					if err2 != nil {
						b.Fatal(err2)
					}
					if r.Done {
						break
					}
					if packet, err = s.Handle(r.Response); err != nil {
						b.Fatal(err)
					}
				}
				p.Clear()
				s.Close()
			}
		})
	}
}

package tlsstep

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// pki is made once: keys take their time.
type pki struct {
	anchor, users *tlsserver.Authority
	server, user  tls.Certificate
}

var world = sync.OnceValue(func() *pki {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	w := &pki{}
	var err error
	w.anchor, err = tlsserver.NewAuthority("Servers", "ecdsa")
	must(err)
	w.users, err = tlsserver.NewAuthority("Users", "ecdsa")
	must(err)
	w.server, err = w.anchor.Server("radius.example", "ecdsa", nil)
	must(err)
	w.user, err = w.users.Client("anna@example.com", "ecdsa", nil)
	must(err)
	return w
})

func now() time.Time { return tlsserver.Time }

func (w *pki) client() Config {
	return Config{Certificates: w.user.Certificate, Rand: rand.Reader, Now: now}
}

func (w *pki) serverConfig() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(w.users.Certificate)
	return &tls.Config{
		Certificates: []tls.Certificate{w.server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, Time: now,
	}
}

// sign answers a signature question as a key's holder does.
func sign(key crypto.Signer, q *Ask) ([]byte, error) {
	opts := crypto.SignerOpts(crypto.Hash(0))
	switch q.Scheme {
	case tls.PSSWithSHA256, tls.ECDSAWithP256AndSHA256, tls.PKCS1WithSHA256:
		opts = crypto.SHA256
	case tls.PSSWithSHA384, tls.ECDSAWithP384AndSHA384, tls.PKCS1WithSHA384:
		opts = crypto.SHA384
	case tls.PSSWithSHA512, tls.ECDSAWithP521AndSHA512, tls.PKCS1WithSHA512:
		opts = crypto.SHA512
	}
	switch q.Scheme {
	case tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512:
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: opts.HashFunc()}
	}
	return crypto.SignMessage(key, rand.Reader, q.Message, opts)
}

// talk is one connection of a client with a server.
type talk struct {
	*testing.T
	c      *Conn
	s      *tlsserver.Server
	key    crypto.Signer
	user   [][]byte
	trust  func(*Ask) error // nil: yes
	asked  []string
	seen   []*Ask
	data   []byte // what the client got
	server []byte // what the server got
	done   int
}

func newTalk(t *testing.T, cfg Config, server *tls.Config) *talk {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	k := &talk{T: t, c: c, s: tlsserver.New(server), key: world().user.PrivateKey.(crypto.Signer), user: world().user.Certificate}
	t.Cleanup(func() { c.Close(); k.s.Close() })
	return k
}

// answer gives what a question wants.
func (k *talk) answer(q *Ask) Answer {
	k.seen = append(k.seen, q)
	switch q.Kind {
	case AskVerdict:
		k.asked = append(k.asked, "verdict")
		if k.trust != nil {
			return Answer{Err: k.trust(q)}
		}
	case AskCertificate:
		k.asked = append(k.asked, "certificate")
		return Answer{Certificates: k.user}
	case AskSignature:
		k.asked = append(k.asked, "signature")
		s, err := sign(k.key, q)
		return Answer{Signature: s, Err: err}
	}
	return Answer{}
}

// run goes on from a step until both ends wait.
func (k *talk) run(step Step, err error) error {
	k.Helper()
	for {
		k.data = append(k.data, step.Data...)
		if step.Established {
			k.done++
		}
		switch {
		case err != nil:
			out, _ := k.s.Input(step.Out)
			_ = out // the server's alert comes too late
			return err
		case step.Ask != nil:
			if len(step.Out) > 0 {
				k.Errorf("octets go out beside a question")
			}
			step, err = k.c.Answer(k.answer(step.Ask))
		case len(step.Out) > 0:
			out, data := k.s.Input(step.Out)
			k.server = append(k.server, data...)
			if len(out) == 0 {
				return nil
			}
			step, err = k.c.Input(out)
		default:
			return nil
		}
	}
}

func (k *talk) connect() error { return k.run(k.c.Start()) }

// RFC 5216 2.1, RFC 9190 2.1: a handshake with certificates on both sides, data
// both ways, and the same keys on both sides.
func TestHandshake(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			server := world().serverConfig()
			server.MaxVersion = version
			k := newTalk(t, world().client(), server)
			if err := k.connect(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(k.asked, " "); got != "verdict signature" {
				t.Errorf("asked for %s", got)
			}
			if !k.s.Established || k.done != 1 {
				t.Fatalf("established: %d times here, there %v (%v)", k.done, k.s.Established, k.s.Err)
			}
			if got := k.c.State(); got.Version != version || got.Resumed || !got.Wanted || !got.Shown || got.LegacyKey {
				t.Errorf("%+v", got)
			}
			for _, context := range [][]byte{nil, {13}} {
				ours, err := k.c.Export("a label", context, 128)
				if err != nil {
					t.Fatal(err)
				}
				state := k.s.TLS.ConnectionState()
				theirs, err := state.ExportKeyingMaterial("a label", context, 128)
				if err != nil || !bytes.Equal(ours, theirs) {
					t.Errorf("other keys: %v", err)
				}
			}
			if err := k.run(k.c.Input(k.s.Write([]byte("hello")))); err != nil || string(k.data) != "hello" {
				t.Errorf("%q, %v", k.data, err)
			}
			out, err := k.c.Write([]byte("world"))
			if err != nil {
				t.Fatal(err)
			}
			if _, got := k.s.Input(out); string(got) != "world" {
				t.Errorf("%q", got)
			}
			step, err := k.c.Input(k.s.End())
			if err != nil || !step.Closed {
				t.Errorf("close_notify: %+v, %v", step, err)
			}
		})
	}
}

// Octets may come one by one.
func TestInputInPieces(t *testing.T) {
	t.Parallel()
	k := newTalk(t, world().client(), world().serverConfig())
	step, err := k.c.Start()
	if err != nil {
		t.Fatal(err)
	}
	for !k.s.Established {
		out, _ := k.s.Input(step.Out)
		step = Step{}
		for i := range out {
			var s Step
			s, err = k.c.Input(out[i : i+1])
			for err == nil && s.Ask != nil {
				s, err = k.c.Answer(k.answer(s.Ask))
			}
			if err != nil {
				t.Fatal(err)
			}
			step.Out = append(step.Out, s.Out...)
		}
		if len(out) == 0 && !k.s.Established {
			t.Fatal("stands still")
		}
	}
}

var errNo = errors.New("no")

func kindOf(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Sprint("untyped ", err)
	}
	return string(e.Kind)
}

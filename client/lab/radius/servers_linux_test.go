package radius_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/client/lab"
	"github.com/homeward-vpn/homeward/client/lab/radius"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(closing{m})) }

// closing ends the company that the tests share.
type closing struct{ *testing.M }

func (c closing) Run() int {
	code := c.M.Run()
	if opened == nil {
		return code
	}
	if err := opened.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "closing the lab:", err)
		return max(code, 1)
	}
	return code
}

// opened is the company, where a test has wanted it.
var opened *lab.Lab

// company is one company's sign-in servers, for all tests.
var company = sync.OnceValues(func() (*lab.Lab, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	l, err := lab.Start(ctx, lab.Options{NoGateway: true, RADIUS: &lab.RADIUSOptions{}})
	opened = l
	return l, err
})

// servers gives the company, or skips where there cannot be one.
func servers(t *testing.T) *lab.Lab {
	t.Helper()
	l, err := company()
	if forbidden := (*lab.NotPermittedError)(nil); errors.As(err, &forbidden) || errors.Is(err, lab.ErrNotInstalled) {
		t.Skip("no lab on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// person answers a Peer's questions.
type person struct {
	anchors   [][]byte
	names     []string
	secrets   []string // passwords and codes, in the order in which they are asked for
	next      string   // the new password
	key       crypto.Signer
	chain     [][]byte
	questions []eap.Question // as they came
}

// employee trusts the company's sign-in servers.
func employee(l *lab.Lab, secrets ...string) *person {
	return &person{anchors: [][]byte{l.PKI.SignIn.DER()}, names: []string{lab.RADIUSName}, secrets: secrets}
}

// holds gives the person a certificate.
func (p *person) holds(t *testing.T, l *lab.Lab, key lab.KeyType) *person {
	t.Helper()
	c, err := l.PKI.Employee(lab.EmployeeMail, key)
	if err != nil {
		t.Fatal(err)
	}
	p.key, p.chain = c.Key, [][]byte{c.DER()}
	return p
}

// holdsBelow gives the person a certificate of an authority between, which goes along.
func (p *person) holdsBelow(t *testing.T, l *lab.Lab, key lab.KeyType) *person {
	t.Helper()
	between, err := l.PKI.CA.Intermediate("Example Corp Staff CA")
	if err != nil {
		t.Fatal(err)
	}
	c, err := (&lab.PKI{CA: between}).Employee(lab.EmployeeMail, key)
	if err != nil {
		t.Fatal(err)
	}
	p.key, p.chain = c.Key, [][]byte{c.DER(), between.DER()}
	return p
}

// kinds are those of the questions so far.
func (p *person) kinds() []eap.QuestionKind {
	var out []eap.QuestionKind
	for _, q := range p.questions {
		out = append(out, q.Kind)
	}
	return out
}

// answer answers one question.
func (p *person) answer(q eap.Question) eap.Answer {
	p.questions = append(p.questions, q)
	switch q.Kind {
	case eap.AskPassword, eap.AskCode:
		if len(p.secrets) == 0 {
			return eap.Answer{Err: errors.New("nothing is left to say")}
		}
		a := eap.Answer{Secret: suite.Secret(p.secrets[0])}
		p.secrets = p.secrets[1:]
		return a
	case eap.AskNewPassword:
		return eap.Answer{New: suite.Secret(p.next)}
	case eap.AskCertificate:
		return eap.Answer{Certificates: p.chain}
	case eap.AskSignature:
		signature, err := sign(p.key, q.Scheme, q.Data)
		return eap.Answer{Signature: signature, Err: err}
	case eap.AskVerdict:
		return eap.Answer{Err: auth.VerifyChain(q.Chain, auth.ChainPolicy{Purpose: auth.ForEAPServer, Anchors: p.anchors, Names: p.names, Now: time.Now()})}
	}
	return eap.Answer{Err: fmt.Errorf("a question of kind %d", q.Kind)}
}

// sign signs as a scheme says.
func sign(key crypto.Signer, s auth.Scheme, data []byte) ([]byte, error) {
	hash, digest := crypto.SHA256, []byte(nil)
	switch name := string(s); {
	case strings.HasSuffix(name, "sha256"):
		d := sha256.Sum256(data)
		digest = d[:]
	case strings.HasSuffix(name, "sha384"):
		d := sha512.Sum384(data)
		hash, digest = crypto.SHA384, d[:]
	case strings.HasSuffix(name, "sha512"):
		d := sha512.Sum512(data)
		hash, digest = crypto.SHA512, d[:]
	default:
		return nil, fmt.Errorf("the scheme %s", name)
	}
	if strings.HasPrefix(string(s), "rsa-pss") {
		return key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
	}
	return key.Sign(rand.Reader, digest, hash)
}

// outcome is how a conversation ended.
type outcome struct {
	err  error       // of the peer
	code radius.Code // the server's last word
	msk  []byte      // the peer's
	key  []byte      // the server's
	said []string    // what the server had for the user
}

// talk runs a conversation to its end.
func talk(t *testing.T, s *lab.RADIUSServer, cfg eap.Config, p *person) outcome {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	cfg.Rand, cfg.Now = rand.Reader, time.Now()
	server, peer := radius.NewClient(conn, s.Secret, cfg.Identity), eap.New(cfg)
	defer peer.Clear()
	var out outcome
	// As a gateway does, which has asked for the identity itself.
	r, err := peer.Handle([]byte{1, 0, 0, 5, eap.TypeIdentity})
	for {
		if r.Message != "" {
			out.said = append(out.said, r.Message)
		}
		if out.err = err; err != nil {
			return out
		}
		switch {
		case r.Ask != nil:
			r, err = peer.Provide(p.answer(*r.Ask))
		case r.Done:
			out.msk = r.MSK
			return out
		default:
			a, xerr := server.Exchange(r.Response)
			if xerr != nil {
				t.Fatalf("%v\n%s", xerr, s.Log())
			}
			out.code, out.key = a.Code, a.Key
			r, err = peer.Handle(a.EAP)
		}
	}
}

// refused wants a conversation to end with an error of this kind.
func (o outcome) refused(t *testing.T, kind eap.ErrorKind) *eap.Error {
	t.Helper()
	e := (*eap.Error)(nil)
	if !errors.As(o.err, &e) || e.Kind != kind || o.msk != nil {
		t.Fatalf("the conversation ends with %v and %d octets of a key, want %s", o.err, len(o.msk), kind)
	}
	return e
}

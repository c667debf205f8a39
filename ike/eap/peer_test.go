package eap

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/homeward-vpn/homeward/ike/suite"
)

func request(id byte, kind uint8, data ...byte) []byte { return marshal(codeRequest, id, kind, data) }

func successRequest(id, chapID byte, text string) []byte {
	return textRequest(opSuccess, id, chapID, text)
}

func failureRequest(id, chapID byte, text string) []byte {
	return textRequest(opFailure, id, chapID, text)
}

func textRequest(op, id, chapID byte, text string) []byte {
	n := 4 + len(text)
	return request(id, TypeMSCHAPv2, append([]byte{op, chapID, byte(n >> 8), byte(n)}, text...)...)
}

func challengeRequest(id, chapID byte) []byte {
	return request(id, TypeMSCHAPv2, append([]byte{opChallenge, chapID, 0, 23, 16}, "0123456789abcdefgw"...)...)
}

func newPeer(methods ...uint8) *Peer {
	return New(Config{Identity: "anna", Methods: methods, Rand: rand.Reader})
}

func kindOf(err error) ErrorKind {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Kind
}

// run plays a whole conversation and gives both ends' last words.
func run(t *testing.T, p *Peer, a *Authenticator, password string) (Result, AuthenticatorResult, error) {
	t.Helper()
	server := AuthenticatorResult{Packet: a.Start()}
	for range 20 {
		r, err := p.Handle(server.Packet)
		if err == nil && r.Ask != nil {
			if r.Method != TypeMSCHAPv2 {
				t.Errorf("password for method %d", r.Method)
			}
			r, err = p.Provide(Answer{Secret: suite.Secret(password)})
		}
		if err != nil || r.Done {
			return r, server, err
		}
		// A packet that comes twice gets the same answer.
		if again, err := p.Handle(server.Packet); err != nil || !bytes.Equal(again.Response, r.Response) {
			t.Errorf("the same request again: %x, %v; want %x", again.Response, err, r.Response)
		}
		if server, err = a.Handle(r.Response); err != nil {
			t.Fatalf("the server dropped %x: %v", r.Response, err)
		}
	}
	t.Fatal("no end")
	return Result{}, AuthenticatorResult{}, nil
}

func server(methods ...uint8) *Authenticator {
	return NewAuthenticator(AuthenticatorConfig{
		Name: "gw", Rand: rand.Reader, Methods: methods, Message: "a word",
		Password: func(name string) (suite.Secret, bool) {
			return suite.Secret("tiger"), name == "anna" || name == `EX\anna`
		},
	})
}

// <-- Identity --> anna <-- Challenge --> Response <-- S= --> ack <-- Success
func TestSuccess(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		peer *Peer
		auth *Authenticator
	}{
		"at once":           {newPeer(TypeMSCHAPv2), server()},
		"after Naks":        {newPeer(50, TypeMSCHAPv2), server(TypeMD5, TypeGTC, TypeTLS, TypeMSCHAPv2)},
		"with a domain":     {New(Config{Identity: `EX\anna`, Methods: []uint8{TypeMSCHAPv2}, Rand: rand.Reader}), server()},
		"another user name": {New(Config{Identity: "anon@example.com", Username: "anna", Methods: []uint8{TypeMSCHAPv2}, Rand: rand.Reader}), server()},
	} {
		r, s, err := run(t, row.peer, row.auth, "tiger")
		if err != nil || !r.Done || r.Method != TypeMSCHAPv2 || !s.Done || !s.Success {
			t.Errorf("%s: %+v and %+v, %v", name, r, s, err)
			continue
		}
		if len(r.MSK) != mskSize || !bytes.Equal(r.MSK, s.MSK) || bytes.Equal(r.MSK, make([]byte, mskSize)) {
			t.Errorf("%s: the two ends have other keys", name)
		}
		if s.Identity != row.peer.cfg.Identity {
			t.Errorf("%s: identity %q", name, s.Identity)
		}
		if _, err := row.peer.Handle(request(9, TypeIdentity)); kindOf(err) != Unexpected {
			t.Errorf("%s: after the end: %v", name, err)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ user, password string }{
		"wrong password": {"anna", "Tiger"}, "no such user": {"bert", "tiger"},
	} {
		p := New(Config{Identity: row.user, Methods: []uint8{TypeMSCHAPv2}, Rand: rand.Reader})
		_, s, err := run(t, p, server(), row.password)
		var e *Error
		if !errors.As(err, &e) || e.Kind != WrongPassword || !e.Fatal || e.Code != 691 || e.Message != "a word" || e.Method != TypeMSCHAPv2 {
			t.Errorf("%s: %+v", name, err)
		}
		if !s.Done || s.Success || s.MSK != nil {
			t.Errorf("%s: the server says %+v", name, s)
		}
		if p.method.(*mschapv2).msk != nil {
			t.Errorf("%s: a key is left", name)
		}
	}
}

// No method that the profile does not name, whatever the server asks for.
func TestMethodRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		peer *Peer
		auth *Authenticator
		last uint8
	}{
		"server knows only GTC": {newPeer(TypeMSCHAPv2), server(TypeGTC), TypeGTC},
		"profile names none":    {newPeer(), server(), TypeMSCHAPv2},
		"profile names TLS":     {newPeer(TypeTLS), server(TypeMD5, TypeMSCHAPv2), TypeMD5},
	} {
		_, s, err := run(t, row.peer, row.auth, "tiger")
		var e *Error
		if !errors.As(err, &e) || e.Kind != MethodRefused || !e.Fatal || e.Method != row.last {
			t.Errorf("%s: %v", name, err)
		}
		if !s.Done || s.Success {
			t.Errorf("%s: the server says %+v", name, s)
		}
	}
}

// RFC 3748 5.3.1: what a Nak holds.
func TestNak(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		methods []uint8
		want    []byte
	}{
		{[]uint8{TypeMSCHAPv2}, []byte{TypeMSCHAPv2}},
		{[]uint8{50, TypeMSCHAPv2, TypeMSCHAPv2}, []byte{TypeMSCHAPv2}},
		{[]uint8{50}, []byte{0}},
		{nil, []byte{0}},
	} {
		for _, asked := range []uint8{TypeMD5, TypeGTC, TypeTLS, 21, 25, 255} {
			r, err := newPeer(row.methods...).Handle(request(5, asked, 1, 2, 3))
			if want := marshal(codeResponse, 5, TypeNak, row.want); err != nil || !bytes.Equal(r.Response, want) {
				t.Errorf("%v asked for %d: %x, %v; want %x", row.methods, asked, r.Response, err, want)
			}
			if r.Ask != nil || r.Done {
				t.Errorf("%v asked for %d: %+v", row.methods, asked, r)
			}
		}
	}
}

func TestIdentityAndNotification(t *testing.T) {
	t.Parallel()
	p := newPeer(TypeMSCHAPv2)
	r, err := p.Handle(request(1, TypeIdentity, []byte("Who?\x00NAS=1")...))
	if err != nil || !bytes.Equal(r.Response, marshal(codeResponse, 1, TypeIdentity, []byte("anna"))) || r.Message != "" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = p.Handle(request(2, TypeNotification, []byte("Your password ends\non Friday\x1b[2J")...))
	if err != nil || !bytes.Equal(r.Response, marshal(codeResponse, 2, TypeNotification, nil)) || r.Message != "Your password ends on Friday[2J" {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = p.Handle(challengeRequest(3, 1)); err != nil || r.Ask == nil || r.Response != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err = p.Handle(request(4, TypeIdentity)); kindOf(err) != Unexpected {
		t.Errorf("identity in the middle: %v", err)
	}
	if _, err = p.Provide(Answer{Secret: suite.Secret("tiger")}); err != nil {
		t.Errorf("dropped packets must leave no trace: %v", err)
	}
	long := displayable([]byte(strings.Repeat("ä", 5000)))
	if n := len([]rune(long)); n != 200 {
		t.Errorf("a message of %d characters is shown", n)
	}
}

// Padding behind the length is not looked at: some gateways send five octets
// as Success.
func TestPaddingIsIgnored(t *testing.T) {
	t.Parallel()
	p, a := newPeer(TypeMSCHAPv2), server()
	s := AuthenticatorResult{Packet: a.Start()}
	for {
		r, err := p.Handle(append(s.Packet, 0))
		if err == nil && r.Ask != nil {
			r, err = p.Provide(Answer{Secret: suite.Secret("tiger")})
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Done {
			return
		}
		if s, err = a.Handle(r.Response); err != nil {
			t.Fatal(err)
		}
	}
}

func TestProvide(t *testing.T) {
	t.Parallel()
	if _, err := at(t, "start").Provide(Answer{}); kindOf(err) != Unexpected {
		t.Errorf("before it was asked for: %v", err)
	}
	if _, err := at(t, "answered").Provide(Answer{}); kindOf(err) != Unexpected {
		t.Errorf("a second time: %v", err)
	}
	var e *Error
	if _, err := at(t, "challenged").Provide(Answer{Secret: suite.Secret("\xff")}); !errors.As(err, &e) || e.Kind != Internal || !e.Fatal || !errors.Is(err, errPassword) {
		t.Errorf("not text: %v", err)
	}
	broken := errors.New("broken")
	p := New(Config{Identity: "anna", Methods: []uint8{TypeMSCHAPv2}, Rand: iotest.ErrReader(broken)})
	if _, err := p.Handle(challengeRequest(1, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Provide(Answer{Secret: suite.Secret("tiger")}); !errors.Is(err, broken) {
		t.Errorf("no randomness: %v", err)
	}
	// The password is the caller's: it is neither kept nor changed.
	password := suite.Secret("tiger")
	p = at(t, "challenged")
	r, err := p.Provide(Answer{Secret: password})
	if err != nil || string(password) != "tiger" {
		t.Errorf("%q, %v", string(password), err)
	}
	password.Clear()
	if again, err := p.Handle(challengeRequest(1, 1)); err != nil || !bytes.Equal(again.Response, r.Response) {
		t.Errorf("the challenge again: %x, %v", again.Response, err)
	}
	p.Clear()
	if m := p.method.(*mschapv2); !bytes.Equal(m.expect, make([]byte, 20)) || m.msk != nil {
		t.Error("Clear leaves something")
	}
	New(Config{}).Clear()
}

// RFC 3748 2.1: the conversation is in lock step; while an answer is awaited only the
// same request is taken, and asks the same.
func TestRequestWhileAsked(t *testing.T) {
	t.Parallel()
	p := at(t, "challenged")
	if r, err := p.Handle(challengeRequest(1, 1)); err != nil || r.Ask == nil || r.Ask.Kind != AskPassword {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := p.Handle(challengeRequest(7, 8)); kindOf(err) != Unexpected {
		t.Errorf("another challenge: %v", err)
	}
	r, err := p.Provide(Answer{Secret: suite.Secret("tiger")})
	if err != nil || r.Response[1] != 1 || r.Response[6] != 1 {
		t.Errorf("%x, %v", r.Response, err)
	}
}

func BenchmarkMSCHAPv2(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p := newPeer(TypeMSCHAPv2)
		if _, err := p.Handle(challengeRequest(1, 1)); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Provide(Answer{Secret: suite.Secret("tiger")}); err != nil {
			b.Fatal(err)
		}
	}
}

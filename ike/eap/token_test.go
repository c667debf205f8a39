package eap

import (
	"bytes"
	"crypto/md5"
	"errors"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// RFC 3748 5.6, 5.5: the server's words reach the person, and what is typed goes back
// as it is, round by round.
func TestToken(t *testing.T) {
	t.Parallel()
	for _, kind := range []uint8{TypeGTC, TypeOTP} {
		p := newPeer(TypeMSCHAPv2, kind)
		for i, round := range []struct {
			prompt, answer string
			again          bool
		}{
			{"Enter PASSCODE:", "12345678", false},
			{"Wait for the token to change,\nthen enter the new tokencode:", "87654321", false},
			{"New PIN required; enter it", "4711 ", false},
			{"New PIN required; enter it", "4712", true},
		} {
			id := byte(10 + i)
			r, err := p.Handle(request(id, kind, []byte(round.prompt)...))
			if err != nil || r.Ask == nil || r.Response != nil {
				t.Fatalf("%d: %+v, %v", i, r, err)
			}
			want := Question{Kind: AskCode, Username: "anna", Message: strings.ReplaceAll(round.prompt, "\n", " "), Echo: kind == TypeOTP, Again: round.again, Method: kind}
			if q := *r.Ask; q.Kind != want.Kind || q.Message != want.Message || q.Echo != want.Echo || q.Again != want.Again || q.Method != want.Method || q.Username != want.Username {
				t.Errorf("%d: asked %+v, want %+v", i, q, want)
			}
			if r, err = p.Provide(Answer{Secret: suite.Secret(round.answer)}); err != nil || !bytes.Equal(r.Response, marshal(codeResponse, id, kind, []byte(round.answer))) {
				t.Errorf("%d: %x, %v", i, r.Response, err)
			}
		}
		last := p.lastResponse
		r, err := p.Handle(marshalEnd(codeSuccess, 14))
		if err != nil || !r.Done || r.MSK != nil || r.Method != kind {
			t.Errorf("%+v, %v", r, err)
		}
		if p.Clear(); !bytes.Equal(last, make([]byte, len(last))) {
			t.Errorf("the code is left: %q", last)
		}
	}
}

// A prompt for the password that stays the same is told from one for a code.
func TestTokenPrompts(t *testing.T) {
	t.Parallel()
	for prompt, want := range map[string]QuestionKind{
		"Password: ": AskPassword, "password": AskPassword, "Bitte Passwort eingeben": AskPassword, "Mot de passe :": AskPassword,
		"": AskCode, "One-time password": AskCode, "Enter your passcode": AskCode, "OTP password": AskCode, "Password and token code": AskCode,
		"Your password has expired. New password:": AskCode, "Einmalpasswort": AskCode, "Response": AskCode,
	} {
		r, err := newPeer(TypeGTC).Handle(request(1, TypeGTC, []byte(prompt)...))
		if err != nil || r.Ask.Kind != want {
			t.Errorf("%q: %+v, %v", prompt, r.Ask, err)
		}
		if r, err = newPeer(TypeOTP).Handle(request(1, TypeOTP, []byte(prompt)...)); err != nil || r.Ask.Kind != AskCode {
			t.Errorf("%q by OTP: %+v, %v", prompt, r.Ask, err)
		}
	}
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	for name, row := range map[string]struct {
		prompt string
		answer *Answer
		packet []byte
		want   ErrorKind
	}{
		"wrong code":        {"Code?", &Answer{Secret: suite.Secret("1")}, marshalEnd(codeFailure, 1), WrongCode},
		"wrong password":    {"Password:", &Answer{Secret: suite.Secret("1")}, marshalEnd(codeFailure, 1), WrongPassword},
		"no answer":         {"Code?", nil, marshalEnd(codeFailure, 1), Failed},
		"success too early": {"Code?", nil, marshalEnd(codeSuccess, 1), Unexpected},
		"declined":          {"Code?", &Answer{Err: no}, nil, Declined},
		"too long":          {"Code?", &Answer{Secret: make(suite.Secret, maxTokenReply+1)}, nil, Internal},
	} {
		p := newPeer(TypeGTC)
		if _, err := p.Handle(request(1, TypeGTC, []byte(row.prompt)...)); err != nil {
			t.Fatal(err)
		}
		var err error
		if row.answer != nil {
			_, err = p.Provide(*row.answer)
		}
		if row.packet != nil {
			_, err = p.Handle(row.packet)
		}
		if kindOf(err) != row.want || !p.over {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that does not stop asking is given up.
func TestTokenWithoutEnd(t *testing.T) {
	t.Parallel()
	p := newPeer(TypeGTC)
	for i := range maxTokenPrompts {
		if _, err := p.Handle(request(byte(i), TypeGTC, 'C')); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Provide(Answer{Secret: suite.Secret("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Handle(request(200, TypeGTC, 'C')); kindOf(err) != Unexpected || !p.over {
		t.Errorf("%v", err)
	}
}

// RFC 3748 5.4: MD5-Challenge, where it is named and nowhere else.
func TestMD5(t *testing.T) {
	t.Parallel()
	challenge := append([]byte{8}, "12345678gw"...)
	for name, methods := range map[string][]uint8{"others": {TypeMSCHAPv2, TypeGTC, TypeOTP}, "none": nil} {
		r, err := newPeer(methods...).Handle(request(3, TypeMD5, challenge...))
		if err != nil || r.Response[4] != TypeNak {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	p := newPeer(TypeMD5)
	for _, bad := range [][]byte{nil, {0}, {8, 1, 2}} {
		if _, err := p.Handle(request(2, TypeMD5, bad...)); kindOf(err) != Malformed {
			t.Errorf("%x: %v", bad, err)
		}
	}
	r, err := p.Handle(request(3, TypeMD5, challenge...))
	if err != nil || r.Ask == nil || r.Ask.Kind != AskPassword || r.Ask.Username != "anna" {
		t.Fatalf("%+v, %v", r, err)
	}
	want := md5.Sum([]byte("\x03tiger12345678"))
	if r, err = p.Provide(Answer{Secret: suite.Secret("tiger")}); err != nil ||
		!bytes.Equal(r.Response, marshal(codeResponse, 3, TypeMD5, append(append([]byte{16}, want[:]...), "anna"...))) {
		t.Errorf("%x, %v", r.Response, err)
	}
	if _, err = p.Handle(request(4, TypeMD5, challenge...)); kindOf(err) != Unexpected {
		t.Errorf("a second challenge: %v", err)
	}
	if r, err = p.Handle(marshalEnd(codeSuccess, 3)); err != nil || !r.Done || r.MSK != nil {
		t.Errorf("%+v, %v", r, err)
	}
	for _, step := range []string{"asked", "answered", "declined"} {
		p := newPeer(TypeMD5)
		if _, err := p.Handle(request(3, TypeMD5, challenge...)); err != nil {
			t.Fatal(err)
		}
		end, want := byte(codeSuccess), Unexpected
		if step == "answered" {
			if _, err := p.Provide(Answer{Secret: suite.Secret("tiger")}); err != nil {
				t.Fatal(err)
			}
			end, want = codeFailure, WrongPassword
		}
		if step == "declined" {
			_, err := p.Provide(Answer{Err: errors.New("no")})
			if kindOf(err) != Declined {
				t.Errorf("%v", err)
			}
			continue
		}
		if _, err := p.Handle(marshalEnd(end, 3)); kindOf(err) != want {
			t.Errorf("%s: %v", step, err)
		}
	}
}

// RFC 7296 2.16: which methods give both ends a key.
func TestMakesKey(t *testing.T) {
	t.Parallel()
	for method, want := range map[uint8]bool{TypeMSCHAPv2: true, TypeTLS: true, TypeTTLS: true, TypeGTC: false, TypeOTP: false, TypeMD5: false, TypeIdentity: false, 0: false} {
		if MakesKey(method) != want {
			t.Errorf("method %d: %v", method, !want)
		}
	}
}

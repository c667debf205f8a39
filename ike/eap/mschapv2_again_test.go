package eap

import (
	"bytes"
	"crypto/des"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
)

const secondChallenge = "fedcba9876543210"

func refusalText(code int, retry byte) string {
	return fmt.Sprintf("E=%d R=%c C=%X V=3 M=no", code, retry, secondChallenge)
}

// checkResponse holds a Response against the challenge and the password.
func checkResponse(t *testing.T, b []byte, id, chapID byte, challenge, password string) (nt []byte) {
	t.Helper()
	if len(b) != 63 || b[0] != codeResponse || b[1] != id || b[5] != opResponse || b[6] != chapID || b[9] != 49 || string(b[59:]) != "anna" {
		t.Fatalf("response %x", b)
	}
	hash, err := passwordHash(suite.Secret(password))
	if err != nil {
		t.Fatal(err)
	}
	want, err := challengeResponse(challengeHash(b[10:26], []byte(challenge), "anna"), hash)
	if err != nil || !bytes.Equal(b[34:58], want) {
		t.Errorf("response %x is not to %q by %q (%v)", b, challenge, password, err)
	}
	return b[34:58]
}

// RFC 2759 6: a refusal with R=1 is answered with another password, to the new
// challenge, with the next identifier, in the same conversation.
func TestRetry(t *testing.T) {
	t.Parallel()
	p := newPeer(TypeMSCHAPv2)
	if _, err := p.Handle(challengeRequest(1, 1)); err != nil {
		t.Fatal(err)
	}
	r, err := p.Provide(Answer{Secret: suite.Secret("wrong")})
	if err != nil {
		t.Fatal(err)
	}
	checkResponse(t, r.Response, 1, 1, "0123456789abcdef", "wrong")
	r, err = p.Handle(failureRequest(2, 7, refusalText(691, '1')))
	if err != nil || r.Response != nil || r.Ask == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if q := r.Ask; q.Kind != AskPassword || !q.Again || q.Code != 691 || q.Message != "no" || q.Username != "anna" || q.Method != TypeMSCHAPv2 {
		t.Errorf("asked %+v", q)
	}
	if r, err = p.Provide(Answer{Secret: suite.Secret("tiger")}); err != nil {
		t.Fatal(err)
	}
	nt := checkResponse(t, r.Response, 2, 8, secondChallenge, "tiger")
	m := p.method.(*mschapv2)
	if r, err = p.Handle(successRequest(3, 8, fmt.Sprintf("S=%X M=ok", m.expect))); err != nil {
		t.Fatal(err)
	}
	hash, err := passwordHash(suite.Secret("tiger"))
	if err != nil {
		t.Fatal(err)
	}
	if r, err = p.Handle(marshalEnd(codeSuccess, 3)); err != nil || !r.Done || !bytes.Equal(r.MSK, sessionKey(hash, nt)) {
		t.Errorf("%+v, %v", r, err)
	}
}

// A server that refuses for ever is given up, and no password goes out for nothing.
func TestRetryWithoutEnd(t *testing.T) {
	t.Parallel()
	for code, kind := range map[int]ErrorKind{691: WrongPassword, 709: PasswordRefused} {
		p := at(t, "answered")
		if code == 709 {
			if _, err := p.Handle(failureRequest(200, 1, refusalText(648, '0'))); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Provide(Answer{New: suite.Secret("lion")}); err != nil {
				t.Fatal(err)
			}
		}
		tries, asked := p.method.(*mschapv2).tries, 0
		for id := byte(2); id < 4*maxTries; id++ {
			r, err := p.Handle(failureRequest(id, id, refusalText(code, '1')))
			if err != nil {
				t.Fatal(err)
			}
			if r.Ask == nil {
				if !bytes.Equal(r.Response, marshal(codeResponse, id, TypeMSCHAPv2, []byte{opFailure})) {
					t.Errorf("%d: %x", code, r.Response)
				}
				break
			}
			asked++
			if _, err = p.Provide(Answer{Secret: suite.Secret("wrong"), New: suite.Secret("wrong")}); err != nil {
				t.Fatal(err)
			}
		}
		if tries+asked != maxTries {
			t.Errorf("%d: asked %d times more", code, asked)
		}
		if _, err := p.Handle(failureRequest(99, 9, refusalText(code, '1'))); kindOf(err) != Unexpected {
			t.Errorf("%d: after the end: %v", code, err)
		}
		if _, err := p.Handle(marshalEnd(codeFailure, 99)); kindOf(err) != kind {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// A retry needs a new challenge (RFC 2759 6): the old one is used up.
func TestNoRetryWithoutChallenge(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"E=691 R=1", "E=691 R=1 C=00 V=3", "E=648 R=0 V=3", fmt.Sprintf("E=648 R=0 C=%X V=2", secondChallenge), refusalText(691, '0'), refusalText(709, '1'), refusalText(647, '1')} {
		r, err := at(t, "answered").Handle(failureRequest(2, 1, text))
		if err != nil || r.Ask != nil || !bytes.Equal(r.Response, marshal(codeResponse, 2, TypeMSCHAPv2, []byte{opFailure})) {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}

// Who has no other password is told why the first was refused.
func TestRetryDeclined(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	for code, kind := range map[int]ErrorKind{691: WrongPassword, 648: PasswordExpired} {
		p := at(t, "answered")
		if r, err := p.Handle(failureRequest(2, 1, refusalText(code, '1'))); err != nil || r.Ask == nil {
			t.Fatalf("%+v, %v", r, err)
		}
		r, err := p.Provide(Answer{Err: no})
		if err != nil || !bytes.Equal(r.Response, marshal(codeResponse, 2, TypeMSCHAPv2, []byte{opFailure})) {
			t.Errorf("%d: %x, %v", code, r.Response, err)
		}
		m := p.method.(*mschapv2)
		if m.msk != nil || m.old != nil {
			t.Errorf("%d: secrets are left", code)
		}
		_, err = p.Handle(marshalEnd(codeFailure, 2))
		if kindOf(err) != kind || !errors.Is(err, no) {
			t.Errorf("%d: %v", code, err)
		}
	}
	p := at(t, "challenged")
	if _, err := p.Provide(Answer{Err: no}); kindOf(err) != Declined || !errors.Is(err, no) {
		t.Errorf("at once: %v", err)
	}
}

// unblock is what the server does with a Change-Password packet (RFC 2759 8.11, 8.13).
func unblock(t *testing.T, encrypted, encryptedHash []byte, oldHash suite.Secret) (password string) {
	t.Helper()
	c, err := rc4.NewCipher(oldHash)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, len(encrypted))
	c.XORKeyStream(block, encrypted)
	n := int(binary.LittleEndian.Uint32(block[512:]))
	wide := block[512-n : 512]
	newHash := md4Sum(wide)
	plain := make([]byte, 16)
	for i := range 2 {
		d, err := des.NewCipher(desKey(newHash[7*i : 7*i+7]))
		if err != nil {
			t.Fatal(err)
		}
		d.Decrypt(plain[8*i:], encryptedHash[8*i:8*i+8])
	}
	if !bytes.Equal(plain, oldHash) {
		t.Errorf("the old hash is %x, want %x", plain, []byte(oldHash))
	}
	for i := 0; i < n; i += 2 {
		password += string(rune(binary.LittleEndian.Uint16(wide[i:])))
	}
	return password
}

// RFC 2759 7: an expired password is changed in the same conversation, and the new
// one makes the key.
func TestPasswordChange(t *testing.T) {
	t.Parallel()
	p := at(t, "answered")
	r, err := p.Handle(failureRequest(9, 5, refusalText(648, '0')))
	if err != nil || r.Ask == nil || r.Ask.Kind != AskNewPassword || r.Ask.Again || r.Ask.Code != 648 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = p.Provide(Answer{New: suite.Secret("Löwe")}); err != nil {
		t.Fatal(err)
	}
	b := r.Response
	if len(b) != 5+586 || b[1] != 9 || b[5] != opChangePassword || b[6] != 6 || binary.BigEndian.Uint16(b[7:]) != 586 {
		t.Fatalf("%d octets: %x", len(b), b[:12])
	}
	oldHash, err := passwordHash(suite.Secret("tiger"))
	if err != nil {
		t.Fatal(err)
	}
	if got := unblock(t, b[9:525], b[525:541], oldHash); got != "Löwe" {
		t.Errorf("the server reads %q", got)
	}
	newHash, err := passwordHash(suite.Secret("Löwe"))
	if err != nil {
		t.Fatal(err)
	}
	nt := b[565:589]
	want, err := challengeResponse(challengeHash(b[541:557], []byte(secondChallenge), "anna"), newHash)
	if err != nil || !bytes.Equal(nt, want) || !bytes.Equal(b[557:565], make([]byte, 8)) || !bytes.Equal(b[589:], []byte{0, 0}) {
		t.Errorf("response %x, %v", b[541:], err)
	}
	// It is not to the server's liking, and the next one is.
	if r, err = p.Handle(failureRequest(10, 6, refusalText(709, '1'))); err != nil || r.Ask == nil || r.Ask.Kind != AskNewPassword || !r.Ask.Again || r.Ask.Code != 709 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = p.Provide(Answer{New: suite.Secret("lion")}); err != nil {
		t.Fatal(err)
	}
	if got := unblock(t, r.Response[9:525], r.Response[525:541], oldHash); got != "lion" {
		t.Errorf("the server reads %q", got)
	}
	if _, err = p.Handle(successRequest(11, 7, fmt.Sprintf("S=%X", p.method.(*mschapv2).expect))); err != nil {
		t.Fatal(err)
	}
	r, err = p.Handle(marshalEnd(codeSuccess, 11))
	if err != nil || !r.Done || len(r.MSK) != mskSize || p.method.(*mschapv2).old != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPasswordChangeDeclined(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]Answer{"none": {}, "the old one alone": {Secret: suite.Secret("tiger")}, "not text": {New: suite.Secret("\xff")}} {
		p := at(t, "answered")
		if _, err := p.Handle(failureRequest(9, 5, refusalText(648, '0'))); err != nil {
			t.Fatal(err)
		}
		r, err := p.Provide(answer)
		if name == "not text" {
			if kindOf(err) != Internal || !p.over {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(r.Response) != 6 || r.Response[5] != opFailure {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if _, err = p.Handle(marshalEnd(codeFailure, 9)); kindOf(err) != PasswordExpired || !errors.Is(err, errNoNewPassword) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

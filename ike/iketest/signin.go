package iketest

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Further types of EAP (RFC 3748 5).
const (
	eapNotification = 2
	eapMD5          = 4
	eapOTP          = 5
	eapGTC          = 6
	eapExpanded     = 254
)

// SignIn is how a gateway's EAP server goes about a sign-in beyond one right password.
type SignIn struct {
	Notices []string // before the method (RFC 3748 5.2)
	// LongTypes: requests have the long form of their type (RFC 3748 5.7).
	LongTypes bool
	Prompts   []Prompt // of GTC and OTP, one after the other; none: the password
	// Retries is how many wrong passwords may be followed by another (RFC 2759 6).
	Retries int
	// Refuse is the error number that a user gets whose password is right (RFC 2759 6).
	Refuse map[string]int
	// Expired: every password has. TooShort is the length of a new one that is refused;
	// any longer one is taken in place of the old.
	Expired  bool
	TooShort int
	Hostile  Hostile
}

// Prompt is what a server asks, and the answer that it takes.
type Prompt struct{ Text, Answer string }

// signIn is what the server keeps of one.
type signIn struct {
	SignIn
	notices, prompts int
	retries          int
	changing         bool // a new password is awaited
	hostility        int  // packets of it so far
}

// begin goes on after the identity: the notices, then the method.
func (s *eapServer) begin() []byte {
	if s.more.notices < len(s.more.Notices) {
		s.more.notices++
		return s.request(eapNotification, []byte(s.more.Notices[s.more.notices-1]))
	}
	return s.propose(s.methods[0])
}

// short gives a response the short form of its type, which it has in the long form
// just where its request had (RFC 3748 5.7). What is not the IETF's stays as it is.
func (s *eapServer) short(b []byte) ([]byte, error) {
	if (b[4] == eapExpanded) != s.more.LongTypes {
		return nil, fmt.Errorf("type %d in answer to a request with long types %v", b[4], s.more.LongTypes)
	}
	if b[4] != eapExpanded {
		return b, nil
	}
	if len(b) < 12 || !bytes.Equal(b[5:11], make([]byte, 6)) {
		return nil, fmt.Errorf("not a type of the IETF's: %x", b)
	}
	out := append(slices.Clone(b[:4]), b[11])
	rest := b[12:]
	if b[11] == eapNak { // RFC 3748 5.3.2: a list of long types
		for ; len(rest) >= 8 && rest[0] == eapExpanded; rest = rest[8:] {
			out = append(out, rest[7])
		}
		if len(rest) > 0 {
			return nil, fmt.Errorf("a malformed expanded Nak: %x", b)
		}
		return out, nil
	}
	return append(out, rest...), nil
}

// prompt asks the next thing of GTC or OTP.
func (s *eapServer) prompt(method uint8) []byte {
	if len(s.more.Prompts) == 0 {
		s.more.Prompts = []Prompt{{Text: "Password: ", Answer: s.users[s.user]}}
	}
	return s.request(method, []byte(s.more.Prompts[s.more.prompts].Text))
}

// typed takes what the user typed.
func (s *eapServer) typed(data []byte) []byte {
	if string(data) != s.more.Prompts[s.more.prompts].Answer {
		return s.end(eapFailure)
	}
	if s.more.prompts++; s.more.prompts < len(s.more.Prompts) {
		return s.prompt(s.method)
	}
	return s.end(eapSuccess)
}

// md5 takes the response to MD5-Challenge (RFC 3748 5.4).
func (s *eapServer) md5(data []byte) ([]byte, error) {
	if len(data) < 1+md5.Size || data[0] != md5.Size {
		return nil, errors.New("an MD5 response of another size")
	}
	want := md5.Sum(slices.Concat([]byte{s.id}, []byte(s.users[string(data[1+md5.Size:])]), s.challenge))
	if !bytes.Equal(want[:], data[1:1+md5.Size]) {
		return s.end(eapFailure), nil
	}
	return s.end(eapSuccess), nil
}

// failure makes a Failure request with a new challenge (RFC 2759 6).
func (s *eapServer) failure(code int, retry bool) []byte {
	s.challenge = octets(s.rand, 16)
	r := 0
	if retry {
		r = 1
	}
	text := fmt.Sprintf("E=%d R=%d C=%032X V=3 M=Authentication failed", code, r, s.challenge)
	s.wait = opFailure
	return s.request(eapMSCHAPv2, s.operation(opFailure, []byte(text)))
}

// wrong answers a wrong password.
func (s *eapServer) wrong() []byte {
	retry := s.more.retries < s.more.Retries || s.more.Hostile == EndlessRetries
	s.more.retries++
	b := s.failure(691, retry)
	if retry {
		s.wait = opChallenge
	}
	return b
}

// changed takes a Change-Password packet (RFC 2759 7, 8.9 to 8.13).
func (s *eapServer) changed(b []byte) ([]byte, error) {
	const length = 586
	if !s.more.changing || len(b) != length || int(binary.BigEndian.Uint16(b[2:])) != length {
		return nil, errMSCHAPv2
	}
	old := md4Sum(utf16le(s.users[s.user]))
	password, err := changedPassword(b[4:520], b[520:536], old)
	if err != nil {
		return nil, err
	}
	peerChallenge, ntResponse := b[536:552], b[560:584]
	x := newMSCHAPv2(s.user, password, s.challenge, peerChallenge)
	if !bytes.Equal(x.ntResponse, ntResponse) {
		return nil, errors.New("the response beside a new password is not by it")
	}
	if len(password) <= s.more.TooShort {
		return s.refuse(709), nil
	}
	s.users[s.user], s.more.changing = password, false
	return s.accept(x), nil
}

// refuse answers a right password that does not do. One that has expired, and a new
// one that is not liked, may be followed by a new one.
func (s *eapServer) refuse(code int) []byte {
	b := s.failure(code, code == 709)
	s.more.changing = code == 648 || code == 709
	return b
}

// accept proves that the server knows the password.
func (s *eapServer) accept(x *mschapv2) []byte {
	s.wait = opSuccess
	s.msk = x.msk()
	text := fmt.Sprintf("S=%X M=Welcome", x.authenticatorResponse)
	return s.request(eapMSCHAPv2, s.operation(opSuccess, []byte(text)))
}

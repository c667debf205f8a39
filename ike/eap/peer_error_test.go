package eap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// at brings a peer to a named point.
func at(t *testing.T, point string) *Peer {
	t.Helper()
	p := newPeer(TypeMSCHAPv2)
	if point == "start" {
		return p
	}
	if _, err := p.Handle(challengeRequest(1, 1)); err != nil {
		t.Fatal(err)
	}
	if point == "challenged" {
		return p
	}
	if _, err := p.Provide(Answer{Secret: suite.Secret("tiger")}); err != nil {
		t.Fatal(err)
	}
	switch point {
	case "proved":
		if _, err := p.Handle(successRequest(2, 1, fmt.Sprintf("S=%X", p.method.(*mschapv2).expect))); err != nil {
			t.Fatal(err)
		}
	case "refused":
		if _, err := p.Handle(failureRequest(2, 1, "E=691 R=1 C=00 V=3 M=no")); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// The error contract: what is dropped, and what ends it.
func TestErrors(t *testing.T) {
	t.Parallel()
	forged := successRequest(2, 1, "S="+strings.Repeat("00", 20)+" M=welcome")
	for _, row := range []struct {
		point  string
		packet []byte
		kind   ErrorKind
		fatal  bool
	}{
		{"start", nil, Malformed, false},
		{"start", []byte{1, 1, 0}, Malformed, false},
		{"start", []byte{1, 1, 0, 3}, Malformed, false},
		{"start", []byte{1, 1, 0, 4}, Malformed, false},
		{"start", []byte{1, 1, 0, 6, 1}, Malformed, false},
		{"start", []byte{2, 1, 0, 5, 1}, Malformed, false},
		{"start", []byte{9, 1, 0, 4}, Malformed, false},
		{"start", request(1, TypeNak, 26), Malformed, false},
		{"start", request(1, TypeMSCHAPv2), Malformed, false},
		{"start", request(1, TypeMSCHAPv2, opChallenge), Malformed, false},
		{"start", request(1, TypeMSCHAPv2, 99, 1, 0, 4), Malformed, false},
		{"start", request(1, TypeMSCHAPv2, opChallenge, 1, 0, 3), Malformed, false},
		{"start", request(1, TypeMSCHAPv2, opChallenge, 1, 0, 5, 16), Malformed, false},
		{"start", request(1, TypeMSCHAPv2, append([]byte{opChallenge, 1, 0, 21, 15}, make([]byte, 16)...)...), Malformed, false},
		{"start", forged, Unexpected, false},
		{"start", failureRequest(1, 1, "E=691"), Unexpected, false},
		{"start", marshalEnd(codeSuccess, 1), Unexpected, true},
		{"start", marshalEnd(codeFailure, 1), Failed, true},
		{"challenged", forged, Unexpected, false},
		{"challenged", marshalEnd(codeSuccess, 1), Unexpected, true},
		{"challenged", marshalEnd(codeFailure, 1), Failed, true},
		{"challenged", request(2, TypeGTC), Unexpected, false},
		{"answered", request(2, TypeGTC), Unexpected, true},
		{"answered", challengeRequest(2, 2), Unexpected, false},
		{"answered", forged, ServerProof, true},
		{"answered", successRequest(2, 1, ""), Malformed, false},
		{"answered", successRequest(2, 1, "S=12"), Malformed, false},
		{"answered", successRequest(2, 1, "S="+strings.Repeat("zz", 20)), Malformed, false},
		{"answered", request(2, TypeMSCHAPv2, opSuccess), Malformed, false},
		{"answered", request(2, TypeMSCHAPv2, opFailure, 1, 0, 9), Malformed, false},
		{"answered", marshalEnd(codeSuccess, 1), Unexpected, true},
		{"answered", marshalEnd(codeFailure, 1), Failed, true},
		{"proved", forged, Unexpected, false},
		{"proved", challengeRequest(3, 3), Unexpected, false},
		{"proved", marshalEnd(codeFailure, 1), Failed, true},
		{"refused", marshalEnd(codeSuccess, 1), Unexpected, true},
		{"refused", forged, Unexpected, false},
		{"refused", marshalEnd(codeFailure, 1), WrongPassword, true},
	} {
		p := at(t, row.point)
		r, err := p.Handle(row.packet)
		var e *Error
		if !errors.As(err, &e) || e.Kind != row.kind || e.Fatal != row.fatal {
			t.Errorf("%s: %x: %v (fatal %v), want %s (%v)", row.point, row.packet, err, e != nil && e.Fatal, row.kind, row.fatal)
			continue
		}
		if r.Response != nil || r.MSK != nil || r.Done {
			t.Errorf("%s: %x: an error with a result %+v", row.point, row.packet, r)
		}
		if e.Error() == "" || p.over != row.fatal {
			t.Errorf("%s: %x: over %v", row.point, row.packet, p.over)
		}
		if row.fatal && p.method != nil && p.method.(*mschapv2).msk != nil {
			t.Errorf("%s: %x: a key is left", row.point, row.packet)
		}
		if !row.fatal && row.point == "proved" {
			if r, err := p.Handle(marshalEnd(codeSuccess, 3)); err != nil || !r.Done {
				t.Errorf("%x spoiled the conversation: %v", row.packet, err)
			}
		}
	}
}

func TestFailureReasons(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text string
		want Error
	}{
		{"E=691 R=1 C=0102 V=3 M=Wrong name or password", Error{Kind: WrongPassword, Code: 691, Message: "Wrong name or password"}},
		{"E=691 R=0", Error{Kind: WrongPassword, Code: 691}},
		{"E=647 R=0 C=00 V=3 M=Account is off", Error{Kind: Account, Code: 647, Message: "Account is off"}},
		{"E=648 R=0 C=00 V=3 M=", Error{Kind: PasswordExpired, Code: 648}},
		{"E=646", Error{Kind: Account, Code: 646}},
		{"E=649", Error{Kind: Account, Code: 649}},
		{"E=709 R=0 M=M=x", Error{Kind: PasswordRefused, Code: 709, Message: "M=x"}},
		{"E=banana R=maybe", Error{Kind: Failed}},
		{"E=99999999999999999999", Error{Kind: Failed}},
		{"", Error{Kind: Failed}},
	} {
		p := at(t, "answered")
		r, err := p.Handle(failureRequest(2, 1, row.text))
		if err != nil || !bytes.Equal(r.Response, marshal(codeResponse, 2, TypeMSCHAPv2, []byte{opFailure})) {
			t.Errorf("%q: %+v, %v", row.text, r, err)
		}
		_, err = p.Handle(marshalEnd(codeFailure, 2))
		var e *Error
		want := row.want
		want.Fatal, want.Method = true, TypeMSCHAPv2
		if !errors.As(err, &e) || *e != want {
			t.Errorf("%q: %+v, want %+v", row.text, e, want)
		}
	}
}

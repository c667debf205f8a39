package eap

import (
	"errors"
	"testing"
	"testing/iotest"
)

func TestAuthenticatorDrops(t *testing.T) {
	t.Parallel()
	a := server()
	good := marshal(codeResponse, 1, TypeIdentity, []byte("anna"))
	for name, packet := range map[string][]byte{
		"nothing": nil, "a request": request(1, TypeIdentity), "another identifier": marshal(codeResponse, 2, TypeIdentity, nil),
		"not an identity": marshal(codeResponse, 1, TypeGTC, nil),
	} {
		if _, err := a.Handle(packet); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	r, err := a.Handle(good)
	if err != nil || r.Identity != "anna" {
		t.Fatalf("%+v, %v", r, err)
	}
	for name, packet := range map[string][]byte{
		"another method": marshal(codeResponse, 2, TypeGTC, nil), "no operation": marshal(codeResponse, 2, TypeMSCHAPv2, nil),
		"short": marshal(codeResponse, 2, TypeMSCHAPv2, []byte{opResponse, 1, 0, 4}), "cut": marshal(codeResponse, 2, TypeMSCHAPv2, []byte{opResponse, 1}),
	} {
		if _, err := a.Handle(packet); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	r, err = a.Handle(marshal(codeResponse, 2, TypeNak, []byte{0}))
	if err != nil || !r.Done || r.Success {
		t.Fatalf("after a Nak of all: %+v, %v", r, err)
	}
	if _, err := a.Handle(marshal(codeResponse, 2, TypeNak, []byte{0})); err == nil {
		t.Error("goes on after the end")
	}
	b := NewAuthenticator(AuthenticatorConfig{Rand: iotest.ErrReader(errors.New("broken"))})
	if _, err := b.Handle(good); err == nil {
		t.Error("made a challenge without randomness")
	}
}

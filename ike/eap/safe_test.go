package eap

import (
	"bytes"
	"testing"
)

// RFC 5998 4: which methods may stand alone.
func TestSafeAlone(t *testing.T) {
	t.Parallel()
	for method, want := range map[uint8]bool{TypeTLS: true, 50: true, TypeMSCHAPv2: false, TypeGTC: false, TypeMD5: false, TypeIdentity: false, 0: false} {
		if SafeAlone(method) != want {
			t.Errorf("method %d: %v", method, !want)
		}
	}
}

// RFC 3748 4.2: a success without a method is believed where the caller says so,
// before any method, and once.
func TestBareSuccess(t *testing.T) {
	t.Parallel()
	success := []byte{codeSuccess, 9, 0, 5, 0}
	if _, err := New(Config{Methods: []uint8{TypeMSCHAPv2}}).Handle(success); err == nil {
		t.Error("a success without a method was believed")
	}
	p := New(Config{Identity: "alice", Methods: []uint8{TypeMSCHAPv2}, BareSuccess: true})
	if r, err := p.Handle(marshal(codeRequest, 8, TypeIdentity, nil)); err != nil || !bytes.HasSuffix(r.Response, []byte("alice")) {
		t.Fatalf("identity: %+v, %v", r, err)
	}
	if r, err := p.Handle(success); err != nil || !r.Done || len(r.MSK) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := p.Handle(success); err == nil {
		t.Error("the conversation is not over")
	}
}

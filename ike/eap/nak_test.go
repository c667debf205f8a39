package eap

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// long is the long form of a type in a request of it (RFC 3748 5.7).
func long(id, kind byte, data ...byte) []byte {
	return request(id, typeExpanded, append([]byte{0, 0, 0, 0, 0, 0, kind}, data...)...)
}

// RFC 3748 5.3.2: a request of a vendor's type, or one in the long form, is refused
// in the long form; and only those are.
func TestExpandedNak(t *testing.T) {
	t.Parallel()
	head := []byte{0, 0, 0, 0, 0, 0, TypeNak}
	for name, row := range map[string]struct {
		methods []uint8
		request []byte
		want    []byte
	}{
		"a vendor's type":    {[]uint8{TypeGTC, TypeMSCHAPv2}, request(5, typeExpanded, 0, 0, 9, 0, 0, 0, 26), []byte{254, 0, 0, 0, 0, 0, 0, TypeGTC, 254, 0, 0, 0, 0, 0, 0, TypeMSCHAPv2}},
		"with no way out":    {nil, request(5, typeExpanded, 0, 0, 9, 0, 0, 0, 26), []byte{254, 0, 0, 0, 0, 0, 0, 0}},
		"of the IETF, long":  {[]uint8{TypeMSCHAPv2}, long(5, TypeGTC), []byte{254, 0, 0, 0, 0, 0, 0, TypeMSCHAPv2}},
		"cut short":          {[]uint8{TypeMSCHAPv2}, request(5, typeExpanded, 0, 0), []byte{254, 0, 0, 0, 0, 0, 0, TypeMSCHAPv2}},
		"long for a long":    {[]uint8{TypeMSCHAPv2}, long(5, typeExpanded), []byte{254, 0, 0, 0, 0, 0, 0, TypeMSCHAPv2}},
		"beyond one octet":   {[]uint8{TypeMSCHAPv2}, request(5, typeExpanded, 0, 0, 0, 0, 0, 1, 26), []byte{254, 0, 0, 0, 0, 0, 0, TypeMSCHAPv2}},
		"experimental (255)": {[]uint8{TypeMSCHAPv2}, request(5, 255, 1), nil},
	} {
		r, err := newPeer(row.methods...).Handle(row.request)
		want := marshal(codeResponse, 5, typeExpanded, slices.Concat(head, row.want))
		if row.want == nil {
			want = marshal(codeResponse, 5, TypeNak, row.methods)
		}
		if err != nil || !bytes.Equal(r.Response, want) {
			t.Errorf("%s: %x, %v; want %x", name, r.Response, err, want)
		}
	}
}

// RFC 3748 5.7: a type of the IETF's means the same in both forms, and is answered in
// the one that it came in.
func TestExpandedTypes(t *testing.T) {
	t.Parallel()
	p := newPeer(TypeGTC)
	r, err := p.Handle(long(1, TypeIdentity))
	if err != nil || !bytes.Equal(r.Response, marshal(codeResponse, 1, typeExpanded, append([]byte{0, 0, 0, 0, 0, 0, TypeIdentity}, "anna"...))) {
		t.Errorf("%x, %v", r.Response, err)
	}
	if r, err = p.Handle(long(2, TypeGTC, 'C', '?')); err != nil || r.Ask == nil || r.Ask.Message != "C?" {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = p.Provide(Answer{Secret: []byte("12")}); err != nil || !bytes.Equal(r.Response, marshal(codeResponse, 2, typeExpanded, append([]byte{0, 0, 0, 0, 0, 0, TypeGTC}, "12"...))) {
		t.Errorf("%x, %v", r.Response, err)
	}
	if _, err = p.Handle(long(3, TypeNak)); kindOf(err) != Malformed {
		t.Errorf("a Nak as a request: %v", err)
	}
	if r, err = p.Handle(marshalEnd(codeSuccess, 2)); err != nil || !r.Done {
		t.Errorf("%+v, %v", r, err)
	}
}

// RFC 3748 2.1: no second method after one has begun, whether the profile names it or
// not, and no way back to the identity.
func TestNoSecondMethod(t *testing.T) {
	t.Parallel()
	for _, second := range [][]byte{
		request(9, TypeGTC, 'P'), request(9, TypeMD5, 1, 1), request(9, TypeTLS, 0x20), request(9, typeExpanded, 0, 0, 9, 0, 0, 0, 1), long(9, TypeGTC),
	} {
		p := newPeer(TypeMSCHAPv2, TypeGTC)
		if _, err := p.Handle(challengeRequest(1, 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Provide(Answer{Secret: []byte("tiger")}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Handle(request(8, TypeIdentity)); kindOf(err) != Unexpected || p.over {
			t.Errorf("an identity request: %v", err)
		}
		if _, err := p.Handle(second); kindOf(err) != Unexpected || !p.over {
			t.Errorf("%x: %v", second, err)
		}
	}
}

// RFC 3748 5.2: a Notification is acknowledged when it has been agreed to, where the
// configuration wants that, and never is the end of a method.
func TestNoticeIsAgreedTo(t *testing.T) {
	t.Parallel()
	cfg := Config{Identity: "anna", Methods: []uint8{TypeGTC}, ConfirmNotice: true}
	p := New(cfg)
	r, err := p.Handle(request(2, TypeNotification, []byte("Property of Example Corp.\nUse is watched.")...))
	if err != nil || r.Ask == nil || r.Ask.Kind != AskConsent || r.Ask.Message != "Property of Example Corp. Use is watched." || r.Response != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = p.Provide(Answer{}); err != nil || !bytes.Equal(r.Response, marshal(codeResponse, 2, TypeNotification, nil)) {
		t.Errorf("%x, %v", r.Response, err)
	}
	// In the middle of a method, whose question it does not answer.
	if r, err = p.Handle(request(3, TypeGTC, 'C')); err != nil || r.Ask.Kind != AskCode {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err = p.Provide(Answer{Secret: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if r, err = p.Handle(request(4, TypeNotification, 'x')); err != nil || r.Ask.Kind != AskConsent || r.Ask.Method != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err = p.Handle(marshalEnd(codeSuccess, 4)); kindOf(err) != Unexpected || !p.over {
		t.Errorf("success instead of consent: %v", err)
	}
	p, no := New(cfg), errors.New("no")
	if _, err := p.Handle(request(2, TypeNotification, 'x')); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Provide(Answer{Err: no}); kindOf(err) != Declined || !errors.Is(err, no) || !p.over {
		t.Errorf("a no: %v", err)
	}
}

// What belongs to no method is bounded, however large or small it is.
func TestRequestsWithoutEnd(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 65000)
	for name, packet := range map[string]func(id byte) []byte{
		"identity of 64 KB": func(id byte) []byte { return request(id, TypeIdentity, []byte(huge)...) },
		"notifications":     func(id byte) []byte { return request(id, TypeNotification, []byte(huge)...) },
		"refused methods":   func(id byte) []byte { return request(id, TypeTLS, id) },
		"one identifier":    func(id byte) []byte { return request(7, TypeIdentity, id) },
	} {
		p := newPeer(TypeMSCHAPv2)
		for i := range maxAsides {
			r, err := p.Handle(packet(byte(i)))
			if err != nil || len(r.Response) > 20 || len(r.Message) > 200 {
				t.Fatalf("%s: %d octets, %d of text, %v", name, len(r.Response), len(r.Message), err)
			}
		}
		if _, err := p.Handle(packet(100)); kindOf(err) != Unexpected || !p.over {
			t.Errorf("%s: %v", name, err)
		}
	}
}

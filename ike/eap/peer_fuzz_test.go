package eap

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// allMethods are those that a Peer can speak.
var allMethods = []uint8{TypeMD5, TypeOTP, TypeGTC, TypeTLS, TypeTTLS, TypePEAP, TypeMSCHAPv2}

// conversation writes packets in the form that FuzzPeer reads: each behind its length.
func conversation(packets ...[]byte) []byte {
	var out []byte
	for _, p := range packets {
		out = append(append(out, byte(len(p)>>8), byte(len(p))), p...)
	}
	return out
}

// fuzzSeeds have a conversation of each method, and what goes wrong in them.
func fuzzSeeds() [][]byte {
	identity, success, failure := request(1, TypeIdentity), marshalEnd(codeSuccess, 9), marshalEnd(codeFailure, 9)
	return [][]byte{
		conversation(identity, challengeRequest(2, 2), successRequest(3, 2, "S="+strings.Repeat("00", 20)), success),
		conversation(identity, challengeRequest(2, 2), failureRequest(3, 2, refusalText(691, '1')), failureRequest(4, 2, refusalText(691, '0')), failure),
		conversation(challengeRequest(2, 2), failureRequest(3, 2, refusalText(648, '0')), failureRequest(4, 2, refusalText(709, '1')), failure),
		conversation(request(1, TypeGTC, []byte("Code?")...), request(2, TypeGTC, []byte("Password: ")...), success),
		conversation(long(1, TypeOTP, []byte("otp-md5 487 dog2")...), success, long(1, TypeNak, 4)),
		conversation(request(1, TypeNotification, 'x'), request(2, TypeMD5, 4, 1, 2, 3, 4), success),
		conversation(identity, request(2, TypeTLS, 0x20), request(3, TypeTLS, 0xc0, 0, 0, 0x10, 0, 22, 3, 3, 0, 4, 14, 0, 0, 0), success),
		conversation(identity, request(2, TypeTTLS, 0x20), request(3, TypeTTLS, 0, 21, 3, 3, 0, 2, 2, 40), failure),
		conversation(identity, request(2, TypePEAP, 0x20), request(3, TypePEAP, 0x40, 22, 3, 3), request(4, TypePEAP, 0, 0, 4, 14, 0, 0, 0), success),
		conversation(request(5, typeExpanded, 0, 0, 9, 0, 0, 0, 1), request(6, 255), request(7, TypeNak, 26), success),
	}
}

// FuzzPeer holds a Peer of every method against any packets: no success where the
// method is not at its end, every error of its type, every response a packet, and an
// end to what it asks.
func FuzzPeer(f *testing.F) {
	for i, s := range fuzzSeeds() {
		f.Add(byte(0xff), s)
		f.Add(byte(1<<(i%len(allMethods))), s)
	}
	f.Fuzz(func(t *testing.T, which byte, program []byte) {
		cfg := Config{Identity: "anna", ConfirmNotice: which&0x80 != 0, Rand: rand.Reader, Inner: []InnerMethod{InnerMSCHAPv2, InnerEAP(TypeMSCHAPv2)}}
		for i, m := range allMethods {
			if which>>i&1 != 0 {
				cfg.Methods = append(cfg.Methods, m)
			}
		}
		p := New(cfg)
		defer p.Clear()
		asked := 0
		for len(program) >= 2 && !p.over {
			n := min(int(program[0])<<8|int(program[1]), len(program)-2)
			packet := program[2 : 2+n]
			program = program[2+n:]
			r, err := p.Handle(packet)
			for err == nil && r.Ask != nil {
				checkFuzzed(t, p, r, nil)
				asked++
				r, err = p.Provide(Answer{Secret: suite.Secret("tiger"), New: suite.Secret("lion")})
			}
			checkFuzzed(t, p, r, err)
		}
		if asked > maxAsides+maxTokenPrompts+8 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// checkFuzzed holds one step against what Peer promises.
func checkFuzzed(t *testing.T, p *Peer, r Result, err error) {
	t.Helper()
	if err != nil {
		if kindOf(err) == "" || r.Response != nil || r.Ask != nil || r.Done || r.MSK != nil {
			t.Errorf("%+v with %v", r, err)
		}
		return
	}
	things := 0
	for _, is := range []bool{r.Response != nil, r.Ask != nil, r.Done} {
		if is {
			things++
		}
	}
	if things > 1 {
		t.Errorf("more than one thing: %+v", r)
	}
	if r.Done && (p.method == nil || MakesKey(p.method.kind())) {
		t.Error("success without proof")
	}
	if r.MSK != nil {
		t.Error("a key without proof")
	}
	if n := len(r.Response); n > 0 && (n < 5 || r.Response[0] != codeResponse || int(r.Response[2])<<8|int(r.Response[3]) != n) {
		t.Errorf("malformed response %x", r.Response)
	}
	if q := r.Ask; q != nil && (q.Kind < AskPassword || q.Kind > AskConsent || len([]rune(q.Message)) > 200 || bytes.ContainsAny([]byte(q.Message), "\n\x1b")) {
		t.Errorf("asked %+v", q)
	}
}

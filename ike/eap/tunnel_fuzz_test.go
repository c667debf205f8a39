package eap

import (
	"bytes"
	"crypto/tls"
	"testing"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// script joins messages, each with its length in front.
func script(messages ...[]byte) (out []byte) {
	for _, m := range messages {
		out = append(append(out, byte(len(m)>>8), byte(len(m))), m...)
	}
	return out
}

// scene takes the next message off a script; the last one may be short.
func scene(b []byte) (message, rest []byte) {
	if len(b) < 2 {
		return nil, nil
	}
	n := min(int(b[0])<<8|int(b[1]), len(b)-2)
	return b[2 : 2+n], b[2+n:]
}

// tunnelWays are what the fuzzed conversations have inside, by the server's proof that
// it cannot give.
var tunnelWays = []struct {
	kind  uint8
	inner []InnerMethod
}{
	{TypeTTLS, []InnerMethod{InnerMSCHAPv2}},
	{TypeTTLS, []InnerMethod{InnerEAP(TypeMSCHAPv2)}},
	{TypeTTLS, []InnerMethod{InnerEAP(TypeTLS)}},
	{TypePEAP, []InnerMethod{InnerEAP(TypeMSCHAPv2), InnerEAP(TypeTLS)}},
	{TypePEAP, []InnerMethod{InnerEAP(TypeGTC), InnerEAP(TypeMD5)}},
}

// FuzzInsideTunnel: a server whose certificate is right says anything inside, and then
// EAP-Success. Without its own proof, or the binding, that is never believed.
func FuzzInsideTunnel(f *testing.F) {
	chap := rawAVP(26, 311, 0xc0, []byte("*S=407A5589115FD0D6209F510FE9C04566932CDA56"))
	expired := rawAVP(2, 311, 0xc0, []byte("\x07E=648 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=Too old"))
	result := request(9, typeExtensions, appendResult(nil, resultSuccess)...)
	binding := request(9, typeExtensions, append(append([]byte{0, 12, 0, 56}, make([]byte, 56)...), appendResult(nil, resultSuccess)...)...)
	for way := range tunnelWays {
		way := byte(way)
		f.Add(way, script(chap), false)
		f.Add(way, make([]byte, 600), true) // nothing, without end
		f.Add(way, script(expired, chap, rawAVP(18, 0, 0x40, []byte("Code?"))), true)
		f.Add(way, script(rawAVP(79, 0, 0x40, challengeRequest(1, 1)), rawAVP(79, 0, 0x40, marshalEnd(codeSuccess, 1))), true)
		f.Add(way, script(rawAVP(79, 0, 0x40, request(1, TypeTLS, flagStart)), rawAVP(4711, 9, 0xc0, nil)), false)
		f.Add(way, script([]byte{TypeIdentity}, challengeRequest(1, 1)[4:], textRequest(opSuccess, 1, 1, "S=00")[4:], result), true)
		f.Add(way, script([]byte{TypeIdentity}, []byte("\x06Password:"), result), false)
		f.Add(way, script([]byte{TypeIdentity}, []byte{TypeTLS, flagStart}, binding), true)
		f.Add(way, script(request(9, TypeIdentity), []byte("\x04\x0412345678"), binding, marshalEnd(codeSuccess, 9)), false)
	}
	f.Fuzz(func(t *testing.T, way byte, b []byte, old bool) {
		w := tunnelWays[int(way)%len(tunnelWays)]
		cfg := tunnelConfig(w.kind, w.inner...)
		cfg.RequireBinding = true
		version := uint16(tls.VersionTLS13)
		if old {
			version = tls.VersionTLS12
		}
		r := newTunnelRun(t, cfg, tunnelTLS(version))
		r.answer = func(q *Question) (Answer, bool) {
			return Answer{New: suite.Secret("newPass")}, q.Kind == AskNewPassword
		}
		r.server.Inside = func(bool, []byte) (reply []byte, over, good bool) {
			var message []byte
			if len(b) < 2 {
				return nil, true, true
			}
			message, b = scene(b)
			return message, false, false
		}
		err := r.run()
		if err == nil || r.result.Done || r.result.MSK != nil {
			t.Fatalf("success with %+v", r.result)
		}
		if e := fatally(err); e.Kind == Internal && e.Err == nil {
			t.Fatalf("%+v", err)
		}
		r.checkSecrecy()
	})
}

// FuzzTunnelPackets: anybody says anything outside. Nothing is asked for but what TLS
// needs, no secret goes out, and no success is believed.
func FuzzTunnelPackets(f *testing.F) {
	f.Add(true, script(request(1, TypeTTLS, flagStart), request(2, TypeTTLS, 0, 22, 3, 3, 0, 4, 14, 0, 0, 0), marshalEnd(codeSuccess, 2)))
	f.Add(false, script(request(1, TypePEAP, flagStart|1), request(2, TypePEAP, 0), request(3, TypePEAP, 1, 21, 3, 3, 0, 2, 2, 40)))
	f.Add(false, script(request(1, TypePEAP, flagStart), request(2, TypePEAP, flagLength|flagMore, 0, 0, 255, 255, 1), request(3, TypePEAP, flagMore, 1)))
	f.Add(true, script(request(1, TypeTTLS, flagStart), request(2, TypeTTLS, flagLength, 255, 255, 255, 255, 1), request(2, TypeTTLS)))
	f.Fuzz(func(t *testing.T, ttls bool, b []byte) {
		kind := TypePEAP
		if ttls {
			kind = TypeTTLS
		}
		cfg := tunnelConfig(kind, InnerEAP(TypeMSCHAPv2))
		cfg.TLS.FragmentSize = 4000
		p := New(cfg)
		defer p.Clear()
		for range 40 {
			message, rest := scene(b)
			if message == nil {
				return
			}
			b = rest
			res, err := p.Handle(message)
			if res.Done || res.MSK != nil {
				t.Fatalf("success: %+v", res)
			}
			if res.Ask != nil && res.Ask.Kind != AskVerdict {
				t.Fatalf("asked: %+v", res.Ask)
			}
			if bytes.Contains(res.Response, []byte(insideName)) {
				t.Fatalf("the name is in %x", res.Response)
			}
			if e, ok := err.(*Error); ok && e.Fatal {
				return
			}
			if res.Ask != nil {
				if _, err := p.Provide(Answer{Err: errNoNewPassword}); err == nil {
					return
				}
			}
		}
	})
}

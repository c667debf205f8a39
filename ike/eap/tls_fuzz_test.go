package eap

import (
	"bytes"
	"crypto/tls"
	"errors"
	"testing"
)

// Hostile streams against every method over TLS: outside, where anybody can change
// what the server sends, and inside, where only the server itself can.

// overTLS is one client and its server, of a method and a version of TLS that a
// number stands for.
func overTLS(t *testing.T, which byte) *tunnelRun {
	version := tlsVersions[which&1]
	switch which >> 1 % 5 {
	case 0:
		cfg, server := theCompany().tlsConfig(), theCompany().serverConfig()
		cfg.TLS.Certificates, server.MaxVersion = nil, version
		return newTunnelRun(t, cfg, server)
	case 1:
		return newTTLSRun(t, version, &ttlsServer{}, InnerPAP)
	case 2:
		return newTTLSRun(t, version, &ttlsServer{}, InnerMSCHAPv2)
	case 3:
		return newTTLSRun(t, version, &ttlsServer{eapIn: newMicrosoft(insidePassword)}, InnerEAP(TypeMSCHAPv2))
	}
	return joinPEAP(newTunnelRun(t, peapConfig(TypeMSCHAPv2), tunnelTLS(version)), &peapServer{in: newMicrosoft(insidePassword), bind: true})
}

// give hands a packet to the peer, answers what it asks, and checks what must hold
// whatever the packet was.
func (r *tunnelRun) give(packet []byte) (Result, error) {
	res, err := r.peer.Handle(packet)
	for err == nil && res.Ask != nil {
		if first := len(r.asked) == 0; first != (res.Ask.Kind == AskVerdict) && res.Ask.Kind != AskConsent {
			r.Errorf("question %d is of kind %d: nothing before the verdict, and one verdict", len(r.asked), res.Ask.Kind)
		}
		res, err = r.peer.Provide(r.respond(res.Ask))
	}
	var e *Error
	if err != nil && !errors.As(err, &e) {
		r.Errorf("untyped error %v", err)
	}
	if n := len(res.Response); n > 0 && (res.Response[0] != codeResponse || int(res.Response[2])<<8|int(res.Response[3]) != n || n > 5+5+defaultFragment) {
		r.Errorf("malformed response %x", res.Response)
	}
	if res.MSK != nil && !res.Done {
		r.Error("a key before the end")
	}
	return res, err
}

// bend changes a packet as four octets of the script say.
func bend(packet []byte, op [4]byte, rest []byte) [][]byte {
	at := int(op[1])<<8 | int(op[2])
	b := bytes.Clone(packet)
	switch op[0] % 9 {
	case 1:
		b[at%len(b)] ^= op[3]
	case 2:
		b = b[:at%len(b)]
	case 3:
		b = append(b, bytes.Repeat(op[3:], at%3000)...)
	case 4:
		return [][]byte{b, b}
	case 5:
		return [][]byte{marshalEnd(codeSuccess, b[1]), b}
	case 6:
		return [][]byte{marshal(codeRequest, b[1]+100, op[3], rest), b}
	case 7:
		if len(b) > 5 {
			b = marshal(codeRequest, b[1], b[4], append(b[5:6:6], rest...))
		}
	case 8:
		return [][]byte{marshalEnd(codeFailure, b[1])}
	}
	return [][]byte{b}
}

// FuzzOverTLSOutside changes what an honest server sends. The conversation may end,
// but not well with another key than the server's, and never with a panic.
func FuzzOverTLSOutside(f *testing.F) {
	for which := range byte(10) {
		f.Add(which, []byte{})
		f.Add(which, []byte{0, 0, 0, 0, 1, 0, 5, 0x20})
		f.Add(which, []byte{0, 0, 0, 0, 1, 0, 100, 1})
		f.Add(which, []byte{0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0})
		f.Add(which, []byte{6, 0, 0, 13, 0, 0, 0, 0, 7, 0, 0, 0, 0xc0, 0, 0, 1, 0, 22, 3, 3})
		f.Add(which, []byte{0, 0, 0, 0, 3, 3, 0, 9, 2, 0, 30, 0})
	}
	f.Fuzz(func(t *testing.T, which byte, script []byte) {
		r := overTLS(t, which)
		honest := len(script) == 0
		packet := r.server.Start()
		for range 100 {
			var op [4]byte
			script = script[copy(op[:], script):]
			var res Result
			var err error
			for _, b := range bend(packet, op, script[:min(len(script), 1400)]) {
				res, err = r.give(b)
				if res.Done {
					r.result = res
					break
				}
			}
			if res.Done {
				break
			}
			if err != nil {
				var e *Error
				if errors.As(err, &e); e == nil || e.Fatal {
					break
				}
				if res, err = r.give(packet); err != nil || res.Done {
					r.result = res
					break // what was dropped may have been an answer to something else
				}
			}
			if res.Response == nil {
				break
			}
			if packet, err = r.server.Handle(res.Response); err != nil {
				break // the server is an honest one
			}
		}
		switch {
		case r.result.Done:
			r.sameKey()
		case honest:
			t.Error("not even an honest server comes to a good end")
		}
	})
}

// sameKey compares with the server's key; PEAP's is bound, and another one.
func (r *tunnelRun) sameKey() {
	if r.server.Kind == TypePEAP {
		return
	}
	label := "client EAP encryption"
	if r.server.Kind == TypeTTLS {
		label = ttlsLabel
	}
	if want, err := r.server.MSK(label); err != nil || !bytes.Equal(r.result.MSK, want) {
		r.Errorf("success with another key than the server's (%v)", err)
	}
}

// FuzzOverTLSInside has a server that went through the handshake as it should say
// anything inside. No password is in what goes out in the clear, and no key comes of
// what is no end of the method.
func FuzzOverTLSInside(f *testing.F) {
	for which := range byte(10) {
		f.Add(which, []byte{0}, []byte{0}, []byte{})
		f.Add(which, []byte{1, 1, 0, 5, 1}, []byte{1, 2, 0, 5, 26}, []byte{3, 2, 0, 4})
		f.Add(which, []byte{1}, []byte{33, 0x80, 3, 0, 2, 0, 1}, []byte{33, 0x80, 3, 0, 2, 0, 1})
		f.Add(which, []byte{0, 0, 0, 79, 0x40, 0, 0, 9, 1, 0, 0, 0}, []byte{0, 0, 0, 26, 0xc0, 0, 0, 57, 0, 0, 1, 55}, []byte{0, 0, 0, 18, 0, 0, 0, 9, 'a', 0, 0, 0})
	}
	f.Fuzz(func(t *testing.T, which byte, a, b, c []byte) {
		r := overTLS(t, which)
		lines := [][]byte{a, b, c}
		said := 0
		r.server.Inside = func(established bool, _ []byte) (reply []byte, over, good bool) {
			if established && r.server.TLS.ConnectionState().Version == tls.VersionTLS12 {
				return nil, false, false
			}
			if said == len(lines) {
				return nil, true, true
			}
			said++
			return lines[said-1], false, false
		}
		packet := r.server.Start()
		for range 60 {
			res, err := r.give(packet)
			if r.result = res; err != nil || res.Done || res.Response == nil {
				break
			}
			if bytes.Contains(res.Response, []byte(insidePassword)) {
				t.Errorf("the password in the clear: %x", res.Response)
			}
			if packet, err = r.server.Handle(res.Response); err != nil {
				t.Fatalf("the server dropped %x: %v", res.Response, err)
			}
		}
		if r.result.Done {
			r.sameKey()
		}
	})
}

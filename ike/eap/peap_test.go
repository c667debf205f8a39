package eap

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// peapConfig is a client's that wants the method inside bound to the tunnel.
func peapConfig(inner ...uint8) Config {
	cfg := tunnelConfig(TypePEAP)
	for _, kind := range inner {
		cfg.Inner = append(cfg.Inner, InnerEAP(kind))
	}
	cfg.RequireBinding = true
	return cfg
}

// healthAsked is Microsoft's request for a statement of health (MS-PEAP 2.2.8.2).
const healthAsked = "01c9001dfe000137000000210002000d00000137000200050000000000"

func joinPEAP(r *tunnelRun, server *peapServer) *tunnelRun {
	server.eap = r.server
	r.server.Inside = server.inside
	return r
}

// checkPEAP shows that both ends have one key, and whether it is a bound one.
func (r *tunnelRun) checkPEAP(s *peapServer, bound bool) {
	r.Helper()
	want := s.msk()
	if s.err != nil {
		r.Errorf("the server: %v", s.err)
	}
	if !r.result.Done || !r.server.Success || len(want) != mskSize || !bytes.Equal(r.result.MSK, want) || s.bound != bound || s.result != resultSuccess {
		r.Errorf("done here %v, there %v (%d); bound %v; one key: %v", r.result.Done, r.server.Success, s.result, s.bound, bytes.Equal(r.result.MSK, want))
	}
	r.checkSecrecy()
}

// MS-PEAP 3.1.5: each method inside, with both versions of TLS.
func TestPEAP(t *testing.T) {
	t.Parallel()
	signature := []QuestionKind{AskVerdict, AskVerdict, AskCertificate, AskSignature}
	password := []QuestionKind{AskVerdict, AskPassword}
	const capabilitiesAsked = "01c90010fe0001370000002200000001"
	for _, version := range tlsVersions {
		for name, row := range map[string]struct {
			server *peapServer
			inner  []uint8
			lax    bool
			asked  []QuestionKind
		}{
			"mschapv2":                     {&peapServer{bind: true, in: newMicrosoft(insidePassword)}, []uint8{TypeMSCHAPv2}, false, password},
			"mschapv2, full header":        {&peapServer{bind: true, full: true, in: newMicrosoft(insidePassword)}, []uint8{TypeMSCHAPv2}, false, password},
			"mschapv2, not bound":          {&peapServer{in: newMicrosoft(insidePassword)}, []uint8{TypeMSCHAPv2}, true, password},
			"mschapv2, bound all the same": {&peapServer{bind: true, in: newMicrosoft(insidePassword)}, []uint8{TypeMSCHAPv2}, true, password},
			"tls":                          {&peapServer{bind: true, in: newTLSInside(t, theCompany().serverConfig())}, []uint8{TypeTLS}, false, signature},
			"mschapv2 behind Microsoft's own questions": {&peapServer{bind: true, in: newMicrosoft(insidePassword), prelude: []exchange{
				{unhex(t, capabilitiesAsked), unhex(t, "02"+capabilitiesAsked[2:])},
				{unhex(t, healthAsked), []byte{TypeNak, TypeMSCHAPv2}},
				{[]byte("\x02Welcome"), []byte{TypeNotification}},
			}}, []uint8{TypeMSCHAPv2}, false, password},
			"a method not allowed first": {&peapServer{bind: true, in: newMicrosoft(insidePassword), prelude: []exchange{
				{[]byte{TypeGTC, 'x'}, []byte{TypeNak, TypeMSCHAPv2}},
				{[]byte{TypePEAP, 0x20}, []byte{TypeNak, TypeMSCHAPv2}},
			}}, []uint8{TypeMSCHAPv2, TypePEAP, TypeTTLS}, false, password},
		} {
			t.Run(tls.VersionName(version)+" "+name, func(t *testing.T) {
				cfg := peapConfig(row.inner...)
				cfg.RequireBinding = !row.lax
				r := joinPEAP(newTunnelRun(t, cfg, tunnelTLS(version)), row.server)
				if err := r.run(); err != nil {
					t.Fatalf("%v; the server: %v", err, row.server.err)
				}
				r.checkPEAP(row.server, row.server.bind)
				if row.server.name != insideName || !slices.Equal(r.kinds(), row.asked) {
					t.Errorf("inside it was %q; asked %v, want %v", row.server.name, r.kinds(), row.asked)
				}
			})
		}
	}
}

func TestPEAPFailures(t *testing.T) {
	t.Parallel()
	ms := func() innerServer { return newMicrosoft(insidePassword) }
	cut := func(tlvs []byte) []byte { return tlvs[:6] }
	for name, row := range map[string]struct {
		server *peapServer
		change func(*Config, *tunnelRun)
		want   ErrorKind
		result uint16 // what the client told the server, 0: nothing
	}{
		"binding missing": {&peapServer{in: ms()}, nil, Binding, resultFailure},
		"binding cut out": {&peapServer{in: ms(), bind: true, bend: cut}, nil, Binding, resultFailure},
		"binding with another MAC": {&peapServer{in: ms(), bind: true, bend: func(tlvs []byte) []byte {
			tlvs[len(tlvs)-1] ^= 1
			return tlvs
		}}, nil, Binding, resultFailure},
		"binding with another MAC, not required": {&peapServer{in: ms(), bind: true, bend: func(tlvs []byte) []byte {
			tlvs[len(tlvs)-1] ^= 1
			return tlvs
		}}, func(cfg *Config, _ *tunnelRun) { cfg.RequireBinding = false }, Binding, resultFailure},
		"bound to another inner key": {&peapServer{in: ms(), bind: true, keyless: true}, nil, Binding, resultFailure},
		"binding that is a response": {&peapServer{in: ms(), bind: true, bend: func(tlvs []byte) []byte {
			tlvs[6+7] = 1
			return tlvs
		}}, nil, Binding, resultFailure},
		"binding of a strange size": {&peapServer{in: ms(), bend: func(tlvs []byte) []byte { return append(tlvs, 0, 12, 0, 1, 0) }}, nil, Malformed, 0},
		"a failure":                 {&peapServer{in: ms(), bind: true, bend: func([]byte) []byte { return []byte{0x80, 3, 0, 2, 0, 2} }}, nil, Failed, resultFailure},
		"no result":                 {&peapServer{in: ms(), bind: true, bend: func(tlvs []byte) []byte { return tlvs[6:] }}, nil, Unexpected, 0},
		"TLV behind the packet":     {&peapServer{in: ms(), bend: func([]byte) []byte { return []byte{0x80, 3, 0, 99, 0, 1} }}, nil, Malformed, 0},
		"success before the method": {&peapServer{in: &scripted{}, bind: true, prelude: []exchange{{request: []byte{1, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 1}, response: []byte{2, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 2}}}}, nil, Unexpected, 0},
		"success at once":           {&peapServer{in: ms(), hurry: true}, nil, Unexpected, resultFailure},
		"a method not allowed":      {&peapServer{in: &scripted{requests: [][]byte{{TypeGTC, 'x'}}, responses: []string{"\x03\x1a"}}}, nil, Unexpected, resultFailure},
		"rounds without end":        {&peapServer{in: &endlessNotices{}}, nil, Unexpected, 0},
		"wrong password": {&peapServer{in: ms()}, func(_ *Config, r *tunnelRun) {
			r.answer = func(q *Question) (Answer, bool) { return Answer{Secret: suite.Secret("Tiger")}, q.Kind == AskPassword }
		}, WrongPassword, resultFailure},
		"the inner server has another name": {&peapServer{in: newTLSInside(t, otherServer(t))}, func(cfg *Config, _ *tunnelRun) {
			cfg.Inner = []InnerMethod{InnerEAP(TypeTLS)}
		}, Untrusted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := peapConfig(TypeMSCHAPv2)
			late := new(tunnelRun)
			if row.change != nil {
				row.change(&cfg, late)
			}
			r := joinPEAP(newTunnelRun(t, cfg, tunnelTLS(tls.VersionTLS12)), row.server)
			r.answer = late.answer
			err := r.run()
			var e *Error
			if !errors.As(err, &e) || e.Kind != row.want || !e.Fatal {
				t.Errorf("%+v; the server: %v", err, row.server.err)
			}
			if r.result.Done || r.result.MSK != nil || row.server.result != row.result {
				t.Errorf("the client told the server %d; done: %v", row.server.result, r.result.Done)
			}
			r.checkSecrecy()
		})
	}
}

// endlessNotices is an inner server that never comes to the point.
type endlessNotices struct{ n byte }

func (s *endlessNotices) start() []byte {
	s.n++
	return request(s.n, TypeNotification, 'x', s.n)
}

func (s *endlessNotices) handle([]byte) ([]byte, error) { return s.start(), nil }
func (s *endlessNotices) key() []byte                   { return nil }

// MS-PEAP 2.2.6.2, 3.1.5.5: the TLVs of the server's Start packet go into the binding,
// so that nobody on the way can change them.
func TestPEAPOuterTLVs(t *testing.T) {
	t.Parallel()
	for _, changed := range []bool{false, true} {
		server := &peapServer{in: newMicrosoft(insidePassword), bind: true}
		r := joinPEAP(newTunnelRun(t, peapConfig(TypeMSCHAPv2), tunnelTLS(tls.VersionTLS12)), server)
		r.server.Greeting = unhex(t, "0007000400000137")
		r.onTheWay = func(packet []byte) []byte {
			if changed && bytes.HasSuffix(packet, r.server.Greeting) {
				packet[len(packet)-1] ^= 1
			}
			return packet
		}
		err := r.run()
		switch {
		case changed && kindOf(err) != Binding:
			t.Errorf("changed on the way: %v", err)
		case !changed && err != nil:
			t.Errorf("%v; the server: %v", err, server.err)
		case !changed:
			r.checkPEAP(server, true)
		}
	}
}

// An EAP-Success outside, which anybody on the way could have sent, is believed
// after the result alone (MS-PEAP 3.2.5).
func TestPEAPSuccessOutside(t *testing.T) {
	t.Parallel()
	for at := range 40 {
		server := &peapServer{in: newMicrosoft(insidePassword), bind: true}
		if playThenSucceed(t, joinPEAP(newTunnelRun(t, peapConfig(TypeMSCHAPv2), tunnelTLS(tls.VersionTLS13)), server), at) {
			return
		}
	}
	t.Fatal("no end")
}

// playThenSucceed plays so many packets and then gives the client a Success, which must
// end it badly. True: the conversation came to its end before.
func playThenSucceed(t *testing.T, r *tunnelRun, packets int) bool {
	t.Helper()
	packet := r.server.Start()
	for range packets {
		res, err := r.peer.Handle(packet)
		for err == nil && res.Ask != nil {
			res, err = r.peer.Provide(r.respond(res.Ask))
		}
		if err != nil {
			t.Fatal(err)
		}
		if packet, err = r.server.Handle(res.Response); err != nil {
			t.Fatal(err)
		}
		if packet[0] == codeSuccess {
			return true
		}
	}
	res, err := r.peer.Handle(marshalEnd(codeSuccess, packet[1]))
	if kindOf(err) != Unexpected || res.Done || res.MSK != nil {
		t.Errorf("success after %d packets: %+v, %v", packets, res, err)
	}
	return false
}

// MS-PEAP 3.1.5.5.2.1: a session that is taken up again has no method inside, and is
// bound by the tunnel's own key.
func TestPEAPFastReconnect(t *testing.T) {
	t.Parallel()
	for _, version := range tlsVersions {
		for _, bind := range []bool{true, false} {
			name := fmt.Sprintf("%s, bound %v", tls.VersionName(version), bind)
			cfg, config := peapConfig(TypeMSCHAPv2), tunnelTLS(version)
			cfg.RequireBinding = bind
			cfg.TLS.Sessions = new(tlsstep.Sessions)
			first := joinPEAP(newTunnelRun(t, cfg, config), &peapServer{in: newMicrosoft(insidePassword), bind: bind})
			if err := first.run(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			server := &peapServer{bind: bind, prelude: []exchange{{unhex(t, healthAsked), []byte{TypeNak, TypeMSCHAPv2}}}}
			second := joinPEAP(newTunnelRun(t, cfg, config), server)
			if err := second.run(); err != nil {
				t.Fatalf("%s: %v; the server: %v", name, err, server.err)
			}
			second.checkPEAP(server, bind)
			if !second.server.TLS.ConnectionState().DidResume || !slices.Equal(second.kinds(), []QuestionKind{AskVerdict}) {
				t.Errorf("%s: resumed %v, asked %v", name, second.server.TLS.ConnectionState().DidResume, second.kinds())
			}
			if bytes.Equal(first.result.MSK, second.result.MSK) {
				t.Errorf("%s: one key for two conversations", name)
			}
		}
	}
}

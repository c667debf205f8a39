package eap

import (
	"bytes"
	"crypto/md5"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/eap/tlsstep"
	"github.com/homeward-vpn/homeward/ike/suite"
)

const ttlsLabel = "ttls keying material"

// newTTLSRun joins a client and a server of TTLS.
func newTTLSRun(t *testing.T, version uint16, server *ttlsServer, inner ...InnerMethod) *tunnelRun {
	t.Helper()
	r := newTunnelRun(t, tunnelConfig(TypeTTLS, inner...), tunnelTLS(version))
	return joinTTLS(r, server, inner...)
}

func joinTTLS(r *tunnelRun, server *ttlsServer, inner ...InnerMethod) *tunnelRun {
	server.eap, server.way = r.server, inner[0]
	r.server.Inside = server.inside
	return r
}

// checkMSK shows that both ends have one key.
func (r *tunnelRun) checkMSK(label string) {
	r.Helper()
	want, err := r.server.MSK(label)
	if err != nil {
		r.Fatal(err)
	}
	if !r.result.Done || !r.server.Success || len(want) != mskSize || !bytes.Equal(r.result.MSK, want) {
		r.Errorf("done here %v, there %v; one key: %v", r.result.Done, r.server.Success, bytes.Equal(r.result.MSK, want))
	}
}

// RFC 5281 8, 11.2: every way to sign in, with both versions of TLS.
func TestTTLS(t *testing.T) {
	t.Parallel()
	eapMSCHAPv2 := InnerEAP(TypeMSCHAPv2)
	for _, version := range tlsVersions {
		for name, row := range map[string]struct {
			server *ttlsServer
			inner  []InnerMethod
			asked  []QuestionKind
		}{
			"pap":           {&ttlsServer{}, []InnerMethod{InnerPAP}, []QuestionKind{AskVerdict, AskPassword}},
			"pap and codes": {&ttlsServer{prompts: []string{"Code from the token", "Next code"}}, []InnerMethod{InnerPAP}, []QuestionKind{AskVerdict, AskPassword, AskCode, AskCode}},
			"chap":          {&ttlsServer{}, []InnerMethod{InnerCHAP}, []QuestionKind{AskVerdict, AskPassword}},
			"mschap":        {&ttlsServer{}, []InnerMethod{InnerMSCHAP}, []QuestionKind{AskVerdict, AskPassword}},
			"mschapv2":      {&ttlsServer{}, []InnerMethod{InnerMSCHAPv2, InnerPAP}, []QuestionKind{AskVerdict, AskPassword}},
			"eap-mschapv2":  {&ttlsServer{eapIn: newMicrosoft(insidePassword)}, []InnerMethod{eapMSCHAPv2}, []QuestionKind{AskVerdict, AskPassword}},
			"eap-mschapv2 after a nak": {&ttlsServer{eapIn: &refusedFirst{innerServer: newMicrosoft(insidePassword)}},
				[]InnerMethod{eapMSCHAPv2, InnerPAP}, []QuestionKind{AskVerdict, AskPassword}},
			"eap-gtc": {&ttlsServer{eapIn: &scripted{requests: [][]byte{[]byte("\x06Password: ")}, responses: []string{"\x06tiger"}}},
				[]InnerMethod{InnerEAP(TypeGTC)}, []QuestionKind{AskVerdict, AskPassword}},
			"eap-md5": {&ttlsServer{eapIn: &scripted{requests: [][]byte{[]byte("\x04\x041234")}, responses: []string{md5Response(100, "1234")}}},
				[]InnerMethod{InnerEAP(TypeMD5)}, []QuestionKind{AskVerdict, AskPassword}},
			"eap-tls": {&ttlsServer{eapIn: newTLSInside(t, theCompany().serverConfig())},
				[]InnerMethod{InnerEAP(TypeTLS)}, []QuestionKind{AskVerdict, AskVerdict, AskCertificate, AskSignature}},
		} {
			t.Run(tls.VersionName(version)+" "+name, func(t *testing.T) {
				r := newTTLSRun(t, version, row.server, row.inner...)
				if err := r.run(); err != nil {
					t.Fatalf("%v; the server: %v", err, row.server.err)
				}
				r.checkMSK(ttlsLabel)
				r.checkSecrecy()
				if !slices.Equal(r.kinds(), row.asked) {
					t.Errorf("asked %v, want %v", r.kinds(), row.asked)
				}
				if row.server.name != insideName || row.server.err != nil {
					t.Errorf("inside it was %q, %v", row.server.name, row.server.err)
				}
				for i, q := range r.asked {
					if q.Kind == AskCode && q.Message != row.server.prompts[i-2] {
						t.Errorf("the prompt is %q", q.Message)
					}
				}
			})
		}
	}
}

// md5Response is the answer to an MD5 challenge, with its type and the name (RFC 1994
// 4.1).
func md5Response(id byte, challenge string) string {
	sum := md5.Sum([]byte(string(id) + insidePassword + challenge))
	return "\x04\x10" + string(sum[:]) + insideName
}

// refusedFirst asks for a method that the client does not speak before the one it
// does.
type refusedFirst struct {
	innerServer
	asked bool
}

func (s *refusedFirst) start() []byte { return request(1, TypeMD5, 0) }

func (s *refusedFirst) handle(b []byte) ([]byte, error) {
	if s.asked {
		return s.innerServer.handle(b)
	}
	s.asked = true
	if !bytes.Equal(b, marshal(codeResponse, 1, TypeNak, []byte{TypeMSCHAPv2})) {
		return nil, errors.New("no Nak")
	}
	return s.innerServer.start(), nil
}

// No name and no password before the verdict on the server: nothing goes out after
// a bad one but what TLS says.
func TestTTLSUntrustedServer(t *testing.T) {
	t.Parallel()
	for _, version := range tlsVersions {
		for _, kind := range []uint8{TypeTTLS, TypePEAP} {
			r := newTunnelRun(t, tunnelConfig(kind, InnerPAP, InnerEAP(TypeMSCHAPv2)), tunnelTLS(version))
			r.server.Inside = func(_ bool, data []byte) ([]byte, bool, bool) {
				if len(data) > 0 {
					t.Errorf("the untrusted server reads %x", data)
				}
				return []byte{1}, false, false
			}
			no := errors.New("another name")
			r.answer = func(q *Question) (Answer, bool) { return Answer{Err: no}, true }
			err := r.run()
			if kindOf(err) != Untrusted || !errors.Is(err, no) {
				t.Errorf("%v", err)
			}
			if !slices.Equal(r.kinds(), []QuestionKind{AskVerdict}) || r.server.Established {
				t.Errorf("asked %v; the tunnel is up: %v", r.kinds(), r.server.Established)
			}
			r.checkSecrecy()
		}
	}
}

// A client's certificate, which has a name in it, is for the method inside alone.
func TestTunnelShowsNoCertificate(t *testing.T) {
	t.Parallel()
	for _, version := range tlsVersions {
		cfg := tunnelConfig(TypeTTLS, InnerPAP)
		cfg.TLS.Certificates = theCompany().user.Certificate
		server := tunnelTLS(version)
		server.ClientAuth = tls.RequestClientCert
		r := joinTTLS(newTunnelRun(t, cfg, server), &ttlsServer{}, InnerPAP)
		if err := r.run(); err != nil {
			t.Fatal(err)
		}
		r.checkMSK(ttlsLabel)
		if n := len(r.server.TLS.ConnectionState().PeerCertificates); n != 0 {
			t.Errorf("%s: %d certificates", tls.VersionName(version), n)
		}
	}
}

func TestTTLSFailures(t *testing.T) {
	t.Parallel()
	eapMSCHAPv2 := InnerEAP(TypeMSCHAPv2)
	always := func(b []byte) func(int, []byte) []byte { return func(int, []byte) []byte { return b } }
	wrong := func(q *Question) (Answer, bool) {
		return Answer{Secret: suite.Secret("Tiger")}, q.Kind == AskPassword
	}
	for name, row := range map[string]struct {
		server *ttlsServer
		inner  InnerMethod
		answer func(*Question) (Answer, bool)
		want   ErrorKind
		code   int
	}{
		"pap, wrong password":          {&ttlsServer{}, InnerPAP, wrong, Failed, 0},
		"chap, wrong password":         {&ttlsServer{}, InnerCHAP, wrong, Failed, 0},
		"mschap, wrong password":       {&ttlsServer{}, InnerMSCHAP, wrong, Failed, 0},
		"mschapv2, wrong password":     {&ttlsServer{}, InnerMSCHAPv2, wrong, WrongPassword, 691},
		"eap-mschapv2, wrong password": {&ttlsServer{eapIn: newMicrosoft(insidePassword)}, eapMSCHAPv2, wrong, WrongPassword, 691},
		"no answer": {&ttlsServer{}, InnerPAP,
			func(q *Question) (Answer, bool) { return Answer{Err: errors.New("closed")}, q.Kind == AskPassword }, Declined, 0},
		"success before anything inside":               {&ttlsServer{early: true}, InnerPAP, nil, Unexpected, 0},
		"mschapv2, success without the server's proof": {&ttlsServer{bend: always(rawAVP(18, 0, 0x40, []byte("Welcome")))}, InnerMSCHAPv2, nil, Unexpected, 0},
		"mschapv2, the server does not know the password": {&ttlsServer{bend: func(_ int, reply []byte) []byte {
			digit := &reply[len(reply)-3]
			if *digit++; *digit != '1' { // another one, and still a digit
				*digit = '0'
			}
			return reply
		}}, InnerMSCHAPv2, nil, ServerProof, 0},
		"eap, success before the method":             {&ttlsServer{eapIn: &scripted{}}, eapMSCHAPv2, nil, Unexpected, 0},
		"eap, a method not allowed":                  {&ttlsServer{eapIn: &scripted{requests: [][]byte{{TypeMD5, 0}}, responses: []string{"\x03\x1a"}}}, eapMSCHAPv2, nil, Unexpected, 0},
		"a mandatory attribute that is not known":    {&ttlsServer{bend: always(rawAVP(4711, 0, 0x40, nil))}, InnerPAP, nil, Malformed, 0},
		"an attribute cut short":                     {&ttlsServer{bend: always([]byte{0, 0, 0, 18, 0x40, 0, 0, 99})}, InnerPAP, nil, Malformed, 0},
		"eap-tls, the inner server has another name": {&ttlsServer{eapIn: newTLSInside(t, otherServer(t))}, InnerEAP(TypeTLS), nil, Untrusted, 0},
		"prompts without end":                        {&ttlsServer{prompts: make([]string, 50)}, InnerPAP, nil, Unexpected, 0},
		"chatter without end":                        {&ttlsServer{bend: always(rawAVP(18, 0, 0, []byte("Hello")))}, InnerCHAP, nil, Unexpected, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTTLSRun(t, tls.VersionTLS13, row.server, row.inner)
			r.answer = row.answer
			if name == "chatter without end" || strings.HasPrefix(name, "mschapv2, success without") {
				row.server.answerAcknowledgements(row.want == Unexpected && row.inner == InnerMSCHAPv2)
			}
			err := r.run()
			var e *Error
			if !errors.As(err, &e) || e.Kind != row.want || !e.Fatal || e.Code != row.code {
				t.Errorf("%+v; the server: %v", err, row.server.err)
			}
			if r.result.Done || r.result.MSK != nil {
				t.Error("and yet it is done")
			}
			r.checkSecrecy()
		})
	}
}

// answerAcknowledgements makes a server talk on, or succeed, where it should wait
// for the client.
func (s *ttlsServer) answerAcknowledgements(succeed bool) {
	inside := s.eap.Inside
	s.eap.Inside = func(established bool, data []byte) ([]byte, bool, bool) {
		if len(data) > 0 || s.round == 0 {
			return inside(established, data)
		}
		if succeed {
			return nil, true, true
		}
		return s.bend(s.round, nil), false, false
	}
}

// RFC 5281 7.5, RFC 9427 2.3: a session that is taken up again needs nothing inside,
// and may have it all the same.
func TestTTLSResumption(t *testing.T) {
	t.Parallel()
	for _, version := range tlsVersions {
		for _, again := range []bool{false, true} {
			cfg, server := tunnelConfig(TypeTTLS, InnerPAP), tunnelTLS(version)
			cfg.TLS.Sessions = new(tlsstep.Sessions)
			first := joinTTLS(newTunnelRun(t, cfg, server), &ttlsServer{}, InnerPAP)
			if err := first.run(); err != nil {
				t.Fatal(err)
			}
			second := joinTTLS(newTunnelRun(t, cfg, server), &ttlsServer{early: !again}, InnerPAP)
			if err := second.run(); err != nil {
				t.Fatal(err)
			}
			second.checkMSK(ttlsLabel)
			want := []QuestionKind{AskVerdict}
			if again {
				want = append(want, AskPassword)
			}
			if !second.server.TLS.ConnectionState().DidResume || !slices.Equal(second.kinds(), want) {
				t.Errorf("%s: resumed %v, asked %v", tls.VersionName(version), second.server.TLS.ConnectionState().DidResume, second.kinds())
			}
			if bytes.Equal(first.result.MSK, second.result.MSK) {
				t.Error("one key for two conversations")
			}
		}
	}
}

// A session is kept when the conversation inside has ended well, not before.
func TestTTLSFailureKeepsNoSession(t *testing.T) {
	t.Parallel()
	for _, version := range tlsVersions {
		cfg, server := tunnelConfig(TypeTTLS, InnerPAP), tunnelTLS(version)
		cfg.TLS.Sessions = new(tlsstep.Sessions)
		r := joinTTLS(newTunnelRun(t, cfg, server), &ttlsServer{}, InnerPAP)
		r.answer = func(q *Question) (Answer, bool) {
			return Answer{Secret: suite.Secret("wrong")}, q.Kind == AskPassword
		}
		if err := r.run(); kindOf(err) != Failed {
			t.Fatal(err)
		}
		next := joinTTLS(newTunnelRun(t, cfg, server), &ttlsServer{}, InnerPAP)
		if err := next.run(); err != nil {
			t.Fatal(err)
		}
		if next.server.TLS.ConnectionState().DidResume {
			t.Errorf("%s: the session of a failure was taken up again", tls.VersionName(version))
		}
	}
}

package eap

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// rawServer speaks EAP-TLS message by message, whatever they are.
type rawServer struct {
	*signIn
	frag fragments
	id   byte
}

func newRawServer(t *testing.T, cfg Config) *rawServer {
	r := &rawServer{signIn: newSignIn(t, cfg, theCompany().serverConfig()), frag: newFragments(0, 1400), id: 1}
	return r
}

// request gives the peer a packet and takes its response's data.
func (r *rawServer) request(data []byte) ([]byte, error) {
	r.Helper()
	r.id++
	response, err := r.handle(marshal(codeRequest, r.id, TypeTLS, data))
	if err != nil {
		return nil, err
	}
	pkt, err := parse(response)
	if err != nil || pkt.kind != TypeTLS || pkt.id != r.id {
		r.Fatalf("not a response to %d: %x", r.id, response)
	}
	return pkt.data, nil
}

// start gives the Start packet and takes the client's hello.
func (r *rawServer) start() []byte {
	r.Helper()
	data, err := r.request([]byte{flagStart})
	for err == nil {
		var a arrival
		if a, err = r.frag.receive(data); err == nil && a.whole {
			return bytes.Clone(a.message)
		}
		data, err = r.request(a.reply)
	}
	r.Fatal(err)
	return nil
}

// say sends a TLS message in fragments and takes the client's, whole.
func (r *rawServer) say(message []byte) ([]byte, error) {
	r.Helper()
	data, err := r.request(r.frag.send(message))
	for err == nil {
		var a arrival
		if a, err = r.frag.receive(data); err != nil {
			r.Fatal(err)
		}
		if a.whole {
			return bytes.Clone(a.message), nil
		}
		data, err = r.request(a.reply)
	}
	return nil, err
}

// end gives Success or Failure and takes what the peer makes of it.
func (r *rawServer) end(code byte) error {
	_, err := r.handle(marshalEnd(code, r.id))
	return err
}

// asError checks the kind of an error, and that the Peer is at its end.
func (s *signIn) asError(what string, err error, kind ErrorKind) *Error {
	s.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != kind || !e.Fatal || e.Method != TypeTLS {
		s.Errorf("%s: %+v, want %s", what, err, kind)
		return &Error{}
	}
	if _, err := s.peer.Handle(marshalEnd(codeSuccess, 0)); kindOf(err) != Unexpected || s.result.MSK != nil {
		s.Errorf("%s: goes on", what)
	}
	return e
}

// RFC 5216 5.3: no server whose certificate the profile does not trust is shown
// anything, and each hears why by an alert (RFC 5216 2.1.3).
func TestTLSServerNotTrusted(t *testing.T) {
	t.Parallel()
	c := theCompany()
	stranger, err := tlsserver.NewAuthority("Servers", "ecdsa")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(by *tlsserver.Authority, name string, change func(*x509.Certificate)) tls.Certificate {
		cert, err := by.Server(name, "ecdsa", change)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	for name, row := range map[string]struct {
		cert tls.Certificate
		want auth.CertificateErrorKind
	}{
		"another authority": {issue(stranger, "radius.example", nil), auth.Untrusted},
		"another name":      {issue(c.anchor, "www.example", nil), auth.WrongName},
		"expired":           {issue(c.anchor, "radius.example", func(x *x509.Certificate) { x.NotAfter = tlsserver.Time.Add(-time.Hour) }), auth.Expired},
		"not yet valid":     {issue(c.anchor, "radius.example", func(x *x509.Certificate) { x.NotBefore = tlsserver.Time.Add(time.Hour) }), auth.NotYetValid},
		"a user's":          {c.user, auth.Untrusted},
	} {
		for _, version := range tlsVersions {
			server := c.serverConfig()
			server.MaxVersion, server.Certificates = version, []tls.Certificate{row.cert}
			cfg := c.tlsConfig()
			cfg.TLS.Certificates = nil
			s := newSignIn(t, cfg, server)
			err := s.run()
			s.asError(name, err, Untrusted)
			var why *auth.CertificateError
			if !errors.As(err, &why) || why.Kind != row.want {
				t.Errorf("%s: %v", name, err)
			}
			if got := strings.Join(s.asked, " "); got != "verdict" {
				t.Errorf("%s: asked for %s", name, got)
			}
			if s.server.Err == nil || !strings.Contains(s.server.Err.Error(), "bad certificate") {
				t.Errorf("%s: the server saw %v", name, s.server.Err)
			}
		}
	}
}

// RFC 5216 2.1.3: the server's alert is answered, and says why EAP-Failure comes.
func TestTLSClientRefused(t *testing.T) {
	t.Parallel()
	c := theCompany()
	for name, row := range map[string]struct {
		change func(*tls.Config)
		kind   ErrorKind
		alert  uint8
	}{
		"another authority": {func(s *tls.Config) { s.ClientCAs = x509.NewCertPool() }, CertificateRefused, 48},
		"expired":           {func(s *tls.Config) { s.Time = func() time.Time { return tlsserver.Time.AddDate(2, 0, 0) } }, CertificateRefused, 45},
		"no common suite": {func(s *tls.Config) {
			s.MaxVersion, s.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, TLSFailed, 40},
		"TLS 1.1": {func(s *tls.Config) { s.MinVersion, s.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, TLSFailed, 70},
	} {
		for _, version := range tlsVersions {
			server := c.serverConfig()
			server.MaxVersion = version
			row.change(server)
			s := newSignIn(t, c.tlsConfig(), server)
			err := s.run()
			if e := s.asError(name, err, row.kind); e.Alert != row.alert {
				t.Errorf("%s: alert %d, want %d", name, e.Alert, row.alert)
			}
			if s.server.Success {
				t.Errorf("%s: the server says success", name)
			}
		}
	}
}

// The end is known before the server says so: Failing is with the last response, and
// whatever comes then leads to the same error.
func TestTLSFailing(t *testing.T) {
	t.Parallel()
	c := theCompany()
	for name, then := range map[string]func(*rawServer) error{
		"failure": func(r *rawServer) error { return r.end(codeFailure) },
		"success": func(r *rawServer) error { return r.end(codeSuccess) },
		"more":    func(r *rawServer) error { _, err := r.request([]byte{0}); return err },
		"a start": func(r *rawServer) error { _, err := r.request([]byte{flagStart}); return err },
	} {
		r := newRawServer(t, c.tlsConfig())
		hello := r.start()
		r.answer = func(*Question) Answer { return Answer{Err: errDistrust} }
		out, _ := r.server.Input(hello)
		alert, err := r.say(out)
		if err != nil || len(alert) == 0 || r.result.Failing == nil || !errors.Is(r.result.Failing, errDistrust) {
			t.Fatalf("%s: %x, %+v, %v", name, alert, r.result, err)
		}
		r.asError(name, then(r), Untrusted)
	}
}

// RFC 9190 2.1.1, 2.5: with TLS 1.3, EAP-Success is believed behind the protected one
// only, and nothing else is inside; with TLS 1.2 there is nothing inside at all.
func TestTLSProtectedSuccess(t *testing.T) {
	t.Parallel()
	c := theCompany()
	for name, row := range map[string]struct {
		version uint16
		say     func(*rawServer) error
		good    bool
	}{
		"as it should be": {tls.VersionTLS13, func(r *rawServer) error { _, err := r.say(r.server.Write([]byte{0})); return err }, true},
		"none":            {tls.VersionTLS13, func(*rawServer) error { return nil }, false},
		"another octet":   {tls.VersionTLS13, func(r *rawServer) error { _, err := r.say(r.server.Write([]byte{1})); return err }, false},
		"two octets":      {tls.VersionTLS13, func(r *rawServer) error { _, err := r.say(r.server.Write([]byte{0, 0})); return err }, false},
		"twice": {tls.VersionTLS13, func(r *rawServer) error {
			if _, err := r.say(r.server.Write([]byte{0})); err != nil {
				return err
			}
			_, err := r.say(r.server.Write([]byte{0}))
			return err
		}, false},
		"only the end of TLS": {tls.VersionTLS13, func(r *rawServer) error { _, err := r.say(r.server.End()); return err }, false},
		"TLS 1.2":             {tls.VersionTLS12, func(*rawServer) error { return nil }, true},
		"inside TLS 1.2":      {tls.VersionTLS12, func(r *rawServer) error { _, err := r.say(r.server.Write([]byte{0})); return err }, false},
	} {
		server := c.serverConfig()
		server.MaxVersion = row.version
		r := newRawServer(t, c.tlsConfig())
		r.server.Server = tlsserver.New(server)
		t.Cleanup(r.server.Close)
		message, err := r.start(), error(nil)
		for !r.server.Established || len(message) > 0 {
			out, _ := r.server.Input(message)
			if r.server.Established && len(out) == 0 {
				break
			}
			if message, err = r.say(out); err != nil {
				t.Fatal(err)
			}
		}
		if err = row.say(r); err == nil {
			err = r.end(codeSuccess)
		}
		if row.good {
			if err != nil || len(r.result.MSK) != mskSize {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		r.asError(name, err, Unexpected)
	}
}

// RFC 3748 4.2: EAP-Success before its time, at every point of the conversation, is
// the end of it.
func TestTLSEarlySuccess(t *testing.T) {
	t.Parallel()
	c := theCompany()
	for _, version := range tlsVersions {
		for stop := 1; ; stop++ {
			server := c.serverConfig()
			server.MaxVersion = version
			s := newSignIn(t, c.tlsConfig(), server)
			s.server.Fragment = 400
			packet := s.server.Start()
			for range stop {
				response, err := s.handle(packet)
				if err != nil {
					t.Fatal(err)
				}
				if packet, err = s.server.Handle(response); err != nil {
					t.Fatal(err)
				}
			}
			if s.server.Success {
				break // this would be the right one
			}
			_, err := s.handle(marshalEnd(codeSuccess, 0))
			s.asError("early success", err, Unexpected)
		}
	}
	// In the middle of a question, too.
	r := newRawServer(t, c.tlsConfig())
	out, _ := r.server.Input(r.start())
	r.frag = newFragments(0, maxTLSMessage)
	result, err := r.peer.Handle(marshal(codeRequest, 77, TypeTLS, r.frag.send(out)))
	if err != nil || result.Ask == nil {
		t.Fatalf("%+v, %v", result, err)
	}
	_, err = r.handle(marshalEnd(codeSuccess, 77))
	r.asError("success while a question is open", err, Unexpected)
}

// A server that does not want to know who we are would let anybody in.
func TestTLSServerWithoutCertificateRequest(t *testing.T) {
	t.Parallel()
	for _, version := range tlsVersions {
		server := theCompany().serverConfig()
		server.MaxVersion, server.ClientAuth = version, tls.NoClientCert
		s := newSignIn(t, theCompany().tlsConfig(), server)
		s.asError("no request", s.run(), Unexpected)
	}
}

// RFC 7627 5.3: servers from before it are refused unless the profile takes them;
// then the key is the one that such a server derives by itself (RFC 5216 2.3).
func TestTLSOldServer(t *testing.T) {
	t.Parallel()
	c := theCompany()
	cert, err := c.anchor.Server("radius.example", "rsa", nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.tlsConfig()
	r := newRawServer(t, cfg)
	old := &tlsserver.Old{Certificate: cert, Ask: true}
	alert, err := r.say(old.Input(r.start()))
	if err != nil || !bytes.Equal(alert, []byte{21, 3, 3, 0, 2, 2, 40}) {
		t.Errorf("%x, %v", alert, err)
	}
	r.asError("not allowed", r.end(codeFailure), NoEMS)

	cfg.TLS.AllowWithoutEMS = true
	r = newRawServer(t, cfg)
	old = &tlsserver.Old{Certificate: cert, Ask: true}
	message := r.start()
	for range 3 {
		out := old.Input(message)
		if len(out) == 0 {
			break
		}
		if message, err = r.say(out); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(codeSuccess); err != nil || !bytes.Equal(r.result.MSK, old.Export("client EAP encryption", mskSize)) {
		t.Errorf("%v, %v: other keys", err, old.Err)
	}

	// RFC 5746: renegotiation, which such servers were fond of, ends it.
	r = newRawServer(t, cfg)
	old = &tlsserver.Old{Certificate: cert, Ask: true}
	for message = r.start(); !old.Established || len(message) > 0; {
		if message, err = r.say(old.Input(message)); err != nil {
			t.Fatal(err)
		}
	}
	alert, err = r.say(old.Renegotiate())
	if old.Input(alert); err != nil || old.Err == nil || !strings.HasSuffix(old.Err.Error(), "64") {
		t.Errorf("%v, the server saw %v", err, old.Err)
	}
	r.asError("renegotiation", r.end(codeSuccess), TLSFailed)
}

// Fragments that never end, and TLS that is none.
func TestTLSNonsense(t *testing.T) {
	t.Parallel()
	c := theCompany()
	r := newRawServer(t, c.tlsConfig())
	r.start()
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = r.request(append([]byte{flagMore}, make([]byte, 1400)...))
	}
	if r.asError("fragments without end", err, Malformed); n > maxTLSMessage/1400+1 {
		t.Errorf("%d fragments were taken", n)
	}
	for name, message := range map[string][]byte{
		"not TLS":             []byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
		"a record too long":   {22, 3, 3, 255, 255, 0},
		"a data record":       {23, 3, 3, 0, 1, 0},
		"a hello request":     {22, 3, 3, 0, 4, 0, 0, 0, 0},
		"a finished":          {22, 3, 3, 0, 16, 20, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		"a change of ciphers": {20, 3, 3, 0, 1, 1},
	} {
		r := newRawServer(t, c.tlsConfig())
		r.start()
		_, err := r.say(message)
		for n := 0; err == nil && n < 20; n++ {
			_, err = r.say(message)
		}
		r.asError(name, err, TLSFailed)
	}
	// A packet that cannot be read leaves the conversation as it was.
	r = newRawServer(t, c.tlsConfig())
	for _, data := range [][]byte{nil, {0}, {0x80, 0}} {
		if _, err := r.peer.Handle(marshal(codeRequest, 50, TypeTLS, data)); kindOf(err) != Malformed && kindOf(err) != Unexpected {
			t.Errorf("%x as the first packet: %v", data, err)
		}
	}
	out, _ := r.server.Input(r.start())
	if _, err := r.peer.Handle(marshal(codeRequest, 60, TypeTLS, nil)); kindOf(err) != Malformed {
		t.Errorf("no flags: %v", err)
	}
	if _, err := r.peer.Handle(marshal(codeRequest, 61, TypeTLS, []byte{flagStart})); kindOf(err) != Unexpected {
		t.Errorf("a second start: %v", err)
	}
	if _, err := r.say(out); err != nil {
		t.Errorf("after what was dropped: %v", err)
	}
}

// Tickets and key updates without end (RFC 8446 4.6), each in its own packet.
func TestTLSFloods(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]func(*tlsserver.Rogue) []byte{
		"key updates": func(r *tlsserver.Rogue) []byte { return r.Update(true) },
		"tickets":     func(r *tlsserver.Rogue) []byte { return r.Ticket(5000) },
	} {
		rogue := &tlsserver.Rogue{}
		server := theCompany().serverConfig()
		server.KeyLogWriter, server.SessionTicketsDisabled, server.MinVersion = rogue, true, tls.VersionTLS13
		r := newRawServer(t, theCompany().tlsConfig())
		r.server.Server = tlsserver.New(server)
		t.Cleanup(r.server.Close)
		message12 := r.start()
		var err error
		for !r.server.Established {
			out, _ := r.server.Input(message12)
			if len(out) == 0 {
				break
			}
			if message12, err = r.say(out); err != nil {
				t.Fatal(err)
			}
		}
		if r.server.TLS.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
			t.Skip("crypto/tls prefers another suite on this processor, for which the rogue server has no words")
		}
		n := 0
		for ; err == nil && n < 100; n++ {
			_, err = r.say(message(rogue))
		}
		if r.asError(name, err, TLSFailed); n > 20 {
			t.Errorf("%s: %d were taken", name, n)
		}
	}
}

// Questions that are answered with no.
func TestTLSDeclined(t *testing.T) {
	t.Parallel()
	no := errors.New("the card was taken out")
	for name, row := range map[string]struct {
		at     QuestionKind
		answer Answer
		kind   ErrorKind
	}{
		"certificate declined": {AskCertificate, Answer{Err: no}, Declined},
		"no certificate":       {AskCertificate, Answer{}, CertificateMissing},
		"signature declined":   {AskSignature, Answer{Err: no}, Declined},
		"an empty signature":   {AskSignature, Answer{}, Declined},
	} {
		for _, version := range tlsVersions {
			cfg, server := theCompany().tlsConfig(), theCompany().serverConfig()
			cfg.TLS.Certificates, server.MaxVersion = nil, version
			s := newSignIn(t, cfg, server)
			s.answer = func(q *Question) Answer {
				if q.Kind == row.at {
					return row.answer
				}
				return theCompany().answer(q)
			}
			err := s.run()
			s.asError(name, err, row.kind)
			if row.answer.Err != nil && !errors.Is(err, no) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// A configuration that cannot be served fails at the first packet, with a reason.
func TestTLSBadConfig(t *testing.T) {
	t.Parallel()
	cfg := theCompany().tlsConfig()
	cfg.TLS.MinVersion = tls.VersionTLS11
	r := newRawServer(t, cfg)
	_, err := r.request([]byte{flagStart})
	if kindOf(err) != Internal {
		t.Errorf("%v", err)
	}
}

// Whatever the end, and without one: Clear leaves no coroutine. Not in parallel: it
// looks at all that are there.
func TestTLSLeavesNothing(t *testing.T) {
	c := theCompany()
	for _, version := range tlsVersions {
		for stop := range 12 {
			server := c.serverConfig()
			server.MaxVersion = version
			p, s := New(c.tlsConfig()), &tlsserver.EAP{Server: tlsserver.New(server), Kind: TypeTLS, Fragment: 400}
			packet := s.Start()
			for range stop {
				r, err := p.Handle(packet)
				for err == nil && r.Ask != nil {
					r, err = p.Provide(c.answer(r.Ask))
				}
				if err != nil || r.Done {
					break
				}
				if packet, err = s.Handle(r.Response); err != nil {
					t.Fatal(err)
				}
			}
			p.Clear()
			s.Close()
		}
	}
	var stacks bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil || strings.Contains(stacks.String(), "tlsstep.(*Conn)") {
		t.Errorf("a coroutine is left:\n%s", stacks.String())
	}
}

package eap

import (
	"github.com/homeward-vpn/homeward/ike/suite"
)

// ttls is TTLSv0 (RFC 5281): one of the ways of ttls_inner.go inside TLS. The client
// speaks first, and the server's last word is the EAP-Success outside:
//
//	TLS handshake            (AskVerdict: nothing inside before it is good)
//	                         --> name and proof, as attributes
//	<-- a further prompt, a proof, nothing   --> its answer, an acknowledgement
//	<-- EAP-Success
//
// With a session that is taken up again the server may leave all of that out.
type ttls struct {
	carrier
	inner  ttlsInner
	begun  bool // our side has spoken inside, or is about to
	rounds int
}

func newTTLS(cfg *Config) *ttls {
	m := &ttls{carrier: newCarrier(TypeTTLS, 0, cfg)}
	m.inner = newTTLSInner(cfg, m.challenge)
	if m.inner == nil && m.end == nil {
		m.end = internal(TypeTTLS, errNothingInside)
	}
	return m
}

func (m *ttls) kind() uint8 { return TypeTTLS }

// challenge is the implicit one (RFC 5281 11.1; RFC 9427 2.1 for TLS 1.3).
func (m *ttls) challenge(n int) ([]byte, error) {
	return m.conn.Export("ttls challenge", nil, n)
}

func (m *ttls) handle(pkt packet) (Result, error) {
	return m.advance(m.take(pkt))
}

func (m *ttls) provide(a Answer) (Result, error) {
	if m.asking() {
		return m.advance(m.answer(a))
	}
	return m.proceed(m.inner.provide(a))
}

// advance goes on with what came through the tunnel.
func (m *ttls) advance(s carried, err error) (Result, error) {
	switch {
	case err != nil:
		return Result{}, err
	case !s.turn:
		return s.Result, nil
	case len(s.data) > 0 && !m.indicates(s):
		return m.message(s.data)
	case len(s.data) > 0 || s.closed || m.begun || m.pending():
		// TLS has the last word of its handshake to say, or there is nothing to say.
		return m.acknowledge(), nil
	}
	m.begun = true
	return m.proceed(m.inner.begin())
}

// message reads the server's attributes.
func (m *ttls) message(b []byte) (Result, error) {
	if m.rounds++; m.rounds > maxInnerRounds {
		return Result{}, endless()
	}
	if !m.begun {
		return Result{}, fatally(unexpected("attributes before the client has spoken"))
	}
	list, err := parseAVPs(b)
	if err != nil {
		return Result{}, fatally(err)
	}
	if err := understood(list); err != nil {
		return Result{}, err
	}
	return m.proceed(m.inner.take(list))
}

func (m *ttls) proceed(s ttlsStep, err error) (Result, error) {
	var r Result
	switch {
	case err != nil:
		return Result{}, err
	case s.ask != nil:
		return Result{Ask: s.ask, Message: s.message}, nil
	case len(s.send) > 0:
		r, err = m.send(s.send)
		clear(s.send) // the password, where it is sent as it is
	default:
		r = m.acknowledge()
	}
	r.Message, r.Failing = s.message, s.failing
	return r, err
}

// finish believes EAP-Success when the method inside is at its end, or where the
// server takes up a session again and asks for nothing more (RFC 5281 7.5).
func (m *ttls) finish() (suite.Secret, error) {
	switch {
	case m.end != nil:
		return nil, m.end
	case m.begun:
		if err := m.inner.finish(); err != nil {
			return nil, err
		}
	case !m.resumed():
		return nil, notDone(TypeTTLS)
	}
	return m.sessionKey("ttls keying material")
}

func (m *ttls) failed() *Error {
	if m.begun && m.end == nil {
		return m.inner.failed()
	}
	return m.carrier.failed()
}

func (m *ttls) clear() {
	if m.inner != nil {
		m.inner.clear()
	}
	m.carrier.clear()
}

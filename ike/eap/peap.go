package eap

import (
	"github.com/homeward-vpn/homeward/ike/suite"
)

// peap is PEAPv0 (MS-PEAP): an EAP conversation inside TLS, and at its end a result that
// both sides confirm, bound to the tunnel:
//
//	TLS handshake            (AskVerdict: nothing inside before it is good)
//	<-- Identity             --> the user's identity
//	<-- the method inside    --> ... until it is done
//	<-- Result, Crypto-Binding   --> Result, Crypto-Binding
//	<-- EAP-Success
//
// With a session that is taken up again there is no method inside: the server goes
// to the result at once, if it likes.
type peap struct {
	carrier
	inner   *Peer
	require bool // crypto binding
	begun   bool // something was asked for inside: no fast reconnect any more
	rounds  int
	outcome peapOutcome
	bound   *binding
	failure *Error // why the outcome is bad
}

type peapOutcome uint8

const (
	peapOpen peapOutcome = iota
	peapGood             // both said success
	peapBad
)

const peapLabel = "client EAP encryption"

func newPEAP(cfg *Config) *peap {
	m := &peap{carrier: newCarrier(TypePEAP, 0, cfg), inner: newInner(*cfg), require: cfg.RequireBinding}
	if len(m.inner.offered()) == 0 && m.end == nil {
		m.end = internal(TypePEAP, errNothingInside)
	}
	return m
}

func (m *peap) kind() uint8 { return TypePEAP }

func (m *peap) handle(pkt packet) (Result, error) {
	return m.advance(m.take(pkt))
}

func (m *peap) provide(a Answer) (Result, error) {
	if m.asking() {
		return m.advance(m.answer(a))
	}
	return m.proceed(m.inner.Provide(a))
}

// advance goes on with what came through the tunnel.
func (m *peap) advance(s carried, err error) (Result, error) {
	switch {
	case err != nil:
		return Result{}, err
	case !s.turn:
		return s.Result, nil
	case len(s.data) == 0 || m.indicates(s):
		return m.acknowledge(), nil
	}
	return m.request(s.data)
}

// request answers one packet of the conversation inside.
func (m *peap) request(b []byte) (Result, error) {
	if m.rounds++; m.rounds > maxInnerRounds {
		return Result{}, endless()
	}
	b = expandInner(m.id, b)
	pkt, err := parse(b)
	if err != nil {
		return Result{}, fatally(err)
	}
	if pkt.code == codeRequest && pkt.kind == typeExtensions {
		return m.extensions(pkt)
	}
	if m.outcome != peapOpen {
		return Result{}, fatally(unexpected("a packet behind the result"))
	}
	switch kind := microsoftType(pkt); {
	case pkt.code == codeSuccess:
		// It says nothing that the result does not have to say once more.
		return m.acknowledge(), nil
	case kind == msCapabilities:
		return m.send(capabilities(pkt.id))
	case kind == msSoH:
		// We have no statement of health; what comes next comes without (MS-PEAP
		// 3.3.5.4.5), and may well be the result of a fast reconnect.
		return m.send(compressInner(nak(pkt.id, m.inner.offered())))
	}
	m.begun, m.failure = true, nil // what was wrong with a result before does not count
	return m.proceed(m.inner.Handle(b))
}

func (m *peap) proceed(r Result, err error) (Result, error) {
	switch {
	case err != nil:
		return Result{}, fatally(err)
	case r.Ask != nil:
		return r, nil
	case r.Response == nil:
		return m.acknowledge(), nil
	}
	out, err := m.send(compressInner(r.Response))
	out.Message, out.Failing = r.Message, r.Failing
	return out, err
}

// extensions takes the server's result and answers with ours (MS-PEAP 3.2.5.4.7).
func (m *peap) extensions(pkt packet) (Result, error) {
	e, err := parseExtensions(pkt.data)
	switch {
	case err != nil:
		return Result{}, fatally(err)
	case m.outcome != peapOpen:
		return Result{}, fatally(unexpected("a second result"))
	case e.refused != 0:
		return m.reply(pkt, appendTLVNak(nil, e.refused))
	case e.result == 0:
		return Result{}, fatally(unexpected("extensions without a result"))
	}
	if failure := m.judge(e); failure != nil {
		if m.failure = failure; failure.Kind != Unexpected || m.begun {
			m.outcome = peapBad
		} // else the server took this for a fast reconnect, and may begin in earnest
		r, err := m.reply(pkt, appendResult(nil, resultFailure))
		if m.outcome == peapBad {
			r.Failing = failure
		}
		return r, err
	}
	m.outcome = peapGood
	out := appendResult(nil, resultSuccess)
	if e.binding != nil {
		out = append(out, m.bound.respond(e.binding)...)
	}
	return m.reply(pkt, out)
}

func (m *peap) reply(pkt packet, tlvs []byte) (Result, error) {
	return m.send(respond(pkt, tlvs))
}

// judge says what speaks against success, and derives the keys that bind.
//
// A binding that does not fit is never accepted. Whether one must be there is the
// profile's to say, and it must be unless the profile does without: a server that
// binds shows that the one who ran the method inside is the one whose certificate
// was believed. Where a server cannot (FreeRADIUS 3.2), a profile that gives in
// still has the certificate's verdict before the method began, and the MSK of this
// tunnel in the gateway's last AUTH payload; what it loses is the defence against
// somebody who has both a certificate that the profile trusts and a second
// conversation with the same password outside of any tunnel.
func (m *peap) judge(e extensions) *Error {
	if e.result != resultSuccess {
		if m.begun {
			return innerFailure(m.inner)
		}
		return &Error{Kind: Failed, Fatal: true, Method: TypePEAP}
	}
	inner, failure := m.innerKey()
	if failure != nil {
		return failure
	}
	defer inner.Clear()
	if e.binding == nil {
		if m.require {
			return bindingError("the server does not bind the method inside to the tunnel")
		}
		return nil
	}
	material, err := m.material(peapLabel)
	if err != nil {
		return fatally(err)
	}
	defer material.Clear()
	if m.begun {
		m.bound = newBinding(material, inner)
	} else {
		m.bound = resumedBinding(material)
	}
	m.bound.outer = m.greeting
	if err := m.bound.verify(e.binding); err != nil {
		return fatally(err)
	}
	return nil
}

// innerKey tells the conversation inside that it has succeeded, and gives its key.
func (m *peap) innerKey() (suite.Secret, *Error) {
	if !m.begun {
		if !m.resumed() {
			return nil, notDone(TypePEAP)
		}
		return nil, nil
	}
	r, err := m.inner.Handle(marshalEnd(codeSuccess, 0))
	if err != nil {
		return nil, fatally(err)
	}
	return r.MSK, nil
}

func (m *peap) finish() (suite.Secret, error) {
	switch m.outcome {
	case peapBad:
		return nil, m.failure
	case peapOpen:
		if m.end != nil {
			return nil, m.end
		}
		return nil, notDone(TypePEAP)
	}
	if m.bound == nil {
		return m.sessionKey(peapLabel)
	}
	m.conn.Keep()
	return m.bound.sessionKey(), nil
}

func (m *peap) failed() *Error {
	switch {
	case m.failure != nil:
		return m.failure
	case m.outcome == peapOpen && m.begun:
		return innerFailure(m.inner)
	}
	return m.carrier.failed()
}

func (m *peap) clear() {
	m.inner.Clear()
	m.carrier.clear()
	if m.bound != nil {
		m.bound.clear()
	}
}

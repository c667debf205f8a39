package eap

import (
	"crypto/tls"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// eapTLS is EAP-TLS (RFC 5216, RFC 9190): the handshake is all there is, with a
// certificate on both sides.
//
//	TLS handshake            (AskVerdict, AskCertificate, AskSignature)
//	                         --> the client's last flight
//	<-- TLS 1.2: Finished, TLS 1.3: one octet, 0x00, inside
//	                         --> an acknowledgement
//	<-- EAP-Success
type eapTLS struct {
	carrier
	done bool
}

func newTLS(cfg *Config) *eapTLS { return &eapTLS{carrier: newCarrier(TypeTLS, 0, cfg)} }

func (m *eapTLS) kind() uint8 { return TypeTLS }

func (m *eapTLS) handle(pkt packet) (Result, error) { return m.advance(m.take(pkt)) }

func (m *eapTLS) provide(a Answer) (Result, error) { return m.advance(m.answer(a)) }

// advance goes on once the handshake is done.
func (m *eapTLS) advance(s carried, err error) (Result, error) {
	switch {
	case err != nil:
		return Result{}, err
	case !s.turn:
		return s.Result, nil
	}
	state := m.conn.State()
	switch {
	case !state.Shown && !state.Resumed:
		// It would have let anybody in, so it cannot be the one that knows us.
		return Result{}, m.against("the server does not want to know who we are")
	case state.Version != tls.VersionTLS13 && len(s.data) > 0:
		return Result{}, m.against("data inside EAP-TLS")
	case state.Version != tls.VersionTLS13:
		m.done = true
	case len(s.data) > 0:
		if err := m.protectedSuccess(s); err != nil {
			return Result{}, err
		}
	}
	return m.acknowledge(), nil
}

// protectedSuccess takes the server's word that nothing more will come: without it,
// a forged EAP-Success could hide a refusal (RFC 9190 2.1.1, 2.5). It comes when the
// server has seen our Finished, not before.
func (m *eapTLS) protectedSuccess(s carried) error {
	if s.established || m.done || len(s.data) != 1 || s.data[0] != 0 {
		return m.against("data inside EAP-TLS that is no protected success, or not in its time")
	}
	m.done = true
	return nil
}

func (m *eapTLS) against(why reason) error {
	return &Error{Kind: Unexpected, Fatal: true, Method: TypeTLS, Err: why}
}

// finish believes EAP-Success when TLS is at its end on both sides.
func (m *eapTLS) finish() (suite.Secret, error) {
	switch {
	case m.end != nil:
		return nil, m.end
	case !m.done:
		return nil, m.against("success before the server's last word")
	}
	return m.sessionKey("client EAP encryption")
}

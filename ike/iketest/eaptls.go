package iketest

import (
	"crypto/tls"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
)

// EAP-TLS at the gateway (RFC 5216, RFC 9190): ResponderConfig.EAPTLS makes the
// method one that it completes.

const eapTLS = 13

// eapTLSServer is the method's part of an eapServer.
type eapTLSServer struct {
	config *tls.Config
	over   *tlsserver.EAP // nil: not under way
}

// propose begins with the Start packet.
func (t *eapTLSServer) propose(s *eapServer) []byte {
	t.over = &tlsserver.EAP{Server: tlsserver.New(t.config), Kind: eapTLS, ID: s.id}
	s.method = eapTLS
	return t.pass(s, t.over.Start())
}

// handle takes a response of the method's.
func (t *eapTLSServer) handle(s *eapServer, b []byte) ([]byte, error) {
	reply, err := t.over.Handle(b)
	if err != nil {
		return nil, err
	}
	return t.pass(s, reply), nil
}

// pass keeps the identifiers of both together, and the key when it is over.
func (t *eapTLSServer) pass(s *eapServer, packet []byte) []byte {
	s.id = t.over.ID
	switch packet[0] {
	case eapSuccess:
		msk, err := t.over.MSK("client EAP encryption")
		if err != nil {
			return s.end(eapFailure)
		}
		s.msk = msk
		t.over.Close()
	case eapFailure:
		t.over.Close()
	}
	return packet
}

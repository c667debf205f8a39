package iketest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// Codes and types of EAP (RFC 3748 4, 5).
const (
	eapRequest  = 1
	eapResponse = 2
	eapSuccess  = 3
	eapFailure  = 4

	eapIdentity = 1
	eapNak      = 3
	eapMSCHAPv2 = 26
)

// Operation codes of EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2 2).
const (
	opChallenge = 1
	opResponse  = 2
	opSuccess   = 3
	opFailure   = 4
)

// eapServer is the authenticator's end of EAP: identity, method negotiation
// and MSCHAPv2. Other methods are only proposed, to see them refused.
type eapServer struct {
	rand      io.Reader
	users     map[string]string
	methods   []uint8
	identity  bool // asked for
	id        uint8
	user      string
	method    uint8
	challenge []byte
	wait      uint8 // MSCHAPv2 operation that was sent last
	msk       suite.Secret
}

func newEAPServer(cfg *ResponderConfig) *eapServer {
	return &eapServer{rand: cfg.Rand, users: cfg.Users, methods: cfg.EAPMethods, identity: !cfg.NoEAPIdentity, id: 17}
}

// start gives the first request.
func (s *eapServer) start() []byte {
	if s.identity {
		return s.request(eapIdentity, nil)
	}
	return s.propose(s.methods[0])
}

// request makes a request with the next identifier (RFC 3748 4.1).
func (s *eapServer) request(kind uint8, data []byte) []byte {
	s.id++
	s.method = kind
	b := []byte{eapRequest, s.id, 0, 0, kind}
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// end makes Success or Failure (RFC 3748 4.2).
func (s *eapServer) end(code uint8) []byte { return []byte{code, s.id, 0, 4} }

func (s *eapServer) propose(method uint8) []byte {
	if method != eapMSCHAPv2 {
		return s.request(method, []byte("prove who you are"))
	}
	s.challenge = octets(s.rand, 16)
	s.wait = opChallenge
	return s.request(method, s.operation(opChallenge, append(append([]byte{16}, s.challenge...), "gateway"...)))
}

// operation frames an MSCHAPv2 packet: operation, identifier, length, data.
func (s *eapServer) operation(op uint8, data []byte) []byte {
	b := []byte{op, s.id + 1, 0, 0}
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// handle takes a response and gives the next packet. An error is a response
// that no honest peer sends.
func (s *eapServer) handle(b []byte) ([]byte, error) {
	if len(b) < 5 || b[0] != eapResponse || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return nil, fmt.Errorf("not a response: %x", b)
	}
	if b[1] != s.id {
		return nil, fmt.Errorf("response %d to request %d", b[1], s.id)
	}
	kind, data := b[4], b[5:]
	switch {
	case kind == eapIdentity && s.method == eapIdentity:
		s.user = string(data)
		return s.propose(s.methods[0]), nil
	case kind == eapNak && s.method != eapIdentity:
		// RFC 3748 5.3.1: the methods that the peer would accept.
		for _, m := range s.methods {
			if m != s.method && bytes.IndexByte(data, m) >= 0 {
				return s.propose(m), nil
			}
		}
		return s.end(eapFailure), nil
	case kind == eapMSCHAPv2 && s.method == eapMSCHAPv2:
		return s.mschapv2(data)
	}
	return nil, fmt.Errorf("response of type %d to a request of type %d", kind, s.method)
}

var errMSCHAPv2 = errors.New("malformed MSCHAPv2 packet")

// mschapv2 takes the response to the challenge, or the acknowledgement of
// success or failure.
func (s *eapServer) mschapv2(b []byte) ([]byte, error) {
	if len(b) < 1 {
		return nil, errMSCHAPv2
	}
	switch {
	case b[0] == opSuccess && s.wait == opSuccess:
		return s.end(eapSuccess), nil
	case b[0] == opFailure && s.wait == opFailure:
		return s.end(eapFailure), nil
	case b[0] != opResponse || s.wait != opChallenge:
		return nil, errMSCHAPv2
	}
	if len(b) < 4+1+49 || b[4] != 49 || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return nil, errMSCHAPv2
	}
	peerChallenge, ntResponse, name := b[5:21], b[29:53], string(b[54:])
	if s.user == "" {
		s.user = name
	}
	password, known := s.users[name]
	x := newMSCHAPv2(name, password, s.challenge, peerChallenge)
	if !known || !bytes.Equal(x.ntResponse, ntResponse) {
		s.wait = opFailure
		text := fmt.Sprintf("E=691 R=0 C=%032X V=3 M=Authentication failed", octets(s.rand, 16))
		return s.request(eapMSCHAPv2, s.operation(opFailure, []byte(text))), nil
	}
	s.wait = opSuccess
	s.msk = x.msk()
	text := fmt.Sprintf("S=%X M=Welcome", x.authenticatorResponse)
	return s.request(eapMSCHAPv2, s.operation(opSuccess, []byte(text))), nil
}

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

	opChangePassword = 7
)

// EAPServer is the authenticator's end of a conversation by EAP. An error is a
// response that no honest peer sends.
type EAPServer interface {
	Start() []byte
	Handle(response []byte) (next []byte, err error)
	MSK() suite.Secret // after Success; nil: the method makes no key
}

// eapServer is a gateway's own: identity, method negotiation, MSCHAPv2, GTC, OTP and
// MD5, and EAP-TLS where it is configured. Other methods are only proposed, to see them refused.
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
	more      signIn
	tls       eapTLSServer
}

func newEAPServer(cfg *ResponderConfig) *eapServer {
	return &eapServer{rand: cfg.Rand, users: cfg.Users, methods: cfg.EAPMethods, identity: !cfg.NoEAPIdentity, id: 17, more: signIn{SignIn: cfg.SignIn}, tls: eapTLSServer{config: cfg.EAPTLS}}
}

// eapServer is what a conversation is held with.
func (cfg *ResponderConfig) eapServer() EAPServer {
	if cfg.EAP != nil {
		return cfg.EAP()
	}
	return newEAPServer(cfg)
}

// MSK implements EAPServer.
func (s *eapServer) MSK() suite.Secret { return s.msk }

// Start gives the first request.
func (s *eapServer) Start() []byte {
	if s.identity {
		return s.request(eapIdentity, nil)
	}
	return s.begin()
}

// request makes a request with the next identifier (RFC 3748 4.1).
func (s *eapServer) request(kind uint8, data []byte) []byte {
	s.id++
	s.method = kind
	b := []byte{eapRequest, s.id, 0, 0, kind}
	if s.more.LongTypes {
		b = []byte{eapRequest, s.id, 0, 0, eapExpanded, 0, 0, 0, 0, 0, 0, kind}
	}
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// end makes Success or Failure (RFC 3748 4.2).
func (s *eapServer) end(code uint8) []byte { return []byte{code, s.id, 0, 4} }

func (s *eapServer) propose(method uint8) []byte {
	if method == eapTLS && s.tls.config != nil {
		return s.tls.propose(s)
	}
	switch method {
	case eapMSCHAPv2:
	case eapGTC, eapOTP:
		return s.prompt(method)
	case eapMD5:
		s.challenge = octets(s.rand, 16)
		return s.request(method, append(append([]byte{16}, s.challenge...), "gateway"...))
	default:
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

// Handle takes a response and gives the next packet.
func (s *eapServer) Handle(b []byte) ([]byte, error) {
	if len(b) < 5 || b[0] != eapResponse || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return nil, fmt.Errorf("not a response: %x", b)
	}
	if b[1] != s.id {
		return nil, fmt.Errorf("response %d to request %d", b[1], s.id)
	}
	b, err := s.short(b)
	if err != nil {
		return nil, err
	}
	kind, data := b[4], b[5:]
	if s.more.Hostile != "" {
		if next := s.abuse(kind, data); next != nil {
			return next, nil
		}
	}
	switch {
	case kind == eapIdentity && s.method == eapIdentity:
		s.user = string(data)
		return s.begin(), nil
	case kind == eapNotification && s.method == eapNotification:
		if len(data) > 0 {
			return nil, errors.New("an answer to a Notification that is not empty (RFC 3748 5.2)")
		}
		return s.begin(), nil
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
	case (kind == eapGTC || kind == eapOTP) && s.method == kind:
		return s.typed(data), nil
	case kind == eapMD5 && s.method == eapMD5:
		return s.md5(data)
	case kind == eapTLS && s.method == eapTLS && s.tls.over != nil:
		return s.tls.handle(s, b)
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
	case b[0] == opFailure && (s.wait == opFailure || s.more.retries > 0):
		return s.end(eapFailure), nil
	case b[0] == opChangePassword:
		return s.changed(b)
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
		return s.wrong(), nil
	}
	switch code := s.more.Refuse[name]; {
	case code != 0:
		return s.refuse(code), nil
	case s.more.Expired:
		return s.refuse(648), nil
	}
	return s.accept(x), nil
}

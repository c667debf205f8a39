package eap

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// AuthenticatorConfig is what an Authenticator is made from.
type AuthenticatorConfig struct {
	Name string // the server's name in its challenge
	Rand io.Reader
	// Methods are asked for in this order until the peer does not answer with
	// a Nak; empty: MSCHAPv2 alone. Only MSCHAPv2 can be completed.
	Methods []uint8
	// Password gives a user's password, false: no such user.
	Password func(name string) (suite.Secret, bool)
	// Message goes into the last MSCHAPv2 request, success or failure.
	Message string
}

// AuthenticatorResult is what a step of the Authenticator wants done.
type AuthenticatorResult struct {
	Packet   []byte // EAP packet to send
	Done     bool   // Packet is the last one: Success or Failure
	Success  bool
	MSK      suite.Secret // with Success
	Identity string       // what the peer said it is
}

// Authenticator is the server's side of one conversation, for gateways in
// memory. Not safe for concurrent use.
type Authenticator struct {
	cfg       AuthenticatorConfig
	id        byte
	method    int // index into cfg.Methods
	state     authenticatorState
	identity  string
	challenge [challengeSize]byte
	msk       suite.Secret
}

type authenticatorState uint8

const (
	wantIdentity authenticatorState = iota
	wantMethod
	wantSuccessRead
	wantFailureRead
	finished
)

// NewAuthenticator prepares a conversation. It begins with Start.
func NewAuthenticator(cfg AuthenticatorConfig) *Authenticator {
	if len(cfg.Methods) == 0 {
		cfg.Methods = []uint8{TypeMSCHAPv2}
	}
	return &Authenticator{cfg: cfg, id: 1}
}

// Start gives the first packet, the Identity request.
func (a *Authenticator) Start() []byte { return marshal(codeRequest, a.id, TypeIdentity, nil) }

// Handle takes a response of the peer, which is borrowed. An error means that
// it was dropped.
func (a *Authenticator) Handle(b []byte) (AuthenticatorResult, error) {
	pkt, err := parse(b)
	if err != nil {
		return AuthenticatorResult{}, err
	}
	if pkt.code != codeResponse || pkt.id != a.id {
		return AuthenticatorResult{}, unexpected("not the response to the last request")
	}
	r, err := a.step(pkt)
	r.Identity = a.identity
	return r, err
}

func (a *Authenticator) step(pkt packet) (AuthenticatorResult, error) {
	switch a.state {
	case wantIdentity:
		if pkt.kind != TypeIdentity {
			return AuthenticatorResult{}, unexpected("not an identity")
		}
		a.identity = string(pkt.data)
		a.state = wantMethod
		return a.propose()
	case wantMethod:
		if pkt.kind == TypeNak {
			return a.next(pkt.data)
		}
		return a.response(pkt)
	case wantSuccessRead:
		if !acknowledges(pkt, opSuccess) {
			return a.finish(false)
		}
		return a.finish(true)
	case wantFailureRead:
		return a.finish(false)
	}
	return AuthenticatorResult{}, unexpected("the conversation is over")
}

// propose asks for the method in turn. Of all but MSCHAPv2 it sends the bare type.
func (a *Authenticator) propose() (AuthenticatorResult, error) {
	kind := a.cfg.Methods[a.method]
	if kind != TypeMSCHAPv2 {
		return a.ask(kind, []byte{0}), nil
	}
	if _, err := io.ReadFull(a.cfg.Rand, a.challenge[:]); err != nil {
		return AuthenticatorResult{}, fmt.Errorf("eap: random: %w", err)
	}
	value := append([]byte{challengeSize}, a.challenge[:]...)
	return a.askMSCHAPv2(opChallenge, append(value, a.cfg.Name...)), nil
}

// next goes on to the first method left that the peer would take.
func (a *Authenticator) next(wanted []byte) (AuthenticatorResult, error) {
	for a.method++; a.method < len(a.cfg.Methods); a.method++ {
		if slices.Contains(wanted, a.cfg.Methods[a.method]) {
			return a.propose()
		}
	}
	return a.finish(false)
}

func (a *Authenticator) ask(kind uint8, data []byte) AuthenticatorResult {
	a.id++
	return AuthenticatorResult{Packet: marshal(codeRequest, a.id, kind, data)}
}

func (a *Authenticator) askMSCHAPv2(op byte, data []byte) AuthenticatorResult {
	n := 4 + len(data)
	return a.ask(TypeMSCHAPv2, append([]byte{op, a.id + 1, byte(n >> 8), byte(n)}, data...))
}

func acknowledges(pkt packet, op byte) bool {
	return pkt.kind == TypeMSCHAPv2 && bytes.Equal(pkt.data, []byte{op})
}

// response checks the peer's MSCHAPv2 Response against the password.
func (a *Authenticator) response(pkt packet) (AuthenticatorResult, error) {
	const valueSize = challengeSize + 8 + responseSize + 1
	if pkt.kind != TypeMSCHAPv2 || len(pkt.data) == 0 || pkt.data[0] != opResponse {
		return AuthenticatorResult{}, unexpected("not an MSCHAPv2 response")
	}
	_, rest, err := body(pkt.data)
	if err != nil {
		return AuthenticatorResult{}, err
	}
	if len(rest) < 1+valueSize || rest[0] != valueSize {
		return AuthenticatorResult{}, malformed("MSCHAPv2 response of another size")
	}
	peer, nt := rest[1:1+challengeSize], rest[1+challengeSize+8:][:responseSize]
	name := string(rest[1+valueSize:])
	proof, err := a.check(name, peer, nt)
	if err != nil {
		return AuthenticatorResult{}, err
	}
	if proof == nil {
		a.state = wantFailureRead
		text := fmt.Sprintf("E=%d R=0 C=%X V=3 M=%s", errorAuthentication, a.challenge, a.cfg.Message)
		return a.askMSCHAPv2(opFailure, []byte(text)), nil
	}
	a.state = wantSuccessRead
	text := "S=" + strings.ToUpper(hex.EncodeToString(proof)) + " M=" + a.cfg.Message
	return a.askMSCHAPv2(opSuccess, []byte(text)), nil
}

// check gives the server's proof, or nil where name or password are wrong.
func (a *Authenticator) check(name string, peer, nt []byte) ([]byte, error) {
	password, ok := a.cfg.Password(name)
	if !ok {
		return nil, nil
	}
	hash, err := passwordHash(password)
	if err != nil {
		return nil, err
	}
	defer hash.Clear()
	challenge := challengeHash(peer, a.challenge[:], name)
	want, err := challengeResponse(challenge, hash)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(want, nt) != 1 {
		return nil, nil
	}
	a.msk = sessionKey(hash, nt)
	return authenticatorResponse(hash, nt, challenge), nil
}

func (a *Authenticator) finish(good bool) (AuthenticatorResult, error) {
	a.state = finished
	if !good {
		return AuthenticatorResult{Packet: marshalEnd(codeFailure, a.id), Done: true}, nil
	}
	return AuthenticatorResult{Packet: marshalEnd(codeSuccess, a.id), Done: true, Success: true, MSK: a.msk}, nil
}

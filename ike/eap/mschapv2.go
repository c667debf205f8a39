package eap

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2, RFC 2759):
//
//	<-- Challenge           (Ask)  --> Response
//	<-- Success "S=..."            --> Success
//	<-- Failure "E=691 R=1 C=..."  (Ask again)         --> Response
//	<-- Failure "E=648 R=0 C=..."  (Ask for a new one) --> Change-Password
//	<-- Failure "E=... R=0 ..."    --> Failure
//
// A refused password is the person's to correct: it is never given twice, and not
// more than maxTries times is anything tried.

// Operations inside EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2 2).
const (
	opChallenge      = 1
	opResponse       = 2
	opSuccess        = 3
	opFailure        = 4
	opChangePassword = 7
)

// maxTries bounds the answers to a server that goes on asking. Accounts are locked
// after about as many.
const maxTries = 5

type methodState uint8

const (
	fresh    methodState = iota
	asking               // a password, or a new one, is awaited
	answered             // our response is out
	proved               // the server has proved itself
	failed               // the server refused us, or did not prove itself
)

// mschapv2 is the peer's side of the method.
type mschapv2 struct {
	name      string
	rand      io.Reader
	state     methodState
	request   byte // EAP identifier of the request that is answered next
	id        byte // MS-CHAPv2-ID of the answer
	challenge [challengeSize]byte
	changing  bool         // a new password is asked for, or has been sent
	old       suite.Secret // hash of the password that was given last, for a change
	tries     int
	expect    []byte // the server's proof
	msk       suite.Secret
	failure   *Error // what EAP-Failure will mean
}

func (m *mschapv2) kind() uint8 { return TypeMSCHAPv2 }

func (m *mschapv2) clear() {
	m.msk.Clear()
	m.old.Clear()
	m.msk, m.old = nil, nil
	clear(m.expect)
}

func (m *mschapv2) handle(pkt packet) (Result, error) {
	if len(pkt.data) == 0 {
		return Result{}, malformed("MSCHAPv2 without an operation")
	}
	switch pkt.data[0] {
	case opChallenge:
		return m.challenged(pkt)
	case opSuccess:
		return m.succeeded(pkt)
	case opFailure:
		return m.refused(pkt)
	}
	return Result{}, malformed("an MSCHAPv2 operation that is not known")
}

// body checks the fields after the operation: identifier, and the length that
// counts from the operation on. Octets behind it are ignored.
func body(data []byte) (id byte, rest []byte, err error) {
	if len(data) < 4 {
		return 0, nil, malformed("MSCHAPv2 header cut short")
	}
	n := int(binary.BigEndian.Uint16(data[2:]))
	if n < 4 || n > len(data) {
		return 0, nil, malformed("MSCHAPv2 length outside the packet")
	}
	return data[1], data[4:n], nil
}

func (m *mschapv2) challenged(pkt packet) (Result, error) {
	if m.state != fresh {
		return Result{}, unexpected("a second challenge")
	}
	id, rest, err := body(pkt.data)
	if err != nil {
		return Result{}, err
	}
	if len(rest) < 1+challengeSize || rest[0] != challengeSize {
		return Result{}, malformed("MSCHAPv2 challenge of another size")
	}
	copy(m.challenge[:], rest[1:])
	m.request, m.id, m.state = pkt.id, id, asking
	return Result{Ask: &Question{Kind: AskPassword, Username: m.name}}, nil
}

var errNoNewPassword = errors.New("no new password was given")

// provide answers with a password, the first, another or a new one. Without one the
// conversation is over, and a server that waits for another try is told so.
func (m *mschapv2) provide(a Answer) (Result, error) {
	if a.Err == nil && m.changing && len(a.New) == 0 {
		a.Err = errNoNewPassword
	}
	if a.Err != nil && m.failure == nil {
		return Result{}, &Error{Kind: Declined, Fatal: true, Err: a.Err}
	}
	if a.Err != nil {
		m.failure.Err = a.Err
		return m.giveUp(m.request), nil
	}
	build, password := m.response, a.Secret
	if m.changing {
		build, password = m.change, a.New
	}
	data, err := build(password)
	if err != nil {
		return Result{}, &Error{Kind: Internal, Fatal: true, Err: err}
	}
	m.state = answered
	m.tries++
	return Result{Response: marshal(codeResponse, m.request, TypeMSCHAPv2, data)}, nil
}

// giveUp tells the server that its refusal was read and is the last word.
func (m *mschapv2) giveUp(request byte) Result {
	m.state = failed
	m.clear()
	return Result{Response: marshal(codeResponse, request, TypeMSCHAPv2, []byte{opFailure}), Failing: m.failure}
}

// response builds a Response: Value-Size 49, peer challenge, eight zeros, NT
// response, flags, name.
func (m *mschapv2) response(password suite.Secret) ([]byte, error) {
	hash, err := passwordHash(password)
	if err != nil {
		return nil, err
	}
	peer, nt, err := m.prove(hash)
	if err != nil {
		hash.Clear()
		return nil, err
	}
	m.old.Clear()
	m.old = hash
	const valueSize = challengeSize + 8 + responseSize + 1
	n := 4 + 1 + valueSize + len(m.name)
	data := make([]byte, 0, n)
	data = append(data, opResponse, m.id, byte(n>>8), byte(n), valueSize)
	data = append(data, peer...)
	data = append(data, make([]byte, 8)...)
	data = append(data, nt...)
	data = append(data, 0)
	return append(data, m.name...), nil
}

// change builds a Change-Password packet (RFC 2759 7): the new password under the
// old one's hash, the old hash under the new one, and a response by the new one.
func (m *mschapv2) change(password suite.Secret) ([]byte, error) {
	hash, err := passwordHash(password)
	if err != nil {
		return nil, err
	}
	defer hash.Clear()
	encrypted, err := encryptPassword(password, m.old, m.rand)
	if err != nil {
		return nil, err
	}
	oldHash, err := encryptHash(m.old, hash)
	if err != nil {
		return nil, err
	}
	peer, nt, err := m.prove(hash)
	if err != nil {
		return nil, err
	}
	const n = 4 + passwordBlockSize + hashSize + challengeSize + 8 + responseSize + 2
	data := make([]byte, 0, n)
	data = append(data, opChangePassword, m.id, n>>8, n&0xff)
	data = append(data, encrypted...)
	data = append(data, oldHash...)
	data = append(data, peer...)
	data = append(data, make([]byte, 8)...)
	data = append(data, nt...)
	return append(data, 0, 0), nil
}

// prove answers the challenge, and keeps what the server must prove in its turn.
func (m *mschapv2) prove(hash suite.Secret) (peer, nt []byte, err error) {
	peer = make([]byte, challengeSize)
	if _, err := io.ReadFull(m.rand, peer); err != nil {
		return nil, nil, err
	}
	challenge := challengeHash(peer, m.challenge[:], m.name)
	if nt, err = challengeResponse(challenge, hash); err != nil {
		return nil, nil, err
	}
	m.msk.Clear()
	m.expect, m.msk = authenticatorResponse(hash, nt, challenge), sessionKey(hash, nt)
	return peer, nt, nil
}

// succeeded checks the server's proof "S=<40 hex digits> M=<text>" (RFC 2759 5).
func (m *mschapv2) succeeded(pkt packet) (Result, error) {
	if m.state != answered {
		return Result{}, unexpected("MSCHAPv2 success before our response")
	}
	_, rest, err := body(pkt.data)
	if err != nil {
		return Result{}, err
	}
	const digits = 40
	proof, err := hex.DecodeString(cut(string(rest), "S=", digits))
	if err != nil || len(proof) != digits/2 {
		return Result{}, malformed("MSCHAPv2 success without a proof")
	}
	if subtle.ConstantTimeCompare(proof, m.expect) != 1 {
		m.state = failed
		return Result{}, &Error{Kind: ServerProof, Fatal: true, Method: TypeMSCHAPv2}
	}
	m.state = proved
	return Result{Response: respond(pkt, []byte{opSuccess})}, nil
}

// cut gives up to n octets behind a prefix that text begins with.
func cut(text, prefix string, n int) string {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return ""
	}
	return rest[:min(n, len(rest))]
}

// refused reads a Failure. Where the server takes another password, or a new one,
// that is asked for; the answer is to the challenge that came with it, and has the
// next identifier (RFC 2759 6, 7).
func (m *mschapv2) refused(pkt packet) (Result, error) {
	if m.state != answered {
		return Result{}, unexpected("MSCHAPv2 failure before our response")
	}
	id, rest, err := body(pkt.data)
	if err != nil {
		return Result{}, err
	}
	said := parseRefusal(string(rest))
	m.failure = said.reason()
	q := &Question{Username: m.name, Message: said.message, Code: said.code}
	switch {
	case m.tries >= maxTries || !said.challenged:
		return m.giveUp(pkt.id), nil
	case said.code == errorExpired && said.version >= 3:
		q.Kind, m.changing = AskNewPassword, true
	case said.code == errorChanging && m.changing:
		q.Kind, q.Again = AskNewPassword, true
	case said.code == errorAuthentication && said.retry:
		q.Kind, q.Again, m.changing = AskPassword, true, false
	default:
		return m.giveUp(pkt.id), nil
	}
	m.request, m.id, m.challenge, m.state = pkt.id, id+1, said.challenge, asking
	return Result{Ask: q}, nil
}

// finish is right when the server has proved that it knows the password.
func (m *mschapv2) finish() (suite.Secret, error) {
	if m.state != proved {
		return nil, &Error{Kind: Unexpected, Fatal: true, Err: reason("success before the server's proof")}
	}
	m.old.Clear()
	msk := m.msk
	m.msk, m.old = nil, nil
	return msk, nil
}

func (m *mschapv2) failed() *Error {
	if m.failure != nil {
		return m.failure
	}
	return &Error{Kind: Failed, Fatal: true}
}

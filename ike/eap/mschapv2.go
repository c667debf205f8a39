package eap

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strconv"
	"strings"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// Operations inside EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2 2).
const (
	opChallenge = 1
	opResponse  = 2
	opSuccess   = 3
	opFailure   = 4
)

// Error numbers of a Failure (RFC 2759 6).
const (
	errorRestrictedHours = 646
	errorDisabled        = 647
	errorExpired         = 648
	errorNoDialIn        = 649
	errorAuthentication  = 691
)

type methodState uint8

const (
	fresh         methodState = iota
	awaitPassword             // a challenge came
	answered                  // our response is out
	proved                    // the server has proved itself
	failed                    // the server refused us, or did not prove itself
)

// mschapv2 is the peer's side of the method.
type mschapv2 struct {
	name      string
	rand      io.Reader
	state     methodState
	request   byte // EAP identifier of the challenge
	id        byte // MS-CHAPv2-ID of the challenge
	challenge [challengeSize]byte
	expect    []byte // the server's proof
	msk       suite.Secret
	failure   *Error // what EAP-Failure will mean
}

func (m *mschapv2) kind() uint8 { return TypeMSCHAPv2 }

func (m *mschapv2) clear() {
	m.msk.Clear()
	m.msk = nil
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
	if m.state != fresh && m.state != awaitPassword {
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
	m.request, m.id, m.state = pkt.id, id, awaitPassword
	return Result{Ask: &Question{Kind: AskPassword, Username: m.name}}, nil
}

func (m *mschapv2) provide(a Answer) (Result, error) {
	if a.Err != nil {
		return Result{}, &Error{Kind: Declined, Fatal: true, Err: a.Err}
	}
	response, err := m.answer(a.Secret)
	return Result{Response: response}, err
}

// finish is right when the server has proved that it knows the password.
func (m *mschapv2) finish() (suite.Secret, error) {
	if m.state != proved {
		return nil, &Error{Kind: Unexpected, Fatal: true, Err: reason("success before the server's proof")}
	}
	msk := m.msk
	m.msk = nil
	return msk, nil
}

func (m *mschapv2) failed() *Error {
	if m.failure != nil {
		return m.failure
	}
	return &Error{Kind: Failed, Fatal: true}
}

// answer builds the Response: Value-Size 49, peer challenge, eight zeros, NT
// response, flags, name.
func (m *mschapv2) answer(password suite.Secret) ([]byte, error) {
	internal := func(err error) error { return &Error{Kind: Internal, Fatal: true, Method: TypeMSCHAPv2, Err: err} }
	var peer [challengeSize]byte
	if _, err := io.ReadFull(m.rand, peer[:]); err != nil {
		return nil, internal(err)
	}
	hash, err := passwordHash(password)
	if err != nil {
		return nil, internal(err)
	}
	defer hash.Clear()
	challenge := challengeHash(peer[:], m.challenge[:], m.name)
	nt, err := challengeResponse(challenge, hash)
	if err != nil {
		return nil, internal(err)
	}
	m.expect = authenticatorResponse(hash, nt, challenge)
	m.msk = sessionKey(hash, nt)
	m.state = answered

	const valueSize = challengeSize + 8 + responseSize + 1
	n := 4 + 1 + valueSize + len(m.name)
	data := make([]byte, 0, n)
	data = append(data, opResponse, m.id, byte(n>>8), byte(n), valueSize)
	data = append(data, peer[:]...)
	data = append(data, make([]byte, 8)...)
	data = append(data, nt...)
	data = append(data, 0)
	data = append(data, m.name...)
	return marshal(codeResponse, m.request, TypeMSCHAPv2, data), nil
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
	text := string(rest)
	proof, err := hex.DecodeString(cut(text, "S=", digits))
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

// refused reads "E=691 R=0 C=<32 hex digits> V=3 M=<text>" (RFC 2759 6), tells
// the server that it was read, and keeps the reason for the EAP-Failure that
// follows. A retry is not made here: the same password would fail again, and a
// new one comes with a new connection.
func (m *mschapv2) refused(pkt packet) (Result, error) {
	if m.state != answered {
		return Result{}, unexpected("MSCHAPv2 failure before our response")
	}
	_, rest, err := body(pkt.data)
	if err != nil {
		return Result{}, err
	}
	m.state = failed
	m.msk.Clear()
	m.failure = parseFailure(string(rest))
	return Result{Response: respond(pkt, []byte{opFailure})}, nil
}

func parseFailure(text string) *Error {
	e := &Error{Kind: Failed, Fatal: true, Method: TypeMSCHAPv2}
	fields, message, _ := strings.Cut(text, "M=")
	e.Message = displayable([]byte(message))
	for _, f := range strings.Fields(fields) {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "E":
			if n, err := strconv.ParseUint(value, 10, 16); err == nil {
				e.Code = int(n)
			}
		case "R":
			e.Retry = value == "1"
		}
	}
	switch e.Code {
	case errorAuthentication:
		e.Kind = WrongPassword
	case errorRestrictedHours, errorDisabled, errorExpired, errorNoDialIn:
		e.Kind = Account
	}
	return e
}

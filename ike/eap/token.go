package eap

import (
	"errors"
	"strings"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// Generic Token Card and One-Time Password (RFC 3748 5.5, 5.6): the server's words
// go to the person, and what the person types goes back as it is:
//
//	<-- "Passcode:"               (Ask)  --> 492039
//	<-- "Wait for the next code:" (Ask)  --> 118230
//	<-- EAP-Success
//
// They make no key, and everybody who plays the server reads the answer: they are for
// the inside of a tunnel whose other end has proven who it is, and IKE_AUTH with a
// gateway that has is one.

const (
	maxTokenPrompts = 10   // of one conversation
	maxTokenReply   = 1024 // octets
)

// token is the peer's side of both.
type token struct {
	typ     uint8
	name    string
	request packet // that is answered next; its data is not kept
	prompts int
	prompt  string // the last one
	asked   QuestionKind
	given   bool // an answer is out, and no other prompt has come
}

var errTokenReply = errors.New("an answer too long for a one-time code")

func (m *token) kind() uint8 { return m.typ }

func (m *token) clear() {}

func (m *token) handle(pkt packet) (Result, error) {
	if m.prompts++; m.prompts > maxTokenPrompts {
		return Result{}, &Error{Kind: Unexpected, Fatal: true, Err: reason("the server does not stop asking")}
	}
	prompt := displayable(pkt.data)
	q := &Question{Kind: AskCode, Username: m.name, Message: prompt, Echo: m.typ == TypeOTP}
	// The same words once more: the answer to them was not right.
	q.Again = m.given && prompt == m.prompt
	if m.typ == TypeGTC && asksPassword(prompt) {
		q.Kind = AskPassword
	}
	m.request, m.prompt, m.asked, m.given = packet{id: pkt.id, kind: pkt.kind}, prompt, q.Kind, false
	return Result{Ask: q}, nil
}

// asksPassword says whether a prompt is for the password that stays the same, which
// the user may have had kept. What is not surely that is asked for each time.
func asksPassword(prompt string) bool {
	prompt = strings.ToLower(prompt)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(prompt, w) {
				return true
			}
		}
		return false
	}
	return has("password", "passwort", "kennwort", "mot de passe") &&
		!has("one-time", "one time", "otp", "token", "code", "einmal", "unique", "new", "neue", "nouveau", "expire")
}

func (m *token) provide(a Answer) (Result, error) {
	if a.Err != nil {
		return Result{}, &Error{Kind: Declined, Fatal: true, Err: a.Err}
	}
	if len(a.Secret) > maxTokenReply {
		return Result{}, &Error{Kind: Internal, Fatal: true, Err: errTokenReply}
	}
	m.given = true
	return Result{Response: respond(m.request, a.Secret)}, nil
}

func (m *token) finish() (suite.Secret, error) {
	if !m.given {
		return nil, &Error{Kind: Unexpected, Fatal: true, Err: reason("success before anything was asked for")}
	}
	return nil, nil
}

func (m *token) failed() *Error {
	switch {
	case !m.given:
		return &Error{Kind: Failed, Fatal: true}
	case m.asked == AskPassword:
		return &Error{Kind: WrongPassword, Fatal: true}
	}
	return &Error{Kind: WrongCode, Fatal: true}
}

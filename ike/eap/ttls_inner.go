package eap

import (
	"bytes"
	"crypto/md5"
	"io"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// What runs inside the tunnel of TTLS (RFC 5281 11.2). Whoever is inside is asked
// for in this order, and speaks first:
//
//	begin, provide ... take, provide ... finish or failed

// ttlsInner is one way to sign in. Errors are *Error and always end the
// conversation: the tunnel has no way to drop a message and get it again.
type ttlsInner interface {
	// begin says that the tunnel is up.
	begin() (ttlsStep, error)
	// take reads what the server sent, which is understood.
	take(list []avp) (ttlsStep, error)
	// provide answers the question of the last step.
	provide(a Answer) (ttlsStep, error)
	// finish says that EAP-Success came, and gives an error where it must not.
	finish() error
	// failed says that EAP-Failure came, and gives what it means.
	failed() *Error
	clear()
}

// ttlsStep is what follows: a message, which is empty where nothing but an
// acknowledgement is due, or a question.
type ttlsStep struct {
	send    []byte
	ask     *Question
	message string // of the server's, fit to be shown
	failing *Error // as in Result
}

// challenger gives octets that only the ends of the tunnel know (RFC 5281 11.1).
type challenger func(n int) ([]byte, error)

// newTTLSInner makes the preferred way. The client alone chooses between EAP and
// the others, so that no server can ask for a weaker one.
func newTTLSInner(cfg *Config, challenge challenger) ttlsInner {
	if len(cfg.Inner) == 0 {
		return nil
	}
	base := ttlsPassword{name: cfg.Username, challenge: challenge, rand: cfg.Rand}
	switch cfg.Inner[0] {
	case InnerPAP:
		return &ttlsPAP{name: cfg.Username}
	case InnerCHAP:
		return &ttlsCHAP{base}
	case InnerMSCHAP:
		return &ttlsMSCHAP{base}
	case InnerMSCHAPv2:
		return &ttlsMSCHAPv2{ttlsPassword: base}
	}
	if inner := newInner(*cfg); len(inner.offered()) > 0 {
		return &ttlsEAP{inner: inner}
	}
	return nil
}

// replyMessage is the text for the user, of all its parts (RFC 2865 5.18).
func replyMessage(list []avp) string {
	text, _ := joinAVPs(list, avpReplyMessage)
	return displayable(text)
}

// ttlsPAP sends the password itself, and what else the server asks for, such as a
// one-time code, in its own words (RFC 5281 11.2.5).
type ttlsPAP struct {
	name   string
	sent   bool
	coded  bool // what was sent last is an answer to the server's own words
	prompt string
	rounds int
}

// maxPrompts bounds what a server may ask after the password.
const maxPrompts = 8

func (m *ttlsPAP) begin() (ttlsStep, error) {
	return ttlsStep{ask: &Question{Kind: AskPassword, Username: m.name}}, nil
}

func (m *ttlsPAP) provide(a Answer) (ttlsStep, error) {
	if err := declined(a); err != nil {
		return ttlsStep{}, err
	}
	out := appendAVP(nil, avpUserName, []byte(m.name))
	// Padded, so that the length of the message does not tell that of the password.
	const block = 16
	padded := make(suite.Secret, max(block, (len(a.Secret)+block-1)/block*block))
	defer padded.Clear()
	copy(padded, a.Secret)
	m.sent = true
	return ttlsStep{send: appendAVP(out, avpUserPassword, padded)}, nil
}

func (m *ttlsPAP) take(list []avp) (ttlsStep, error) {
	if _, found := joinAVPs(list, avpReplyMessage); !found {
		return ttlsStep{}, nil
	}
	if m.rounds++; m.rounds > maxPrompts {
		return ttlsStep{}, endless()
	}
	// The same words once more: the answer to them was not right.
	prompt := replyMessage(list)
	q := &Question{Kind: AskCode, Username: m.name, Message: prompt, Again: m.coded && prompt == m.prompt}
	m.coded, m.prompt = true, prompt
	return ttlsStep{ask: q}, nil
}

func (m *ttlsPAP) finish() error {
	if !m.sent {
		return notDone(TypeTTLS)
	}
	return nil
}

func (m *ttlsPAP) failed() *Error {
	if m.coded {
		return &Error{Kind: WrongCode, Fatal: true, Method: TypeTTLS}
	}
	return refusedInside()
}

func (m *ttlsPAP) clear() {}

// ttlsPassword is what the challenged ways have in common. Their challenges come
// from the tunnel and not from the server, so that no answer made elsewhere fits.
type ttlsPassword struct {
	name      string
	challenge challenger
	rand      io.Reader
	sent      bool
}

func (m *ttlsPassword) begin() (ttlsStep, error) {
	return ttlsStep{ask: &Question{Kind: AskPassword, Username: m.name}}, nil
}

func (m *ttlsPassword) take(list []avp) (ttlsStep, error) {
	return ttlsStep{message: replyMessage(list)}, nil
}

func (m *ttlsPassword) finish() error {
	if !m.sent {
		return notDone(TypeTTLS)
	}
	return nil
}

func (m *ttlsPassword) failed() *Error { return refusedInside() }

func (m *ttlsPassword) clear() {}

// ttlsCHAP is CHAP (RFC 5281 11.2.2).
type ttlsCHAP struct{ ttlsPassword }

func (m *ttlsCHAP) provide(a Answer) (ttlsStep, error) {
	if err := declined(a); err != nil {
		return ttlsStep{}, err
	}
	c, err := m.challenge(challengeSize + 1)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	challenge, ident := c[:challengeSize], c[challengeSize]
	h := md5.New()
	h.Write([]byte{ident})
	h.Write(a.Secret)
	h.Write(challenge)
	out := appendAVP(nil, avpUserName, []byte(m.name))
	out = appendAVP(out, avpCHAPChallenge, challenge)
	m.sent = true
	return ttlsStep{send: appendAVP(out, avpCHAPPassword, h.Sum([]byte{ident}))}, nil
}

// ttlsMSCHAP is MS-CHAP (RFC 5281 11.2.3), with the NT response alone.
type ttlsMSCHAP struct{ ttlsPassword }

func (m *ttlsMSCHAP) provide(a Answer) (ttlsStep, error) {
	if err := declined(a); err != nil {
		return ttlsStep{}, err
	}
	const size = 8
	c, err := m.challenge(size + 1)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	hash, err := passwordHash(a.Secret)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	defer hash.Clear()
	nt, err := challengeResponse(c[:size], hash)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	const useNT = 1
	response := append([]byte{c[size], useNT}, make([]byte, responseSize)...)
	out := appendAVP(nil, avpUserName, []byte(m.name))
	out = appendAVP(out, avpMSCHAPChallenge, c[:size])
	m.sent = true
	return ttlsStep{send: appendAVP(out, avpMSCHAPResponse, append(response, nt...))}, nil
}

func (m *ttlsMSCHAP) take(list []avp) (ttlsStep, error) {
	if text, found := joinAVPs(list, avpMSCHAPError); found {
		_, said, err := parseMSCHAPError(text)
		if err != nil {
			return ttlsStep{}, err
		}
		return ttlsStep{}, said.reason()
	}
	return m.ttlsPassword.take(list)
}

// parseMSCHAPError reads an identifier and "E=691 R=0 C=... V=3 M=..." (RFC 2548
// 2.1.5).
func parseMSCHAPError(b []byte) (ident byte, said refusal, err error) {
	if len(b) < 2 {
		return 0, refusal{}, fatally(malformed("an MS-CHAP-Error cut short"))
	}
	return b[0], parseRefusal(string(bytes.TrimRight(b[1:], "\x00"))), nil
}

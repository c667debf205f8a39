package eap

import (
	"crypto/md5"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// md5Challenge is MD5-Challenge (RFC 3748 5.4, RFC 1994 4.1): the server shows
// nothing, there is no key, and who has seen the exchange can search for the password.
type md5Challenge struct {
	name      string
	id        byte
	challenge []byte
	answered  bool
}

func (m *md5Challenge) kind() uint8 { return TypeMD5 }

func (m *md5Challenge) clear() {}

// handle takes the challenge: its size, its value, and the server's name.
func (m *md5Challenge) handle(pkt packet) (Result, error) {
	if m.challenge != nil {
		return Result{}, unexpected("a second challenge")
	}
	if len(pkt.data) == 0 || pkt.data[0] == 0 || len(pkt.data) < 1+int(pkt.data[0]) {
		return Result{}, malformed("MD5 challenge cut short")
	}
	m.id, m.challenge = pkt.id, append([]byte{}, pkt.data[1:1+int(pkt.data[0])]...)
	return Result{Ask: &Question{Kind: AskPassword, Username: m.name}}, nil
}

func (m *md5Challenge) provide(a Answer) (Result, error) {
	if a.Err != nil {
		return Result{}, &Error{Kind: Declined, Fatal: true, Err: a.Err}
	}
	h := md5.New()
	h.Write([]byte{m.id})
	h.Write(a.Secret)
	h.Write(m.challenge)
	m.answered = true
	data := h.Sum([]byte{md5.Size})
	return Result{Response: marshal(codeResponse, m.id, TypeMD5, append(data, m.name...))}, nil
}

func (m *md5Challenge) finish() (suite.Secret, error) {
	if !m.answered {
		return nil, &Error{Kind: Unexpected, Fatal: true, Err: reason("success before our response")}
	}
	return nil, nil
}

func (m *md5Challenge) failed() *Error {
	if m.answered {
		return &Error{Kind: WrongPassword, Fatal: true}
	}
	return &Error{Kind: Failed, Fatal: true}
}

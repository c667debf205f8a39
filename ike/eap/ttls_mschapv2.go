package eap

import (
	"crypto/subtle"
	"encoding/hex"
	"io"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// ttlsMSCHAPv2 is MS-CHAP-V2 inside TTLS (RFC 5281 11.2.4), in which the server
// proves that it knows the password, too:
//
//	--> MS-CHAP2-Response   <-- MS-CHAP2-Success    --> nothing, an acknowledgement
type ttlsMSCHAPv2 struct {
	ttlsPassword
	ident  byte
	expect []byte // the server's proof
	proved bool
}

func (m *ttlsMSCHAPv2) provide(a Answer) (ttlsStep, error) {
	if err := declined(a); err != nil {
		return ttlsStep{}, err
	}
	c, err := m.challenge(challengeSize + 1)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	hash, err := passwordHash(a.Secret)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	defer hash.Clear()
	m.ident = c[challengeSize]
	peer, nt, err := m.answer(hash, c[:challengeSize])
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	const flags = 0
	response := append([]byte{m.ident, flags}, peer...)
	response = append(response, make([]byte, 8)...)
	out := appendAVP(nil, avpUserName, []byte(m.name))
	out = appendAVP(out, avpMSCHAPChallenge, c[:challengeSize])
	return ttlsStep{send: appendAVP(out, avpMSCHAP2Response, append(response, nt...))}, nil
}

// answer computes the response to a challenge, and keeps what the server must prove.
func (m *ttlsMSCHAPv2) answer(hash suite.Secret, challenge []byte) (peer, nt []byte, err error) {
	peer = make([]byte, challengeSize)
	if _, err := io.ReadFull(m.rand, peer); err != nil {
		return nil, nil, err
	}
	digest := challengeHash(peer, challenge, m.name)
	if nt, err = challengeResponse(digest, hash); err != nil {
		return nil, nil, err
	}
	m.expect, m.sent = authenticatorResponse(hash, nt, digest), true
	return peer, nt, nil
}

func (m *ttlsMSCHAPv2) take(list []avp) (ttlsStep, error) {
	if text, found := joinAVPs(list, avpMSCHAPError); found {
		_, e, err := parseMSCHAPError(text)
		if err != nil {
			return ttlsStep{}, err
		}
		return ttlsStep{}, e
	}
	if proof, found := joinAVPs(list, avpMSCHAP2Success); found {
		if err := m.check(proof); err != nil {
			return ttlsStep{}, err
		}
	}
	return m.ttlsPassword.take(list)
}

// check verifies the server's proof: an identifier and "S=<40 hex digits>".
func (m *ttlsMSCHAPv2) check(b []byte) error {
	const digits = 40
	if !m.sent || m.proved {
		return fatally(unexpected("a proof that was not asked for"))
	}
	if len(b) < 1 {
		return fatally(malformed("an MS-CHAP2-Success cut short"))
	}
	proof, err := hex.DecodeString(cut(string(b[1:]), "S=", digits))
	if err != nil || len(proof) != digits/2 {
		return fatally(malformed("an MS-CHAP2-Success without a proof"))
	}
	if b[0] != m.ident || subtle.ConstantTimeCompare(proof, m.expect) != 1 {
		return &Error{Kind: ServerProof, Fatal: true, Method: TypeTTLS}
	}
	m.proved = true
	return nil
}

func (m *ttlsMSCHAPv2) finish() error {
	if !m.proved {
		return notDone(TypeTTLS)
	}
	return nil
}

func (m *ttlsMSCHAPv2) clear() {
	clear(m.expect)
}

package eap

import (
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"io"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// ttlsMSCHAPv2 is MS-CHAP-V2 inside TTLS (RFC 5281 11.2.4), in which the server
// proves that it knows the password, too:
//
//	--> MS-CHAP2-Response   <-- MS-CHAP2-Success    --> nothing, an acknowledgement
//	                        <-- MS-CHAP-Error, 648  --> MS-CHAP2-CPW
//	                        <-- MS-CHAP2-Success    --> nothing, an acknowledgement
type ttlsMSCHAPv2 struct {
	ttlsPassword
	ident  byte
	expect []byte // the server's proof
	proved bool

	old      suite.Secret // the hash of the password that was sent, for its change
	next     [challengeSize]byte
	changing bool   // the question that is open is for a new password
	changed  bool   // a new one is out
	failure  *Error // what it is if none is given
}

func (m *ttlsMSCHAPv2) provide(a Answer) (ttlsStep, error) {
	if m.changing {
		return m.change(a)
	}
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
	m.old, m.ident = hash, c[challengeSize]
	peer, nt, err := m.prove(hash, c[:challengeSize])
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

// prove answers a challenge, and keeps what the server must prove in its turn.
func (m *ttlsMSCHAPv2) prove(hash suite.Secret, challenge []byte) (peer, nt []byte, err error) {
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
		return m.refused(text)
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

// refused goes on where the password has expired and may be changed. All else ends
// the conversation: with a challenge that comes out of the tunnel there is no second
// try (RFC 5281 11.2.4).
func (m *ttlsMSCHAPv2) refused(text []byte) (ttlsStep, error) {
	ident, said, err := parseMSCHAPError(text)
	if err != nil {
		return ttlsStep{}, err
	}
	m.failure = said.reason()
	if said.code != errorExpired || said.version < 3 || !said.challenged || !m.sent || m.changed {
		return ttlsStep{}, m.failure
	}
	m.ident, m.next, m.changing = ident, said.challenge, true
	return ttlsStep{ask: &Question{Kind: AskNewPassword, Username: m.name, Message: said.message, Code: said.code}}, nil
}

// change sends a new password (RFC 2759 7, RFC 2548 2.1.6, 2.3.4): itself under the old
// one's hash, in parts, then the old hash under the new one and a response by it.
func (m *ttlsMSCHAPv2) change(a Answer) (ttlsStep, error) {
	if a.Err == nil && len(a.New) == 0 {
		a.Err = errNoNewPassword
	}
	if a.Err != nil {
		m.failure.Err = a.Err
		return ttlsStep{}, m.failure
	}
	m.changing, m.changed = false, true
	hash, err := passwordHash(a.New)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	defer hash.Clear()
	encrypted, err := encryptPassword(a.New, m.old, m.rand)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	oldHash, err := encryptHash(m.old, hash)
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	peer, nt, err := m.prove(hash, m.next[:])
	if err != nil {
		return ttlsStep{}, internal(TypeTTLS, err)
	}
	const (
		codeEncrypted, codeChange = 6, 7
		part                      = 243 // of an attribute of RADIUS, which the server makes of each
	)
	out := appendAVP(nil, avpUserName, []byte(m.name))
	for number := uint16(1); len(encrypted) > 0; number++ {
		n := min(part, len(encrypted))
		head := binary.BigEndian.AppendUint16([]byte{codeEncrypted, m.ident}, number)
		out = appendAVP(out, avpMSCHAPNTEncPW, append(head, encrypted[:n]...))
		encrypted = encrypted[n:]
	}
	data := append([]byte{codeChange, m.ident}, oldHash...)
	data = append(data, peer...)
	data = append(data, make([]byte, 8)...)
	data = append(data, nt...)
	out = appendAVP(out, avpMSCHAP2CPW, append(data, 0, 0))
	return ttlsStep{send: appendAVP(out, avpMSCHAPChallenge, m.next[:])}, nil
}

func (m *ttlsMSCHAPv2) finish() error {
	if !m.proved {
		return notDone(TypeTTLS)
	}
	return nil
}

func (m *ttlsMSCHAPv2) failed() *Error {
	if m.failure != nil {
		return m.failure
	}
	return refusedInside()
}

func (m *ttlsMSCHAPv2) clear() {
	m.old.Clear()
	m.old = nil
	clear(m.expect)
}

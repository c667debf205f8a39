package eap

import (
	"bytes"
	"crypto/md5"
	"crypto/rc4"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// fixedChallenge is a tunnel whose challenge is known.
func fixedChallenge(b []byte) challenger {
	return func(n int) ([]byte, error) {
		if n != len(b) {
			return nil, errors.New("another length than RFC 5281 11.2 says")
		}
		return bytes.Clone(b), nil
	}
}

func insideConfig(inner ...InnerMethod) *Config {
	return &Config{Identity: "anonymous", Username: "User", Inner: inner, Rand: strings.NewReader(strings.Repeat("r", 64))}
}

// answerPassword begins and gives the password; it returns what goes out.
func answerPassword(t *testing.T, m ttlsInner, password string) []avp {
	t.Helper()
	s, err := m.begin()
	if err != nil || s.ask == nil || s.ask.Kind != AskPassword || s.ask.Username != "User" || s.send != nil {
		t.Fatalf("begin: %+v, %v", s, err)
	}
	if err := m.finish(); kindOf(err) != Unexpected {
		t.Fatalf("success before the password was sent: %v", err)
	}
	s, err = m.provide(Answer{Secret: suite.Secret(password)})
	if err != nil || s.ask != nil {
		t.Fatalf("password: %+v, %v", s, err)
	}
	list, err := parseAVPs(s.send)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if !a.mandatory {
			t.Errorf("%v is not mandatory", a.avpCode)
		}
	}
	if len(list) == 0 || list[0].avpCode != avpUserName || string(list[0].data) != "User" {
		t.Errorf("no name: %v", list)
	}
	return list
}

func dataOf(t *testing.T, list []avp, code avpCode) []byte {
	t.Helper()
	for _, a := range list {
		if a.avpCode == code {
			return a.data
		}
	}
	t.Fatalf("no attribute %v in %v", code, list)
	return nil
}

// RFC 5281 11.2.5: the password, filled up with zeros; then what the server asks
// for in its own words.
func TestTTLSInnerPAP(t *testing.T) {
	t.Parallel()
	for password, size := range map[string]int{"x": 16, strings.Repeat("x", 16): 16, strings.Repeat("x", 17): 32, strings.Repeat("ä", 128): 256} {
		m := newTTLSInner(insideConfig(InnerPAP), nil)
		list := answerPassword(t, m, password)
		sent := dataOf(t, list, avpUserPassword)
		if len(list) != 2 || len(sent) != size || string(bytes.TrimRight(sent, "\x00")) != password {
			t.Errorf("%d octets are sent as %q", len(password), sent)
		}
		if err := m.finish(); err != nil {
			t.Error(err)
		}
	}

	m := newTTLSInner(insideConfig(InnerPAP), nil)
	answerPassword(t, m, "tiger")
	for round := range maxPrompts {
		s, err := m.take([]avp{{avpCode: avpReplyMessage, data: []byte("Code from\nyour ")}, {avpCode: avpReplyMessage, data: []byte("token?")}})
		if err != nil || s.ask == nil || s.ask.Kind != AskCode || s.ask.Message != "Code from your token?" {
			t.Fatalf("prompt %d: %+v, %v", round, s, err)
		}
		if s, err = m.provide(Answer{Secret: suite.Secret("123456")}); err != nil {
			t.Fatal(err)
		}
		list, err := parseAVPs(s.send)
		if err != nil || string(bytes.TrimRight(dataOf(t, list, avpUserPassword), "\x00")) != "123456" {
			t.Fatalf("code: %v, %v", list, err)
		}
	}
	if _, err := m.take([]avp{{avpCode: avpReplyMessage, data: []byte("And now?")}}); kindOf(err) != Unexpected {
		t.Errorf("prompts without end: %v", err)
	}
}

// RFC 5281 11.2.2, RFC 1994 4.1.
func TestTTLSInnerCHAP(t *testing.T) {
	t.Parallel()
	challenge := []byte("0123456789abcdefI")
	list := answerPassword(t, newTTLSInner(insideConfig(InnerCHAP), fixedChallenge(challenge)), "tiger")
	digest := md5.Sum([]byte("I" + "tiger" + "0123456789abcdef"))
	if got := dataOf(t, list, avpCHAPPassword); !bytes.Equal(got, append([]byte("I"), digest[:]...)) {
		t.Errorf("%x", got)
	}
	if got := dataOf(t, list, avpCHAPChallenge); string(got) != "0123456789abcdef" || len(list) != 3 {
		t.Errorf("%x", got)
	}
}

// RFC 5281 11.2.3, with the values of RFC 2433, appendix B.
func TestTTLSInnerMSCHAP(t *testing.T) {
	t.Parallel()
	challenge := unhex(t, "102db5df085d3041"+"2a")
	m := newTTLSInner(insideConfig(InnerMSCHAP), fixedChallenge(challenge))
	list := answerPassword(t, m, "MyPw")
	want := "2a" + "01" + strings.Repeat("00", 24) + "4e9d3c8f9cfd385d5bf4d3246791956ca4c351ab409a3d61"
	if got := dataOf(t, list, avpMSCHAPResponse); !bytes.Equal(got, unhex(t, want)) {
		t.Errorf("%x", got)
	}
	if got := dataOf(t, list, avpMSCHAPChallenge); !bytes.Equal(got, challenge[:8]) || len(list) != 3 {
		t.Errorf("%x", got)
	}
	checkMSCHAPErrors(t, func() ttlsInner { return m })
}

// checkMSCHAPErrors shows what becomes of an MS-CHAP-Error (RFC 2548 2.1.5).
func checkMSCHAPErrors(t *testing.T, fresh func() ttlsInner) {
	t.Helper()
	for text, want := range map[string]Error{
		"\x2aE=691 R=0 C=00112233 V=3 M=No such\nuser\x00": {Kind: WrongPassword, Code: 691, Message: "No such user"},
		"\x2aE=647 R=0 C=00112233 V=3":                     {Kind: Account, Code: 647},
		"\x2aE=648 R=0 C=00112233 V=3":                     {Kind: PasswordExpired, Code: 648},
		"\x2aE=691 R=1":                                    {Kind: WrongPassword, Code: 691},
		"\x2anonsense":                                     {Kind: Failed},
		"\x2a":                                             {Kind: Malformed},
		"":                                                 {Kind: Malformed},
	} {
		_, err := fresh().take([]avp{{avpCode: avpMSCHAPError, data: []byte(text)}})
		var e *Error
		if !errors.As(err, &e) || e.Kind != want.Kind || !e.Fatal || e.Code != want.Code || e.Message != want.Message {
			t.Errorf("%q: %+v", text, err)
		}
	}
}

// RFC 5281 11.2.4, with the values of RFC 2759 9.2.
func TestTTLSInnerMSCHAPv2(t *testing.T) {
	t.Parallel()
	const proof = "S=407A5589115FD0D6209F510FE9C04566932CDA56"
	challenge := unhex(t, "5b5d7c7d7b3f2f3e3c2c602132262628"+"2a")
	fresh := func() ttlsInner {
		cfg := insideConfig(InnerMSCHAPv2)
		cfg.Rand = bytes.NewReader(unhex(t, "21402324255e262a28295f2b3a337c7e"))
		m := newTTLSInner(cfg, fixedChallenge(challenge))
		list := answerPassword(t, m, "clientPass")
		want := "2a" + "00" + "21402324255e262a28295f2b3a337c7e" + strings.Repeat("00", 8) + "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df"
		if got := dataOf(t, list, avpMSCHAP2Response); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%x", got)
		}
		if got := dataOf(t, list, avpMSCHAPChallenge); !bytes.Equal(got, challenge[:16]) || len(list) != 3 {
			t.Errorf("%x", got)
		}
		return m
	}
	success := func(text string) []avp { return []avp{{avpCode: avpMSCHAP2Success, data: []byte(text)}} }

	m := fresh()
	if err := m.finish(); kindOf(err) != Unexpected {
		t.Errorf("success without a proof: %v", err)
	}
	if s, err := m.take(success("\x2a" + proof)); err != nil || s.send != nil || s.ask != nil {
		t.Errorf("the right proof: %+v, %v", s, err)
	}
	if err := m.finish(); err != nil {
		t.Error(err)
	}
	if _, err := m.take(success("\x2a" + proof)); kindOf(err) != Unexpected {
		t.Errorf("a second proof: %v", err)
	}
	for text, want := range map[string]ErrorKind{
		"\x2aS=407A5589115FD0D6209F510FE9C04566932CDA57": ServerProof,
		"\x2b" + proof:     ServerProof,
		"\x2aS=407A":       Malformed,
		"\x2a" + proof[2:]: Malformed,
		"":                 Malformed,
	} {
		if _, err := fresh().take(success(text)); kindOf(err) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	checkMSCHAPErrors(t, fresh)
}

// RFC 5281 11.2.4, RFC 2759 7, RFC 2548 2.1.6 and 2.3.4: an expired password is changed
// with the identifier and the challenge of the error.
func TestTTLSInnerPasswordChange(t *testing.T) {
	t.Parallel()
	const expired = "\x07E=648 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=Too old"
	challenge := unhex(t, "00112233445566778899aabbccddeeff")
	fresh := func() *ttlsMSCHAPv2 {
		cfg := insideConfig(InnerMSCHAPv2)
		cfg.Rand = strings.NewReader(strings.Repeat("r", 2000))
		m := newTTLSInner(cfg, fixedChallenge(make([]byte, 17))).(*ttlsMSCHAPv2)
		answerPassword(t, m, "clientPass")
		s, err := m.take([]avp{{avpCode: avpMSCHAPError, data: []byte(expired)}})
		if err != nil || s.ask == nil || s.ask.Kind != AskNewPassword || s.ask.Code != 648 || s.ask.Message != "Too old" {
			t.Fatalf("%+v, %v", s, err)
		}
		return m
	}

	m := fresh()
	s, err := m.provide(Answer{New: suite.Secret("newPass")})
	if err != nil {
		t.Fatal(err)
	}
	list, err := parseAVPs(s.send)
	if err != nil {
		t.Fatal(err)
	}
	oldHash, err := passwordHash(suite.Secret("clientPass"))
	if err != nil {
		t.Fatal(err)
	}
	newHash, err := passwordHash(suite.Secret("newPass"))
	if err != nil {
		t.Fatal(err)
	}

	// The parts of the new password, put together and decrypted.
	var block []byte
	for _, a := range list {
		if a.avpCode != avpMSCHAPNTEncPW {
			continue
		}
		if want := []byte{6, 7, 0, byte(len(block)/243 + 1)}; !bytes.Equal(a.data[:4], want) {
			t.Errorf("a part begins %x, want %x", a.data[:4], want)
		}
		block = append(block, a.data[4:]...)
	}
	cipher, err := rc4.NewCipher(oldHash)
	if err != nil {
		t.Fatal(err)
	}
	if len(block) != 516 {
		t.Fatalf("%d octets of the new password", len(block))
	}
	cipher.XORKeyStream(block, block)
	const wide = "n\x00e\x00w\x00P\x00a\x00s\x00s\x00"
	if !bytes.HasSuffix(block, []byte(wide+"\x0e\x00\x00\x00")) {
		t.Errorf("the new password is %q", block[480:])
	}

	cpw := dataOf(t, list, avpMSCHAP2CPW)
	if len(cpw) != 2+16+16+8+24+2 || cpw[0] != 7 || cpw[1] != 7 {
		t.Fatalf("%x", cpw)
	}
	digest := challengeHash(cpw[18:34], challenge, "User")
	nt, err := challengeResponse(digest, newHash)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(cpw[42:66], nt) || !bytes.Equal(cpw[66:], []byte{0, 0}) || !bytes.Equal(dataOf(t, list, avpMSCHAPChallenge), challenge) {
		t.Errorf("the response %x, want %x", cpw[42:66], nt)
	}
	if want, err := encryptHash(oldHash, newHash); err != nil || !bytes.Equal(cpw[2:18], want) {
		t.Errorf("the old hash %x, want %x, %v", cpw[2:18], want, err)
	}
	if err := m.finish(); kindOf(err) != Unexpected {
		t.Errorf("success without a proof: %v", err)
	}
	proof := "\x07S=" + hex.EncodeToString(authenticatorResponse(newHash, nt, digest))
	if _, err := m.take([]avp{{avpCode: avpMSCHAP2Success, data: []byte(proof)}}); err != nil {
		t.Error(err)
	}
	if err := m.finish(); err != nil {
		t.Error(err)
	}

	// No new password, a second error, and what is left of the old one.
	for name, a := range map[string]Answer{"no": {Err: errors.New("closed")}, "nothing": {}} {
		if _, err := fresh().provide(a); kindOf(err) != PasswordExpired {
			t.Errorf("%s: %v", name, err)
		}
	}
	m = fresh()
	if _, err := m.provide(Answer{New: suite.Secret("newPass")}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.take([]avp{{avpCode: avpMSCHAPError, data: []byte(expired)}}); kindOf(err) != PasswordExpired {
		t.Errorf("expired once more: %v", err)
	}
	old := m.old
	m.clear()
	if !bytes.Equal(old, make([]byte, hashSize)) {
		t.Error("the old password's hash is left")
	}
}

// The client's choice alone decides whether EAP runs inside, and which of its
// methods: the first that the profile names.
func TestTTLSInnerChoice(t *testing.T) {
	t.Parallel()
	if m := newTTLSInner(insideConfig(), nil); m != nil {
		t.Errorf("nothing is allowed, and %T runs", m)
	}
	if m := newTTLSInner(insideConfig(InnerEAP(TypeTTLS), InnerEAP(TypePEAP)), nil); m != nil {
		t.Errorf("a tunnel in a tunnel: %T", m)
	}
	if _, ok := newTTLSInner(insideConfig(InnerMSCHAPv2, InnerPAP), nil).(*ttlsMSCHAPv2); !ok {
		t.Error("not what comes first")
	}
	m, ok := newTTLSInner(insideConfig(InnerEAP(TypeMSCHAPv2), InnerPAP), nil).(*ttlsEAP)
	if !ok {
		t.Fatal("not EAP")
	}
	s, err := m.begin()
	if want := appendAVP(nil, avpEAPMessage, marshal(codeResponse, 0, TypeIdentity, []byte("User"))); err != nil || !bytes.Equal(s.send, want) {
		t.Errorf("%x, %v", s.send, err)
	}
	asked := appendAVP(nil, avpEAPMessage, request(1, TypeMD5, 0))
	list, err := parseAVPs(asked)
	if err != nil {
		t.Fatal(err)
	}
	s, err = m.take(list)
	if want := appendAVP(nil, avpEAPMessage, marshal(codeResponse, 1, TypeNak, []byte{TypeMSCHAPv2})); err != nil || !bytes.Equal(s.send, want) {
		t.Errorf("MD5 is asked for: %x, %v", s.send, err)
	}
	if err := m.finish(); kindOf(err) != Unexpected {
		t.Errorf("success before the method: %v", err)
	}
}

func TestTTLSInnerWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, inner := range []InnerMethod{InnerPAP, InnerCHAP, InnerMSCHAP, InnerMSCHAPv2} {
		broken := func(int) ([]byte, error) { return nil, errors.New("no keys") }
		for name, row := range map[string]struct {
			a    Answer
			want ErrorKind
		}{
			"no":              {Answer{Err: errors.New("closed the window")}, Declined},
			"nothing":         {Answer{}, Declined},
			"no keys":         {Answer{Secret: suite.Secret("tiger")}, Internal},
			"not UTF-8, long": {Answer{Secret: suite.Secret("\xff")}, Internal},
		} {
			if inner == InnerPAP && row.want == Internal {
				continue
			}
			cfg := insideConfig(inner)
			if _, err := newTTLSInner(cfg, broken).provide(row.a); kindOf(err) != row.want {
				t.Errorf("%d, %s: %v", inner, name, err)
			}
		}
	}
	cfg := insideConfig(InnerMSCHAPv2)
	cfg.Rand = iotest.ErrReader(errors.New("no randomness"))
	if _, err := newTTLSInner(cfg, fixedChallenge(make([]byte, 17))).provide(Answer{Secret: suite.Secret("tiger")}); kindOf(err) != Internal {
		t.Errorf("no randomness: %v", err)
	}
}

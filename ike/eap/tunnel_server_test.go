package eap

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// Servers of TTLS and PEAP, written once more: attributes, TLVs and compound keys
// share no code with what they test. Of MS-CHAP they use the functions that the
// vectors of RFC 2759 prove.

const (
	insideName     = "anna"
	insidePassword = "tiger"
	outsideName    = "anonymous@example.com"
)

// innerServer is an EAP server inside a tunnel, behind the identity.
type innerServer interface {
	start() []byte // the first request
	// handle takes a response; the packet that ends it is a Success or a Failure.
	handle(b []byte) ([]byte, error)
	key() []byte
}

// scripted is an inner server that sends packets and wants responses that begin so.
type scripted struct {
	requests  [][]byte // types with their data
	responses []string
	at        int
}

func (s *scripted) start() []byte { return s.next() }

func (s *scripted) next() []byte {
	if s.at == len(s.requests) {
		return marshalEnd(codeSuccess, 1)
	}
	r := s.requests[s.at]
	return marshal(codeRequest, byte(100+s.at), r[0], r[1:])
}

func (s *scripted) handle(b []byte) ([]byte, error) {
	if want := s.responses[s.at]; string(b[4:]) != want {
		return nil, fmt.Errorf("response %q, want %q", b[4:], want)
	}
	s.at++
	return s.next(), nil
}

func (s *scripted) key() []byte { return nil }

// microsoft is MSCHAPv2.
type microsoft struct {
	a    *Authenticator
	last AuthenticatorResult
}

func newMicrosoft(password string) *microsoft {
	m := &microsoft{a: NewAuthenticator(AuthenticatorConfig{
		Name: "radius", Rand: rand.Reader, Message: "a word",
		Password: func(name string) (suite.Secret, bool) { return suite.Secret(password), name == insideName },
	})}
	return m
}

func (m *microsoft) start() []byte {
	packet, err := m.handle(marshal(codeResponse, m.a.Start()[1], TypeIdentity, []byte(insideName)))
	if err != nil {
		panic(err)
	}
	return packet
}

func (m *microsoft) handle(b []byte) (packet []byte, err error) {
	m.last, err = m.a.Handle(b)
	return m.last.Packet, err
}

func (m *microsoft) key() []byte { return m.last.MSK }

// tlsInside is EAP-TLS.
type tlsInside struct{ *tlsserver.EAP }

func newTLSInside(t *testing.T, cfg *tls.Config) *tlsInside {
	s := &tlsInside{&tlsserver.EAP{Server: tlsserver.New(cfg), Kind: TypeTLS}}
	t.Cleanup(s.Close)
	return s
}

func (s *tlsInside) start() []byte                   { return s.Start() }
func (s *tlsInside) handle(b []byte) ([]byte, error) { return s.Handle(b) }

func (s *tlsInside) key() []byte {
	key, err := s.MSK("client EAP encryption")
	if err != nil {
		return nil
	}
	return key
}

// ttlsServer is what a server of TTLS does inside.
type ttlsServer struct {
	eap     *tlsserver.EAP
	way     InnerMethod
	prompts []string // behind the password
	eapIn   innerServer
	// bend changes what the server says inside; round counts from 0.
	bend func(round int, reply []byte) []byte
	// early: success at once, without anything inside.
	early bool

	name  string // of the user, as it was said inside
	round int
	wait  bool // for the acknowledgement of a proof
	err   error
}

// attribute is one, read by the server.
type attribute struct {
	vendor, code uint32
	data         []byte
}

// attributes reads a message as strictly as RFC 5281 10.1 allows.
func attributes(b []byte) ([]attribute, error) {
	var out []attribute
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errors.New("attribute cut short")
		}
		head := binary.BigEndian.Uint32(b[4:])
		n := int(head & 0xffffff)
		a := attribute{code: binary.BigEndian.Uint32(b)}
		start := 8
		if head>>31 != 0 {
			a.vendor, start = binary.BigEndian.Uint32(b[8:]), 12
		}
		if head>>30&1 == 0 || head>>24&0x3f != 0 {
			return nil, fmt.Errorf("flags %#x", head>>24)
		}
		whole := (n + 3) / 4 * 4
		if n < start || whole > len(b) || !bytes.Equal(b[n:whole], make([]byte, whole-n)) {
			return nil, fmt.Errorf("length %d, or padding, in %x", n, b)
		}
		a.data, b = b[start:n], b[whole:]
		out = append(out, a)
	}
	return out, nil
}

func pick(list []attribute, vendor, code uint32) []byte {
	for _, a := range list {
		if a.vendor == vendor && a.code == code {
			return a.data
		}
	}
	return nil
}

func (s *ttlsServer) inside(established bool, data []byte) (reply []byte, over, good bool) {
	switch {
	case s.early:
		return nil, true, true
	case len(data) == 0 && s.wait:
		return nil, true, true
	case len(data) == 0:
		return nil, false, false
	}
	list, err := attributes(data)
	if err != nil {
		s.err = err
		return nil, true, false
	}
	if name := pick(list, 0, 1); name != nil {
		s.name = string(name)
	}
	reply, over, good = s.answer(list)
	if s.bend != nil {
		if bent := s.bend(s.round, reply); bent != nil {
			reply, over = bent, false
		}
	}
	s.round++
	return reply, over, good
}

func (s *ttlsServer) answer(list []attribute) (reply []byte, over, good bool) {
	switch s.way {
	case InnerPAP:
		return s.pap(list)
	case InnerCHAP:
		c := s.implicit(17)
		want := md5.Sum(slices.Concat(c[16:], []byte(insidePassword), c[:16]))
		return nil, true, bytes.Equal(pick(list, 0, 60), c[:16]) && bytes.Equal(pick(list, 0, 3), append(c[16:], want[:]...))
	case InnerMSCHAP:
		c := s.implicit(9)
		nt := s.nt(c[:8])
		response := pick(list, 311, 1)
		good := len(response) == 50 && response[0] == c[8] && response[1] == 1 && bytes.Equal(response[26:], nt)
		return nil, true, good && bytes.Equal(pick(list, 311, 11), c[:8])
	case InnerMSCHAPv2:
		return s.mschapv2(list)
	}
	return s.tunnelled(list)
}

func (s *ttlsServer) implicit(n int) []byte {
	state := s.eap.TLS.ConnectionState()
	c, err := state.ExportKeyingMaterial("ttls challenge", nil, n)
	if err != nil {
		s.err = err
	}
	return c
}

func (s *ttlsServer) nt(challenge []byte) []byte {
	hash, err := passwordHash(suite.Secret(insidePassword))
	if err != nil {
		s.err = err
	}
	nt, err := challengeResponse(challenge, hash)
	if err != nil {
		s.err = err
	}
	return nt
}

func (s *ttlsServer) pap(list []attribute) (reply []byte, over, good bool) {
	sent := pick(list, 0, 2)
	want := insidePassword
	if s.round > 0 {
		want = fmt.Sprintf("code-%d", s.round)
	}
	if len(sent)%16 != 0 || strings.TrimRight(string(sent), "\x00") != want {
		return nil, true, false
	}
	if s.round < len(s.prompts) {
		return rawAVP(18, 0, 0x40, []byte(s.prompts[s.round])), false, false
	}
	return nil, true, true
}

func (s *ttlsServer) mschapv2(list []attribute) (reply []byte, over, good bool) {
	c := s.implicit(17)
	response := pick(list, 311, 25)
	if len(response) != 50 || response[0] != c[16] || !bytes.Equal(pick(list, 311, 11), c[:16]) {
		s.err = fmt.Errorf("a response of %d octets, to another challenge", len(response))
		return nil, true, false
	}
	challenge := challengeHash(response[2:18], c[:16], insideName)
	nt := s.nt(challenge)
	if !bytes.Equal(response[26:], nt) {
		return rawAVP(2, 311, 0xc0, append([]byte{c[16] + 1}, "E=691 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=No"...)), false, false
	}
	hash, err := passwordHash(suite.Secret(insidePassword))
	if err != nil {
		s.err = err
	}
	proof := "S=" + strings.ToUpper(hex.EncodeToString(authenticatorResponse(hash, nt, challenge)))
	s.wait = true
	return rawAVP(26, 311, 0xc0, append([]byte{c[16]}, proof...)), false, false
}

func (s *ttlsServer) tunnelled(list []attribute) (reply []byte, over, good bool) {
	message := pick(list, 0, 79)
	var packet []byte
	var err error
	if s.round == 0 {
		if want := marshal(codeResponse, 0, TypeIdentity, []byte(insideName)); !bytes.Equal(message, want) {
			s.err = fmt.Errorf("the client opens EAP with %x", message)
		}
		s.name, packet = insideName, s.eapIn.start()
	} else if packet, err = s.eapIn.handle(message); err != nil {
		s.err = err
	}
	if s.err != nil {
		return nil, true, false
	}
	if packet[0] == codeRequest {
		return rawAVP(79, 0, 0x40, packet), false, false
	}
	return nil, true, packet[0] == codeSuccess
}

// peapServer is what a server of PEAPv0 does inside.
type peapServer struct {
	eap  *tlsserver.EAP
	in   innerServer
	bind bool
	full bool // the Identity request has its header
	// prelude are packets between identity and method, with what the client is to say.
	prelude []exchange
	// bend changes the extensions, result and binding.
	bend    func(tlvs []byte) []byte
	hurry   bool // the result at once
	keyless bool // the server binds with another inner key

	name   string
	last   byte // identifier of the inner server's request
	nonce  [32]byte
	state  int
	bound  bool
	result uint16 // the client's
	err    error
}

// exchange is a packet inside the tunnel, and what the client must say to it.
type exchange struct{ request, response []byte }

const (
	peapBegin = iota
	peapIdentity
	peapPrelude
	peapMethod
	peapResult
)

func (s *peapServer) inside(established bool, data []byte) (reply []byte, over, good bool) {
	if s.state == peapBegin && (s.eap.TLS.ConnectionState().DidResume || s.hurry) {
		s.state = peapPrelude
		return s.advance()
	}
	if len(data) == 0 && s.state != peapBegin {
		return nil, false, false
	}
	switch s.state {
	case peapBegin:
		if established {
			return nil, false, false // the handshake's last flight goes alone
		}
		s.state = peapIdentity
		if s.full {
			return []byte{1, 77, 0, 5, 1}, false, false
		}
		return []byte{1}, false, false
	case peapIdentity:
		if data[0] != 1 {
			s.err = fmt.Errorf("identity %x", data)
			return nil, true, false
		}
		s.name = string(data[1:])
		s.state = peapPrelude
		return s.advance()
	case peapPrelude:
		if want := s.prelude[0].response; !bytes.Equal(data, want) {
			s.err = fmt.Errorf("%x in answer to %x, want %x", data, s.prelude[0].request, want)
			return nil, true, false
		}
		s.prelude = s.prelude[1:]
		return s.advance()
	case peapMethod:
		return s.method(data)
	}
	return s.check(data)
}

func (s *peapServer) advance() (reply []byte, over, good bool) {
	if len(s.prelude) > 0 {
		return s.prelude[0].request, false, false
	}
	if s.in == nil || s.hurry {
		return s.finish(), false, false
	}
	s.state = peapMethod
	packet := s.in.start()
	s.last = packet[1]
	return packet[4:], packet[0] == codeSuccess, true
}

func (s *peapServer) method(data []byte) (reply []byte, over, good bool) {
	head := []byte{codeResponse, s.last, 0, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(4+len(data)))
	packet, err := s.in.handle(append(head, data...))
	switch {
	case err != nil:
		s.err = err
		return nil, true, false
	case packet[0] == codeRequest:
		s.last = packet[1]
		return packet[4:], false, false
	case packet[0] == codeFailure:
		s.state = peapResult
		return []byte{1, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 2}, false, false
	}
	return s.finish(), false, false
}

// finish is the result with the binding (MS-PEAP 2.2.8.1).
func (s *peapServer) finish() []byte {
	s.state = peapResult
	tlvs := []byte{0x80, 3, 0, 2, 0, 1}
	if s.bind {
		if _, err := rand.Read(s.nonce[:]); err != nil {
			s.err = err
		}
		_, cmk := s.compound()
		tlvs = append(tlvs, sealBinding(cmk, 0, s.nonce, s.eap.Greeting)...)
	}
	if s.bend != nil {
		tlvs = s.bend(tlvs)
	}
	out := append([]byte{1, 9, 0, byte(5 + len(tlvs)), 33}, tlvs...)
	return out
}

func sealBinding(cmk []byte, subtype byte, nonce [32]byte, outer []byte) []byte {
	tlv := append([]byte{0, 12, 0, 56, 0, 0, 0, subtype}, nonce[:]...)
	mac := hmac.New(sha1.New, cmk)
	mac.Write(slices.Concat(tlv, make([]byte, 20), []byte{25}, outer))
	return mac.Sum(tlv)
}

// compound derives IPMK and CMK (MS-PEAP 3.1.5.5.2).
func (s *peapServer) compound() (ipmk, cmk []byte) {
	material, err := s.eap.MSK("client EAP encryption")
	if err != nil {
		s.err = err
		return nil, nil
	}
	if s.eap.TLS.ConnectionState().DidResume {
		return material[:40], material[40:60]
	}
	isk := make([]byte, 32)
	copy(isk, s.in.key())
	if s.keyless {
		isk[0] ^= 1
	}
	out := expand20(material[:40], append([]byte("Inner Methods Compound Keys"), isk...), 3)
	return out[:40], out[40:]
}

// expand20 is PRF+ in blocks of 20 octets.
func expand20(key, seed []byte, blocks int) (out []byte) {
	var t []byte
	for n := 1; n <= blocks; n++ {
		mac := hmac.New(sha1.New, key)
		mac.Write(slices.Concat(t, seed, []byte{byte(n), 0, 0}))
		t = mac.Sum(nil)
		out = append(out, t...)
	}
	return out
}

// check reads the client's result.
func (s *peapServer) check(data []byte) (reply []byte, over, good bool) {
	if len(data) < 11 || !bytes.Equal(data[:1], []byte{codeResponse}) || data[1] != 9 || int(data[3]) != len(data) || data[4] != 33 ||
		!bytes.Equal(data[5:9], []byte{0x80, 3, 0, 2}) {
		s.err = fmt.Errorf("no result: %x", data)
		return nil, true, false
	}
	s.result = binary.BigEndian.Uint16(data[9:])
	if rest := data[11:]; len(rest) > 0 {
		_, cmk := s.compound()
		if s.bound = bytes.Equal(rest, sealBinding(cmk, 1, s.nonce, s.eap.Greeting)); !s.bound {
			s.err = fmt.Errorf("the client's binding: %x", rest)
		}
	}
	return nil, true, s.result == 1
}

// msk is what the server sends to the gateway.
func (s *peapServer) msk() []byte {
	if s.bound {
		ipmk, _ := s.compound()
		return expand20(ipmk, []byte("Session Key Generating Function\x00"), 7)[:64]
	}
	material, err := s.eap.MSK("client EAP encryption")
	if err != nil {
		return nil
	}
	return material
}

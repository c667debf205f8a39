package iketest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/homeward-vpn/homeward/ike/iketest/tlsserver"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// TunnelServer is an EAPServer with something inside TLS: a name, a password, and then
// one code after the other, each behind its prompt. With TTLS they are attributes, as
// PAP has them (RFC 5281 11.2.5); with PEAP they are GTC, and the end is bound to the
// tunnel (MS-PEAP 3.1.5.5). It is strict, and shares no code with what it tests.
type TunnelServer struct {
	TLS      *tls.Config
	Kind     uint8 // TunnelTTLS or TunnelPEAP
	Name     string
	Secrets  []string // the password, and then the codes
	Prompts  []string // behind the password; of PEAP in front of each
	Unbound  bool     // PEAP without crypto binding
	Misbound bool     // PEAP with one that does not fit
	// Greeting is sent inside before anything else that the server has to say.
	Greeting string

	over  *tlsserver.EAP
	outer string // identity
	at    int    // secrets that were right
	named bool
	last  []byte // PEAP's binding that was sent
	bound bool
	key   suite.Secret
	err   error
}

// The methods of a TunnelServer.
const (
	TunnelTTLS = 21
	TunnelPEAP = 25
)

// Outer is the identity that was said outside.
func (s *TunnelServer) Outer() string { return s.outer }

// MSK implements EAPServer.
func (s *TunnelServer) MSK() suite.Secret { return s.key }

// Start implements EAPServer.
func (s *TunnelServer) Start() []byte { return []byte{eapRequest, 17, 0, 5, eapIdentity} }

// Handle implements EAPServer.
func (s *TunnelServer) Handle(b []byte) ([]byte, error) {
	if s.over == nil {
		if len(b) < 5 || b[0] != eapResponse || b[1] != 17 || b[4] != eapIdentity {
			return nil, fmt.Errorf("no identity: %x", b)
		}
		s.outer = string(b[5:])
		s.over = &tlsserver.EAP{Server: tlsserver.New(s.TLS), Kind: s.Kind, ID: 17, Inside: s.ttls}
		if s.Kind == TunnelPEAP {
			s.over.Inside = s.peap
		}
		return s.over.Start(), nil
	}
	if len(b) > 5 && b[0] == eapResponse && b[1] == s.over.ID && b[4] == eapNak {
		s.over.Close()
		return []byte{eapFailure, s.over.ID, 0, 4}, nil
	}
	next, err := s.over.Handle(b)
	if err == nil {
		err = s.err
	}
	if err != nil || next[0] == eapRequest {
		return next, err
	}
	defer s.over.Close()
	if next[0] == eapSuccess {
		s.key, err = s.derive()
	}
	return next, err
}

func (s *TunnelServer) derive() (suite.Secret, error) {
	if s.Kind == TunnelTTLS {
		return s.over.MSK("ttls keying material")
	}
	material, err := s.over.MSK("client EAP encryption")
	if err != nil || !s.bound {
		return material, err
	}
	keys := compound(material)
	return blocks(keys[:40], []byte("Session Key Generating Function\x00"), 4)[:64], nil
}

// check takes a secret. done: it was the last one.
func (s *TunnelServer) check(secret string) (right, done bool) {
	right = s.at < len(s.Secrets) && secret == s.Secrets[s.at]
	s.at++
	return right, s.at == len(s.Secrets)
}

// ttls answers attributes.
func (s *TunnelServer) ttls(_ bool, data []byte) (reply []byte, over, good bool) {
	if len(data) == 0 {
		return nil, false, false
	}
	var name, password []byte
	for len(data) >= 8 {
		code, n := binary.BigEndian.Uint32(data), int(binary.BigEndian.Uint32(data[4:])&0xffffff)
		whole := (n + 3) / 4 * 4
		if data[4] != 0x40 || n < 8 || whole > len(data) {
			s.err = fmt.Errorf("attributes %x", data)
			return nil, true, false
		}
		switch code {
		case 1:
			name = data[8:n]
		case 2:
			password = bytes.TrimRight(data[8:n], "\x00")
		}
		data = data[whole:]
	}
	if string(name) != s.Name {
		s.err = fmt.Errorf("the name inside is %q", name)
	}
	right, done := s.check(string(password))
	if !right || done {
		return nil, true, right
	}
	text := s.Prompts[s.at-1]
	reply = binary.BigEndian.AppendUint32([]byte{0, 0, 0, 18}, 0x40<<24|uint32(8+len(text)))
	reply = append(reply, text...)
	return append(reply, make([]byte, -len(text)&3)...), false, false
}

// peap answers packets without a header.
func (s *TunnelServer) peap(established bool, data []byte) (reply []byte, over, good bool) {
	switch {
	case len(data) == 0 && established:
		return nil, false, false
	case len(data) == 0:
		return []byte{eapIdentity}, false, false
	case s.last != nil:
		return nil, true, s.result(data)
	case !s.named && data[0] == eapIdentity:
		if s.named = true; string(data[1:]) != s.Name {
			s.err = fmt.Errorf("the name inside is %q", data[1:])
		}
		if s.Greeting != "" {
			return append([]byte{2}, s.Greeting...), false, false
		}
	case data[0] == 2 && s.at == 0:
	case data[0] == eapGTC:
		if right, done := s.check(string(data[1:])); !right {
			return s.refusal(), false, false
		} else if done {
			return s.success(), false, false
		}
	case data[0] == eapNak:
		return s.refusal(), false, false
	default:
		s.err = fmt.Errorf("%x inside", data)
		return nil, true, false
	}
	return append([]byte{eapGTC}, s.Prompts[s.at]...), false, false
}

// refusal is the result that ends it badly.
func (s *TunnelServer) refusal() []byte {
	s.last = []byte{}
	return []byte{eapRequest, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 2}
}

// success is the result with its binding.
func (s *TunnelServer) success() []byte {
	out := []byte{eapRequest, 9, 0, 11, 33, 0x80, 3, 0, 2, 0, 1}
	s.last = []byte{}
	if s.Unbound {
		return out
	}
	nonce := make([]byte, 32)
	if _, err := rand.Read(nonce); err != nil {
		s.err = err
	}
	s.last = s.binding(0, nonce)
	if s.Misbound {
		s.last[59] ^= 1
	}
	out[3] += 60
	return append(out, s.last...)
}

func (s *TunnelServer) binding(kind byte, nonce []byte) []byte {
	material, err := s.over.MSK("client EAP encryption")
	if err != nil {
		s.err = err
		return make([]byte, 60)
	}
	tlv := append([]byte{0, 12, 0, 56, 0, 0, 0, kind}, nonce...)
	h := hmac.New(sha1.New, compound(material)[40:])
	h.Write(slices.Concat(tlv, make([]byte, 20), []byte{TunnelPEAP}))
	return h.Sum(tlv)
}

// result reads the client's.
func (s *TunnelServer) result(data []byte) bool {
	if len(data) < 11 || !bytes.Equal(data[:10], []byte{eapResponse, 9, 0, byte(len(data)), 33, 0x80, 3, 0, 2, 0}) {
		s.err = fmt.Errorf("no result: %x", data)
		return false
	}
	if data[10] != 1 || len(s.last) == 0 {
		return data[10] == 1
	}
	if s.bound = bytes.Equal(data[11:], s.binding(1, s.last[8:40])); !s.bound {
		s.err = errors.New("the client's binding does not fit")
	}
	return s.bound
}

// compound gives IPMK and CMK for a method inside that has no key.
func compound(material []byte) []byte {
	return blocks(material[:40], append([]byte("Inner Methods Compound Keys"), make([]byte, 32)...), 3)
}

// blocks is PRF+ of PEAPv0, in blocks of 20 octets.
func blocks(key, seed []byte, n int) (out []byte) {
	var last []byte
	for i := 1; i <= n; i++ {
		h := hmac.New(sha1.New, key)
		h.Write(slices.Concat(last, seed, []byte{byte(i), 0, 0}))
		last = h.Sum(nil)
		out = append(out, last...)
	}
	return out
}

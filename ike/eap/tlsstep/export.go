package tlsstep

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"hash"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// State is what is known once the handshake is done.
type State struct {
	Version   uint16 // as crypto/tls numbers it
	Suite     uint16
	Resumed   bool // a session was taken up again: neither side showed a certificate
	Wanted    bool // the server asked for the client's certificate, in this handshake
	Shown     bool // and was shown one
	LegacyKey bool // no Extended Master Secret: Config.Legacy let it pass
}

// State says what the handshake came to. The zero State: it is not done.
func (c *Conn) State() State {
	if !c.established {
		return State{}
	}
	s := c.tls.ConnectionState()
	return State{
		Version: s.Version, Suite: s.CipherSuite, Resumed: s.DidResume,
		Wanted: c.wanted, Shown: c.given, LegacyKey: c.hello.plain(),
	}
}

// Export gives n octets of keying material (RFC 5705, RFC 8446 7.5). With TLS 1.2, a
// nil context is PRF(master secret, label, client random + server random), which is
// what RFC 5216 and RFC 5281 mean by theirs. Only after Established; the secret is
// the caller's to clear.
func (c *Conn) Export(label string, context []byte, n int) (suite.Secret, error) {
	if !c.established {
		return nil, &Error{Kind: Internal, Err: reason("keys before the handshake is done")}
	}
	state := c.tls.ConnectionState()
	if state.Version != tls.VersionTLS13 && c.hello.plain() {
		return c.exportPlain(state.CipherSuite, label, context, n)
	}
	key, err := state.ExportKeyingMaterial(label, context, n)
	if err != nil {
		return nil, &Error{Kind: Internal, Err: err}
	}
	return key, nil
}

// exportPlain does what ExportKeyingMaterial refuses to do without the Extended
// Master Secret.
func (c *Conn) exportPlain(cipherSuite uint16, label string, context []byte, n int) (suite.Secret, error) {
	if len(c.master.secret) == 0 {
		return nil, &Error{Kind: Internal, Err: reason("the master secret did not pass by")}
	}
	seed := append(append([]byte{}, c.master.random...), c.hello.random[:]...)
	if context != nil {
		seed = append(seed, byte(len(context)>>8), byte(len(context)))
		seed = append(seed, context...)
	}
	return prf12(hashOf(cipherSuite), c.master.secret, label, seed, n), nil
}

// checkMaster makes sure that keys can be exported before anybody counts on it.
func (c *Conn) checkMaster() error {
	state := c.tls.ConnectionState()
	if _, err := state.ExportKeyingMaterial("EXPORTER_homeward", nil, 1); err == nil {
		return nil
	}
	if !c.cfg.Legacy || !c.hello.plain() || len(c.master.secret) == 0 {
		return &Error{Kind: NoEMS}
	}
	return nil
}

// hashOf is the hash of a TLS 1.2 suite's PRF (RFC 5246 5, RFC 5288 3).
func hashOf(cipherSuite uint16) func() hash.Hash {
	switch cipherSuite {
	case tls.TLS_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
		return sha512.New384
	}
	return sha256.New
}

// prf12 is the PRF of TLS 1.2 (RFC 5246 5).
func prf12(h func() hash.Hash, secret []byte, label string, seed []byte, n int) suite.Secret {
	mac := hmac.New(h, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	labelled := append([]byte(label), seed...)
	out := make(suite.Secret, 0, n+mac.Size())
	for a := sum(labelled); len(out) < n; a = sum(a) {
		out = append(out, sum(a, labelled)...)
	}
	clear(out[n:cap(out)])
	return out[:n:n]
}

// masterSecret takes the master secret of TLS 1.2 from what crypto/tls writes for
// key logs, which is the only way there is without the Extended Master Secret.
type masterSecret struct {
	random []byte // the client's
	secret suite.Secret
}

// Write takes one line: "CLIENT_RANDOM", the random, the secret, in hex. Lines of
// TLS 1.3 have other words.
func (m *masterSecret) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 || string(fields[0]) != "CLIENT_RANDOM" {
		return len(line), nil
	}
	random, err := hex.AppendDecode(nil, fields[1])
	if err != nil {
		return 0, err
	}
	secret, err := hex.AppendDecode(nil, fields[2])
	if err != nil {
		return 0, err
	}
	m.clear()
	m.random, m.secret = random, secret
	return len(line), nil
}

func (m *masterSecret) clear() {
	m.secret.Clear()
	m.secret = nil
}

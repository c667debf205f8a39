package tlsserver

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
)

// Old is a server of TLS 1.2 as there were many before RFC 7627: the client's RSA
// encryption makes the secret, and no Extended Master Secret binds it to the
// handshake. Its one suite is TLS_RSA_WITH_AES_128_GCM_SHA256. It asks for no
// certificate unless Ask is set, and does not look at the one it gets.
//
// It is written from RFC 5246 and shares nothing with crypto/tls, so what it exports
// is a second opinion.
type Old struct {
	Certificate tls.Certificate // RSA
	Version     uint16          // in the hello, 0: TLS 1.2
	Ask         bool            // for the client's certificate

	Established bool
	Err         error
	Data        []byte // what came inside

	in, hand     []byte
	transcript   []byte
	client, host [32]byte // randoms
	master       []byte
	read, write  *gcmRecords
}

// Records (RFC 5246 6.2.1).
const (
	recordChange    = 20
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23
)

// Handshake messages (RFC 5246 7.4).
const (
	helloRequest       = 0
	clientHello        = 1
	serverHello        = 2
	certificate        = 11
	certificateRequest = 13
	serverHelloDone    = 14
	certificateVerify  = 15
	clientKeyExchange  = 16
	finished           = 20
)

// Input takes octets of the client and gives the answer.
func (o *Old) Input(b []byte) (out []byte) {
	o.in = append(o.in, b...)
	for o.Err == nil && len(o.in) >= 5 {
		n := int(binary.BigEndian.Uint16(o.in[3:]))
		if len(o.in) < 5+n {
			break
		}
		kind, payload := o.in[0], o.in[5:5+n]
		o.in = o.in[5+n:]
		if o.read != nil {
			if payload, o.Err = o.read.open(kind, payload); o.Err != nil {
				break
			}
		}
		out = append(out, o.record(kind, payload)...)
	}
	return out
}

func (o *Old) record(kind byte, payload []byte) (out []byte) {
	switch kind {
	case recordAlert:
		o.Err = fmt.Errorf("alert %x", payload)
	case recordChange:
		o.read = o.keys(false)
	case recordData:
		o.Data = append(o.Data, payload...)
	case recordHandshake:
		o.hand = append(o.hand, payload...)
		for o.Err == nil && len(o.hand) >= 4 {
			n := 4 + int(o.hand[1])<<16 + int(o.hand[2])<<8 + int(o.hand[3])
			if len(o.hand) < n {
				break
			}
			message := o.hand[:n]
			o.hand = o.hand[n:]
			out = append(out, o.message(message)...)
		}
	}
	return out
}

func (o *Old) message(m []byte) (out []byte) {
	before := len(o.transcript)
	o.transcript = append(o.transcript, m...)
	switch m[0] {
	case clientHello:
		copy(o.client[:], m[6:])
		return o.hello()
	case clientKeyExchange:
		key := o.Certificate.PrivateKey.(*rsa.PrivateKey)
		//lint:ignore SA1019 RSA key exchange is what old servers have (RFC 5246 7.4.7.1)
		secret, err := rsa.DecryptPKCS1v15(rand.Reader, key, m[6:])
		if err != nil {
			o.Err = err
			return nil
		}
		o.master = prf(secret, "master secret", append(o.client[:], o.host[:]...), 48)
	case finished:
		digest := sha256.Sum256(o.transcript[:before])
		if want := prf(o.master, "client finished", digest[:], 12); !bytes.Equal(want, m[4:]) {
			o.Err = errors.New("the client's Finished is wrong")
			return nil
		}
		return o.finish()
	}
	return nil
}

func (o *Old) hello() []byte {
	if _, err := rand.Read(o.host[:]); err != nil {
		o.Err = err
	}
	version := o.Version
	if version == 0 {
		version = tls.VersionTLS12
	}
	body := binary.BigEndian.AppendUint16(nil, version)
	body = append(body, o.host[:]...)
	body = append(body, 0)          // no session
	body = append(body, 0, 0x9c, 0) // TLS_RSA_WITH_AES_128_GCM_SHA256, no compression
	out := o.send(serverHello, body)
	var chain []byte
	for _, der := range o.Certificate.Certificate {
		chain = append(append(chain, byte(len(der)>>16), byte(len(der)>>8), byte(len(der))), der...)
	}
	out = append(out, o.send(certificate, append([]byte{byte(len(chain) >> 16), byte(len(chain) >> 8), byte(len(chain))}, chain...))...)
	if o.Ask {
		out = append(out, o.send(certificateRequest, []byte{1, 64, 0, 2, 4, 3, 0, 0})...) // ecdsa_sign, P-256 with SHA-256
	}
	return append(out, o.send(serverHelloDone, nil)...)
}

func (o *Old) finish() []byte {
	o.write = nil
	out := o.plain(recordChange, []byte{1})
	o.write = o.keys(true)
	digest := sha256.Sum256(o.transcript)
	o.Established = true
	return append(out, o.send(finished, prf(o.master, "server finished", digest[:], 12))...)
}

// Renegotiate gives a HelloRequest (RFC 5246 7.4.1.1).
func (o *Old) Renegotiate() []byte { return o.plain(recordHandshake, []byte{helloRequest, 0, 0, 0}) }

// Write gives a record of application data.
func (o *Old) Write(data []byte) []byte { return o.plain(recordData, data) }

// Alert gives a fatal alert.
func (o *Old) Alert(n byte) []byte { return o.plain(recordAlert, []byte{2, n}) }

// Export is PRF(master secret, label, randoms), as RFC 5216 2.3 uses it.
func (o *Old) Export(label string, n int) []byte {
	return prf(o.master, label, append(append([]byte{}, o.client[:]...), o.host[:]...), n)
}

func (o *Old) send(kind byte, body []byte) []byte {
	m := append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	o.transcript = append(o.transcript, m...)
	return o.plain(recordHandshake, m)
}

func (o *Old) plain(kind byte, payload []byte) []byte {
	if o.write != nil {
		payload = o.write.seal(kind, payload)
	}
	return append([]byte{kind, 3, 3, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

// keys gives one direction's (RFC 5246 6.3, RFC 5288 3).
func (o *Old) keys(ours bool) *gcmRecords {
	block := prf(o.master, "key expansion", append(append([]byte{}, o.host[:]...), o.client[:]...), 2*16+2*4)
	key, salt := block[:16], block[32:36]
	if ours {
		key, salt = block[16:32], block[36:40]
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has a key's length
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		panic(err)
	}
	return &gcmRecords{aead: aead, salt: salt}
}

// gcmRecords protects records of one direction.
type gcmRecords struct {
	aead cipher.AEAD
	salt []byte
	seq  uint64
}

func (g *gcmRecords) additional(kind byte, n int) []byte {
	a := binary.BigEndian.AppendUint64(nil, g.seq)
	return append(a, kind, 3, 3, byte(n>>8), byte(n))
}

func (g *gcmRecords) seal(kind byte, payload []byte) []byte {
	explicit := binary.BigEndian.AppendUint64(nil, g.seq)
	nonce := append(append([]byte{}, g.salt...), explicit...)
	out := g.aead.Seal(explicit, nonce, payload, g.additional(kind, len(payload)))
	g.seq++
	return out
}

func (g *gcmRecords) open(kind byte, b []byte) ([]byte, error) {
	const overhead = 8 + 16
	if len(b) < overhead {
		return nil, errors.New("record too short")
	}
	nonce := append(append([]byte{}, g.salt...), b[:8]...)
	out, err := g.aead.Open(nil, nonce, b[8:], g.additional(kind, len(b)-overhead))
	g.seq++
	return out, err
}

// prf is the PRF of TLS 1.2 with SHA-256 (RFC 5246 5).
func prf(secret []byte, label string, seed []byte, n int) []byte {
	sum := func(b []byte) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write(b)
		return m.Sum(nil)
	}
	seed = append([]byte(label), seed...)
	var out []byte
	for a := sum(seed); len(out) < n; a = sum(a) {
		out = append(out, sum(append(append([]byte{}, a...), seed...))...)
	}
	return out[:n]
}

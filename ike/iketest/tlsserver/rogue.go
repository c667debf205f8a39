package tlsserver

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
)

// Rogue writes records of TLS 1.3 that crypto/tls would not, under the keys of a
// server of its own: with Config.KeyLogWriter set to it, TLS_AES_128_GCM_SHA256 as
// the suite, and no records sent after the handshake yet.
type Rogue struct {
	secret []byte
	seq    uint64
}

// Messages of TLS 1.3 after the handshake (RFC 8446 4.6).
const (
	newSessionTicket = 4
	keyUpdate        = 24
)

// Write takes a line of a key log.
func (r *Rogue) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 {
		return 0, errors.New("not a line of a key log")
	}
	if string(fields[0]) != "SERVER_TRAFFIC_SECRET_0" {
		return len(line), nil
	}
	var err error
	r.secret, err = hex.AppendDecode(nil, fields[2])
	return len(line), err
}

// Ready says whether the handshake ran far enough.
func (r *Rogue) Ready() bool { return len(r.secret) == sha256.Size }

// Ticket gives a NewSessionTicket with a label of n octets, which offers early data.
func (r *Rogue) Ticket(n int) []byte {
	body := []byte{0, 0, 14, 16, 0, 0, 0, 0, 1, byte(r.seq)} // an hour, age 0, a nonce of one octet
	body = append(body, byte(n>>8), byte(n))
	body = append(body, bytes.Repeat([]byte{7}, n)...)
	return r.message(newSessionTicket, append(body, 0, 8, 0, 42, 0, 4, 255, 255, 255, 255)) // early_data
}

// Update gives a KeyUpdate, and goes on with the next keys.
func (r *Rogue) Update(request bool) []byte {
	want := byte(0)
	if request {
		want = 1
	}
	out := r.message(keyUpdate, []byte{want})
	r.secret, r.seq = expand(r.secret, "traffic upd", sha256.Size), 0
	return out
}

// Data gives a record of application data.
func (r *Rogue) Data(b []byte) []byte { return r.Record(recordData, b) }

// CertificateRequest gives one out of its time (RFC 8446 4.6.2).
func (r *Rogue) CertificateRequest() []byte { return r.message(certificateRequest, []byte{0, 0, 0}) }

func (r *Rogue) message(kind byte, body []byte) []byte {
	return r.Record(recordHandshake, append([]byte{kind, 0, byte(len(body) >> 8), byte(len(body))}, body...))
}

// Record seals a record of any kind (RFC 8446 5.2).
func (r *Rogue) Record(kind byte, payload []byte) []byte {
	c, err := aes.NewCipher(expand(r.secret, "key", 16))
	if err != nil {
		panic(err) // the key has a key's length
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		panic(err)
	}
	nonce := expand(r.secret, "iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, r.seq) {
		nonce[4+i] ^= b
	}
	r.seq++
	inner := append(bytes.Clone(payload), kind)
	n := len(inner) + aead.Overhead()
	header := []byte{recordData, 3, 3, byte(n >> 8), byte(n)}
	return aead.Seal(header, nonce, inner, header)
}

// expand is HKDF-Expand-Label without context (RFC 8446 7.1).
func expand(secret []byte, label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{byte(n >> 8), byte(n), byte(len(label))}, label...)
	out, err := hkdf.Expand(sha256.New, secret, string(append(info, 0)), n)
	if err != nil {
		panic(err) // a few octets can always be had
	}
	return out
}

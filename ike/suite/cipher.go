package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrIntegrity says that a message is not what the peer sent, or was not sent
// by the peer: it is to be dropped.
var ErrIntegrity = errors.New("suite: integrity check failed")

// errPadding says that an authentic message has padding that cannot be.
var errPadding = errors.New("suite: padding longer than the payload")

// skCipher protects the contents of SK and SKF payloads in one direction (RFC
// 7296 3.14, RFC 5282). head is everything of the message before the IV.
type skCipher interface {
	// size is the length of IV, ciphertext and ICV for n octets of payloads.
	size(n int) int
	// seal appends IV, ciphertext and ICV to head, which has room for them.
	seal(head, plain []byte) ([]byte, error)
	// open gives the payloads in memory of their own.
	open(head, body []byte) ([]byte, error)
	clear()
}

// aeadCipher is AES-GCM-16 or ChaCha20-Poly1305. Its nonce is salt | IV; the
// IV counts, so that no nonce of one key comes twice (RFC 5282 3, RFC 7634 2).
type aeadCipher struct {
	aead  cipher.AEAD
	nonce [12]byte // salt in front
	count uint64   // the IV of the next payload to seal
}

const (
	aeadSalt = 4
	aeadIV   = 8
	aeadICV  = 16
)

func newAEAD(t Transform, key Secret) (*aeadCipher, error) {
	salt := len(key) - aeadSalt
	aead, err := aeadFor(t.ID, key[:salt])
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	c := &aeadCipher{aead: aead}
	copy(c.nonce[:], key[salt:])
	return c, nil
}

func aeadFor(id uint16, key []byte) (cipher.AEAD, error) {
	if id == ENCR_CHACHA20_POLY1305 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// One octet of pad length and no padding (RFC 5282 3).
func (c *aeadCipher) size(n int) int { return aeadIV + n + 1 + aeadICV }

func (c *aeadCipher) seal(head, plain []byte) ([]byte, error) {
	if c.count == 1<<64-1 {
		return nil, errors.New("suite: all IVs of this key are used up")
	}
	binary.BigEndian.PutUint64(c.nonce[aeadSalt:], c.count)
	c.count++
	n := len(head)
	out := append(head, c.nonce[aeadSalt:]...)
	out = append(append(out, plain...), 0)
	text := out[n+aeadIV:]
	return c.aead.Seal(out[:n+aeadIV], c.nonce[:], text, head), nil
}

func (c *aeadCipher) open(head, body []byte) ([]byte, error) {
	if len(body) < c.size(0) {
		return nil, fmt.Errorf("%w: too short", ErrIntegrity)
	}
	nonce := c.nonce
	copy(nonce[aeadSalt:], body[:aeadIV])
	plain, err := c.aead.Open(nil, nonce[:], body[aeadIV:], head)
	if err != nil {
		return nil, ErrIntegrity
	}
	return unpad(plain)
}

func (c *aeadCipher) clear() {
	clear(c.nonce[:])
	c.aead = nil
}

// cbcCipher is AES-CBC with an HMAC over the whole message up to the ICV
// (RFC 7296 3.14).
type cbcCipher struct {
	block cipher.Block
	mac   *mac
	key   Secret // of the MAC
	rand  io.Reader
}

func newCBC(key Secret, m *mac, macKey Secret, rand io.Reader) (*cbcCipher, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	return &cbcCipher{block: block, mac: m, key: append(Secret(nil), macKey...), rand: rand}, nil
}

// padding makes payloads, padding and the pad length octet whole blocks.
func (c *cbcCipher) padding(n int) int {
	return (aes.BlockSize - (n+1)%aes.BlockSize) % aes.BlockSize
}

func (c *cbcCipher) size(n int) int {
	return aes.BlockSize + n + c.padding(n) + 1 + c.mac.icv
}

func (c *cbcCipher) seal(head, plain []byte) ([]byte, error) {
	var iv [aes.BlockSize]byte // unpredictable (RFC 3602 3)
	if _, err := io.ReadFull(c.rand, iv[:]); err != nil {
		return nil, fmt.Errorf("suite: random: %w", err)
	}
	n := len(head)
	pad := c.padding(len(plain))
	out := append(append(head, iv[:]...), plain...)
	out = append(out, make([]byte, pad)...)
	out = append(out, byte(pad))
	text := out[n+len(iv):]
	cipher.NewCBCEncrypter(c.block, iv[:]).CryptBlocks(text, text)
	return append(out, c.mac.sum(c.key, out)...), nil
}

func (c *cbcCipher) open(head, body []byte) ([]byte, error) {
	end := len(body) - c.mac.icv
	text := end - aes.BlockSize
	if text < aes.BlockSize || text%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%w: not whole blocks", ErrIntegrity)
	}
	if !hmac.Equal(c.mac.sum(c.key, head, body[:end]), body[end:]) {
		return nil, ErrIntegrity
	}
	plain := make([]byte, text)
	cipher.NewCBCDecrypter(c.block, body[:aes.BlockSize]).CryptBlocks(plain, body[aes.BlockSize:end])
	return unpad(plain)
}

func (c *cbcCipher) clear() {
	c.key.Clear()
	c.block = nil
}

// unpad cuts padding and its length. The contents of the padding do not matter
// (RFC 7296 3.14); it is authentic, so its length is no oracle.
func unpad(plain []byte) ([]byte, error) {
	n := len(plain) - 1
	if n < 0 || int(plain[n]) > n {
		return nil, errPadding
	}
	n -= int(plain[n])
	return plain[:n:n], nil
}

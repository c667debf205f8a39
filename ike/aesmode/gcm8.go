package aesmode

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
)

// gcm8 is AES-GCM with a tag of 8 octets, which the standard library does not
// have: its least is 12. A shorter tag is the front of the long one (NIST SP
// 800-38D 7.1), so sealing cuts it. Opening has to make the whole tag again:
// GCM's encryption is its own inverse, so one Seal gives the plaintext, and
// another of that gives ciphertext and tag.
type gcm8 struct {
	gcm     cipher.AEAD
	scratch []byte // grows to the longest message
}

const (
	gcmNonce  = 12
	gcmTag    = 16
	gcm8Tag   = 8
	gcmGrowth = 2048 // octets: one packet of most networks
)

// NewGCM8 gives AES-GCM with a tag of 8 octets. The result, unlike others of its
// kind, is for one goroutine at a time.
func NewGCM8(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("aesmode: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("aesmode: %w", err)
	}
	return &gcm8{gcm: gcm}, nil
}

func (g *gcm8) NonceSize() int { return gcmNonce }
func (g *gcm8) Overhead() int  { return gcm8Tag }

// seal is in scratch what the standard library makes of b.
func (g *gcm8) seal(nonce, b, additional []byte) []byte {
	if need := len(b) + gcmTag; cap(g.scratch) < need {
		g.scratch = make([]byte, 0, max(need, gcmGrowth))
	}
	return g.gcm.Seal(g.scratch[:0], nonce, b, additional)
}

// Seal implements cipher.AEAD.
func (g *gcm8) Seal(dst, nonce, plaintext, additional []byte) []byte {
	sealed := g.seal(nonce, plaintext, additional)
	out, text := extend(dst, len(plaintext)+gcm8Tag)
	copy(text, sealed)
	return out
}

// Open implements cipher.AEAD.
func (g *gcm8) Open(dst, nonce, ciphertext, additional []byte) ([]byte, error) {
	n := len(ciphertext) - gcm8Tag
	if n < 0 {
		return nil, errOpen
	}
	var want [gcm8Tag]byte
	copy(want[:], ciphertext[n:])
	plain := g.seal(nonce, ciphertext[:n], additional)[:n]
	out, text := extend(dst, n)
	copy(text, plain)
	again := g.seal(nonce, text, additional)
	if subtle.ConstantTimeCompare(again[n:n+gcm8Tag], want[:]) != 1 {
		clear(text)
		return nil, errOpen
	}
	return out, nil
}

package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	spiSeqLen = 8  // SPI and sequence number in front of every packet
	saltLen   = 4  // RFC 4106 4, RFC 7634 2
	aeadIVLen = 8  // RFC 4106 3.1, RFC 7634 2
	aeadICV   = 16 // RFC 4106 6, RFC 7634 2
)

// transform is the cryptography of one SA in one direction. Methods use
// scratch space of the value: one caller at a time.
type transform interface {
	// sizes gives the lengths of IV and ICV, and the block that plaintext
	// with its trailer must fill.
	sizes() (iv, icv, block int)
	// seal turns header, room for the IV and plaintext (b, whose capacity
	// has room for the ICV) into the finished packet and returns it.
	seal(b []byte, seq uint64) []byte
	// open verifies and decrypts the packet b in place; seq is the whole
	// sequence number. The plaintext lies inside b, trailer included.
	open(b []byte, seq uint64) ([]byte, bool)
	// clear drops the keys.
	clear()
}

func newTransform(c *Config) (transform, error) {
	switch c.Cipher {
	case AESGCM16, ChaCha20Poly1305:
		if c.Integrity != IntegrityNone || len(c.IntegrityKey) != 0 {
			return nil, fmt.Errorf("%w: %v with separate integrity", ErrConfig, c.Cipher)
		}
		return newAEAD(c)
	case AESCBC:
		return newCBC(c)
	}
	return nil, fmt.Errorf("%w: unknown %v", ErrConfig, c.Cipher)
}

// aeadTransform is AES-GCM (RFC 4106) and ChaCha20-Poly1305 (RFC 7634), which
// share their layout: nonce = salt | IV, AAD = SPI | sequence number.
type aeadTransform struct {
	aead  cipher.AEAD
	esn   bool
	nonce [saltLen + aeadIVLen]byte
	aad   [12]byte // RFC 4106 5: SPI and 64-bit number; ESN only
}

func newAEAD(c *Config) (*aeadTransform, error) {
	n := len(c.Key) - saltLen
	if n < 0 {
		return nil, fmt.Errorf("%w: %v key of %d octets", ErrConfig, c.Cipher, len(c.Key))
	}
	t := &aeadTransform{esn: c.ESN}
	copy(t.nonce[:], c.Key[n:])
	var err error
	if c.Cipher == ChaCha20Poly1305 {
		t.aead, err = chacha20poly1305.New(c.Key[:n])
	} else {
		var block cipher.Block
		if block, err = aes.NewCipher(c.Key[:n]); err == nil {
			t.aead, err = cipher.NewGCM(block)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v key: %w", ErrConfig, c.Cipher, err)
	}
	return t, nil
}

func (t *aeadTransform) sizes() (iv, icv, block int) { return aeadIVLen, aeadICV, 4 }

func (t *aeadTransform) seal(b []byte, seq uint64) []byte {
	// The IV is the sequence number itself: a 64-bit counter that never
	// repeats under one key (RFC 4106 3.1), whatever its half on the wire.
	iv := b[spiSeqLen : spiSeqLen+aeadIVLen]
	putUint64(iv, seq)
	copy(t.nonce[saltLen:], iv)
	head := spiSeqLen + aeadIVLen
	out := t.aead.Seal(b[head:head], t.nonce[:], b[head:], t.additional(b, seq))
	return b[:head+len(out)]
}

func (t *aeadTransform) open(b []byte, seq uint64) ([]byte, bool) {
	if t.aead == nil {
		return nil, false
	}
	head := spiSeqLen + aeadIVLen
	copy(t.nonce[saltLen:], b[spiSeqLen:head])
	plain, err := t.aead.Open(b[head:head], t.nonce[:], b[head:], t.additional(b, seq))
	return plain, err == nil
}

// additional is the associated data: the packet's first 8 octets, or with ESN
// the SPI and all 64 bits of the number.
func (t *aeadTransform) additional(b []byte, seq uint64) []byte {
	if !t.esn {
		return b[:spiSeqLen:spiSeqLen]
	}
	copy(t.aad[:4], b)
	putUint64(t.aad[4:], seq)
	return t.aad[:]
}

func (t *aeadTransform) clear() {
	t.aead = nil
	clear(t.nonce[:])
}

package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/homeward-vpn/homeward/ike/aesmode"
)

// counterIV is the length of an IV that is the sequence number itself, in
// octets (RFC 3686 2.1, RFC 4106 3.1, RFC 4309 3.1, RFC 4543 3.1, RFC 7634 2).
const counterIV = 8

// aeadTransform is AES-GCM (RFC 4106), AES-CCM (RFC 4309) and ChaCha20-Poly1305
// (RFC 7634), which share their layout: nonce = salt | IV, AAD = SPI | sequence
// number.
type aeadTransform struct {
	aead   cipher.AEAD
	icvLen int
	esn    bool
	nonce  []byte
	iv     []byte   // the end of nonce
	aad    [12]byte // RFC 4106 5: SPI and 64-bit number; ESN only
}

func newAEAD(c *Config) (*aeadTransform, error) {
	key, salt, err := c.split()
	if err != nil {
		return nil, err
	}
	t := &aeadTransform{icvLen: c.Cipher.info().icv, esn: c.ESN, nonce: make([]byte, len(salt)+counterIV)}
	t.iv = t.nonce[copy(t.nonce, salt):]
	if t.aead, err = aeadOf(c.Cipher, key, t.icvLen); err != nil {
		return nil, fmt.Errorf("%w: %v key: %w", ErrConfig, c.Cipher, err)
	}
	return t, nil
}

func aeadOf(c Cipher, key []byte, icv int) (cipher.AEAD, error) {
	switch c {
	case ChaCha20Poly1305:
		return chacha20poly1305.New(key)
	case AESCCM8, AESCCM12, AESCCM16:
		return aesmode.NewCCM(key, icv)
	case AESGCM8:
		return aesmode.NewGCM8(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithTagSize(block, icv)
}

func (t *aeadTransform) sizes() (iv, icv, block int) { return counterIV, t.icvLen, wordBlock }

func (t *aeadTransform) seal(b []byte, seq uint64) []byte {
	// The IV is the sequence number itself: a 64-bit counter that never
	// repeats under one key (RFC 4106 3.1), whatever its half on the wire.
	const head = spiSeqLen + counterIV
	iv := b[spiSeqLen:head]
	putUint64(iv, seq)
	copy(t.iv, iv)
	out := t.aead.Seal(b[head:head], t.nonce, b[head:], t.additional(b, seq))
	return b[:head+len(out)]
}

func (t *aeadTransform) open(b []byte, seq uint64) ([]byte, bool) {
	if t.aead == nil {
		return nil, false
	}
	const head = spiSeqLen + counterIV
	copy(t.iv, b[spiSeqLen:head])
	plain, err := t.aead.Open(b[head:head], t.nonce, b[head:], t.additional(b, seq))
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
	clear(t.nonce)
}

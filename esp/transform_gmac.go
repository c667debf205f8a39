package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

// gmacTransform is AES-GMAC (RFC 4543): AES-GCM that encrypts nothing, with SPI,
// sequence number, IV and payload as its associated data.
type gmacTransform struct {
	gcm     cipher.AEAD
	esn     bool
	nonce   [12]byte // salt and IV
	scratch []byte   // associated data with ESN; grows to the longest packet
}

const gmacICV = 16 // RFC 4543 3.4

func newGMAC(c *Config) (*gmacTransform, error) {
	key, salt, err := c.split()
	if err != nil {
		return nil, err
	}
	t := &gmacTransform{esn: c.ESN}
	copy(t.nonce[:], salt)
	block, err := aes.NewCipher(key)
	if err == nil {
		t.gcm, err = cipher.NewGCM(block)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %v key: %w", ErrConfig, c.Cipher, err)
	}
	return t, nil
}

func (t *gmacTransform) sizes() (iv, icv, block int) { return counterIV, gmacICV, wordBlock }

func (t *gmacTransform) seal(b []byte, seq uint64) []byte {
	putUint64(b[spiSeqLen:], seq) // never twice under one key (RFC 4543 3.1)
	return t.gcm.Seal(b, t.nonceOf(b), nil, t.additional(b, seq))
}

func (t *gmacTransform) open(b []byte, seq uint64) ([]byte, bool) {
	if t.gcm == nil {
		return nil, false
	}
	end := len(b) - gmacICV
	// An empty result needs no memory.
	_, err := t.gcm.Open(nil, t.nonceOf(b), b[end:], t.additional(b[:end:end], seq))
	return b[spiSeqLen+counterIV : end], err == nil
}

func (t *gmacTransform) nonceOf(b []byte) []byte {
	copy(t.nonce[4:], b[spiSeqLen:spiSeqLen+counterIV])
	return t.nonce[:]
}

// additional is the packet itself, or with ESN a copy in which the sequence
// number has all 64 bits (RFC 4543 3.3).
func (t *gmacTransform) additional(b []byte, seq uint64) []byte {
	if !t.esn {
		return b
	}
	t.scratch = append(t.scratch[:0], b[:4]...)
	t.scratch = append(t.scratch, 0, 0, 0, 0, 0, 0, 0, 0)
	putUint64(t.scratch[4:], seq)
	t.scratch = append(t.scratch, b[spiSeqLen:]...)
	return t.scratch
}

func (t *gmacTransform) clear() {
	t.gcm = nil
	clear(t.nonce[:])
}

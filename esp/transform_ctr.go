package esp

import (
	"fmt"

	"github.com/homeward-vpn/homeward/ike/aesmode"
)

// ctrTransform is AES-CTR (RFC 3686) with an integrity algorithm, without which
// anybody could change what is sent (RFC 3686 3.3). Counter block: nonce | IV | 1.
type ctrTransform struct {
	authenticator
	ctr    *aesmode.CTR
	prefix [12]byte // nonce and IV
}

func newCTR(c *Config) (*ctrTransform, error) {
	auth, err := newAuthenticator(c)
	if err != nil {
		return nil, err
	}
	key, nonce, err := c.split()
	if err != nil {
		return nil, err
	}
	t := &ctrTransform{authenticator: auth}
	copy(t.prefix[:], nonce)
	if t.ctr, err = aesmode.NewCTR(key); err != nil {
		return nil, fmt.Errorf("%w: %v key: %w", ErrConfig, c.Cipher, err)
	}
	return t, nil
}

func (t *ctrTransform) sizes() (iv, icv, block int) { return counterIV, t.icvLen, wordBlock }

func (t *ctrTransform) seal(b []byte, seq uint64) []byte {
	// The sequence number never comes twice under one key (RFC 3686 3.1).
	putUint64(b[spiSeqLen:], seq)
	t.xor(b)
	return append(b, t.icv(b, seq)...)
}

// xor encrypts or decrypts what follows the IV.
func (t *ctrTransform) xor(b []byte) []byte {
	const head = spiSeqLen + counterIV
	copy(t.prefix[4:], b[spiSeqLen:head])
	t.ctr.XOR(b[head:], t.prefix, 1)
	return b[head:]
}

func (t *ctrTransform) open(b []byte, seq uint64) ([]byte, bool) {
	b, ok := t.verify(b, seq)
	if !ok {
		return nil, false
	}
	return t.xor(b), true
}

func (t *ctrTransform) clear() {
	if t.mac != nil {
		t.ctr.Clear()
	}
	t.authenticator.clear()
	clear(t.prefix[:])
}

package suite

import (
	"encoding/binary"
	"fmt"

	"github.com/homeward-vpn/homeward/ike/aesmode"
)

const (
	ctrNonce = 4 // octets of keying material behind the key (RFC 3686 5.1)
	ctrIV    = 8 // RFC 3686 2.1
)

// ctrCipher is AES-CTR (RFC 5930). Its counter block is nonce | IV | 1 and the
// IV counts, so that no key stream of one key comes twice (RFC 3686 3.1, 4).
type ctrCipher struct {
	ctr    *aesmode.CTR
	prefix [ctrNonce + ctrIV]byte
	count  uint64 // the IV of the next payload to seal
}

func newCTR(key Secret) (*ctrCipher, error) {
	n := len(key) - ctrNonce
	ctr, err := aesmode.NewCTR(key[:n])
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	c := &ctrCipher{ctr: ctr}
	copy(c.prefix[:], key[n:])
	return c, nil
}

// No padding is needed (RFC 5930 2).
func (c *ctrCipher) sizes() (iv, block int) { return ctrIV, 1 }

func (c *ctrCipher) seal(iv, text []byte) error {
	if c.count == 1<<64-1 {
		return errCounter
	}
	binary.BigEndian.PutUint64(iv, c.count)
	c.count++
	c.open(iv, text)
	return nil
}

func (c *ctrCipher) open(iv, text []byte) {
	copy(c.prefix[ctrNonce:], iv)
	c.ctr.XOR(text, c.prefix, 1)
}

func (c *ctrCipher) clear() {
	c.ctr.Clear()
	clear(c.prefix[:])
}

package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/homeward-vpn/homeward/ike/aesmode"
)

// aeadIV is the length of the IV of every AEAD cipher in octets (RFC 5282 3,
// RFC 7634 2).
const aeadIV = 8

// aeadCipher is AES-GCM, AES-CCM or ChaCha20-Poly1305. Its nonce is salt | IV;
// the IV counts, so that no nonce of one key comes twice (RFC 5282 3, RFC 7634 2).
type aeadCipher struct {
	aead  cipher.AEAD
	salt  int    // octets of salt in front of the nonce
	icv   int    // octets of tag
	nonce []byte // its IV is that of the last payload sealed
	count uint64 // the IV of the next payload to seal
}

func newAEAD(t Transform, key Secret) (*aeadCipher, error) {
	e := findEncryption(t.ID)
	n := len(key) - e.salt
	aead, err := aeadFor(t.ID, key[:n])
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	c := &aeadCipher{aead: aead, salt: e.salt, icv: e.icv, nonce: make([]byte, e.salt+aeadIV)}
	copy(c.nonce, key[n:])
	return c, nil
}

func aeadFor(id uint16, key []byte) (cipher.AEAD, error) {
	switch id {
	case ENCR_CHACHA20_POLY1305:
		return chacha20poly1305.New(key)
	case ENCR_AES_CCM_8, ENCR_AES_CCM_12, ENCR_AES_CCM_16:
		return aesmode.NewCCM(key, findEncryption(id).icv)
	case ENCR_AES_GCM_8:
		return aesmode.NewGCM8(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithTagSize(block, findEncryption(id).icv)
}

// One octet of pad length and no padding (RFC 5282 3).
func (c *aeadCipher) size(n int) int { return aeadIV + n + 1 + c.icv }

func (c *aeadCipher) seal(head, plain []byte) ([]byte, error) {
	if c.count == 1<<64-1 {
		return nil, errCounter
	}
	binary.BigEndian.PutUint64(c.nonce[c.salt:], c.count)
	c.count++
	n := len(head)
	out := append(head, c.nonce[c.salt:]...)
	out = append(append(out, plain...), 0)
	text := out[n+aeadIV:]
	return c.aead.Seal(out[:n+aeadIV], c.nonce, text, head), nil
}

func (c *aeadCipher) open(head, body []byte) ([]byte, error) {
	if len(body) < c.size(0) {
		return nil, fmt.Errorf("%w: too short", ErrIntegrity)
	}
	nonce := append(append([]byte(nil), c.nonce[:c.salt]...), body[:aeadIV]...)
	plain, err := c.aead.Open(nil, nonce, body[aeadIV:], head)
	if err != nil {
		return nil, ErrIntegrity
	}
	return unpad(plain)
}

func (c *aeadCipher) clear() {
	clear(c.nonce)
	c.aead = nil
}

package suite

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"io"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// ErrIntegrity says that a message is not what the peer sent, or was not sent
// by the peer: it is to be dropped.
var ErrIntegrity = errors.New("suite: integrity check failed")

// errPadding says that an authentic message has padding that cannot be.
var errPadding = errors.New("suite: padding longer than the payload")

// errCounter ends the use of a key whose nonces would repeat.
var errCounter = errors.New("suite: all IVs of this key are used up")

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

// newCipher makes the cipher of a chosen proposal for one direction.
func newCipher(p Proposal, key, macKey Secret, rand io.Reader) (skCipher, error) {
	enc, integ, err := p.keySizes()
	if err != nil {
		return nil, err
	}
	if len(key) != enc || len(macKey) != integ {
		return nil, fmt.Errorf("suite: keys of %d and %d octets, want %d and %d", len(key), len(macKey), enc, integ)
	}
	t := p.Encryption[0]
	if !findEncryption(t.ID).in(wire.ProtocolIKE) {
		return nil, fmt.Errorf("suite: %s does not encrypt, and cannot protect IKE", t.Keyword())
	}
	if p.AEAD() {
		return newAEAD(t, key)
	}
	var c plainCipher
	if t.ID == ENCR_AES_CTR {
		c, err = newCTR(key)
	} else {
		c, err = newCBC(t.ID, key, rand)
	}
	if err != nil {
		return nil, err
	}
	return &macCipher{cipher: c, mac: findMAC(p.Integrity[0]), key: append(Secret(nil), macKey...)}, nil
}

// plainCipher is a cipher without integrity of its own.
type plainCipher interface {
	// sizes gives the length of the IV, and the block that payloads, padding
	// and the pad length octet must fill.
	sizes() (iv, block int)
	// seal fills iv with one that this key has not had, and encrypts text.
	seal(iv, text []byte) error
	// open decrypts text in place.
	open(iv, text []byte)
	clear()
}

// macCipher joins a cipher with an integrity algorithm over the whole message
// up to the ICV: encrypt, then authenticate (RFC 7296 3.14).
type macCipher struct {
	cipher plainCipher
	mac    *mac
	key    Secret // of the MAC
}

func (c *macCipher) padding(n int) int {
	_, block := c.cipher.sizes()
	return (block - (n+1)%block) % block
}

func (c *macCipher) size(n int) int {
	iv, _ := c.cipher.sizes()
	return iv + n + c.padding(n) + 1 + c.mac.icv
}

func (c *macCipher) seal(head, plain []byte) ([]byte, error) {
	iv, _ := c.cipher.sizes()
	n, pad := len(head), c.padding(len(plain))
	out := append(append(head, make([]byte, iv)...), plain...)
	out = append(out, make([]byte, pad)...)
	out = append(out, byte(pad))
	if err := c.cipher.seal(out[n:n+iv], out[n+iv:]); err != nil {
		return nil, err
	}
	return append(out, c.mac.sum(c.key, out)...), nil
}

func (c *macCipher) open(head, body []byte) ([]byte, error) {
	iv, block := c.cipher.sizes()
	end := len(body) - c.mac.icv
	text := end - iv
	if text < block || text%block != 0 {
		return nil, fmt.Errorf("%w: not whole blocks", ErrIntegrity)
	}
	if !hmac.Equal(c.mac.sum(c.key, head, body[:end]), body[end:]) {
		return nil, ErrIntegrity
	}
	plain := append([]byte(nil), body[iv:end]...)
	c.cipher.open(body[:iv], plain)
	return unpad(plain)
}

func (c *macCipher) clear() {
	c.key.Clear()
	c.cipher.clear()
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

package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/rand"
	"fmt"
)

// cbcMode is what crypto/cipher's CBC modes offer beyond BlockMode: a new IV
// without a new object.
type cbcMode interface {
	cipher.BlockMode
	SetIV([]byte)
}

// cbcTransform is AES-CBC (RFC 3602) or 3DES-CBC (RFC 2451) with an integrity
// algorithm: encrypt, then authenticate.
type cbcTransform struct {
	authenticator
	encrypt, decrypt cbcMode
	block            int          // octets; the IV is as long
	ivs              cipher.Block // makes IVs from sequence numbers
	iv               [aes.BlockSize]byte
}

func newCBC(c *Config) (*cbcTransform, error) {
	auth, err := newAuthenticator(c)
	if err != nil {
		return nil, err
	}
	newBlock := aes.NewCipher
	if c.Cipher == TripleDES {
		newBlock = des.NewTripleDESCipher
	}
	block, err := newBlock(c.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %v key: %w", ErrConfig, c.Cipher, err)
	}
	t := &cbcTransform{authenticator: auth, block: block.BlockSize()}
	var ok1, ok2 bool
	t.encrypt, ok1 = cipher.NewCBCEncrypter(block, t.iv[:t.block]).(cbcMode)
	t.decrypt, ok2 = cipher.NewCBCDecrypter(block, t.iv[:t.block]).(cbcMode)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%w: this %v cannot change its IV", ErrConfig, c.Cipher)
	}
	// RFC 3602 3: the IV must be unpredictable. Encrypting the sequence
	// number under a random key of its own is that, and needs no system call
	// per packet.
	var ivKey [16]byte
	if _, err := rand.Read(ivKey[:]); err != nil {
		return nil, fmt.Errorf("esp: no randomness: %w", err)
	}
	t.ivs, err = aes.NewCipher(ivKey[:])
	clear(ivKey[:])
	if err != nil {
		return nil, fmt.Errorf("esp: IV cipher: %w", err)
	}
	return t, nil
}

func (t *cbcTransform) sizes() (iv, icv, block int) { return t.block, t.icvLen, t.block }

func (t *cbcTransform) seal(b []byte, seq uint64) []byte {
	clear(t.iv[:])
	putUint64(t.iv[8:], seq)
	t.ivs.Encrypt(t.iv[:], t.iv[:])
	head := spiSeqLen + copy(b[spiSeqLen:], t.iv[:t.block])
	t.encryptWith(t.iv[:t.block], b[head:])
	return append(b, t.icv(b, seq)...)
}

func (t *cbcTransform) encryptWith(iv, plain []byte) {
	t.encrypt.SetIV(iv)
	t.encrypt.CryptBlocks(plain, plain)
}

func (t *cbcTransform) open(b []byte, seq uint64) ([]byte, bool) {
	b, ok := t.verify(b, seq)
	if !ok {
		return nil, false
	}
	head := spiSeqLen + t.block
	t.decrypt.SetIV(b[spiSeqLen:head])
	t.decrypt.CryptBlocks(b[head:], b[head:])
	return b[head:], true
}

func (t *cbcTransform) clear() {
	t.authenticator.clear()
	t.encrypt, t.decrypt, t.ivs = nil, nil, nil
}

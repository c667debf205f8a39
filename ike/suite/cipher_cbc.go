package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"fmt"
	"io"
)

// cbcCipher is AES-CBC (RFC 3602) or 3DES-CBC (RFC 2451).
type cbcCipher struct {
	block cipher.Block
	size  int // of a block in octets
	rand  io.Reader
}

func newCBC(id uint16, key Secret, rand io.Reader) (*cbcCipher, error) {
	var block cipher.Block
	var err error
	if id == ENCR_3DES {
		block, err = des.NewTripleDESCipher(key)
	} else {
		block, err = aes.NewCipher(key)
	}
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	return &cbcCipher{block: block, size: block.BlockSize(), rand: rand}, nil
}

func (c *cbcCipher) sizes() (iv, block int) { return c.size, c.size }

// seal takes an IV that nobody can predict (RFC 3602 3).
func (c *cbcCipher) seal(iv, text []byte) error {
	if _, err := io.ReadFull(c.rand, iv); err != nil {
		return fmt.Errorf("suite: random: %w", err)
	}
	cipher.NewCBCEncrypter(c.block, iv).CryptBlocks(text, text)
	return nil
}

func (c *cbcCipher) open(iv, text []byte) {
	cipher.NewCBCDecrypter(c.block, iv).CryptBlocks(text, text)
}

func (c *cbcCipher) clear() { c.block = nil }

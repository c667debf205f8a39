package aesmode

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

// ctrBlocks is how many blocks of key stream are made at a time.
const ctrBlocks = 8

// CTR is AES in counter mode (NIST SP 800-38A 6.5) with a counter block of 12
// octets that the caller gives and a counter of 4, as RFC 3686 4 and RFC 4309
// 4 have it.
type CTR struct {
	block   cipher.Block
	counter [aes.BlockSize]byte
	stream  [ctrBlocks * aes.BlockSize]byte
}

// NewCTR takes an AES key of 16, 24 or 32 octets.
func NewCTR(key []byte) (*CTR, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("aesmode: %w", err)
	}
	return &CTR{block: block}, nil
}

// XOR encrypts or decrypts b in place, starting with the given counter. A
// counter that wraps is the caller's to prevent: 2^32 blocks are 64 GiB.
func (c *CTR) XOR(b []byte, prefix [12]byte, counter uint32) {
	copy(c.counter[:], prefix[:])
	for len(b) > 0 {
		n := min(len(b), len(c.stream))
		for at := 0; at < n; at += aes.BlockSize {
			binary.BigEndian.PutUint32(c.counter[12:], counter)
			c.block.Encrypt(c.stream[at:], c.counter[:])
			counter++
		}
		subtle.XORBytes(b[:n], b[:n], c.stream[:n])
		b = b[n:]
	}
}

// Clear drops the key and overwrites what is left of the key stream.
func (c *CTR) Clear() {
	c.block = nil
	clear(c.stream[:])
}

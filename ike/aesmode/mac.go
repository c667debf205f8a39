package aesmode

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"hash"
)

// mac is a CBC-MAC whose last block is mixed with a key of its own: one where
// the block is full, another where it had to be padded.
type mac struct {
	block         cipher.Block
	full, partial [aes.BlockSize]byte
	state, last   [aes.BlockSize]byte // chain so far, and the block that may be the last
	fill          int                 // octets in last
	final         [aes.BlockSize]byte // scratch of Sum
}

var _ hash.Hash = (*mac)(nil)

// NewCMAC is AES-CMAC (RFC 4493) with a key of 16, 24 or 32 octets. Sum gives
// all 16 octets.
func NewCMAC(key []byte) (hash.Hash, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("aesmode: %w", err)
	}
	m := &mac{block: block}
	block.Encrypt(m.full[:], m.full[:])
	double(&m.full)
	m.partial = m.full
	double(&m.partial)
	return m, nil
}

// double multiplies by x in GF(2^128) (RFC 4493 2.3), without a branch on the
// key.
func double(k *[aes.BlockSize]byte) {
	carry := k[0] >> 7
	for i := range len(k) - 1 {
		k[i] = k[i]<<1 | k[i+1]>>7
	}
	k[len(k)-1] = k[len(k)-1]<<1 ^ 0x87*carry
}

// NewXCBC is AES-XCBC-MAC (RFC 3566) with a key of 16 octets. Sum gives all 16
// octets.
func NewXCBC(key []byte) (hash.Hash, error) {
	if len(key) != 16 {
		return nil, fmt.Errorf("aesmode: XCBC with a key of %d octets", len(key))
	}
	outer, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("aesmode: %w", err)
	}
	derive := func(b byte) (k [aes.BlockSize]byte) {
		outer.Encrypt(k[:], bytes.Repeat([]byte{b}, aes.BlockSize))
		return k
	}
	inner := derive(1)
	block, err := aes.NewCipher(inner[:])
	clear(inner[:])
	if err != nil {
		return nil, fmt.Errorf("aesmode: %w", err)
	}
	return &mac{block: block, full: derive(2), partial: derive(3)}, nil
}

func (m *mac) Size() int      { return aes.BlockSize }
func (m *mac) BlockSize() int { return aes.BlockSize }

func (m *mac) Reset() {
	clear(m.state[:])
	m.fill = 0
}

// Write implements hash.Hash and never fails. A full block waits in last until
// it is known not to be the last one.
func (m *mac) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if m.fill == aes.BlockSize {
			subtle.XORBytes(m.state[:], m.state[:], m.last[:])
			m.block.Encrypt(m.state[:], m.state[:])
			m.fill = 0
		}
		k := copy(m.last[m.fill:], b)
		m.fill += k
		b = b[k:]
	}
	return n, nil
}

// Sum implements hash.Hash: the state stays as it is.
func (m *mac) Sum(b []byte) []byte {
	m.final = m.state
	subtle.XORBytes(m.final[:], m.final[:], m.last[:m.fill])
	if m.fill == aes.BlockSize {
		subtle.XORBytes(m.final[:], m.final[:], m.full[:])
	} else {
		m.final[m.fill] ^= 0x80
		subtle.XORBytes(m.final[:], m.final[:], m.partial[:])
	}
	m.block.Encrypt(m.final[:], m.final[:])
	return append(b, m.final[:]...)
}

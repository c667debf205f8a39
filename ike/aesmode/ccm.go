package aesmode

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errOpen says that a message does not verify.
var errOpen = errors.New("aesmode: message authentication failed")

// The form of CCM that RFC 4309 2 takes: lengths of 4 octets, and so nonces of 11.
const (
	ccmLength = 4
	ccmNonce  = 15 - ccmLength
)

// ccm is AES-CCM (RFC 3610).
type ccm struct {
	ctr     *CTR
	tagSize int
	mac     [aes.BlockSize]byte // CBC-MAC so far, then the tag
	fill    int                 // octets of the current block that are in mac
	first   [aes.BlockSize]byte // scratch: first block, or key stream of the tag
}

// NewCCM gives AES-CCM with nonces of 11 octets and a tag of 8, 12 or 16. The
// result, unlike others of its kind, is for one goroutine at a time.
func NewCCM(key []byte, tagSize int) (cipher.AEAD, error) {
	if tagSize != 8 && tagSize != 12 && tagSize != 16 {
		return nil, fmt.Errorf("aesmode: CCM with a tag of %d octets", tagSize)
	}
	ctr, err := NewCTR(key)
	if err != nil {
		return nil, err
	}
	return &ccm{ctr: ctr, tagSize: tagSize}, nil
}

func (c *ccm) NonceSize() int { return ccmNonce }
func (c *ccm) Overhead() int  { return c.tagSize }

// Seal implements cipher.AEAD.
func (c *ccm) Seal(dst, nonce, plaintext, additional []byte) []byte {
	out, text := extend(dst, len(plaintext)+c.tagSize)
	prefix := c.begin(nonce, len(plaintext), additional)
	c.write(plaintext)
	n := copy(text, plaintext)
	c.ctr.XOR(text[:n], prefix, 1)
	copy(text[n:], c.tag(prefix))
	return out
}

// Open implements cipher.AEAD. Decryption comes first, since CCM authenticates
// the plaintext (RFC 3610 2.6): it is wiped where it does not verify.
func (c *ccm) Open(dst, nonce, ciphertext, additional []byte) ([]byte, error) {
	n := len(ciphertext) - c.tagSize
	if n < 0 {
		return nil, errOpen
	}
	var want [aes.BlockSize]byte
	copy(want[:], ciphertext[n:])
	out, text := extend(dst, n)
	prefix := c.begin(nonce, n, additional)
	copy(text, ciphertext)
	c.ctr.XOR(text, prefix, 1)
	c.write(text)
	if subtle.ConstantTimeCompare(c.tag(prefix), want[:c.tagSize]) != 1 {
		clear(text)
		return nil, errOpen
	}
	return out, nil
}

// begin starts the CBC-MAC with B_0 and the associated data (RFC 3610 2.2) and
// gives the constant part of the counter blocks (2.3).
func (c *ccm) begin(nonce []byte, length int, additional []byte) (prefix [12]byte) {
	if len(nonce) != ccmNonce {
		panic("aesmode: CCM nonce of another length")
	}
	if length > math.MaxUint32 || len(additional) > math.MaxUint32 {
		panic("aesmode: message too long for CCM")
	}
	prefix[0] = ccmLength - 1
	copy(prefix[1:], nonce)
	c.mac, c.fill = [aes.BlockSize]byte{}, 0
	c.first[0] = byte((c.tagSize-2)/2)<<3 | ccmLength - 1
	if len(additional) > 0 {
		c.first[0] |= 1 << 6
	}
	copy(c.first[1:], nonce)
	binary.BigEndian.PutUint32(c.first[1+ccmNonce:], uint32(length))
	c.write(c.first[:])
	if len(additional) == 0 {
		return prefix
	}
	var size []byte
	if len(additional) < 0xff00 {
		size = binary.BigEndian.AppendUint16(c.first[:0], uint16(len(additional)))
	} else {
		size = binary.BigEndian.AppendUint32(append(c.first[:0], 0xff, 0xfe), uint32(len(additional)))
	}
	c.write(size)
	c.write(additional)
	c.pad()
	return prefix
}

// write goes on with the CBC-MAC.
func (c *ccm) write(b []byte) {
	for len(b) > 0 {
		n := subtle.XORBytes(c.mac[c.fill:], c.mac[c.fill:], b)
		b = b[n:]
		if c.fill += n; c.fill == aes.BlockSize {
			c.pad()
		}
	}
}

// pad fills the block with zeros, where one has begun.
func (c *ccm) pad() {
	if c.fill > 0 {
		c.ctr.block.Encrypt(c.mac[:], c.mac[:])
		c.fill = 0
	}
}

// tag ends the CBC-MAC and encrypts it with key stream block 0.
func (c *ccm) tag(prefix [12]byte) []byte {
	c.pad()
	c.ctr.XOR(c.mac[:], prefix, 0)
	return c.mac[:c.tagSize]
}

// extend makes dst longer by n octets, in its own array where that has room.
func extend(dst []byte, n int) (whole, tail []byte) {
	if total := len(dst) + n; cap(dst) >= total {
		whole = dst[:total]
	} else {
		whole = make([]byte, total)
		copy(whole, dst)
	}
	return whole, whole[len(dst):]
}

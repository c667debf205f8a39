package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
)

func putUint64(b []byte, v uint64) { binary.BigEndian.PutUint64(b, v) }

// cbcMode is what crypto/cipher's CBC modes offer beyond BlockMode: a new IV
// without a new object.
type cbcMode interface {
	cipher.BlockMode
	SetIV([]byte)
}

// cbcTransform is AES-CBC (RFC 3602) with HMAC-SHA2 (RFC 4868): encrypt, then
// authenticate SPI, sequence number, IV and ciphertext (RFC 4303 3.3.2.2).
type cbcTransform struct {
	encrypt, decrypt cbcMode
	mac              hash.Hash
	icvLen           int
	esn              bool
	ivs              cipher.Block // makes IVs from sequence numbers
	sum              [sha512.Size]byte
	high             [4]byte
}

// integrityOf gives hash, key length and ICV length (RFC 4868 2.1.1, 2.6).
func integrityOf(i Integrity) (newHash func() hash.Hash, key, icv int, err error) {
	switch i {
	case HMACSHA256_128:
		return sha256.New, 32, 16, nil
	case HMACSHA384_192:
		return sha512.New384, 48, 24, nil
	case HMACSHA512_256:
		return sha512.New, 64, 32, nil
	}
	return nil, 0, 0, fmt.Errorf("%w: AES-CBC with integrity %v", ErrConfig, i)
}

func newCBC(c *Config) (*cbcTransform, error) {
	newHash, keyLen, icv, err := integrityOf(c.Integrity)
	if err != nil {
		return nil, err
	}
	if len(c.IntegrityKey) != keyLen {
		return nil, fmt.Errorf("%w: %v key of %d octets", ErrConfig, c.Integrity, len(c.IntegrityKey))
	}
	block, err := aes.NewCipher(c.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: %v key: %w", ErrConfig, c.Cipher, err)
	}
	t := &cbcTransform{mac: hmac.New(newHash, c.IntegrityKey), icvLen: icv, esn: c.ESN}
	var iv [aes.BlockSize]byte
	var ok1, ok2 bool
	t.encrypt, ok1 = cipher.NewCBCEncrypter(block, iv[:]).(cbcMode)
	t.decrypt, ok2 = cipher.NewCBCDecrypter(block, iv[:]).(cbcMode)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%w: this AES-CBC cannot change its IV", ErrConfig)
	}
	// RFC 3602 3: the IV must be unpredictable. Encrypting the sequence
	// number under a random key of its own is that, unique as well, and
	// needs no system call per packet.
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

func (t *cbcTransform) sizes() (iv, icv, block int) {
	return aes.BlockSize, t.icvLen, aes.BlockSize
}

func (t *cbcTransform) seal(b []byte, seq uint64) []byte {
	iv := b[spiSeqLen : spiSeqLen+aes.BlockSize]
	clear(iv)
	putUint64(iv[8:], seq)
	t.ivs.Encrypt(iv, iv)
	t.encryptWith(iv, b[spiSeqLen+aes.BlockSize:])
	return append(b, t.icv(b, seq)...)
}

func (t *cbcTransform) encryptWith(iv, plain []byte) {
	t.encrypt.SetIV(iv)
	t.encrypt.CryptBlocks(plain, plain)
}

func (t *cbcTransform) open(b []byte, seq uint64) ([]byte, bool) {
	if t.mac == nil {
		return nil, false
	}
	head, end := spiSeqLen+aes.BlockSize, len(b)-t.icvLen
	if subtle.ConstantTimeCompare(b[end:], t.icv(b[:end], seq)) != 1 {
		return nil, false
	}
	t.decrypt.SetIV(b[spiSeqLen:head])
	t.decrypt.CryptBlocks(b[head:end], b[head:end])
	return b[head:end], true
}

// icv is the truncated HMAC. With ESN the high half of the sequence number is
// authenticated behind the packet, though not sent (RFC 4303 2.2.1).
func (t *cbcTransform) icv(b []byte, seq uint64) []byte {
	t.mac.Reset()
	t.mac.Write(b)
	if t.esn {
		binary.BigEndian.PutUint32(t.high[:], uint32(seq>>32))
		t.mac.Write(t.high[:])
	}
	return t.mac.Sum(t.sum[:0])[:t.icvLen]
}

func (t *cbcTransform) clear() {
	t.encrypt, t.decrypt, t.mac, t.ivs = nil, nil, nil, nil
	clear(t.sum[:])
}

package esp

import (
	"encoding/binary"
	"fmt"
)

const spiSeqLen = 8 // SPI and sequence number in front of every packet

// transform is the cryptography of one SA in one direction. Methods use
// scratch space of the value: one caller at a time. Each family has a file:
// transform_aead.go, _cbc.go, _ctr.go, _gmac.go and _null.go.
type transform interface {
	// sizes gives the lengths of IV and ICV, and the block that plaintext
	// with its trailer must fill.
	sizes() (iv, icv, block int)
	// seal turns header, room for the IV and plaintext (b, whose capacity
	// has room for the ICV) into the finished packet and returns it.
	seal(b []byte, seq uint64) []byte
	// open verifies and decrypts the packet b in place; seq is the whole
	// sequence number. The plaintext lies inside b, trailer included.
	open(b []byte, seq uint64) ([]byte, bool)
	// clear drops the keys.
	clear()
}

// wordBlock is the alignment of the trailer under a cipher without blocks of
// its own (RFC 4303 2.4).
const wordBlock = 4

func newTransform(c *Config) (transform, error) {
	info := c.Cipher.info()
	if info == nil {
		return nil, fmt.Errorf("%w: unknown %v", ErrConfig, c.Cipher)
	}
	if info.icv != 0 && (c.Integrity != IntegrityNone || len(c.IntegrityKey) != 0) {
		return nil, fmt.Errorf("%w: %v with separate integrity", ErrConfig, c.Cipher)
	}
	switch c.Cipher {
	case AESCBC, TripleDES:
		return newCBC(c)
	case AESCTR:
		return newCTR(c)
	case AESGMAC:
		return newGMAC(c)
	case Null:
		return newNull(c)
	}
	return newAEAD(c)
}

func putUint64(b []byte, v uint64) { binary.BigEndian.PutUint64(b, v) }

package esp

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/homeward-vpn/homeward/ike/aesmode"
)

// Integrity is the separate authentication of a cipher that has none built in.
type Integrity uint8

// The integrity algorithms. The keys of HMAC are as long as its hash.
const (
	IntegrityNone  Integrity = iota // ciphers that authenticate by themselves
	HMACSHA256_128                  // RFC 4868: 32-octet key, 16-octet ICV
	HMACSHA384_192                  // RFC 4868: 48-octet key, 24-octet ICV
	HMACSHA512_256                  // RFC 4868: 64-octet key, 32-octet ICV
	HMACSHA1_96                     // RFC 2404: 20-octet key, 12-octet ICV; no longer safe
	AESXCBC_96                      // RFC 3566: 16-octet key, 12-octet ICV
	AESCMAC_96                      // RFC 4494: 16-octet key, 12-octet ICV
)

// integrityInfo is one integrity algorithm. Lengths in octets.
type integrityInfo struct {
	name     string
	key, icv int
	keyed    func(key []byte) (hash.Hash, error)
}

// integrities has an entry for each Integrity.
var integrities = [...]integrityInfo{
	HMACSHA256_128: {"HMAC-SHA-256-128", 32, 16, hmacOf(sha256.New)},
	HMACSHA384_192: {"HMAC-SHA-384-192", 48, 24, hmacOf(sha512.New384)},
	HMACSHA512_256: {"HMAC-SHA-512-256", 64, 32, hmacOf(sha512.New)},
	HMACSHA1_96:    {"HMAC-SHA-1-96", 20, 12, hmacOf(sha1.New)},
	AESXCBC_96:     {"AES-XCBC-96", 16, 12, aesmode.NewXCBC},
	AESCMAC_96:     {"AES-CMAC-96", 16, 12, aesmode.NewCMAC},
}

func hmacOf(h func() hash.Hash) func([]byte) (hash.Hash, error) {
	return func(key []byte) (hash.Hash, error) { return hmac.New(h, key), nil }
}

// String names the algorithm as its RFC does.
func (i Integrity) String() string {
	switch {
	case i == IntegrityNone:
		return "none"
	case int(i) < len(integrities):
		return integrities[i].name
	}
	return fmt.Sprintf("integrity %d", uint8(i))
}

// authenticator makes and checks the ICV of a cipher that has none: over SPI,
// sequence number, IV and ciphertext (RFC 4303 3.3.2.2).
type authenticator struct {
	mac    hash.Hash
	icvLen int
	esn    bool
	sum    [sha512.Size]byte
	high   [4]byte
}

func newAuthenticator(c *Config) (authenticator, error) {
	if c.Integrity == IntegrityNone || int(c.Integrity) >= len(integrities) {
		return authenticator{}, fmt.Errorf("%w: %v with integrity %v", ErrConfig, c.Cipher, c.Integrity)
	}
	info := &integrities[c.Integrity]
	if len(c.IntegrityKey) != info.key {
		return authenticator{}, fmt.Errorf("%w: %v key of %d octets", ErrConfig, c.Integrity, len(c.IntegrityKey))
	}
	mac, err := info.keyed(c.IntegrityKey)
	if err != nil {
		return authenticator{}, fmt.Errorf("%w: %v: %w", ErrConfig, c.Integrity, err)
	}
	return authenticator{mac: mac, icvLen: info.icv, esn: c.ESN}, nil
}

// icv is the truncated MAC of b. With ESN the high half of the sequence number
// is authenticated behind the packet, though not sent (RFC 4303 2.2.1).
func (a *authenticator) icv(b []byte, seq uint64) []byte {
	a.mac.Reset()
	a.mac.Write(b)
	if a.esn {
		binary.BigEndian.PutUint32(a.high[:], uint32(seq>>32))
		a.mac.Write(a.high[:])
	}
	return a.mac.Sum(a.sum[:0])[:a.icvLen]
}

// verify says whether the ICV at the end of b is right, and gives what is
// before it.
func (a *authenticator) verify(b []byte, seq uint64) ([]byte, bool) {
	if a.mac == nil {
		return nil, false
	}
	end := len(b) - a.icvLen
	return b[:end], subtle.ConstantTimeCompare(b[end:], a.icv(b[:end], seq)) == 1
}

func (a *authenticator) clear() {
	a.mac = nil
	clear(a.sum[:])
}

package suite

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"github.com/homeward-vpn/homeward/ike/aesmode"
)

// mac is an integrity algorithm. Lengths in octets.
type mac struct {
	id       uint16
	key, icv int
	keyed    func(key []byte) hash.Hash // of a key of that length
}

var macs = []mac{
	{AUTH_HMAC_SHA2_256_128, 32, 16, hmacOf(sha256.New)},
	{AUTH_HMAC_SHA2_384_192, 48, 24, hmacOf(sha512.New384)},
	{AUTH_HMAC_SHA2_512_256, 64, 32, hmacOf(sha512.New)},
	{AUTH_AES_XCBC_96, 16, 12, aesOf(aesmode.NewXCBC)},
	{AUTH_AES_CMAC_96, 16, 12, aesOf(aesmode.NewCMAC)},
	{AUTH_HMAC_SHA1_96, 20, 12, hmacOf(sha1.New)},
}

// hmacOf is HMAC with a hash (RFC 2404, RFC 4868).
func hmacOf(h func() hash.Hash) func([]byte) hash.Hash {
	return func(key []byte) hash.Hash { return hmac.New(h, key) }
}

// aesOf is a mode of AES (RFC 3566, RFC 4494). Keys have the right length by
// here, so another is a defect and panics.
func aesOf(mode func([]byte) (hash.Hash, error)) func([]byte) hash.Hash {
	return func(key []byte) hash.Hash {
		h, err := mode(key)
		if err != nil {
			panic(fmt.Sprintf("suite: %v", err))
		}
		return h
	}
}

func findMAC(id uint16) *mac {
	for i := range macs {
		if macs[i].id == id {
			return &macs[i]
		}
	}
	return nil
}

// sum is the ICV of the concatenation of data.
func (m *mac) sum(key []byte, data ...[]byte) []byte {
	h := m.keyed(key)
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)[:m.icv]
}

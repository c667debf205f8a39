package suite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// mac is an integrity algorithm of RFC 4868: HMAC with a key as long as the
// hash, cut to half its length. Lengths in octets.
type mac struct {
	id       uint16
	key, icv int
	hash     func() hash.Hash
}

var macs = []mac{
	{AUTH_HMAC_SHA2_256_128, 32, 16, sha256.New},
	{AUTH_HMAC_SHA2_384_192, 48, 24, sha512.New384},
	{AUTH_HMAC_SHA2_512_256, 64, 32, sha512.New},
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
	h := hmac.New(m.hash, key)
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)[:m.icv]
}

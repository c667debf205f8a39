package suite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
)

// ErrPRF says that a pseudorandom function is not known here.
var ErrPRF = errors.New("suite: unknown pseudorandom function")

func prfHash(id uint16) func() hash.Hash {
	switch id {
	case PRF_HMAC_SHA2_256:
		return sha256.New
	case PRF_HMAC_SHA2_384:
		return sha512.New384
	case PRF_HMAC_SHA2_512:
		return sha512.New
	}
	return nil
}

// PRFSize is the output length of a pseudorandom function in octets, which is
// also its preferred key length (RFC 7296 2.13). 0: not known.
func PRFSize(id uint16) int {
	switch id {
	case PRF_HMAC_SHA2_256:
		return sha256.Size
	case PRF_HMAC_SHA2_384:
		return sha512.Size384
	case PRF_HMAC_SHA2_512:
		return sha512.Size
	}
	return 0
}

// PRF is prf(key, data) over the concatenation of data (RFC 7296 2.13). The ID
// comes from a negotiation that allows known ones only, so an unknown one is a
// defect of the caller and panics. The caller owns the result.
func PRF(id uint16, key []byte, data ...[]byte) []byte {
	h := prfHash(id)
	if h == nil {
		panic(fmt.Sprintf("suite: PRF %d is not known", id))
	}
	mac := hmac.New(h, key)
	for _, d := range data {
		mac.Write(d)
	}
	return mac.Sum(nil)
}

// PRFPlus is the first n octets of prf+(key, seed) over the concatenation of
// seed (RFC 7296 2.13). The block counter is one octet: n is limited to 255
// times the output length. The caller owns the result.
func PRFPlus(id uint16, key []byte, n int, seed ...[]byte) (Secret, error) {
	size := PRFSize(id)
	if size == 0 {
		return nil, fmt.Errorf("%w %d", ErrPRF, id)
	}
	if n < 0 || n > 255*size {
		return nil, fmt.Errorf("suite: prf+ cannot give %d octets", n)
	}
	mac := hmac.New(prfHash(id), key)
	out := make(Secret, 0, (n+size-1)/size*size)
	var last []byte
	for counter := byte(1); len(out) < n; counter++ {
		mac.Reset()
		mac.Write(last)
		for _, s := range seed {
			mac.Write(s)
		}
		mac.Write([]byte{counter})
		out = mac.Sum(out)
		last = out[len(out)-size:]
	}
	clear(out[n:])
	return out[:n:n], nil
}

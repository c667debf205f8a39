package suite

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"

	"github.com/homeward-vpn/homeward/ike/aesmode"
)

// ErrPRF says that a pseudorandom function is not known here.
var ErrPRF = errors.New("suite: unknown pseudorandom function")

// function is a pseudorandom function, which takes keys of any length.
type function struct {
	id    uint16
	size  int // octets of output
	keyed func(key []byte) hash.Hash
	// half is how much of each nonce goes into the key of SKEYSEED, in octets;
	// 0: all of both. Two functions whose keys once had a fixed length are
	// treated so for the sake of what was there before (RFC 7296 2.14).
	half int
}

var functions = []function{
	{id: PRF_HMAC_SHA2_256, size: sha256.Size, keyed: hmacOf(sha256.New)},
	{id: PRF_HMAC_SHA2_384, size: sha512.Size384, keyed: hmacOf(sha512.New384)},
	{id: PRF_HMAC_SHA2_512, size: sha512.Size, keyed: hmacOf(sha512.New)},
	{id: PRF_AES128_XCBC, size: aesPRFSize, keyed: prfXCBC, half: 8},
	{id: PRF_AES128_CMAC, size: aesPRFSize, keyed: prfCMAC, half: 8},
	{id: PRF_HMAC_SHA1, size: sha1.Size, keyed: hmacOf(sha1.New)},
}

const aesPRFSize = 16 // key and output of the functions made of AES

// prfXCBC is AES-XCBC-PRF-128: a short key is filled up with zeros, a long one
// goes through the function under a key of zeros (RFC 4434 2).
func prfXCBC(key []byte) hash.Hash {
	return aesPRF(aesOf(aesmode.NewXCBC), key, len(key) > aesPRFSize)
}

// prfCMAC is AES-CMAC-PRF-128: a key of another length than 16 octets goes
// through the function under a key of zeros (RFC 4615 3).
func prfCMAC(key []byte) hash.Hash {
	return aesPRF(aesOf(aesmode.NewCMAC), key, len(key) != aesPRFSize)
}

// aesPRF keys a mode with key, made smaller by the mode itself where compress
// says so.
func aesPRF(mode func([]byte) hash.Hash, key []byte, compress bool) hash.Hash {
	fixed := make(Secret, aesPRFSize)
	defer fixed.Clear()
	if compress {
		h := mode(fixed)
		h.Write(key)
		h.Sum(fixed[:0])
	} else {
		copy(fixed, key)
	}
	return mode(fixed)
}

func findPRF(id uint16) *function {
	for i := range functions {
		if functions[i].id == id {
			return &functions[i]
		}
	}
	return nil
}

// PRFSize is the output length of a pseudorandom function in octets, which is
// also its preferred key length (RFC 7296 2.13). 0: not known.
func PRFSize(id uint16) int {
	if f := findPRF(id); f != nil {
		return f.size
	}
	return 0
}

// PRF is prf(key, data) over the concatenation of data (RFC 7296 2.13). The ID
// comes from a negotiation that allows known ones only, so an unknown one is a
// defect of the caller and panics. The caller owns the result.
func PRF(id uint16, key []byte, data ...[]byte) []byte {
	f := findPRF(id)
	if f == nil {
		panic(fmt.Sprintf("suite: PRF %d is not known", id))
	}
	mac := f.keyed(key)
	for _, d := range data {
		mac.Write(d)
	}
	return mac.Sum(nil)
}

// PRFPlus is the first n octets of prf+(key, seed) over the concatenation of
// seed (RFC 7296 2.13). The block counter is one octet: n is limited to 255
// times the output length. The caller owns the result.
func PRFPlus(id uint16, key []byte, n int, seed ...[]byte) (Secret, error) {
	f := findPRF(id)
	if f == nil {
		return nil, fmt.Errorf("%w %d", ErrPRF, id)
	}
	if n < 0 || n > 255*f.size {
		return nil, fmt.Errorf("suite: prf+ cannot give %d octets", n)
	}
	mac := f.keyed(key)
	out := make(Secret, 0, (n+f.size-1)/f.size*f.size)
	var last []byte
	for counter := byte(1); len(out) < n; counter++ {
		mac.Reset()
		mac.Write(last)
		for _, s := range seed {
			mac.Write(s)
		}
		mac.Write([]byte{counter})
		out = mac.Sum(out)
		last = out[len(out)-f.size:]
	}
	clear(out[n:])
	return out[:n:n], nil
}

// nonceKey is the key of SKEYSEED for a first IKE SA (RFC 7296 2.14).
func (f *function) nonceKey(ni, nr []byte) []byte {
	if f.half != 0 {
		ni, nr = ni[:min(f.half, len(ni))], nr[:min(f.half, len(nr))]
	}
	key := make([]byte, 0, len(ni)+len(nr))
	return append(append(key, ni...), nr...)
}

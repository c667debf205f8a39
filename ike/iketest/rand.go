package iketest

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
)

// NewRand gives a reader of octets that depend on the seed alone.
func NewRand(seed uint64) io.Reader { return newChaCha(seed) }

func newChaCha(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	copy(key[8:], "homeward iketest")
	return rand.NewChaCha8(key)
}

// octets draws n octets. The reader of a test never ends.
func octets(r io.Reader, n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		panic("iketest: the random source ended: " + err.Error())
	}
	return b
}

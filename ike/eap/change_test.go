package eap

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math/bits"
	"testing"
	"testing/iotest"

	"github.com/homeward-vpn/homeward/ike/iketest/vectors"
	"github.com/homeward-vpn/homeward/ike/suite"
)

// RFC 2759 9.3: the password "MyPw", its hash, and the DES keys of section 8.13 that
// are cut from it. The parity bits are the RFC's; DES does not look at them.
func TestPasswordChangeKeys(t *testing.T) {
	t.Parallel()
	hash, err := passwordHash(suite.Secret("MyPw"))
	if err != nil || !bytes.Equal(hash, vectors.Unhex(t, "fc156af7edcd6c0edde3337d427f4eac")) {
		t.Fatalf("hash %x, %v", []byte(hash), err)
	}
	for i, want := range []string{"fd0b5b5e7f6e34d9", "0e6e796737ea08fe"} {
		key := desKey(hash[7*i : 7*i+7])
		for j, b := range key {
			if bits.OnesCount8(b)%2 == 0 {
				key[j] |= 1
			}
		}
		if !bytes.Equal(key, vectors.Unhex(t, want)) {
			t.Errorf("key %d: %x, want %s", i, []byte(key), want)
		}
	}
}

// RFC 2759 8.9, 8.10: the block is 516 octets whatever the password's length is, its
// filling is random, and what is no password, or comes without randomness, is refused.
func TestEncryptPassword(t *testing.T) {
	t.Parallel()
	old := suite.Secret("0123456789abcdef")
	for _, password := range []string{"", "lion", string(bytes.Repeat([]byte("x"), 256))} {
		a, err := encryptPassword(suite.Secret(password), old, rand.Reader)
		if err != nil || len(a) != passwordBlockSize {
			t.Fatalf("%d octets, %v", len(a), err)
		}
		b, err := encryptPassword(suite.Secret(password), old, rand.Reader)
		if err != nil || len(password) < 256 && bytes.Equal(a, b) {
			t.Errorf("%q: twice the same, %v", password, err)
		}
		hash, err := encryptHash(old, md4Sum([]byte(password)))
		if err != nil || len(hash) != hashSize {
			t.Errorf("%d octets, %v", len(hash), err)
		}
	}
	if _, err := encryptPassword(suite.Secret("\xff"), old, rand.Reader); !errors.Is(err, errPassword) {
		t.Errorf("not text: %v", err)
	}
	broken := errors.New("broken")
	if _, err := encryptPassword(suite.Secret("lion"), old, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("no randomness: %v", err)
	}
}

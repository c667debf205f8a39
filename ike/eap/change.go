package eap

import (
	"crypto/des"
	"crypto/rc4"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/homeward-vpn/homeward/ike/suite"
)

// The computations of a password change (RFC 2759 8.9 to 8.13). RC4 and DES hide the
// new password from nobody who knows the old one; the tunnel around it does.

const (
	passwordSpace     = 512               // for a password of 256 characters in UTF-16
	passwordBlockSize = passwordSpace + 4 // and its length
)

// encryptPassword is NewPasswordEncryptedWithOldNtPasswordHash (RFC 2759 8.9): the
// password at the end of random octets, and its length, under the old hash.
func encryptPassword(password, oldHash suite.Secret, rand io.Reader) ([]byte, error) {
	wide, err := utf16LE(password)
	if err != nil {
		return nil, err
	}
	defer wide.Clear()
	block := make([]byte, passwordBlockSize)
	if _, err := io.ReadFull(rand, block[:passwordSpace-len(wide)]); err != nil {
		return nil, fmt.Errorf("eap: random: %w", err)
	}
	copy(block[passwordSpace-len(wide):], wide)
	binary.LittleEndian.PutUint32(block[passwordSpace:], uint32(len(wide)))
	cipher, err := rc4.NewCipher(oldHash)
	if err != nil {
		return nil, fmt.Errorf("eap: rc4: %w", err)
	}
	cipher.XORKeyStream(block, block)
	return block, nil
}

// encryptHash is OldNtPasswordHashEncryptedWithNewNtPasswordHash (RFC 2759 8.12):
// each half of the old hash under a DES key cut from the new one.
func encryptHash(oldHash, newHash suite.Secret) ([]byte, error) {
	out := make([]byte, hashSize)
	for i := range 2 {
		key := desKey(newHash[7*i : 7*i+7])
		block, err := des.NewCipher(key)
		key.Clear()
		if err != nil {
			return nil, fmt.Errorf("eap: des: %w", err)
		}
		block.Encrypt(out[8*i:], oldHash[8*i:8*i+8])
	}
	return out, nil
}

package credential

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/homeward-vpn/homeward/client/profile"
)

// A sealed file: magic, 24 bytes of nonce, ciphertext with its tag. The plain
// text is the fields of profile.Secrets in their order, each as four bytes of
// length (big endian) and the bytes. The magic and the profile's ID are the
// associated data, so that no file opens under another profile's name.
var magic = []byte("homeward sealed 1\n")

const (
	maxField  = 64 << 10 // no key or password comes near
	maxSealed = 4 * maxField
)

func associated(profileID string) []byte {
	return append(bytes.Clone(magic), profileID...)
}

func seal(key []byte, profileID string, s profile.Secrets) ([]byte, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	plain, err := appendSecrets(nil, s)
	defer clear(plain)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(magic)+aead.NonceSize(), len(magic)+aead.NonceSize()+len(plain)+aead.Overhead())
	copy(out, magic)
	nonce := out[len(magic):]
	rand.Read(nonce) // 24 random bytes do not repeat; never fails
	return aead.Seal(out, nonce, plain, associated(profileID)), nil
}

func open(key []byte, profileID string, sealed []byte) (profile.Secrets, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return profile.Secrets{}, err
	}
	body, ok := bytes.CutPrefix(sealed, magic)
	if !ok || len(body) < aead.NonceSize() {
		return profile.Secrets{}, errors.New("credential: not a sealed file of this version")
	}
	nonce, box := body[:aead.NonceSize()], body[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, box, associated(profileID))
	if err != nil {
		return profile.Secrets{}, fmt.Errorf("credential: sealed file: %w", err)
	}
	defer clear(plain)
	return parseSecrets(plain)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return aead, nil
}

// appendSecrets writes the plain text. The result must be cleared.
func appendSecrets(b []byte, s profile.Secrets) ([]byte, error) {
	fields := [][]byte{s.Password, s.PSK, s.PrivateKey}
	size := 0
	for _, f := range fields {
		if len(f) > maxField {
			return nil, fmt.Errorf("credential: a secret is larger than %d bytes", maxField)
		}
		size += 4 + len(f)
	}
	b = append(make([]byte, 0, len(b)+size), b...) // grows once, so that no copy stays behind
	for _, f := range fields {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b, nil
}

// parseSecrets reads the plain text; what it returns is a copy.
func parseSecrets(b []byte) (profile.Secrets, error) {
	var s profile.Secrets
	for _, field := range []*[]byte{&s.Password, &s.PSK, &s.PrivateKey} {
		if len(b) < 4 {
			return profile.Secrets{}, errors.New("credential: sealed file ends early")
		}
		n := int64(binary.BigEndian.Uint32(b))
		b = b[4:]
		if n > maxField || n > int64(len(b)) {
			return profile.Secrets{}, errors.New("credential: sealed file ends early")
		}
		if n > 0 {
			*field = bytes.Clone(b[:n])
		}
		b = b[n:]
	}
	if len(b) != 0 {
		return profile.Secrets{}, errors.New("credential: sealed file goes on behind its end")
	}
	return s, nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d bytes", limit)
	}
	return data, err
}

package profile

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxSize bounds a profile in its JSON form, in bytes.
const MaxSize = 1 << 20

// NewID draws a profile's ID.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

// ValidID says that id has the form NewID gives: 32 lower-case hex digits. It
// is also a safe file name.
func ValidID(id string) bool {
	if len(id) != 32 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Decode reads one profile from foreign JSON and validates it. Unknown fields
// are refused: a profile of a later version must not lose half its meaning.
func Decode(data []byte) (*Profile, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("profile: larger than %d bytes", MaxSize)
	}
	var p Profile
	if err := decodeStrict(data, &p); err != nil {
		return nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &p, nil
}

// decodeStrict reads exactly one JSON value without unknown fields into v.
func decodeStrict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("profile: more than one value")
	}
	return nil
}

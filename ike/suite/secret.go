package suite

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "redacted"

// Secret is key material. Whatever prints it, at any verb and in any encoding,
// gets the word "redacted". Compare secrets with crypto/subtle only.
type Secret []byte

// String hides the octets.
func (Secret) String() string { return redacted }

// GoString hides the octets from %#v.
func (Secret) GoString() string { return redacted }

// Format hides the octets from every verb, %d and %x among them.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the octets from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the octets from JSON and other encodings.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Clear overwrites the octets with zeros. All slices of the same array see it.
func (s Secret) Clear() { clear(s) }

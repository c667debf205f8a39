package profile

import (
	"fmt"
	"log/slog"
)

// Secrets is what an importer found in a file beside the model: it goes into
// the user's sealed store under the profile's ID and never to the service.
type Secrets struct {
	Password   []byte // EAP password, nil: none
	PSK        []byte // shared key, nil: none
	PrivateKey []byte // PKCS#8 DER of the client certificate's key, nil: none
}

// Empty says that there is nothing to keep.
func (s Secrets) Empty() bool {
	return len(s.Password) == 0 && len(s.PSK) == 0 && len(s.PrivateKey) == 0
}

// Clear overwrites all that s holds. Slices that share its memory see zeros.
func (s *Secrets) Clear() {
	clear(s.Password)
	clear(s.PSK)
	clear(s.PrivateKey)
	*s = Secrets{}
}

// String hides everything: a Secrets in a log line prints "redacted".
func (Secrets) String() string { return "redacted" }

// GoString hides everything from %#v too.
func (Secrets) GoString() string { return "redacted" }

// Format hides everything from every other verb: %d would print the bytes.
func (Secrets) Format(f fmt.State, _ rune) {
	// A fmt.State never fails: fmt collects in memory and reports the
	// writer's error itself.
	fmt.Fprint(f, "redacted")
}

// LogValue implements slog.LogValuer.
func (Secrets) LogValue() slog.Value { return slog.StringValue("redacted") }

// MarshalJSON hides everything from a reply that embeds a Secrets by mistake.
func (Secrets) MarshalJSON() ([]byte, error) { return []byte(`"redacted"`), nil }

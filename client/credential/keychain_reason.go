package credential

import (
	"errors"
	"strings"

	"github.com/zalando/go-keyring"
)

// lockedWords are found in the errors of a keychain that is there and locked:
// the library types none of them. The first is go-keyring's own, the others
// are the Secret Service's and macOS's.
var lockedWords = []string{"failed to unlock", "islocked", "is locked", "prompt dismissed", "interaction is not allowed"}

// keychainError types the library's error.
func keychainError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNoEntry
	}
	text := strings.ToLower(err.Error())
	for _, w := range lockedWords {
		if strings.Contains(text, w) {
			return &KeychainError{Reason: KeychainLocked, Err: err}
		}
	}
	return &KeychainError{Reason: KeychainAbsent, Err: err}
}

package answer

import (
	"bytes"
	"context"
	"errors"

	"github.com/homeward-vpn/homeward/client/credential"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Kept gives what is kept for a profile; nothing kept is no error.
func Kept(ctx context.Context, s Store, id string) (profile.Secrets, error) {
	secrets, err := s.Get(ctx, id)
	if errors.Is(err, credential.ErrNotKept) {
		return profile.Secrets{}, nil
	}
	return secrets, err
}

// SetPassword keeps a password beside the profile's other secrets; nil takes
// away what is kept.
func SetPassword(ctx context.Context, s Store, id string, password []byte) error {
	return s.Update(ctx, id, func(kept *profile.Secrets) error {
		clear(kept.Password)
		kept.Password = bytes.Clone(password)
		return nil
	})
}

// Trouble says in a clause why nothing can be kept or looked up.
func Trouble(err error) string {
	var k *credential.KeychainError
	switch {
	case errors.Is(err, credential.ErrKeepsNothing):
		return "nothing is kept, as you chose with «homewardctl secrets ask»"
	case errors.Is(err, credential.ErrNobody), errors.Is(err, credential.ErrDeclined):
		return "the passphrase that opens what is kept was not given"
	case errors.Is(err, credential.ErrWrongPassphrase):
		return "the passphrase that opens what is kept was wrong"
	case !errors.As(err, &k):
		return "it cannot be stored (" + oneLine(err.Error()) + ")"
	}
	switch k.Reason {
	case credential.KeychainLocked:
		return "the keychain is locked (unlock it and try again)"
	case credential.KeychainSilent:
		return "the keychain did not answer in time (look for its own window)"
	case credential.KeychainBroken:
		return "the keychain's entry for homeward is damaged (delete it and try again)"
	default:
		return "no keychain answers (start GNOME Keyring or KWallet, for example, or do without: «homewardctl secrets --help»)"
	}
}

package credential

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Service is the name of Homeward's one entry in the keychain. The entry's
// user is the login name.
const Service = "homeward"

// suffix of a sealed file's name.
const suffix = ".sealed"

// ErrNotKept says that the store holds nothing for this profile.
var ErrNotKept = errors.New("credential: nothing is kept for this profile")

// SealError says that a sealed file is there and does not open: it was
// damaged, or sealed with a key that the keychain has lost since.
type SealError struct{ Err error }

// Error implements error.
func (e *SealError) Error() string {
	return "the kept password cannot be opened with the keychain's key; enter it again to replace it"
}

// Unwrap gives the technical reason.
func (e *SealError) Unwrap() error { return e.Err }

// Store is the user's sealed store: one file per profile, sealed with
// XChaCha20-Poly1305 under the key in the keychain, with the profile's ID as
// associated data. It is safe for concurrent use. Two programs of one user may
// use the same directory: files are replaced in one step.
type Store struct {
	dir      string
	keychain Keychain
	login    string

	mu  sync.Mutex
	key []byte // nil until the keychain was asked
}

// Open makes a Store in dir, which is made where it is missing. The keychain
// is not asked before a secret is.
func Open(dir string, keychain Keychain) (*Store, error) {
	if err := profile.PrivateDir(dir); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	u, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("credential: who runs this program: %w", err)
	}
	return &Store{dir: dir, keychain: keychain, login: u.Username}, nil
}

// Get gives what is kept for the profile, ErrNotKept, a *SealError or a
// *KeychainError. The caller clears what it gets after use.
func (s *Store) Get(ctx context.Context, profileID string) (profile.Secrets, error) {
	path, err := s.path(profileID)
	if err != nil {
		return profile.Secrets{}, err
	}
	sealed, err := readBounded(path, maxSealed)
	if errors.Is(err, fs.ErrNotExist) {
		return profile.Secrets{}, ErrNotKept
	}
	if err != nil {
		return profile.Secrets{}, fmt.Errorf("credential: %w", err)
	}
	key, err := s.sealingKey(ctx, false)
	if errors.Is(err, ErrNoEntry) {
		return profile.Secrets{}, &SealError{Err: err}
	}
	if err != nil {
		return profile.Secrets{}, err
	}
	secrets, err := open(key, profileID, sealed)
	if err != nil {
		return profile.Secrets{}, &SealError{Err: err}
	}
	return secrets, nil
}

// Put keeps secrets for the profile in place of what was kept before; empty
// secrets forget it. The first Put of a user makes the key in the keychain.
func (s *Store) Put(ctx context.Context, profileID string, secrets profile.Secrets) error {
	path, err := s.path(profileID)
	if err != nil {
		return err
	}
	if secrets.Empty() {
		return s.Forget(profileID)
	}
	key, err := s.sealingKey(ctx, true)
	if err != nil {
		return err
	}
	sealed, err := seal(key, profileID, secrets)
	if err != nil {
		return err
	}
	if err := profile.WriteFile(path, sealed); err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	return nil
}

// Forget removes what is kept for the profile. It needs no keychain, and it is
// no error when nothing is kept.
func (s *Store) Forget(profileID string) error {
	path, err := s.path(profileID)
	if err != nil {
		return err
	}
	err = os.Remove(path)
	if err == nil {
		err = profile.SyncDir(s.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("credential: %w", err)
	}
	return nil
}

func (s *Store) path(profileID string) (string, error) {
	if !profile.ValidID(profileID) {
		return "", errors.New("credential: not a profile's ID")
	}
	return filepath.Join(s.dir, profileID+suffix), nil
}

// sealingKey gives the key from the keychain, once per Store. With create it
// makes one where there is none. Two programs that do so at the same moment
// both go on with the one that is read back; the loser of an even closer race
// has sealed one password that must be entered again (SealError says so).
func (s *Store) sealingKey(ctx context.Context, create bool) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	text, err := s.keychain.Get(ctx, Service, s.login)
	if errors.Is(err, ErrNoEntry) && create {
		fresh := make([]byte, chacha20poly1305.KeySize)
		rand.Read(fresh) // never fails: crypto/rand ends the program instead
		err = s.keychain.Set(ctx, Service, s.login, base64.StdEncoding.EncodeToString(fresh))
		clear(fresh)
		if err == nil {
			text, err = s.keychain.Get(ctx, Service, s.login)
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, &KeychainError{Reason: KeychainBroken, Err: errors.New("credential: the entry is not a key of 32 bytes")}
	}
	s.key = key
	return key, nil
}

// DefaultDir is where the store of the user who runs the program belongs:
// $XDG_DATA_HOME/homeward/credentials where that variable holds an absolute
// path, else homeward/credentials below os.UserConfigDir (~/.config, the
// Application Support folder, %AppData%).
func DefaultDir() (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(base) {
		var err error
		if base, err = os.UserConfigDir(); err != nil {
			return "", fmt.Errorf("credential: no place for the store: %w", err)
		}
	}
	return filepath.Join(base, "homeward", "credentials"), nil
}

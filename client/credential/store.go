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
	"strconv"
	"strings"
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
// XChaCha20-Poly1305 under one key, with the profile's ID as associated data. The
// key is in the keychain, or sealed with a passphrase, as the user chose (mode.go).
// It is safe for concurrent use. Two programs of one user may use the same
// directory: files are replaced in one step, and who changes them takes turns (lock.go).
type Store struct {
	// Passphrase asks for the passphrase of a store that is sealed with one;
	// refused: the last one was wrong. nil: there is nobody to ask. It is set
	// before the first use.
	Passphrase func(ctx context.Context, refused bool) ([]byte, error)

	dir      string
	keychain Keychain
	login    string
	cost     kdf // of the next passphrase

	mu  sync.Mutex
	key []byte // of the generation; nil until it was asked for
	of  uint64
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
	return &Store{dir: dir, keychain: keychain, login: u.Username, cost: usualCost}, nil
}

// Get gives what is kept for the profile, ErrNotKept, a *SealError, a
// *KeychainError or what the passphrase failed for. The caller clears what it gets
// after use.
func (s *Store) Get(ctx context.Context, profileID string) (profile.Secrets, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.record()
	if err != nil {
		return profile.Secrets{}, err
	}
	secrets, err := s.get(ctx, r, profileID)
	if err == nil || ctx.Err() != nil {
		return secrets, err
	}
	if now, nerr := s.record(); nerr == nil && now.Generation != r.Generation {
		return s.get(ctx, now, profileID) // another program has changed how it is kept
	}
	return secrets, err
}

func (s *Store) get(ctx context.Context, r record, profileID string) (profile.Secrets, error) {
	sealed, err := s.sealed(profileID, r.Generation)
	if err != nil {
		return profile.Secrets{}, err
	}
	key, err := s.sealingKey(ctx, r, false)
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

// sealed reads the profile's file, or is ErrNotKept.
func (s *Store) sealed(profileID string, generation uint64) ([]byte, error) {
	path, err := s.path(profileID, generation)
	if err != nil {
		return nil, err
	}
	sealed, err := readBounded(path, maxSealed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotKept
	}
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return sealed, nil
}

// Put keeps secrets for the profile in place of what was kept before; empty
// secrets forget it. The first Put of a user makes the key in the keychain. It is
// ErrKeepsNothing where the user chose that.
func (s *Store) Put(ctx context.Context, profileID string, secrets profile.Secrets) error {
	if secrets.Empty() {
		return s.Forget(profileID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.know(ctx); err != nil {
		return err
	}
	return locked(ctx, s.dir, func() error {
		r, err := s.record()
		if err != nil {
			return err
		}
		if r.Mode == ModeAsk {
			return ErrKeepsNothing
		}
		return s.write(ctx, r, profileID, secrets)
	})
}

// write writes the profile's file, under the lock.
func (s *Store) write(ctx context.Context, r record, profileID string, secrets profile.Secrets) error {
	path, err := s.path(profileID, r.Generation)
	if err != nil {
		return err
	}
	key, err := s.sealingKey(ctx, r, true)
	if err != nil {
		return err
	}
	return write(path, key, profileID, secrets)
}

// know asks for the key where a person may have to be asked for it, so that nobody is
// while other programs wait. The keychain may have none yet.
func (s *Store) know(ctx context.Context) error {
	r, err := s.record()
	if err != nil || r.Mode == ModeAsk {
		return err
	}
	if _, err = s.sealingKey(ctx, r, false); errors.Is(err, ErrNoEntry) {
		err = nil
	}
	return err
}

func write(path string, key []byte, profileID string, secrets profile.Secrets) error {
	sealed, err := seal(key, profileID, secrets)
	if err != nil {
		return err
	}
	if err := profile.WriteFile(path, sealed); err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	return nil
}

// Forget removes what is kept for the profile, also what a switch of modes that
// was cut off has left. It needs neither keychain nor passphrase, and it is no
// error when nothing is kept.
func (s *Store) Forget(profileID string) error {
	if !profile.ValidID(profileID) {
		return errNotID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forget(func(id string, _ uint64) bool { return id == profileID })
}

// ForgetAll removes what is kept for every profile.
func (s *Store) ForgetAll() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forget(func(string, uint64) bool { return true })
}

// forget removes the files that are meant, with the halves of files that a program
// which was ended has left.
func (s *Store) forget(meant func(id string, generation uint64) bool) error {
	return locked(context.Background(), s.dir, func() error {
		if err := profile.RemoveUnfinished(s.dir, 0); err != nil {
			return fmt.Errorf("credential: %w", err)
		}
		return s.remove(meant)
	})
}

// Tidy takes the key out of the keychain where it seals nothing any more. Where no
// keychain answers, there is none to take.
func (s *Store) Tidy(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return locked(ctx, s.dir, func() error {
		files, err := s.files()
		if err != nil || len(files) > 0 {
			return err
		}
		return s.dropKey(ctx)
	})
}

// dropKey deletes the keychain's entry.
func (s *Store) dropKey(ctx context.Context) error {
	err := s.keychain.Delete(ctx, Service, s.login)
	var k *KeychainError
	if errors.Is(err, ErrNoEntry) || errors.As(err, &k) && k.Reason == KeychainAbsent {
		err = nil
	}
	if err == nil {
		clear(s.key)
		s.key = nil
	}
	return err
}

// Kept lists the profiles for which something is kept.
func (s *Store) Kept() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.record()
	if err != nil {
		return nil, err
	}
	files, err := s.files()
	var ids []string
	for _, f := range files {
		if f.generation == r.Generation {
			ids = append(ids, f.id)
		}
	}
	return ids, err
}

// file is one sealed file.
type file struct {
	name, id   string
	generation uint64
}

// files lists the sealed files of every generation.
func (s *Store) files() ([]file, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	var out []file
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		id, number, later := strings.Cut(name, ".")
		f := file{name: e.Name(), id: id}
		if later {
			f.generation, err = strconv.ParseUint(number, 10, 64)
		}
		if ok && err == nil && profile.ValidID(id) {
			out = append(out, f)
		}
		err = nil
	}
	return out, nil
}

// remove deletes the sealed files that are meant.
func (s *Store) remove(meant func(id string, generation uint64) bool) error {
	files, err := s.files()
	if err != nil {
		return err
	}
	some := false
	for _, f := range files {
		if !meant(f.id, f.generation) {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("credential: %w", err)
		}
		some = true
	}
	if !some {
		return nil
	}
	if err := profile.SyncDir(s.dir); err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	return nil
}

var errNotID = errors.New("credential: not a profile's ID")

func (s *Store) path(profileID string, generation uint64) (string, error) {
	if !profile.ValidID(profileID) {
		return "", errNotID
	}
	name := profileID
	if generation > 0 {
		name += "." + strconv.FormatUint(generation, 10)
	}
	return filepath.Join(s.dir, name+suffix), nil
}

// sealingKey gives the key of the store, and asks for it once per generation. With
// create, under the lock, it makes one where the keychain has none, and holds a known
// one against the keychain, where another program may have changed it.
func (s *Store) sealingKey(ctx context.Context, r record, create bool) ([]byte, error) {
	if s.key != nil && s.of == r.Generation && !(create && r.Mode == ModeKeychain) {
		return s.key, nil
	}
	var key []byte
	var err error
	if r.Mode == ModePassphrase {
		key, err = s.unseal(ctx, r)
	} else {
		key, err = s.keychainKey(ctx, create)
	}
	if err != nil {
		return nil, err
	}
	clear(s.key)
	s.key, s.of = key, r.Generation
	return key, nil
}

// keychainKey reads the key from the keychain, or makes it there.
func (s *Store) keychainKey(ctx context.Context, create bool) ([]byte, error) {
	text, err := s.keychain.Get(ctx, Service, s.login)
	if errors.Is(err, ErrNoEntry) && create {
		fresh := newKey()
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
	return key, nil
}

func newKey() []byte {
	fresh := make([]byte, chacha20poly1305.KeySize)
	rand.Read(fresh) // never fails: crypto/rand ends the program instead
	return fresh
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

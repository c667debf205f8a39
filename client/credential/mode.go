package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/homeward-vpn/homeward/client/profile"
)

// Where the key of the store is, the user chooses:
//
//	keychain     in the keychain of the operating system
//	passphrase   in the record below, sealed with a passphrase (passphrase.go), for
//	             a computer without a keychain, or whose keychain is locked
//	ask          nowhere, for nothing is kept: each password is asked for each time
//
// A switch makes a new key and seals everything again, in a new generation of
// files, and then replaces the record: that is the moment in which it counts. What
// is left of the generation of before, or of a switch that was cut off, is deleted
// by the next one, and by Forget.

// Mode is where the key of the store is.
type Mode string

// The modes.
const (
	ModeKeychain   Mode = "keychain"
	ModePassphrase Mode = "passphrase"
	ModeAsk        Mode = "ask"
)

// The refusals of a store because of its mode.
var (
	ErrKeepsNothing    = errors.New("nothing is kept, as you chose; choose otherwise with «homewardctl secrets»")
	ErrWrongPassphrase = errors.New("this is not the passphrase that seals what is kept")
	ErrKeyKept         = errors.New("the private key of a certificate is kept, which nobody could be asked for; forget its profile first, or seal the store with a passphrase")
)

// recordName is the file that holds the choice, beside the sealed files that it is
// about. It holds nothing that opens them without the passphrase.
const recordName = "store.json"

// record is that file. Without one the key is in the keychain.
type record struct {
	Mode       Mode   `json:"mode"`
	Generation uint64 `json:"generation"`    // of the sealed files
	KDF        *kdf   `json:"kdf,omitempty"` // ModePassphrase
	Key        []byte `json:"key,omitempty"` // ModePassphrase: nonce and the sealed key
}

const maxRecord = 4096

// RecordError says that the file with the user's choice cannot be read.
type RecordError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *RecordError) Error() string {
	return fmt.Sprintf("how your passwords are kept cannot be read from %s; restore that file, or delete it with the .sealed files beside it and enter your passwords again", e.Path)
}

// Unwrap gives the technical reason.
func (e *RecordError) Unwrap() error { return e.Err }

func (s *Store) recordPath() string { return filepath.Join(s.dir, recordName) }

// record reads the choice anew each time: another program may have changed it.
func (s *Store) record() (record, error) {
	data, err := readBounded(s.recordPath(), maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return record{Mode: ModeKeychain}, nil
	}
	var r record
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return record{}, &RecordError{Path: s.recordPath(), Err: err}
	}
	return r, nil
}

func (r *record) check() error {
	switch r.Mode {
	case ModeKeychain, ModeAsk:
		return nil
	case ModePassphrase:
		return r.KDF.check()
	default:
		return fmt.Errorf("credential: unknown mode %q", r.Mode)
	}
}

// Mode is what the user chose.
func (s *Store) Mode() (Mode, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.record()
	return r.Mode, err
}

// SetMode keeps in another way from now on, and takes over what is kept: that
// needs the key of before, from the keychain or by its passphrase. passphrase
// is for ModePassphrase, and stays the caller's. What cannot be opened any more is
// not taken over. ModeAsk forgets everything, and is ErrKeyKept where there is what
// nobody could be asked for.
func (s *Store) SetMode(ctx context.Context, mode Mode, passphrase []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := s.files()
	if err == nil && len(files) > 0 {
		err = s.know(ctx)
	}
	if err != nil {
		return err
	}
	return locked(ctx, s.dir, func() error { return s.setMode(ctx, mode, passphrase) })
}

func (s *Store) setMode(ctx context.Context, mode Mode, passphrase []byte) error {
	old, err := s.record()
	if err != nil {
		return err
	}
	if old.Mode == mode && mode != ModePassphrase {
		return nil
	}
	kept, err := s.openAll(ctx, old)
	defer func() {
		for _, secrets := range kept {
			secrets.Clear()
		}
	}()
	if err != nil {
		return err
	}
	next, key, err := s.prepare(ctx, mode, passphrase, old.Generation+1, kept)
	defer clear(key)
	if err == nil {
		err = s.replace(next, key, kept)
	}
	if err != nil {
		return err
	}
	clear(s.key)
	s.key = nil
	err = s.remove(func(_ string, generation uint64) bool { return generation != next.Generation || mode == ModeAsk })
	if old.Mode == ModeKeychain {
		err = errors.Join(err, s.dropKey(ctx))
	}
	return err
}

// prepare makes the next record and the key that it is about.
func (s *Store) prepare(ctx context.Context, mode Mode, passphrase []byte, generation uint64, kept map[string]profile.Secrets) (record, []byte, error) {
	next := record{Mode: mode, Generation: generation}
	switch mode {
	case ModeAsk:
		for _, secrets := range kept {
			if len(secrets.PrivateKey) > 0 {
				return next, nil, ErrKeyKept
			}
		}
		return next, nil, nil
	case ModePassphrase:
		key := newKey()
		return next, key, next.sealKey(key, passphrase, s.cost)
	case ModeKeychain:
		key, err := s.keychainKey(ctx, true)
		return next, key, err
	default:
		return next, nil, fmt.Errorf("credential: unknown mode %q", mode)
	}
}

// replace writes the next generation and then the record.
func (s *Store) replace(next record, key []byte, kept map[string]profile.Secrets) error {
	if next.Mode != ModeAsk {
		for id, secrets := range kept {
			path, err := s.path(id, next.Generation)
			if err == nil {
				err = write(path, key, id, secrets)
			}
			if err != nil {
				return err
			}
		}
	}
	data, err := json.Marshal(next)
	if err == nil {
		err = profile.WriteFile(s.recordPath(), data)
	}
	if err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	return nil
}

// openAll gives everything that is kept and can be opened.
func (s *Store) openAll(ctx context.Context, r record) (map[string]profile.Secrets, error) {
	kept := map[string]profile.Secrets{}
	files, err := s.files()
	for _, f := range files {
		if f.generation != r.Generation || err != nil {
			continue
		}
		secrets, gerr := s.get(ctx, r, f.id)
		var lost *SealError
		switch {
		case gerr == nil:
			kept[f.id] = secrets
		case !errors.As(gerr, &lost) && !errors.Is(gerr, ErrNotKept):
			err = gerr
		}
	}
	return kept, err
}

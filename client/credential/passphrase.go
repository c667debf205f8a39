package credential

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// MinPassphrase is the least length of a passphrase, in bytes. It stands between a
// stolen disk and everything that is kept, and can be tried as often as one likes.
const MinPassphrase = 10

// ErrPassphraseShort says that a passphrase is too short to protect anything.
var ErrPassphraseShort = fmt.Errorf("a passphrase has %d characters at least; choose a longer one, of several words for example", MinPassphrase)

// passphraseTries is how often a passphrase is asked for at a time.
const passphraseTries = 3

// kdf says how the key that seals the store's key comes from the passphrase:
// Argon2id (RFC 9106).
type kdf struct {
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory_kib"`
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"`
}

// The second of the choices that RFC 9106 4 recommends, for computers with little
// memory to spare.
var usualCost = kdf{Time: 3, Memory: 64 << 10, Threads: 4}

const kdfSalt = 16 // bytes

// The bounds of what a record may ask for: it is a file, and this program's time
// and memory are not its to spend.
const (
	maxKDFTime    = 20
	maxKDFMemory  = 1 << 20 // 1 GiB
	maxKDFThreads = 16
	maxKDFSalt    = 64
)

func (k *kdf) check() error {
	if k == nil || k.Time == 0 || k.Time > maxKDFTime || k.Memory < 8<<10 || k.Memory > maxKDFMemory ||
		k.Threads == 0 || k.Threads > maxKDFThreads || len(k.Salt) < kdfSalt || len(k.Salt) > maxKDFSalt {
		return errors.New("credential: the key derivation is out of its bounds")
	}
	return nil
}

// derive gives the key for a passphrase, which the caller clears.
func (k *kdf) derive(passphrase []byte) []byte {
	return argon2.IDKey(passphrase, k.Salt, k.Time, k.Memory, k.Threads, chacha20poly1305.KeySize)
}

// bound is what the sealed key is bound to.
func (r *record) bound() ([]byte, error) {
	head := *r
	head.Key = nil
	data, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return append([]byte("homeward store key 1\n"), data...), nil
}

// sealKey puts the store's key into the record, at that cost and with a new salt.
func (r *record) sealKey(key, passphrase []byte, cost kdf) error {
	if len(passphrase) < MinPassphrase {
		return ErrPassphraseShort
	}
	cost.Salt = make([]byte, kdfSalt)
	rand.Read(cost.Salt) // never fails
	r.KDF = &cost
	bound, err := r.bound()
	if err != nil {
		return err
	}
	outer := r.KDF.derive(passphrase)
	defer clear(outer)
	aead, err := newAEAD(outer)
	if err != nil {
		return err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(key)+aead.Overhead())
	rand.Read(nonce)
	r.Key = aead.Seal(nonce, nonce, key, bound)
	return nil
}

// openKey takes the store's key out of the record: ErrWrongPassphrase where it does
// not open.
func (r *record) openKey(passphrase []byte) ([]byte, error) {
	bound, err := r.bound()
	if err != nil {
		return nil, err
	}
	outer := r.KDF.derive(passphrase)
	defer clear(outer)
	aead, err := newAEAD(outer)
	if err != nil {
		return nil, err
	}
	if len(r.Key) < aead.NonceSize() {
		return nil, ErrWrongPassphrase
	}
	key, err := aead.Open(nil, r.Key[:aead.NonceSize()], r.Key[aead.NonceSize():], bound)
	if err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, ErrWrongPassphrase
	}
	return key, nil
}

// unseal asks for the passphrase until it fits, some times.
func (s *Store) unseal(ctx context.Context, r record) ([]byte, error) {
	if s.Passphrase == nil {
		return nil, ErrNobody
	}
	for try := range passphraseTries {
		passphrase, err := s.Passphrase(ctx, try > 0)
		if err != nil {
			return nil, err
		}
		key, err := r.openKey(passphrase)
		clear(passphrase)
		if !errors.Is(err, ErrWrongPassphrase) {
			return key, err
		}
	}
	return nil, ErrWrongPassphrase
}

package credential

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

// The names of a Wallet's files: an identity's certificates, and which identity a
// profile uses.
const (
	chainSuffix  = ".pem"
	choiceSuffix = ".choice"
)

// The bounds of a Wallet.
const (
	maxIdentities = 256
	maxChainFile  = 4 << 20
)

// Keys keeps the private keys of a Wallet, each as the secret of its identity's ID;
// *Store does.
type Keys interface {
	Get(ctx context.Context, id string) (profile.Secrets, error)
	Put(ctx context.Context, id string, s profile.Secrets) error
	Forget(id string) error
}

// Wallet is the user's certificates: public ones in plain files, and beside them
// the sealed store with their keys. It also remembers which of them a profile
// uses. It is safe for concurrent use, also by several programs of one user.
type Wallet struct {
	dir  string
	keys func() (Keys, error)
}

// OpenWallet makes a Wallet in dir, which is made where it is missing. keys is
// called when a key is needed, not before.
func OpenWallet(dir string, keys func() (Keys, error)) (*Wallet, error) {
	if err := profile.PrivateDir(dir); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return &Wallet{dir: dir, keys: keys}, nil
}

// Add keeps a certificate and its key; the same certificate is there once. A key
// is never without its certificate: what cannot be kept whole is not kept.
func (w *Wallet) Add(ctx context.Context, in *keyfile.Identity) (Identity, error) {
	certs := [][]byte{in.Leaf.Raw}
	for _, c := range in.Others {
		certs = append(certs, c.Raw)
	}
	id, err := NewIdentity(certs)
	if err != nil {
		return Identity{}, err
	}
	list, err := w.List()
	if err != nil {
		return Identity{}, err
	}
	known := slices.ContainsFunc(list, func(o Identity) bool { return o.ID == id.ID })
	if len(list) >= maxIdentities && !known {
		return Identity{}, fmt.Errorf("credential: %d certificates are kept already", len(list))
	}
	keys, err := w.keys()
	if err != nil {
		return Identity{}, err
	}
	if err := keys.Put(ctx, id.ID, profile.Secrets{PrivateKey: in.Key}); err != nil {
		return Identity{}, err
	}
	if err := w.write(ctx, w.path(id.ID, chainSuffix), armour(certs)); err != nil {
		if !known {
			err = errors.Join(err, keys.Forget(id.ID))
		}
		return Identity{}, err
	}
	return id, nil
}

func (w *Wallet) write(ctx context.Context, path string, data []byte) error {
	return locked(ctx, w.dir, func() error {
		if err := profile.WriteFile(path, data); err != nil {
			return fmt.Errorf("credential: %w", err)
		}
		return nil
	})
}

func armour(certs [][]byte) []byte {
	var out []byte
	for _, der := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}

// List gives the certificates that are kept, by name and then by their end. It
// needs no keychain. A file that is damaged, or that is not what its name says, is
// left out.
func (w *Wallet) List() ([]Identity, error) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	var list []Identity
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), chainSuffix)
		if !ok || !profile.ValidID(name) || len(list) == maxIdentities {
			continue
		}
		if id, err := w.read(name); err == nil {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b Identity) int {
		if c := strings.Compare(a.Name(), b.Name()); c != 0 {
			return c
		}
		return a.Leaf.NotAfter.Compare(b.Leaf.NotAfter)
	})
	return list, nil
}

// read reads the certificates of one identity.
func (w *Wallet) read(name string) (Identity, error) {
	data, err := readBounded(w.path(name, chainSuffix), maxChainFile)
	if err != nil {
		return Identity{}, err
	}
	var certs [][]byte
	for block, rest := pem.Decode(data); block != nil && len(certs) <= keyfile.MaxCertificates; block, rest = pem.Decode(rest) {
		certs = append(certs, block.Bytes)
	}
	id, err := NewIdentity(certs)
	if err == nil && id.ID != name {
		err = errors.New("credential: another certificate than the file's name says")
	}
	return id, err
}

// Remove forgets a certificate and its key. It needs no keychain.
func (w *Wallet) Remove(id string) error {
	if !profile.ValidID(id) {
		return errors.New("credential: not a certificate's ID")
	}
	keys, err := w.keys()
	if err != nil {
		return err
	}
	// The key goes first: a certificate that stays behind harms nobody.
	if err := keys.Forget(id); err != nil {
		return err
	}
	return w.remove(w.path(id, chainSuffix))
}

func (w *Wallet) remove(path string) error {
	err := os.Remove(path)
	if err == nil {
		err = profile.SyncDir(w.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("credential: %w", err)
	}
	return nil
}

// Has says whether a certificate (DER) is one of the Wallet's.
func (w *Wallet) Has(leaf []byte) bool {
	_, err := w.read(identityID(leaf))
	return err == nil
}

// RemoveAll forgets every certificate and choice. The keys are the store's to
// forget.
func (w *Wallet) RemoveAll() error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	var errs []error
	for _, e := range entries {
		for _, suffix := range []string{chainSuffix, choiceSuffix} {
			if name, ok := strings.CutSuffix(e.Name(), suffix); ok && profile.ValidID(name) {
				errs = append(errs, w.remove(w.path(name, suffix)))
			}
		}
	}
	return errors.Join(errs...)
}

// Sign signs a message with the key of that certificate. ErrNoKey: it is not kept here.
func (w *Wallet) Sign(ctx context.Context, leaf []byte, scheme string, message []byte) ([]byte, error) {
	keys, err := w.keys()
	if err != nil {
		return nil, err
	}
	secrets, err := keys.Get(ctx, identityID(leaf))
	if errors.Is(err, ErrNotKept) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, err
	}
	defer secrets.Clear()
	if !Fits(secrets.PrivateKey, leaf) {
		return nil, ErrNoKey
	}
	return Sign(secrets, scheme, message)
}

// Fits says whether a private key (PKCS#8) belongs to a certificate (DER).
func Fits(key, leaf []byte) bool {
	private, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		return false
	}
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return false
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// Chosen gives the ID of the identity that a profile uses; empty: none was chosen.
func (w *Wallet) Chosen(profileID string) (string, error) {
	if !profile.ValidID(profileID) {
		return "", errors.New("credential: not a profile's ID")
	}
	data, err := readBounded(w.path(profileID, choiceSuffix), 64)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("credential: %w", err)
	}
	id := strings.TrimSpace(string(data))
	if !profile.ValidID(id) {
		return "", nil // damaged: the person is asked again
	}
	return id, nil
}

// Choose remembers which identity a profile uses; "" forgets it.
func (w *Wallet) Choose(profileID, id string) error {
	if !profile.ValidID(profileID) || id != "" && !profile.ValidID(id) {
		return errors.New("credential: not an ID")
	}
	path := w.path(profileID, choiceSuffix)
	if id == "" {
		return w.remove(path)
	}
	return w.write(context.Background(), path, []byte(id+"\n"))
}

func (w *Wallet) path(id, suffix string) string { return filepath.Join(w.dir, id+suffix) }

// Package machine keeps what this computer signs in with before anybody has signed in
// to it: the service's own store, one file for each profile, below its state directory.
//
// An administrator puts a credential in (control.MachineCredential); it comes out only
// as the answer to a question of a tunnel. No key exists before login that could seal
// it: it is protected by the rights of the file alone, and whoever has the disk, or is
// root, has it. It is bound to the gateway and the sign-in that the profile named when
// it was put in: the owner of a profile may change the profile, and must not have the
// password sent to another gateway so.
//
//	Set -> check (store.go) -> file, mode 0600
//	Has, Answer -> file -> bound? -> password, key, certificate or signature (answer.go)
//
// client/service uses it through an interface; app/homewardd opens it. It knows no
// line, asks nobody and decides nothing.
package machine

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/homeward-vpn/homeward/client/control"
	"github.com/homeward-vpn/homeward/client/profile"
)

// Store is the folder of credentials. It is safe for concurrent use.
type Store struct {
	mu  sync.Mutex
	dir string
}

// kept is one file.
type kept struct {
	Version      int            `json:"version"`
	Bound        string         `json:"bound"` // the gateway and the sign-in that it is for, as a hash
	Username     string         `json:"username,omitempty"`
	Password     control.Secret `json:"password,omitempty"`
	PSK          control.Secret `json:"psk,omitempty"`
	PrivateKey   control.Secret `json:"private_key,omitempty"` // PKCS#8 in DER
	Certificates [][]byte       `json:"certificates,omitempty"`
}

const (
	version = 1
	suffix  = ".json"
	maxFile = 1 << 20
)

func (k *kept) clear() {
	clear(k.Password)
	clear(k.PSK)
	clear(k.PrivateKey)
}

// Open opens the store in dir, which is made where it is not there.
func Open(dir string) (*Store, error) {
	if err := profile.PrivateDir(dir); err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	return &Store{dir: dir}, nil
}

// errNone says that nothing is kept.
var errNone = errors.New("machine: nothing is kept")

func (s *Store) path(id string) (string, error) {
	if !profile.ValidID(id) {
		return "", errNone
	}
	return filepath.Join(s.dir, id+suffix), nil
}

// read gives what is kept for a profile. The caller clears it.
func (s *Store) read(id string) (*kept, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errNone
	case err != nil:
		return nil, fmt.Errorf("machine: %w", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() > maxFile:
		return nil, fmt.Errorf("machine: %s can be read by others, or is no credential, and is not used", filepath.Base(path))
	}
	data, err := os.ReadFile(path)
	defer clear(data)
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	var k kept
	if err := json.Unmarshal(data, &k); err != nil || k.Version != version {
		k.clear()
		return nil, fmt.Errorf("machine: %s cannot be read", filepath.Base(path))
	}
	return &k, nil
}

// meant gives what is kept for a profile, where it is for the gateway and the sign-in
// that the profile names now. The caller clears it.
func (s *Store) meant(p *profile.Profile) (*kept, error) {
	s.mu.Lock()
	k, err := s.read(p.ID)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if k.Bound != bound(p) {
		k.clear()
		return nil, errNone
	}
	return k, nil
}

// bound names the gateway and the sign-in of a profile.
func bound(p *profile.Profile) string {
	text, err := json.Marshal(struct {
		Gateway profile.Gateway
		Client  profile.Client
	}{p.Gateway, p.Client})
	if err != nil {
		return "" // a model of texts and numbers: it does not happen, and fits nothing
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Has implements service.Machine.
func (s *Store) Has(p *profile.Profile) bool {
	k, err := s.meant(p)
	if err != nil {
		return false
	}
	k.clear()
	return true
}

// Set implements service.Machine.
func (s *Store) Set(p *profile.Profile, c control.MachineCredential) error {
	if err := check(p, &c); err != nil {
		return err
	}
	path, err := s.path(p.ID)
	if err != nil {
		return err
	}
	k := kept{
		Version: version, Bound: bound(p), Username: c.Username,
		Password: c.Password, PSK: c.PSK, PrivateKey: c.PrivateKey, Certificates: c.Certificates,
	}
	data, err := json.Marshal(k)
	defer clear(data)
	if err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return profile.WriteFile(path, data)
}

// check holds a credential against the profile that it is for.
func check(p *profile.Profile, c *control.MachineCredential) error {
	refuse := func(format string, args ...any) error {
		return control.Refuse(control.CodeBadRequest, format, args...)
	}
	if !p.OnDemand.When.BeforeLogin() {
		return refuse("%s does not connect before you sign in to the computer (on_demand.when in its file is neither boot nor always), so the service has no use for a credential", p.Name)
	}
	_, byEAP := p.Client.SignIn()
	switch {
	case len(p.Client.Further) > 0:
		return refuse("%s wants a second sign-in, which nobody can answer before you sign in to the computer", p.Name)
	case len(c.Password) > 0 && !byEAP:
		return refuse("%s does not sign in with a password, but with: %s", p.Name, p.Client.Words())
	case len(c.Password) > 0 && p.Client.Username == "" && c.Username == "":
		return refuse("%s does not say with which user name to sign in; give it with --user", p.Name)
	case len(c.Password) > 0 && p.Client.Username != "" && c.Username != "" && c.Username != p.Client.Username:
		return refuse("%s signs in as %s; leave --user out", p.Name, p.Client.Username)
	case len(c.PSK) > 0 && p.Client.Auth != profile.ClientPSK && p.Gateway.Auth != profile.GatewayPSK:
		return refuse("%s has no use for a shared key; it signs in with: %s", p.Name, p.Client.Words())
	case len(c.PrivateKey) > 0 && !p.Client.UsesCertificate():
		return refuse("%s has no use for a certificate; it signs in with: %s", p.Name, p.Client.Words())
	}
	if len(c.PrivateKey) == 0 {
		return nil
	}
	if _, err := keyOf(c.PrivateKey, c.Certificates); err != nil {
		return refuse("the certificate and its key cannot be used: %v", err)
	}
	return nil
}

// keyOf reads a private key and holds it against its certificate.
func keyOf(pkcs8 []byte, chain [][]byte) (crypto.Signer, error) {
	if len(chain) == 0 {
		return nil, errors.New("there is no certificate")
	}
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, errors.New("the private key cannot be read")
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, errors.New("the certificate cannot be read")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key cannot sign")
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return nil, errors.New("the private key belongs to another certificate")
	}
	return signer, nil
}

// Remove implements service.Machine.
func (s *Store) Remove(id string) error {
	path, err := s.path(id)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	return profile.SyncDir(s.dir)
}

// List implements service.Machine. What cannot be read is named as such.
func (s *Store) List() map[string]control.MachineInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]control.MachineInfo{}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || !profile.ValidID(id) {
			continue
		}
		info := control.MachineInfo{ProfileID: id, Kind: "a file that cannot be read"}
		if k, err := s.read(id); err == nil {
			info.Kind = k.words()
			k.clear()
		}
		out[id] = info
	}
	return out
}

// words says what is kept, for a person.
func (k *kept) words() string {
	var words []string
	if len(k.Password) > 0 {
		w := "password"
		if k.Username != "" {
			w += " of " + profile.CleanText(k.Username, 100)
		}
		words = append(words, w)
	}
	if len(k.PSK) > 0 {
		words = append(words, "shared key")
	}
	if len(k.Certificates) > 0 {
		w := "certificate"
		if c, err := x509.ParseCertificate(k.Certificates[0]); err == nil {
			w += fmt.Sprintf(" of %s until %s", profile.CleanText(c.Subject.CommonName, 100), c.NotAfter.Format("2 January 2006"))
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

package revocation

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
)

// kind says what a file of the cache holds; it is the ending of its name.
type kind string

const (
	kindOCSP kind = ".ocsp"
	kindCRL  kind = ".crl"
)

// limits of the cache. What was put in first goes first.
const (
	maxFiles = 64
	maxBytes = 16 << 20
)

// cache keeps one response and one list for each certificate, a file each.
type cache struct {
	dir string
	mu  sync.Mutex // one writer at a time
}

func openCache(dir string) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("revocation: the cache: %w", err)
	}
	return &cache{dir: dir}, nil
}

// file names what is known of a certificate: the whole of it, and whose key has
// issued it.
func (c *cache) file(cert, issuer *x509.Certificate, k kind) string {
	h := sha256.New()
	h.Write(cert.Raw)
	h.Write(issuer.RawSubjectPublicKeyInfo)
	return filepath.Join(c.dir, hex.EncodeToString(h.Sum(nil))+string(k))
}

// get gives what is kept about a certificate; what cannot be read is as good as not
// there.
func (c *cache) get(cert, issuer *x509.Certificate) (e auth.Evidence) {
	if der := read(c.file(cert, issuer, kindOCSP), auth.MaxOCSP); der != nil {
		e.OCSP = append(e.OCSP, der)
	}
	if der := read(c.file(cert, issuer, kindCRL), auth.MaxCRL); der != nil {
		e.CRLs = append(e.CRLs, der)
	}
	return e
}

func read(name string, most int64) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	der, err := io.ReadAll(io.LimitReader(f, most+1))
	if cerr := f.Close(); err != nil || cerr != nil || int64(len(der)) > most {
		return nil
	}
	return der
}

// put keeps evidence that was verified, in one step.
func (c *cache) put(cert, issuer *x509.Certificate, k kind, der []byte) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := c.file(cert, issuer, k)
	f, err := os.CreateTemp(c.dir, "new-*")
	if err != nil {
		return fmt.Errorf("revocation: the cache: %w", err)
	}
	_, err = f.Write(der)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		if rerr := os.Remove(f.Name()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		return fmt.Errorf("revocation: the cache: %w", err)
	}
	return c.prune()
}

// prune removes the oldest files until the limits are kept.
func (c *cache) prune() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("revocation: the cache: %w", err)
	}
	type file struct {
		name string
		size int64
		at   time.Time
	}
	var files []file
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // gone meanwhile, or not ours
		}
		files = append(files, file{e.Name(), info.Size(), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.name, b.name)) })
	var total int64
	for i, f := range files {
		total += f.size
		if i < maxFiles && total <= maxBytes {
			continue
		}
		if rerr := os.Remove(filepath.Join(c.dir, f.name)); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("revocation: the cache: %w", rerr))
		}
	}
	return err
}

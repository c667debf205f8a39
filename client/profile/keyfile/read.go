package keyfile

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/ber"
)

// Files of a person's key and certificate, together or each in its own:
//
//	PEM     blocks of certificates and keys, between whatever text
//	DER     one certificate, or one key (PKCS#8, PKCS#1, SEC 1)
//	PKCS#12 a key, its certificate and those above it
//
// What all files hold is put together at the end: keys find their certificates.

// MaxFile bounds a file, in bytes.
const MaxFile = 1 << 20

const (
	maxAttempts = 3   // of passwords for one file
	maxBlocks   = 256 // of a PEM file
	maxShown    = 80  // runes of a name
)

// File is one file as it was read.
type File struct {
	Name string // for sentences
	Data []byte
}

// AskPassword gives the password of the file of this name; attempt counts from 0.
// An error ends the reading. The reader clears the result.
type AskPassword func(name string, attempt int) ([]byte, error)

// Read gives the identities in the files, one for each private key. Errors are
// *profile.ImportError, with a sentence. The caller clears the keys.
func Read(files []File, ask AskPassword) ([]*Identity, error) {
	r := &reader{ask: ask}
	for _, f := range files {
		if err := r.file(f); err != nil {
			return nil, r.explain(f, err)
		}
	}
	return r.join(files)
}

// reader collects what the files hold.
type reader struct {
	ask   AskPassword
	keys  []foundKey
	certs []*x509.Certificate
	work  uint64 // of passwords, over all files
}

type foundKey struct {
	key  any
	file File
}

// file reads one file of any kind.
func (r *reader) file(f File) error {
	switch {
	case len(f.Data) > MaxFile:
		return profile.NewImportError(profile.ImportTooLarge, "%s is larger than any file of a certificate; give the right one", shown(f))
	case strings.Contains(string(f.Data), "-----BEGIN "):
		return r.pem(f)
	case len(f.Data) == 0:
		return errEmpty
	case f.Data[0] != 0x30:
		return errUnknown
	}
	der, err := ber.ToDER(f.Data)
	if err != nil {
		return err
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		return r.add(nil, c, f)
	}
	if key, err := plainKey(der); err == nil {
		return r.add(key, nil, f)
	}
	var sealed encryptedPrivateKeyInfo
	if err := spend(&r.work, der); err != nil {
		return err
	}
	if unmarshal(der, &sealed) == nil {
		return r.sealed(f, sealed)
	}
	return r.pkcs12(f, der)
}

// pem reads every block that is a certificate or a key.
func (r *reader) pem(f File) error {
	rest := f.Data
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil
		}
		if n == maxBlocks {
			return errMany
		}
		if err := r.block(f, block); err != nil {
			return err
		}
	}
}

func (r *reader) block(f File, b *pem.Block) error {
	defer clear(b.Bytes)
	switch b.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		// The certificate would share the block's bytes.
		c, err := x509.ParseCertificate(append([]byte(nil), b.Bytes...))
		if err != nil {
			return err
		}
		return r.add(nil, c, f)
	case "ENCRYPTED PRIVATE KEY":
		var sealed encryptedPrivateKeyInfo
		if err := unmarshal(b.Bytes, &sealed); err != nil {
			return err
		}
		if err := spend(&r.work, b.Bytes); err != nil {
			return err
		}
		return r.sealed(f, sealed)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		if b.Headers["DEK-Info"] != "" { // RFC 1421 4.6.1.3: MD5, and no integrity
			return errOldCipher
		}
		key, err := plainKey(b.Bytes)
		if err != nil {
			return err
		}
		return r.add(key, nil, f)
	case "OPENSSH PRIVATE KEY":
		return errOpenSSH
	case "PKCS7", "CMS":
		return errPKCS7
	}
	return nil // of no use here: parameters, requests, trust settings
}

// plainKey reads a private key in any of its three forms.
func plainKey(der []byte) (any, error) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	return x509.ParseECPrivateKey(der)
}

// sealed reads a private key under a password.
func (r *reader) sealed(f File, info encryptedPrivateKeyInfo) error {
	return r.withPassword(f, func(password string) error {
		key, err := openPKCS8(info, password)
		if err != nil {
			return err
		}
		return r.add(key, nil, f)
	})
}

// pkcs12 reads a PKCS#12 file, which may have no password.
func (r *reader) pkcs12(f File, der []byte) error {
	open := func(password string) error {
		id, err := PKCS12(der, password)
		if err != nil {
			return err
		}
		defer clear(id.Key)
		key, err := x509.ParsePKCS8PrivateKey(id.Key)
		if err != nil {
			return err
		}
		for _, c := range append([]*x509.Certificate{id.Leaf}, id.Others...) {
			if err := r.add(nil, c, f); err != nil {
				return err
			}
		}
		return r.add(key, nil, f)
	}
	if err := open(""); !errors.Is(err, ErrPassword) {
		return err
	}
	return r.withPassword(f, open)
}

// withPassword asks until a password fits, three times at most.
func (r *reader) withPassword(f File, open func(string) error) error {
	for attempt := range maxAttempts {
		if r.ask == nil {
			break
		}
		typed, err := r.ask(f.Name, attempt)
		if err != nil {
			e := profile.NewImportError(profile.ImportPassword, "%s was not opened, because no password was given", shown(f))
			e.Err = err
			return e
		}
		err = open(string(typed))
		clear(typed)
		if !errors.Is(err, ErrPassword) {
			return err
		}
	}
	return ErrPassword
}

func (r *reader) add(key any, cert *x509.Certificate, f File) error {
	if key != nil {
		if len(r.keys) == maxKeys {
			return errMany
		}
		r.keys = append(r.keys, foundKey{key, f})
		return nil
	}
	if len(r.certs) == MaxCertificates {
		return errMany
	}
	for _, have := range r.certs {
		if have.Equal(cert) {
			return nil
		}
	}
	r.certs = append(r.certs, cert)
	return nil
}

// join gives every key its certificate.
func (r *reader) join(files []File) (ids []*Identity, err error) {
	defer func() {
		if err != nil {
			for _, id := range ids {
				clear(id.Key)
			}
			ids = nil
		}
	}()
	if len(r.keys) == 0 {
		return nil, r.explain(files[0], ErrNoKey)
	}
	for _, k := range r.keys {
		id, err := newIdentity(k.key, r.certs)
		if err != nil {
			return ids, r.explain(k.file, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func shown(f File) string { return profile.CleanText(f.Name, maxShown) }

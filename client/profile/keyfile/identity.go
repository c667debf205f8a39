// Package keyfile reads files that hold a private key and its certificate: PKCS#12,
// PEM and DER, as mail programs, browsers, OpenSSL and Apple's tools write them.
//
// It finds the key's certificate, puts the chain in order and says in one sentence
// what is wrong with a file. It stores nothing and asks nobody but through the
// function that it is given. Files are hostile until they are read: size, nesting
// and the work that a password may cost are bounded. The importers of profiles and
// the user's programs call it.
package keyfile

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
)

// The bounds of what a file holds.
const (
	MaxCertificates = 64
	maxCertificate  = 32 << 10 // DER, bytes
	maxKeys         = 16
)

// Identity is a private key with its certificate. It prints without the key.
type Identity struct {
	Leaf   *x509.Certificate
	Chain  [][]byte            // DER, leaf first, as far as the issuers are there, without the root
	Others []*x509.Certificate // all that came along, in the order of the file
	Key    Key
	Kind   string // of the key: "RSA", "ECDSA256", "ECDSA384", "ECDSA521", "Ed25519"
}

// Key is a private key as PKCS#8 in DER. It does not show itself. Its owner clears
// it after use.
type Key []byte

// String hides the key.
func (Key) String() string { return "redacted" }

// GoString hides the key from %#v too.
func (Key) GoString() string { return "redacted" }

// Format hides the key from every other verb: %x would print it.
func (Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, "redacted") }

// LogValue hides the key from slog.
func (Key) LogValue() slog.Value { return slog.StringValue("redacted") }

// What is wrong with a key and its certificates.
var (
	ErrPassword      = errors.New("the password is missing or wrong")
	ErrNoKey         = errors.New("it holds no private key")
	ErrNoCertificate = errors.New("it holds no certificate")
	ErrForeign       = errors.New("none of its certificates belongs to its key")
)

// newIdentity finds the key's certificate, wherever in the list it stands.
func newIdentity(key any, certs []*x509.Certificate) (*Identity, error) {
	kind, public, err := keyKind(key)
	if err != nil {
		return nil, err
	}
	if len(certs) > MaxCertificates {
		return nil, fmt.Errorf("it holds more than %d certificates", MaxCertificates)
	}
	id := &Identity{Kind: kind}
	for _, c := range certs {
		if len(c.Raw) > maxCertificate {
			return nil, fmt.Errorf("a certificate in it is larger than %d bytes", maxCertificate)
		}
		if id.Leaf == nil && public.Equal(c.PublicKey) {
			id.Leaf = c
		} else {
			id.Others = append(id.Others, c)
		}
	}
	switch {
	case len(certs) == 0:
		return nil, ErrNoCertificate
	case id.Leaf == nil:
		return nil, ErrForeign
	}
	if id.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, err
	}
	id.order()
	return id, nil
}

// order walks from the leaf to its issuers as far as they are there. The root is
// left out: the gateway has it, or does not trust it.
func (id *Identity) order() {
	id.Chain = [][]byte{bytes.Clone(id.Leaf.Raw)}
	used := map[*x509.Certificate]bool{}
	for at := id.Leaf; !selfIssued(at); {
		next := id.issuerOf(at, used)
		if next == nil || selfIssued(next) {
			return
		}
		used[next] = true
		id.Chain = append(id.Chain, bytes.Clone(next.Raw))
		at = next
	}
}

// issuerOf prefers the one whose key has signed c: an authority may have had
// several certificates of one name.
func (id *Identity) issuerOf(c *x509.Certificate, used map[*x509.Certificate]bool) (named *x509.Certificate) {
	for _, o := range id.Others {
		if used[o] || !bytes.Equal(o.RawSubject, c.RawIssuer) {
			continue
		}
		if c.CheckSignatureFrom(o) == nil {
			return o
		}
		if named == nil {
			named = o
		}
	}
	return named
}

// selfIssued says that a certificate names itself as its issuer.
func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// publicKey is what the public keys of crypto/... have in common.
type publicKey interface{ Equal(x crypto.PublicKey) bool }

// keyKind names a private key as CertificateType of a .mobileconfig does.
func keyKind(key any) (kind string, public publicKey, err error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < 1024 || bits > 16384 {
			return "", nil, fmt.Errorf("its RSA key has %d bits", bits)
		}
		return "RSA", &k.PublicKey, nil
	case *ecdsa.PrivateKey:
		switch bits := k.Curve.Params().BitSize; bits {
		case 256, 384, 521:
			return fmt.Sprintf("ECDSA%d", bits), &k.PublicKey, nil
		}
	case ed25519.PrivateKey:
		return "Ed25519", k.Public().(ed25519.PublicKey), nil
	}
	return "", nil, errors.New("its key is of a kind that this version does not know")
}

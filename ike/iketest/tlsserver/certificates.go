package tlsserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"sync"
	"time"
)

// Time is when certificates of this package are valid: a year around it.
var Time = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TimeFunc is Time, as crypto/tls wants it.
func TimeFunc() time.Time { return Time }

// longKey is made once, for it takes long; whoever wants one gets this one.
var longKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 4096) })

// Key makes a key: "ecdsa" and "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa", "rsa-4096".
func Key(kind string) (crypto.Signer, error) {
	switch kind {
	case "ecdsa":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ecdsa-p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ecdsa-p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa-4096":
		return longKey()
	}
	return nil, fmt.Errorf("no key of kind %q", kind)
}

// Authority issues certificates.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	above       [][]byte // intermediates up to the anchor, without it
}

func template(name string, change func(*x509.Certificate)) *x509.Certificate {
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: Time.AddDate(0, -6, 0), NotAfter: Time.AddDate(0, 6, 0),
	}
	if change != nil {
		change(t)
	}
	return t
}

func authority(t *x509.Certificate) {
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
}

// NewAuthority makes an anchor.
func NewAuthority(name, kind string) (*Authority, error) {
	key, err := Key(kind)
	if err != nil {
		return nil, err
	}
	t := template(name, authority)
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{Certificate: cert, Key: key}, err
}

// Below makes an intermediate authority.
func (a *Authority) Below(name, kind string) (*Authority, error) {
	cert, err := a.issue(name, kind, authority)
	if err != nil {
		return nil, err
	}
	return &Authority{Certificate: cert.Leaf, Key: cert.PrivateKey.(crypto.Signer), above: cert.Certificate}, nil
}

// Server issues a server's certificate for a DNS name. change may be nil.
func (a *Authority) Server(name, kind string, change func(*x509.Certificate)) (tls.Certificate, error) {
	return a.issue(name, kind, func(t *x509.Certificate) {
		t.DNSNames, t.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if change != nil {
			change(t)
		}
	})
}

// Client issues a person's certificate. change may be nil.
func (a *Authority) Client(name, kind string, change func(*x509.Certificate)) (tls.Certificate, error) {
	return a.issue(name, kind, func(t *x509.Certificate) {
		t.EmailAddresses, t.ExtKeyUsage = []string{name}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		if change != nil {
			change(t)
		}
	})
}

func (a *Authority) issue(name, kind string, change func(*x509.Certificate)) (tls.Certificate, error) {
	key, err := Key(kind)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template(name, change), a.Certificate, key.Public(), a.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: append([][]byte{der}, a.above...), PrivateKey: key, Leaf: leaf}, err
}

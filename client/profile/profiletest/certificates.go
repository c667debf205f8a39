package profiletest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Now is the time at which certificates made here are valid, for half a year more.
var Now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Certificate is one that was made for a test, with its key.
type Certificate struct {
	*x509.Certificate
	Key crypto.Signer
}

// Authority makes a certificate that may issue others.
func Authority(t testing.TB, name string) Certificate { return issue(t, name, nil, true) }

// Issue makes one for a host or a person of that name, which is its SAN too.
func (c Certificate) Issue(t testing.TB, name string) Certificate { return issue(t, name, &c, false) }

// Between makes an authority below c.
func (c Certificate) Between(t testing.TB, name string) Certificate { return issue(t, name, &c, true) }

func issue(t testing.TB, name string, from *Certificate, ca bool) Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: name},
		NotBefore: Now.AddDate(-1, 0, 0), NotAfter: Now.AddDate(0, 6, 0), BasicConstraintsValid: true, IsCA: ca,
	}
	if !ca {
		template.DNSNames = []string{name}
	}
	parent, signer := template, crypto.Signer(key)
	if from != nil {
		parent, signer = from.Certificate, from.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Certificate{cert, key}
}

// PEM writes the certificate without its key.
func (c Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// KeyPEM writes the key, PKCS#8.
func (c Certificate) KeyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// PKCS12 writes certificate and key, and others beside them.
func (c Certificate) PKCS12(t testing.TB, password string, others ...Certificate) []byte {
	t.Helper()
	certs := make([]*x509.Certificate, len(others))
	for i, o := range others {
		certs[i] = o.Certificate
	}
	data, err := pkcs12.Modern.Encode(c.Key, c.Certificate, certs, password)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

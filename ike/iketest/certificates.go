package iketest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/cloudflare/circl/sign/ed448"

	"github.com/homeward-vpn/homeward/ike/auth"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// KeyKind is the algorithm of a test's key.
type KeyKind string

// The kinds of keys.
const (
	RSA2048 KeyKind = "rsa2048"
	P256    KeyKind = "p256"
	P384    KeyKind = "p384"
	P521    KeyKind = "p521"
	Ed25519 KeyKind = "ed25519"
	Ed448   KeyKind = "ed448" // leaves alone
)

// rsaKeys are made once per run: they are slow, and nothing depends on their
// being different from test to test.
var rsaKeys = sync.OnceValue(func() [2]*rsa.PrivateKey {
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic("iketest: " + err.Error())
		}
		keys[i] = k
	}
	return keys
})

func newKey(kind KeyKind, authority bool) crypto.Signer {
	var key crypto.Signer
	var err error
	switch kind {
	case RSA2048:
		if authority {
			return rsaKeys()[0]
		}
		return rsaKeys()[1]
	case P256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case P384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case P521:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case Ed448:
		_, key, err = ed448.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("no key of kind %q", kind)
	}
	if err != nil {
		panic("iketest: " + err.Error())
	}
	return key
}

// Authority signs certificates.
type Authority struct {
	DER  []byte
	cert *x509.Certificate
	key  crypto.Signer
}

// Certificate is a leaf with its key.
type Certificate struct {
	Chain [][]byte // leaf first, without the anchor
	Key   crypto.Signer
}

// Leaf says what a certificate holds.
type Leaf struct {
	Kind      KeyKind // "": P256
	CommonN   string
	DNSNames  []string
	Addresses []netip.Addr
	Emails    []string
	NotBefore time.Time // zero: a month before Epoch
	NotAfter  time.Time // zero: a year after Epoch
	Usages    []x509.ExtKeyUsage
	OIDs      []asn1.ObjectIdentifier // further extended key usages
}

// NewAuthority makes a self-signed authority, valid ten years around Epoch.
func NewAuthority(name string, kind KeyKind) *Authority {
	key := newKey(kind, true)
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: Epoch.AddDate(-5, 0, 0), NotAfter: Epoch.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(template, template, key, key)
}

// Intermediate makes an authority below this one.
func (a *Authority) Intermediate(name string, kind KeyKind) *Authority {
	key := newKey(kind, false)
	return sign(&x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: Epoch.AddDate(-5, 0, 0), NotAfter: Epoch.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, a.cert, key, a.key)
}

func sign(template, parent *x509.Certificate, key, signer crypto.Signer) *Authority {
	der, err := createCertificate(template, parent, key.Public(), signer)
	if err != nil {
		panic("iketest: " + err.Error())
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic("iketest: " + err.Error())
	}
	return &Authority{DER: der, cert: cert, key: key}
}

// Issue makes a leaf. Further authorities go between it and the anchor, the
// one that signed the leaf first; the leaf is signed by a.
func (a *Authority) Issue(l Leaf, between ...*Authority) *Certificate {
	if l.Kind == "" {
		l.Kind = P256
	}
	key := newKey(l.Kind, false)
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: l.CommonN},
		NotBefore: l.NotBefore, NotAfter: l.NotAfter,
		DNSNames: l.DNSNames, EmailAddresses: l.Emails,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: l.Usages, UnknownExtKeyUsage: l.OIDs,
		BasicConstraintsValid: true,
	}
	for _, addr := range l.Addresses {
		template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = Epoch.AddDate(0, -1, 0)
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = Epoch.AddDate(1, 0, 0)
	}
	leaf := sign(template, a.cert, key, a.key)
	c := &Certificate{Chain: [][]byte{leaf.DER}, Key: key}
	for _, b := range between {
		c.Chain = append(c.Chain, b.DER)
	}
	return c
}

// certRequest names anchors by the hashes of their keys (RFC 7296 3.7).
func certRequest(anchors [][]byte) wire.Payload {
	p := &wire.CertReqPayload{Encoding: wire.CertX509Signature}
	for _, der := range anchors {
		if sum, err := auth.SPKIHash(der); err == nil {
			p.Data = append(p.Data, sum[:]...)
		}
	}
	return p
}

var errNoCertificate = errors.New("iketest: the client sent no certificate")

// checkClientChain verifies a client's chain at Epoch; what it may be used
// for is not looked at.
func checkClientChain(chain, anchors [][]byte) error {
	opts := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: Epoch,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	for pool, ders := range map[*x509.CertPool][][]byte{opts.Roots: anchors, opts.Intermediates: chain[1:]} {
		for _, der := range ders {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return err
			}
			pool.AddCert(c)
		}
	}
	_, err = leaf.Verify(opts)
	return err
}

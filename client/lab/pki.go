package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"time"
)

// KeyType is the kind of a certificate's key.
type KeyType string

// The key types that gateways and clients use.
const (
	ECDSA256 KeyType = "ecdsa-256"
	ECDSA384 KeyType = "ecdsa-384"
	ECDSA521 KeyType = "ecdsa-521"
	RSA2048  KeyType = "rsa-2048"
	RSA3072  KeyType = "rsa-3072"
	RSA4096  KeyType = "rsa-4096"
)

func newKey(t KeyType) (crypto.Signer, error) {
	switch t {
	case ECDSA256, "":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ECDSA384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case ECDSA521:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case RSA2048:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	case RSA4096:
		return rsa.GenerateKey(rand.Reader, 4096)
	}
	return nil, fmt.Errorf("lab: unknown key type %q", t)
}

// Credential is a certificate with its private key.
type Credential struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// DER of the certificate.
func (c *Credential) DER() []byte { return c.Certificate.Raw }

// CertificatePEM is the certificate alone.
func (c *Credential) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate.Raw})
}

// KeyPEM is the private key, PKCS#8.
func (c *Credential) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return nil, fmt.Errorf("lab: encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Authority is a certification authority made for one lab.
type Authority struct {
	Credential
	key KeyType // of the authorities below it too
}

// NewAuthority makes a self-signed authority, valid for a day.
func NewAuthority(commonName string, t KeyType) (*Authority, error) {
	key, err := newKey(t)
	if err != nil {
		return nil, err
	}
	own := authorityTemplate(commonName)
	cert, err := sign(own, own, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &Authority{Credential{Certificate: cert, Key: key}, t}, nil
}

func authorityTemplate(commonName string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName, Organization: []string{"Example Corp"}},
		NotBefore:             now.Add(-24 * time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// Intermediate issues a subordinate authority, with the same kind of key.
func (a *Authority) Intermediate(commonName string) (*Authority, error) {
	key, err := newKey(a.key)
	if err != nil {
		return nil, err
	}
	cert, err := sign(authorityTemplate(commonName), a.Certificate, key.Public(), a.Key)
	if err != nil {
		return nil, err
	}
	return &Authority{Credential{Certificate: cert, Key: key}, a.key}, nil
}

// CertificateSpec says what a certificate should hold.
type CertificateSpec struct {
	CommonName string
	DNSNames   []string
	Addresses  []netip.Addr
	Emails     []string
	Key        KeyType   // empty: ECDSA256
	NotBefore  time.Time // zero: an hour ago
	NotAfter   time.Time // zero: in a day
	// Responders and Lists are where its revocation is to be asked for (OCSP, CRL).
	Responders, Lists []string
	// Usages is the extended key usage; nil: server and client
	// authentication; empty and not nil: the extension is absent.
	Usages []x509.ExtKeyUsage
}

// Issue makes a key and a certificate for it.
func (a *Authority) Issue(s CertificateSpec) (*Credential, error) {
	key, err := newKey(s.Key)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		Subject:        pkix.Name{CommonName: s.CommonName, Organization: []string{"Example Corp"}},
		DNSNames:       s.DNSNames,
		EmailAddresses: s.Emails,
		NotBefore:      s.NotBefore,
		NotAfter:       s.NotAfter,
		KeyUsage:       x509.KeyUsageDigitalSignature,
		ExtKeyUsage:    s.Usages,

		OCSPServer: s.Responders, CRLDistributionPoints: s.Lists,
	}
	for _, addr := range s.Addresses {
		t.IPAddresses = append(t.IPAddresses, net.IP(addr.AsSlice()))
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = time.Now().Add(-time.Hour)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = time.Now().Add(24 * time.Hour)
	}
	if t.ExtKeyUsage == nil {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	cert, err := sign(t, a.Certificate, key.Public(), a.Key)
	if err != nil {
		return nil, err
	}
	return &Credential{Certificate: cert, Key: key}, nil
}

// sign fills in the serial number and signs.
func sign(t, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, fmt.Errorf("lab: choosing a serial number: %w", err)
	}
	t.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, t, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("lab: signing a certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// PKI is what one lab's people and machines have.
type PKI struct {
	CA     *Authority // signs the gateway and the employees
	SignIn *Authority // signs the sign-in servers
	Other  *Authority // a stranger, whom no profile of the lab trusts

	// Responders and Lists are in the gateway's certificate.
	Responders, Lists []string
}

// NewPKI makes the authorities; key is the company's kind.
func NewPKI(key KeyType) (*PKI, error) {
	ca, err := NewAuthority("Example Corp Root CA", key)
	if err != nil {
		return nil, err
	}
	signIn, err := NewAuthority("Example Corp Sign-In CA", ECDSA256)
	if err != nil {
		return nil, err
	}
	other, err := NewAuthority("Somebody Else's Root CA", ECDSA256)
	if err != nil {
		return nil, err
	}
	return &PKI{CA: ca, SignIn: signIn, Other: other}, nil
}

// Employee issues a client certificate whose SAN is the e-mail address.
func (p *PKI) Employee(email string, key KeyType) (*Credential, error) {
	return p.CA.Issue(CertificateSpec{CommonName: email, Emails: []string{email}, Key: key,
		Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// ServerCertificate is a variant of the gateway's certificate.
type ServerCertificate string

// The variants. Each but the first should make a client refuse.
const (
	GoodCertificate      ServerCertificate = ""
	ViaIntermediate      ServerCertificate = "intermediate" // good, with an intermediate authority that the gateway sends
	WrongName            ServerCertificate = "wrong-name"
	ExpiredCertificate   ServerCertificate = "expired"
	FutureCertificate    ServerCertificate = "not-yet-valid"
	UntrustedCertificate ServerCertificate = "untrusted"
	ClientUsageOnly      ServerCertificate = "client-usage"
)

var serverUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

// OtherName is the name in a WrongName certificate.
const OtherName = "vpn.example.org"

// server issues the gateway's certificate and returns the authorities that the
// gateway must hold to send its chain.
func (p *PKI) server(variant ServerCertificate, key KeyType) (*Credential, []*Authority, error) {
	spec := CertificateSpec{CommonName: GatewayName, Key: key,
		DNSNames:  []string{GatewayName, GatewayName6, GatewayNameBoth, SecondName},
		Addresses: []netip.Addr{GatewayAddress, GatewayAddress6, SecondGatewayAddress, SecondGatewayAddress6},
		Usages:    serverUsage, Responders: p.Responders, Lists: p.Lists}
	issuer, held := p.CA, []*Authority{p.CA}
	switch variant {
	case GoodCertificate:
	case ViaIntermediate:
		sub, err := p.CA.Intermediate("Example Corp Servers CA")
		if err != nil {
			return nil, nil, err
		}
		issuer, held = sub, append(held, sub)
	case WrongName:
		spec.CommonName, spec.DNSNames, spec.Addresses = OtherName, []string{OtherName}, nil
	case ExpiredCertificate:
		spec.NotBefore, spec.NotAfter = time.Now().Add(-12*time.Hour), time.Now().Add(-time.Hour)
	case FutureCertificate:
		spec.NotBefore = time.Now().Add(12 * time.Hour)
	case UntrustedCertificate:
		issuer, held = p.Other, append(held, p.Other)
	case ClientUsageOnly:
		spec.Usages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	default:
		return nil, nil, fmt.Errorf("lab: unknown server certificate %q", variant)
	}
	c, err := issuer.Issue(spec)
	return c, held, err
}

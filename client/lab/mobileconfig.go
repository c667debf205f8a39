package lab

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"text/template"

	"software.sslmate.com/src/go-pkcs12"
)

// Mobileconfig is an Apple configuration profile with one IKEv2 connection,
// as an administrator would send it. Empty fields are left out of the file.
type Mobileconfig struct {
	Name             string // of the connection; also in the identifiers
	RemoteAddress    string // empty: GatewayName
	RemoteIdentifier string // empty: GatewayName
	LocalIdentifier  string

	EAP       bool
	AuthName  string
	Secret    string // SharedSecret; chooses PSK
	CA        [][]byte
	PKCS12    []byte // chooses a certificate; beside EAP: EAP-TLS
	PKCS12Key string // its password

	TLSMinimum, TLSMaximum string // for EAP-TLS
	// EAPTypes chooses the EAP methods by their numbers, in an EAP dictionary, where
	// TrustedServers and TTLSInner stand too.
	EAPTypes       []int
	TTLSInner      string // TTLSInnerAuthentication
	TrustedServers []string
	Revocation     bool // EnableCertificateRevocationCheck

	ServerName   string // ServerCertificateCommonName
	IssuerName   string // ServerCertificateIssuerCommonName
	IKE, Child   Algorithms
	PFS          bool
	Split        bool     // take the subnets that the gateway sends, not everything
	DNSServers   []string // empty: no DNS dictionary
	MatchDomains []string
}

// Algorithms are the keys of an SA's dictionary, in Apple's words.
type Algorithms struct {
	Encryption, Integrity string
	Group, Minutes        int
}

//go:embed mobileconfig.tmpl
var mobileconfigText string

var mobileconfigTemplate = template.Must(template.New("").Funcs(template.FuncMap{
	"text":   xmlText,
	"base64": base64.StdEncoding.EncodeToString,
	"uuid":   newUUID,
}).Parse(mobileconfigText))

func xmlText(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

// newUUID is a random one (RFC 9562 5.4).
func newUUID() (string, error) {
	var u [16]byte
	if _, err := rand.Read(u[:]); err != nil {
		return "", err
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", u[:4], u[4:6], u[6:8], u[8:10], u[10:]), nil
}

// XML is the file.
func (m Mobileconfig) XML() ([]byte, error) {
	if m.RemoteAddress == "" {
		m.RemoteAddress = GatewayName
	}
	if m.RemoteIdentifier == "" {
		m.RemoteIdentifier = GatewayName
	}
	identity, err := newUUID()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = mobileconfigTemplate.Execute(&b, struct {
		Mobileconfig
		IdentityUUID string
	}{m, identity})
	if err != nil {
		return nil, fmt.Errorf("lab: writing a profile: %w", err)
	}
	return b.Bytes(), nil
}

// PKCS12 packs a credential and its authority, as old tools do (legacy: RC2
// and 3DES) or as new ones do (AES).
func PKCS12(c *Credential, ca *Authority, password string, legacy bool) ([]byte, error) {
	encoder := pkcs12.Modern
	if legacy {
		encoder = pkcs12.LegacyRC2
	}
	p, err := encoder.Encode(c.Key, c.Certificate, []*x509.Certificate{ca.Certificate}, password)
	if err != nil {
		return nil, fmt.Errorf("lab: packing a PKCS#12 file: %w", err)
	}
	return p, nil
}

package onc

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/client/profile/importer"
	"github.com/homeward-vpn/homeward/client/profile/keyfile"
)

// The bounds of certificates.
const (
	maxAnchors     = 64
	maxCertificate = 32 << 10
)

// find gives the certificate of that GUID.
func (f *file) find(guid string) *node {
	for _, n := range f.certificates {
		if n.member("GUID").text() == guid && guid != "" {
			return n
		}
	}
	return nil
}

// anchors reads the authorities that settings trust, by reference and in place.
func (c *connection) anchors(settings *node) (list [][]byte, err error) {
	pems := settings.member("ServerCAPEMs")
	references := append(settings.member("ServerCARef").texts(), settings.member("ServerCARefs").texts()...)
	if len(references)+len(pems.texts()) > maxAnchors {
		return nil, importer.Damaged("the file is damaged: %s trusts more than %d authorities", importer.Quote(c.profile.Name), maxAnchors)
	}
	add := func(der []byte) {
		if !slices.ContainsFunc(list, func(have []byte) bool { return bytes.Equal(have, der) }) {
			list = append(list, der)
		}
	}
	for _, guid := range references {
		cert, err := c.authority(guid)
		if err != nil {
			return nil, err
		}
		add(cert.Raw)
	}
	const own = "only what these issue is trusted, and for this connection only"
	c.report.Honour(settings.member("ServerCARef").where(), own)
	c.report.Honour(settings.member("ServerCARefs").where(), own)
	for _, text := range pems.texts() {
		cert, err := parseCertificate(text)
		if err != nil {
			return nil, importer.Damaged("the file is damaged: an authority of %s is no certificate", importer.Quote(c.profile.Name))
		}
		add(cert.Raw)
	}
	c.report.Show(pems.where(), importer.Plural(len(pems.texts()), "certificate"))
	c.report.Honour(pems.where(), own)
	return list, nil
}

// authority reads the certificate of that GUID.
func (c *connection) authority(guid string) (*x509.Certificate, error) {
	n := c.file.find(guid)
	if n == nil {
		return nil, importer.Incomplete("%s trusts the certificate %s, which the file does not hold; ask for a complete configuration", importer.Quote(c.profile.Name), importer.Quote(guid))
	}
	cert, err := parseCertificate(n.member("X509").text())
	if err != nil {
		e := importer.Damaged("the certificate %s cannot be read: it is neither PEM nor base64 of a certificate", importer.Quote(guid))
		e.Err = err
		return nil, e
	}
	c.report.Show(n.member("X509").where(), describe(cert))
	c.report.Honour(n.member("X509").where(), "trusted for this connection, and for nothing else")
	c.tellCertificate(n)
	return cert, nil
}

// tellCertificate tells what stands around a certificate that is used.
func (c *connection) tellCertificate(n *node) {
	c.report.Honour(n.member("GUID").where(), "")
	c.report.Honour(n.member("Type").where(), "")
	for _, name := range []string{"TrustBits", "Scope", "Remove", "Comment"} {
		if m := n.member(name); m != nil {
			c.report.Under(m.path, profile.Ignored, "for ChromeOS")
		}
	}
}

// parseCertificate reads PEM, or base64 of DER.
func parseCertificate(text string) (*x509.Certificate, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return x509.ParseCertificate(block.Bytes)
	}
	der, err := decode(text)
	if err != nil {
		return nil, err
	}
	if len(der) > maxCertificate {
		return nil, fmt.Errorf("larger than %d bytes", maxCertificate)
	}
	return x509.ParseCertificate(der)
}

func decode(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Join(strings.Fields(text), ""), "="))
}

func describe(c *x509.Certificate) string {
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	return name + ", valid until " + c.NotAfter.UTC().Format("2006-01-02")
}

// clientCertificate reads which certificate the employee shows.
func (c *connection) clientCertificate(settings *node) error {
	const own = "the one of yours that the gateway accepts, from «homewardctl certificate import» or a smart card; where several fit you are asked once"
	kind := settings.member("ClientCertType")
	switch kind.text() {
	case "Ref":
		ref := settings.member("ClientCertRef")
		if err := c.identity(ref.text()); err != nil {
			return err
		}
		c.report.Honour(ref.where(), "")
		c.report.Honour(kind.path, "")
		return nil
	case "Pattern":
		c.pattern(settings.member("ClientCertPattern"))
	}
	c.report.Approx(kind.where(), own)
	for _, name := range []string{"ClientCertPattern", "ClientCertPKCS11Id", "ClientCertProvisioningProfileId", "ClientCertRef"} {
		if n := settings.member(name); n != nil {
			c.report.Under(n.path, profile.Approximated, own)
		}
	}
	if kind == nil {
		c.report.Absent("ClientCertType", own)
	}
	return nil
}

// pattern narrows the choice of the employee's certificate to those of an issuer.
func (c *connection) pattern(n *node) {
	add := func(name string) bool {
		if name = profile.CleanText(name, 256); name == "" || variable(name) || len(c.profile.Client.CertificateIssuers) == 32 {
			return false
		}
		c.profile.Client.CertificateIssuers = append(c.profile.Client.CertificateIssuers, name)
		return true
	}
	if cn := n.at("Issuer", "CommonName"); add(cn.text()) {
		c.report.Honour(cn.path, "only certificates of this issuer are taken")
	}
	for _, key := range []string{"IssuerCARef", "IssuerCARefs"} {
		guids := n.member(key).texts()
		for _, guid := range guids[:min(len(guids), maxAnchors)] {
			cert, err := parseCertificate(c.file.find(guid).member("X509").text())
			if err == nil && add(cert.Subject.CommonName) {
				c.report.Honour(n.member(key).path, "only certificates of these issuers are taken")
			}
		}
	}
}

// identity takes the certificate and the key in the PKCS#12 file of that GUID.
func (c *connection) identity(guid string) error {
	n := c.file.find(guid)
	if n.member("PKCS12").text() == "" {
		return importer.Incomplete("%s wants a client certificate that the file does not hold; ask for a complete configuration", importer.Quote(c.profile.Name))
	}
	id, err := c.file.open(guid, n.member("PKCS12").text())
	if err != nil {
		return err
	}
	c.profile.Client.Certificates = id.Chain
	c.secrets.PrivateKey = append([]byte(nil), id.Key...)
	c.report.Show(n.member("PKCS12").path, describe(id.Leaf))
	c.report.Honour(n.member("PKCS12").path, "you sign in with it; its key goes to your sealed store")
	c.tellCertificate(n)
	return nil
}

// opened is what became of a PKCS#12 file: it is tried once, however many networks
// want it.
type opened struct {
	identity *keyfile.Identity
	err      error
}

// open opens a PKCS#12 file.
func (f *file) open(guid, text string) (*keyfile.Identity, error) {
	if o, done := f.opened[guid]; done {
		return o.identity, o.err
	}
	if f.costly {
		return nil, importer.Damaged("the client certificate %s was not opened, because another one of the file took longer than any real one does", importer.Quote(guid))
	}
	data, err := decode(text)
	if err != nil {
		return nil, importer.Damaged("the client certificate %s is not base64: the file is damaged, or a template that was not filled in", importer.Quote(guid))
	}
	found, err := keyfile.Read([]keyfile.File{{Name: guid, Data: data}}, f.options.AskPassword)
	if err != nil {
		f.opened[guid] = opened{err: err}
		f.costly = errors.Is(err, keyfile.ErrCostly)
		return nil, err
	}
	for _, other := range found[1:] {
		clear(other.Key)
	}
	f.opened[guid] = opened{identity: found[0]}
	return found[0], nil
}

// clear forgets the keys that were opened; connections have copies.
func (f *file) clear() {
	for _, o := range f.opened {
		if o.identity != nil {
			clear(o.identity.Key)
		}
	}
}

package auth

import (
	"crypto/x509"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	// oidUserPrincipal is the name of an account of Active Directory, as it stands in
	// a SAN (MS-WCCE 2.2.2.7.5).
	oidUserPrincipal = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// AccountName is the account that a user's certificate signs in to with EAP: the user
// principal name, the mail address or another name in its SAN, else its common name
// (RFC 5216 5.2). Empty: it has none, or cannot be read.
func AccountName(der []byte) string {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return ""
	}
	if name := userPrincipal(leaf); name != "" {
		return name
	}
	for _, list := range [][]string{leaf.EmailAddresses, leaf.DNSNames, {leaf.Subject.CommonName}} {
		if len(list) > 0 {
			return list[0]
		}
	}
	return ""
}

// userPrincipal finds the user principal name of a certificate.
func userPrincipal(c *x509.Certificate) string {
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		names := cryptobyte.String(e.Value)
		if !names.ReadASN1(&names, cbasn1.SEQUENCE) {
			return ""
		}
		for !names.Empty() {
			var name cryptobyte.String
			var tag cbasn1.Tag
			if !names.ReadAnyASN1(&name, &tag) {
				return ""
			}
			if text, ok := principal(name, tag); ok {
				return text
			}
		}
	}
	return ""
}

// principal reads an otherName (RFC 5280 4.2.1.6).
func principal(name cryptobyte.String, tag cbasn1.Tag) (string, bool) {
	var oid asn1.ObjectIdentifier
	var value, text cryptobyte.String
	ok := tag == cbasn1.Tag(0).Constructed().ContextSpecific() && name.ReadASN1ObjectIdentifier(&oid) && oid.Equal(oidUserPrincipal) &&
		name.ReadASN1(&value, cbasn1.Tag(0).Constructed().ContextSpecific()) && value.ReadASN1(&text, cbasn1.UTF8String)
	return string(text), ok
}

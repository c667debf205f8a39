package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// errNoSubject says that a certificate names nobody.
var errNoSubject = errors.New("auth: the certificate names nobody who could be its identity")

// SubjectIdentity is the subject of a certificate as an identity of type
// ID_DER_ASN1_DN, or where it has none an e-mail address or host name of its SAN: what
// it certifies by itself (RFC 4945 3.1).
func SubjectIdentity(certDER []byte) (Identity, error) {
	cert, err := x509.ParseCertificate(certDER)
	switch {
	case err != nil:
		return Identity{}, fmt.Errorf("%w: %w", errCertificate, err)
	case len(cert.Subject.Names) > 0:
		return Identity{Type: IDDERDN, Data: cert.RawSubject}, nil
	case len(cert.EmailAddresses) > 0:
		return Identity{Type: IDRFC822, Data: []byte(cert.EmailAddresses[0])}, nil
	case len(cert.DNSNames) > 0:
		return Identity{Type: IDFQDN, Data: []byte(cert.DNSNames[0])}, nil
	}
	return Identity{}, errNoSubject
}

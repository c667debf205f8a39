package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
)

// errNoSubject says that a certificate names its holder in its SAN alone.
var errNoSubject = errors.New("auth: the certificate has no subject to be used as an identity")

// SubjectIdentity is the subject of a certificate as an identity of type
// ID_DER_ASN1_DN, which it certifies by itself (RFC 4945 3.1.5).
func SubjectIdentity(certDER []byte) (Identity, error) {
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", errCertificate, err)
	}
	if len(cert.Subject.Names) == 0 {
		return Identity{}, errNoSubject
	}
	return Identity{Type: IDDERDN, Data: cert.RawSubject}, nil
}

package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ChainPolicy is what a chain must satisfy.
type ChainPolicy struct {
	Purpose       Purpose
	Anchors       [][]byte // DER; the only roots, the system's are not looked at
	Intermediates [][]byte // DER; helpers without any trust of their own
	// Name must be in the leaf's SAN: a domain name, an e-mail address, an IP
	// address, or a distinguished name that the subject must equal. It is read
	// by the rules of ParseIdentity and never empty, but for an EAP server.
	Name string
	// Names are for an EAP server, in place of Name: one of them must be in the SAN.
	// Each is a name as above, or a domain name whose first label is "*", which
	// stands for any one label; "*" alone is any name. Never empty there.
	Names []string
	// Pins, where there are any, are SHA-256 hashes of SubjectPublicKeyInfos, of
	// which the verified path must have one: that of the leaf, or of an issuer.
	Pins [][32]byte
	// IssuerName, where set, must be the common name of a certificate
	// authority in the verified path.
	IssuerName string
	Now        time.Time
}

// minRSABits is the shortest RSA key accepted below an anchor.
const minRSABits = 2048

// maxChain bounds the certificates that are looked at, a peer's and helpers together.
const maxChain = 64

// VerifyChain judges the chain of a gateway or of an EAP server, leaf first; see
// VerifyPath. Revocation is not looked at.
func VerifyChain(chain [][]byte, p ChainPolicy) error {
	_, err := VerifyPath(chain, p)
	return err
}

// VerifyPath judges a chain, and gives the path that it trusts, from the leaf to
// the anchor, both included:
//
//	read -> dates of the leaf -> path to an anchor -> strength -> usage -> name -> issuer -> pin
//
// An anchor may itself be the leaf. Errors are *CertificateError. The certificates
// of the path share no memory with the chain. Revocation is not looked at.
func VerifyPath(chain [][]byte, p ChainPolicy) ([]*x509.Certificate, error) {
	certs, helpers, roots, err := readChain(chain, p)
	if err != nil {
		return nil, err
	}
	leaf := certs[0]
	if err := checkDates(leaf, p.Now); err != nil {
		return nil, err
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: helpers,
		CurrentTime:   p.Now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // checkUsage knows IKE's rules
	})
	if err != nil {
		return nil, pathError(certs, p, err)
	}
	for _, check := range []func([]*x509.Certificate) error{
		checkStrength,
		func(path []*x509.Certificate) error { return checkUsages(path, p.Purpose) },
		func(path []*x509.Certificate) error { return checkNames(path[0], p) },
		func(path []*x509.Certificate) error { return checkIssuer(path, p.IssuerName) },
		func(path []*x509.Certificate) error { return checkPins(path, p.Pins) },
	} {
		if paths, err = passing(paths, check); err != nil {
			return nil, err
		}
	}
	return paths[0], nil
}

// passing gives the paths that pass a check, and what the first of them lacks
// where none does.
func passing(paths [][]*x509.Certificate, check func([]*x509.Certificate) error) (good [][]*x509.Certificate, first error) {
	for _, path := range paths {
		if err := check(path); err == nil {
			good = append(good, path)
		} else if first == nil {
			first = err
		}
	}
	if len(good) > 0 {
		return good, nil
	}
	return nil, first
}

func readChain(chain [][]byte, p ChainPolicy) (certs []*x509.Certificate, helpers, roots *x509.CertPool, err error) {
	if len(chain) == 0 {
		return nil, nil, nil, &CertificateError{Kind: Malformed, Seen: "no certificate", Expected: "the certificate of who answers"}
	}
	if len(chain)+len(p.Intermediates) > maxChain {
		return nil, nil, nil, &CertificateError{Kind: Malformed, Seen: fmt.Sprintf("%d certificates", len(chain)), Expected: fmt.Sprintf("at most %d", maxChain)}
	}
	helpers, roots = x509.NewCertPool(), x509.NewCertPool()
	for i, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err == nil {
			_, err = keyOf(cert) // before a signature costs time: no key beyond maxRSABits
		}
		if err != nil && i == 0 {
			return nil, nil, nil, &CertificateError{Kind: Malformed, Seen: "a certificate that cannot be read", Err: err}
		}
		if err != nil {
			continue // only what is needed for the path has to be readable
		}
		certs = append(certs, cert)
		if i > 0 {
			helpers.AddCert(cert)
		}
	}
	for _, der := range p.Intermediates {
		if cert, err := x509.ParseCertificate(der); err == nil {
			helpers.AddCert(cert)
		}
	}
	for _, der := range p.Anchors {
		if cert, err := x509.ParseCertificate(der); err == nil {
			roots.AddCert(cert)
		}
	}
	return certs, helpers, roots, nil
}

func checkDates(cert *x509.Certificate, now time.Time) error {
	if e := outsideDates(cert, now); e != nil {
		return e
	}
	return nil
}

func outsideDates(cert *x509.Certificate, now time.Time) *CertificateError {
	e := &CertificateError{NotBefore: cert.NotBefore, NotAfter: cert.NotAfter}
	switch {
	case now.After(cert.NotAfter):
		e.Kind = Expired
		e.Seen = fmt.Sprintf("%s ended on %s", subject(cert), date(cert.NotAfter))
	case now.Before(cert.NotBefore):
		e.Kind = NotYetValid
		e.Seen = fmt.Sprintf("%s begins on %s", subject(cert), date(cert.NotBefore))
	default:
		return nil
	}
	e.Expected = "a certificate that is valid on " + date(now)
	return e
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// pathError says why no path to an anchor was found.
func pathError(certs []*x509.Certificate, p ChainPolicy, err error) error {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch {
		case invalid.Reason == x509.Expired && invalid.Cert != nil:
			if e := outsideDates(invalid.Cert, p.Now); e != nil {
				e.Authority = subject(invalid.Cert) // the leaf's own dates have been looked at
				return e
			}
		case invalid.Reason == x509.CANotAuthorizedForThisName, invalid.Reason == x509.NameConstraintsWithoutSANs:
			return certError(certs[0], Untrusted, "an authority that may not certify these names", "", err)
		}
	}
	var unhandled x509.UnhandledCriticalExtension
	if errors.As(err, &unhandled) {
		return certError(certs[0], Malformed, "a critical extension that is not understood", "", err)
	}
	for _, cert := range certs {
		if weakHash(cert.SignatureAlgorithm) && !selfIssued(cert) {
			return certError(cert, Weak, fmt.Sprintf("%s is signed with %v", subject(cert), cert.SignatureAlgorithm), "a signature with SHA-256 or better", err)
		}
	}
	top := certs[len(certs)-1]
	return certError(certs[0], Untrusted, name(top.Issuer.String(), top.Issuer.CommonName), anchorNames(p.Anchors), err)
}

func weakHash(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		return true
	}
	return false
}

func selfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }

// anchorNames lists whom the profile trusts, a few of them.
func anchorNames(anchors [][]byte) string {
	const most = 3
	var names []string
	for _, der := range anchors {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		if len(names) == most {
			names = append(names, "and others")
			break
		}
		names = append(names, subject(cert))
	}
	if names == nil {
		return "a trusted authority, but none is set"
	}
	return "an issuer that leads to " + strings.Join(names, ", ")
}

// checkStrength looks at the keys below the anchor; an anchor's own key is the
// choice of whoever set it.
func checkStrength(path []*x509.Certificate) error {
	for i, cert := range path {
		if i > 0 && i == len(path)-1 {
			break
		}
		key, err := keyOf(cert)
		if err != nil {
			return certError(cert, Malformed, subject(cert)+" has a key that cannot be read", "", err)
		}
		switch k := key.public.(type) {
		case *rsa.PublicKey:
			if bits := k.N.BitLen(); bits < minRSABits {
				return certError(cert, Weak, fmt.Sprintf("%s has an RSA key of %d bits", subject(cert), bits), fmt.Sprintf("%d bits or more", minRSABits), nil)
			}
		case *ecdsa.PublicKey:
			if bits := k.Curve.Params().BitSize; bits < 256 {
				return certError(cert, Weak, fmt.Sprintf("%s has an ECDSA key of %d bits", subject(cert), bits), "256 bits or more", nil)
			}
		}
	}
	return nil
}

// checkIssuer compares with every authority above the leaf, because profiles
// name the direct issuer or the root.
func checkIssuer(path []*x509.Certificate, want string) error {
	leaf := path[0]
	if want == "" || leaf.Issuer.CommonName == want {
		return nil
	}
	for _, cert := range path[1:] {
		if cert.Subject.CommonName == want {
			return nil
		}
	}
	return certError(leaf, WrongIssuer, name(leaf.Issuer.String(), leaf.Issuer.CommonName), want, nil)
}

func certError(cert *x509.Certificate, kind CertificateErrorKind, seen, expected string, err error) *CertificateError {
	return &CertificateError{Kind: kind, Seen: seen, Expected: expected, NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Err: err}
}

// subject names a certificate for a person.
func subject(cert *x509.Certificate) string {
	return name(cert.Subject.String(), cert.Subject.CommonName)
}

func name(full, common string) string {
	switch {
	case common != "":
		return fmt.Sprintf("%q", common)
	case full != "":
		return fmt.Sprintf("%q", full)
	}
	return "a certificate without a subject"
}

// SPKIHash is the SHA-1 of a certificate's SubjectPublicKeyInfo, by which a
// CERTREQ names an authority (RFC 7296 3.7). SHA-1 is only a name here.
func SPKIHash(certDER []byte) ([20]byte, error) {
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return [20]byte{}, fmt.Errorf("%w: %w", errCertificate, err)
	}
	return sha1.Sum(cert.RawSubjectPublicKeyInfo), nil
}

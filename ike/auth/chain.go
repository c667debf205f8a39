package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ChainPolicy is what a gateway's chain must satisfy.
type ChainPolicy struct {
	Anchors       [][]byte // DER; the only roots, the system's are not looked at
	Intermediates [][]byte // DER; helpers without any trust of their own
	// Name must be in the leaf's SAN: a domain name, an e-mail address, an IP
	// address, or a distinguished name that the subject must equal. It is read
	// by the rules of ParseIdentity and never empty.
	Name string
	// IssuerName, where set, must be the common name of a certificate
	// authority in the verified path.
	IssuerName string
	Now        time.Time
}

// minRSABits is the shortest RSA key accepted below an anchor.
const minRSABits = 2048

// maxChain bounds the certificates that are looked at, a peer's and helpers together.
const maxChain = 64

// VerifyChain judges a gateway's chain, leaf first:
//
//	read -> dates of the leaf -> path to an anchor -> strength -> usage -> name -> issuer
//
// An anchor may itself be the leaf. Errors are *CertificateError. Revocation is
// not looked at.
func VerifyChain(chain [][]byte, p ChainPolicy) error {
	certs, helpers, roots, err := readChain(chain, p)
	if err != nil {
		return err
	}
	leaf := certs[0]
	if err := checkDates(leaf, p.Now); err != nil {
		return err
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: helpers,
		CurrentTime:   p.Now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // checkUsage knows IKE's rules
	})
	if err != nil {
		return pathError(certs, p, err)
	}
	if err := anyStrong(paths); err != nil {
		return err
	}
	if err := checkUsage(leaf); err != nil {
		return err
	}
	if err := checkName(leaf, p.Name); err != nil {
		return err
	}
	return checkIssuer(leaf, paths, p.IssuerName)
}

func readChain(chain [][]byte, p ChainPolicy) (certs []*x509.Certificate, helpers, roots *x509.CertPool, err error) {
	if len(chain) == 0 {
		return nil, nil, nil, &CertificateError{Kind: Malformed, Seen: "no certificate", Expected: "the gateway's certificate"}
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
			if e := checkDates(invalid.Cert, p.Now); e != nil {
				return e
			}
		case invalid.Reason == x509.CANotAuthorizedForThisName, invalid.Reason == x509.NameConstraintsWithoutSANs:
			return certError(certs[0], Untrusted, "issued outside the names that its authority may use", "", err)
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
	return certError(certs[0], Untrusted, fmt.Sprintf("%s, issued by %s", subject(certs[0]), name(top.Issuer.String(), top.Issuer.CommonName)), anchorNames(p.Anchors), err)
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

// anyStrong wants one path whose keys are all long enough, and else tells what
// the first lacks.
func anyStrong(paths [][]*x509.Certificate) error {
	var first error
	for _, path := range paths {
		err := checkStrength(path)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
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

// Extended key usages that x509 has no name for.
var (
	ekuIPsecIKE        = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 17} // id-kp-ipsecIKE, RFC 4945 5.1.3.12
	ekuIKEIntermediate = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 8, 2, 2}  // older Apple and Windows systems ask for it
)

// checkUsage is RFC 4945 5.1.3.2 and 5.1.3.12: a key usage must allow
// signatures; an extended key usage, where there is one, must be for a server,
// for IKE or for anything.
func checkUsage(cert *x509.Certificate) error {
	if cert.KeyUsage != 0 && cert.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return certError(cert, Usage, "a key usage without digital signature", "digitalSignature or nonRepudiation", nil)
	}
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 {
		return nil
	}
	if slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return nil
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		if oid.Equal(ekuIPsecIKE) || oid.Equal(ekuIKEIntermediate) {
			return nil
		}
	}
	return certError(cert, Usage, "a certificate for "+usageNames(cert), "one for a server (serverAuth) or for IKE (ipsecIKE)", nil)
}

func usageNames(cert *x509.Certificate) string {
	known := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageClientAuth:      "clientAuth",
		x509.ExtKeyUsageCodeSigning:     "codeSigning",
		x509.ExtKeyUsageEmailProtection: "emailProtection",
		x509.ExtKeyUsageTimeStamping:    "timeStamping",
		x509.ExtKeyUsageOCSPSigning:     "OCSPSigning",
	}
	var names []string
	for _, u := range cert.ExtKeyUsage {
		if n, ok := known[u]; ok {
			names = append(names, n)
		} else {
			names = append(names, fmt.Sprintf("usage %d", int(u)))
		}
	}
	for _, oid := range cert.UnknownExtKeyUsage {
		names = append(names, oid.String())
	}
	return strings.Join(names, ", ")
}

// checkIssuer compares with every authority above the leaf, because profiles
// name the direct issuer or the root.
func checkIssuer(leaf *x509.Certificate, paths [][]*x509.Certificate, want string) error {
	if want == "" || leaf.Issuer.CommonName == want {
		return nil
	}
	for _, path := range paths {
		for _, cert := range path[1:] {
			if cert.Subject.CommonName == want {
				return nil
			}
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

package auth

import (
	"strings"
	"time"
)

// CertificateErrorKind says what is wrong with a chain.
type CertificateErrorKind string

// The kinds.
const (
	Untrusted   CertificateErrorKind = "untrusted"     // no path to an anchor; Seen: who has issued it
	WrongName   CertificateErrorKind = "wrong-name"    // the SAN does not hold the name
	Expired     CertificateErrorKind = "expired"       // NotAfter is past
	NotYetValid CertificateErrorKind = "not-yet-valid" // NotBefore is to come
	Usage       CertificateErrorKind = "usage"         // key usage or extended key usage forbids it
	WrongIssuer CertificateErrorKind = "issuer"        // the issuer has another name than the profile demands
	Malformed   CertificateErrorKind = "malformed"     // not a certificate, or none came
	Weak        CertificateErrorKind = "weak"          // a key or hash that is no longer safe
	NotPinned   CertificateErrorKind = "pin"           // no key of the path is a pinned one; Seen: the leaf's pin
	Revoked     CertificateErrorKind = "revoked"       // its authority has taken it back; Seen: which
	// Unverified: whether it is revoked is not known, but must be. Seen: why.
	Unverified CertificateErrorKind = "revocation-unknown"
)

// CertificateError is the verdict on a chain. Seen and Expected are
// for a person: what the certificate says, and what would have been right.
type CertificateError struct {
	Kind     CertificateErrorKind
	Seen     string // WrongName: all names of the SAN, comma-separated
	Expected string
	// NotBefore and NotAfter are those of the certificate concerned; zero
	// where none could be read.
	NotBefore, NotAfter time.Time
	RevokedAt           time.Time // Revoked: since when
	// Authority is set where Expired or NotYetValid is about an issuer in the path, and
	// not about the certificate itself.
	Authority string
	Err       error // the underlying error, may be nil
}

// Error implements error.
func (e *CertificateError) Error() string {
	var b strings.Builder
	b.WriteString("certificate ")
	b.WriteString(string(e.Kind))
	if e.Seen != "" {
		b.WriteString(": ")
		b.WriteString(e.Seen)
	}
	if e.Expected != "" {
		b.WriteString(", expected ")
		b.WriteString(e.Expected)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the underlying error.
func (e *CertificateError) Unwrap() error { return e.Err }

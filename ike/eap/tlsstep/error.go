package tlsstep

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
)

// ErrorKind says what went wrong.
type ErrorKind string

// The kinds. All of them end the connection.
const (
	Alert         ErrorKind = "alert"          // the server ended it; see Error.Alert
	Untrusted     ErrorKind = "untrusted"      // the verdict on the server's chain was no
	NoCertificate ErrorKind = "no-certificate" // the question for a certificate was answered by an error
	NoSignature   ErrorKind = "no-signature"   // so was the one for a signature
	NoEMS         ErrorKind = "no-ems"         // TLS 1.2 without Extended Master Secret, and Config.Legacy is not set
	Protocol      ErrorKind = "protocol"       // the server broke the rules, or there is no common ground
	TooMuch       ErrorKind = "too-much"       // it sent more than the bounds allow
	Internal      ErrorKind = "internal"       // closed, called out of order, or broken
)

// Error is why a connection ended.
type Error struct {
	Kind  ErrorKind
	Alert uint8 // the alert that the server sent (RFC 8446 6), with Kind Alert
	Err   error
}

// Alerts by which a server refuses the client's certificate or the client
// (RFC 8446 6.2).
const (
	AlertHandshakeFailure       uint8 = 40
	AlertBadCertificate         uint8 = 42
	AlertUnsupportedCertificate uint8 = 43
	AlertCertificateRevoked     uint8 = 44
	AlertCertificateExpired     uint8 = 45
	AlertCertificateUnknown     uint8 = 46
	AlertUnknownCA              uint8 = 48
	AlertAccessDenied           uint8 = 49
	AlertProtocolVersion        uint8 = 70
	AlertInsufficientSecurity   uint8 = 71
	AlertCertificateRequired    uint8 = 116
)

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Kind == Alert:
		return fmt.Sprintf("tls: the server sent alert %d: %s", e.Alert, strings.TrimPrefix(tls.AlertError(e.Alert).Error(), "tls: "))
	case e.Err != nil:
		return fmt.Sprintf("tls: %s: %s", string(e.Kind), strings.TrimPrefix(e.Err.Error(), "tls: "))
	}
	return "tls: " + string(e.Kind)
}

// Unwrap gives the underlying error.
func (e *Error) Unwrap() error { return e.Err }

type reason string

func (r reason) Error() string { return string(r) }

var errClosed = errors.New("the connection was closed")

// classify makes an *Error of what crypto/tls says.
func (c *Conn) classify(err error) error {
	if c.cause != nil {
		return c.cause
	}
	if errors.Is(err, errClosed) {
		return &Error{Kind: Internal, Err: errClosed}
	}
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	if n, ok := alertOf(err); ok {
		return &Error{Kind: Alert, Alert: n, Err: err}
	}
	return &Error{Kind: Protocol, Err: err}
}

// alertOf finds the alert of the server in an error of crypto/tls. Its type is not
// exported there, so it is known by its text, which that of an exported type equals.
func alertOf(err error) (uint8, bool) {
	if !strings.HasPrefix(err.Error(), "remote error: ") {
		return 0, false
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	for n := range 256 {
		if tls.AlertError(n).Error() == err.Error() {
			return uint8(n), true
		}
	}
	return 0, false
}

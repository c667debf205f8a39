package eap

import (
	"fmt"
	"strings"
)

// ErrorKind says what went wrong.
type ErrorKind string

// The kinds. Malformed and Unexpected leave the Peer as it was, unless Fatal
// is set; all others end it.
const (
	Malformed       ErrorKind = "malformed"        // not an EAP packet, or not one of its method
	Unexpected      ErrorKind = "unexpected"       // a packet out of order
	MethodRefused   ErrorKind = "method-refused"   // the server accepts none of the allowed methods
	WrongPassword   ErrorKind = "wrong-password"   // the server says that name or password is wrong
	WrongCode       ErrorKind = "wrong-code"       // the server did not take what was typed for it
	Account         ErrorKind = "account"          // disabled, locked, outside its hours; see Code and Message
	PasswordExpired ErrorKind = "password-expired" // and the server takes no new one, or none was given
	PasswordRefused ErrorKind = "password-refused" // the new one
	ServerProof     ErrorKind = "server-proof"     // the server does not know the password
	Untrusted       ErrorKind = "untrusted"        // the server's certificate is not trusted: Err is the verdict
	Binding         ErrorKind = "binding"          // PEAP: what ran inside the tunnel is not bound to it
	Declined        ErrorKind = "declined"         // a question was not answered, or with no: Err says why
	Failed          ErrorKind = "failed"           // the server ended it and gave no reason
	Internal        ErrorKind = "internal"         // no randomness, or a password that is not text
)

// Error is why a step went wrong.
type Error struct {
	Kind    ErrorKind
	Fatal   bool  // the conversation is over; else the packet was dropped
	Method  uint8 // the method that was under way, or that the server asked for
	Code    int   // the server's error number (RFC 2759 6), 0: none
	Alert   uint8 // the TLS alert that the server sent (RFC 8446 6.2), with the kinds of TLS; 0: none
	Message string
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "eap: %s", string(e.Kind))
	if e.Method != 0 {
		fmt.Fprintf(&b, " (method %d)", e.Method)
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, ", error %d", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %q", e.Message)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap gives the underlying error.
func (e *Error) Unwrap() error { return e.Err }

type reason string

func (r reason) Error() string { return string(r) }

func malformed(why reason) *Error { return &Error{Kind: Malformed, Err: why} }

func unexpected(why reason) *Error { return &Error{Kind: Unexpected, Err: why} }

package wire

import "fmt"

// SyntaxError says that octets are not a well-formed IKEv2 message. A peer
// that is authenticated is told so with INVALID_SYNTAX (RFC 7296 2.21); a
// message of unknown origin is dropped.
type SyntaxError struct {
	Payload PayloadType // where; PayloadNone: the header or the chain itself
	Reason  string      // constant text
}

// Error implements error.
func (e *SyntaxError) Error() string {
	if e.Payload == PayloadNone {
		return "ike/wire: malformed message: " + e.Reason
	}
	return fmt.Sprintf("ike/wire: malformed %v payload: %s", e.Payload, e.Reason)
}

// VersionError says that a message is of another major version than 2
// (RFC 7296 2.5). IKEv1 messages end here.
type VersionError struct{ Major, Minor uint8 }

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("ike/wire: version %d.%d is not IKEv2", e.Major, e.Minor)
}

// UnsupportedCriticalError says that a payload of a type unknown here has its
// critical bit set, so the whole message must be refused with
// UNSUPPORTED_CRITICAL_PAYLOAD and the type as data (RFC 7296 2.5).
type UnsupportedCriticalError struct{ Type PayloadType }

// Error implements error.
func (e *UnsupportedCriticalError) Error() string {
	return fmt.Sprintf("ike/wire: unknown critical payload of type %d", uint8(e.Type))
}

func malformed(t PayloadType, reason string) error {
	return &SyntaxError{Payload: t, Reason: reason}
}

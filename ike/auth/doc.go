// Package auth proves identities in IKE_AUTH: the octets that are signed, the
// AUTH payload in its forms (signatures of RFC 7296, RFC 4754 and RFC 7427, a
// shared key, an EAP key), identities and their text, whether the certificate chain
// of a gateway or of an EAP server is to be trusted for a name, and what OCSP
// responses and CRLs that somebody has brought say of it.
//
// It never holds the client's private key in production: signatures are asked
// for elsewhere and come back as octets (Sign is for tests and for programs
// that own a key). It never fetches anything, reads no clock and no system
// trust store: time and anchors come from the caller. ike, ike/iketest and
// client/tunnel call it.
//
// All functions are safe for concurrent use. None keeps or writes to a slice
// it is given, and results share no memory with arguments unless it is said.
package auth

// Package wire is the codec of IKEv2: header, payload chain and one file per
// payload (RFC 7296 section 3, RFC 7383, RFC 8598).
//
// It owns the shape of messages: lengths, counts, reserved bits and bounds.
// It never decides what a message means, holds no keys, opens nothing that is
// encrypted and keeps no state. ike, ike/suite, ike/auth and ike/iketest call it.
//
// A message in: ParseMessage -> the unprotected payloads, the last of which
// may be Encrypted or EncryptedFragment -> (suite opens it) -> ParseChain ->
// the inner payloads. A message out: Message.Marshal, or AppendChain for the
// plaintext that suite seals.
//
// Slices of parsed payloads are borrowed: they alias the input and are valid
// as long as the caller leaves the input alone. Clone what must live longer.
// Nothing here is safe for use while another goroutine writes to the input.
package wire

// Package suite is IKEv2's cryptography below the messages: algorithms and
// their negotiation, key exchanges, the key schedule, and the protection of the
// SK and SKF payloads.
//
// It owns the names of algorithms (IANA numbers, keywords), the rules for what
// may stand together in a proposal, and every key between a key exchange and
// the cipher that uses it. It never decides when an exchange happens, never
// parses payload chains (ike/wire does) and never proves an identity (ike/auth
// does). ike, ike/auth and ike/iketest call it.
//
// Nothing here reads a clock or a global source of randomness: every random
// octet comes from a reader that the caller gives, and the same octets give the
// same result. The one exception is the ciphertext of an ML-KEM responder, for
// which crypto/mlkem takes no reader. Values are not safe for concurrent use unless they say so.
package suite

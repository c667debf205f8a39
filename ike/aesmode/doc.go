// Package aesmode holds the modes of AES that IKE and ESP have and Go's
// standard library has not: CTR without an object per message, CCM, GCM with an
// ICV of 8 octets, CMAC and XCBC-MAC. The block cipher is the standard library's.
//
// It knows modes and nothing of the protocols that use them: nonces, keys and
// their order are the caller's. ike/suite and package esp call it; they may not
// know each other, and it is the one thing of this kind that both may know, so
// that no mode is written twice.
//
// Tags are compared in constant time, and no branch or index depends on a
// secret. Values keep scratch space so that nothing is allocated per message:
// each is for one goroutine at a time.
package aesmode

// Package tlsstep runs the client of crypto/tls in steps: octets of the server
// go in, octets for the server come out, and where a verdict, a certificate or a
// signature is needed the step says so instead of blocking.
//
// It owns the handshake, application data after it, the export of keys with and
// without the Extended Master Secret, the sessions that can be taken up again, and
// the bounds of all that. It never does I/O, reads no clock, starts no goroutine,
// decides about no certificate and holds no private key. The EAP methods in ike/eap
// that speak TLS call it (RFC 5216, RFC 5281, RFC 9190); framing is theirs.
//
//	c, err := tlsstep.New(cfg)
//	defer c.Close()
//	step, err := c.Start()         // then Input, Answer and Write, as Step says
//
// A library that blocks becomes a step function by a coroutine (iter.Pull): its
// connection yields where it wants octets, its signer where it wants a signature.
// Each call runs the coroutine up to its next question and returns. So a Conn that
// was started and is not at its end keeps memory until Close. All calls come from
// one goroutine at a time, and from one that is locked to its thread
// (runtime.LockOSThread) either always or never.
//
// Keys of the key exchange come from the system's randomness whatever Config.Rand
// is, as crypto/tls has it: the same inputs do not give the same outputs here.
//
// Bounds: 256 KiB from the server until the handshake is done, 128 KiB in one
// Input, and crypto/tls's own, among them 16 messages in a row after the handshake that
// carry no data. No renegotiation, no TLS below 1.2, no compression, no 0-RTT.
package tlsstep

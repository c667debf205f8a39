// Package iketest is everything that a test of an IKEv2 client needs and that
// is not the client: a gateway in memory, a network with faults, a clock.
//
//   - Responder is a second opinion on the protocol: an IKEv2 responder without
//     I/O over ike/wire, ike/suite and ike/auth, which shares no code with
//     package ike. It watches its peer and keeps a list of complaints.
//   - Network carries packets in virtual time: delay, loss, duplication,
//     reordering and address translation, all from one seeded source.
//   - Pair joins one ike.Session, one Responder and one Network, owns the time
//     and jumps from deadline to deadline.
//   - Steering takes the messages of a Pair off the wire and delivers them one by
//     one, in the order of the test's choice; Nonces says which nonce is lowest.
//   - Transcript is what happened, to be printed when a test fails.
//   - Authority and Certificate are made in memory.
//
// Nothing here opens a socket, reads a clock, sleeps or starts a goroutine, and
// nothing here is for use outside tests: a Responder keeps secrets in plain
// sight and checks only what a test wants checked. Values are not safe for
// concurrent use. The tests of ike and of client/tunnel call it.
package iketest

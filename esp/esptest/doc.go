// Package esptest holds fakes for tests of the data plane and of what is built
// on it: a TUN device, a UDP transport, SA pairs and inner packets.
//
// The fakes are driven by events alone: a Read or a receive blocks until a test
// hands something over, and what comes out waits in a channel. They read no
// clock and start no goroutine, so tests need no waiting and run in a
// testing/synctest bubble. Nothing but tests calls this package.
package esptest

// Package radius is a RADIUS client that carries EAP packets to a server and
// back (RFC 2865, 3579), as a gateway does, and opens the keys that come with
// the acceptance (RFC 2548). With it the peer in ike/eap meets real servers
// with no IKE in between, and its key can be compared with theirs.
//
// It owns the packets and what proves them genuine. It is for tests only: it
// gives up on the first silence.
package radius

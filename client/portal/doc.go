// Package portal finds out whether the network that this machine is on is a
// captive portal: one that lets nobody out before they have signed in with it.
//
//	Look -> what the network says of itself (RFC 8910) -> its API (RFC 8908)
//	     -> else, or where nobody vouches for the API: a page whose content is
//	        known, asked in clear (the probe)
//
//	Listen -> what the network says of itself, and nobody beyond the link is asked
//
// An answer of the network is a hint from strangers. The API is believed only when
// its server proves its name (RFC 8908 4), and nothing of it is followed by itself:
// the address to sign in at is shown to the user, whose choice it is. No cookie and
// no name of the user goes out, and a redirect is an answer, not a way.
//
// Strangers also answer for the names, so where a portal can be is decided here: not
// inside this machine, not in its tunnels, and by no other device than that whose
// network is asked (where.go). Every question ends by its own time, whatever the other
// side does, and reads a bounded answer.
//
// It owns the questions and what the answers mean. It never opens a socket or a
// hole in the kill switch, it asks for both (Config), and it never signs in.
// client/service calls it.
package portal

// Package portal finds out whether the network that this machine is on is a
// captive portal: one that lets nobody out before they have signed in with it.
//
//	Look -> what the network says of itself (RFC 8910) -> its API (RFC 8908)
//	     -> else, or where nobody vouches for the API: a page whose content is
//	        known, asked in clear (the probe)
//
// An answer of the network is a hint from strangers. The API is believed only when
// its server proves its name (RFC 8908 4), and nothing of it is followed by itself:
// the address to sign in at is shown to the user, whose choice it is. No cookie and
// no name of the user goes out, and a redirect is an answer, not a way.
//
// It owns the questions and what the answers mean. It never opens a socket or a
// hole in the kill switch, it asks for both (Config), and it never signs in.
// client/service calls it.
package portal

// Package revocation finds out whether certificates have been revoked: from what a
// gateway has brought along, from what is kept on disk, and by asking the responders
// and lists that the certificates name.
//
//	Known: staples and the cache; never waits
//	Fetch: for each certificate OCSP first, then its CRL; what is verified is kept
//
// It owns the cache and the asking. What an answer says ike/auth judges, each time
// anew, so that what stands on the disk is believed no more than what comes by the
// network. It opens no socket of its own: Network.Dial does, through the tunnel. It
// decides nothing about a line: client/tunnel does. app/homewardd joins the two.
//
// The way leads past the very gateway that is asked about. It can keep questions and
// answers back, and play an older answer of the authority's that has not ended; it
// cannot make one up, nor undo a revocation that has been seen. Silence is what strict
// and relaxed are about.
//
// Every answer is bounded in size and time, asked for by http alone (what is signed
// needs no TLS, whose own certificates would want checking in turn), never by a
// proxy, and never redirected to anything else.
package revocation

package ike

import (
	"net/netip"
	"time"
)

// Command is something the owner wants of the Session.
type Command interface{ command() }

// Connect starts the handshake. Once per Session.
type Connect struct{}

// RekeyIKE rekeys the IKE SA now.
type RekeyIKE struct{}

// RekeyChild rekeys the Child SA with this inbound SPI now.
type RekeyChild struct{ InboundSPI uint32 }

// DeleteChild deletes the Child SA with this inbound SPI, and with the last one
// the Session, as Delete does. One that is being replaced is left alone, with
// ErrUnknownSA: the owner wants the end of what takes over.
type DeleteChild struct{ InboundSPI uint32 }

// Delete closes the IKE SA: INFORMATIONAL with Delete, one short try, Closed.
type Delete struct{}

// CheckLiveness asks the peer for a sign of life now. Urgent: something has
// happened to the path, or this machine slept; where no answer comes within about
// two seconds PeerSilent says so, and the usual patience begins. A request that is
// under way is the question then, and goes out again at once. It ends what NoPath
// began.
type CheckLiveness struct{ Urgent bool }

// Unreachable tells that the network says that the gateway cannot be reached: an
// ICMP error, or a datagram that could not be sent. Anybody can make the network
// say so: the peer itself is asked, at most every ten seconds, and nothing ends
// because of it (RFC 7296 2.4).
type Unreachable struct{}

// Move says that the line goes on from another address of ours, or to another
// address of the gateway's (RFC 4555 3.5). Zero Local or Remote: stay with the
// one in use; a Remote without a port: stay with its port. The same path again
// lets the gateway look anew at where we are. It ends what NoPath began. Moved or
// MoveRefused follows, of several moves only for the last. Packets may leave from
// the new local address at once; to another address of the gateway's only after
// Moved, before which it would drop them. ErrNoMOBIKE where a new Session is the
// only way.
type Move struct{ Local, Remote netip.AddrPort }

// Addresses says which addresses this machine has towards the gateway, and what
// else than the gateway itself is known of its addresses (from DNS, say). They
// are tried when the path in use has gone silent, and ours are told to the
// gateway. The last word counts. Slices are borrowed.
type Addresses struct{ Local, Remote []netip.Addr }

// NoPath says that there is no network: nothing is sent and nothing given up
// until Move or an urgent CheckLiveness, or until the IKE SA has come to its end.
type NoPath struct{}

// CheckPath asks whether IP packets of Size octets reach the gateway: an
// INFORMATIONAL padded to that size goes out whole (RFC 8899 3, with IKE as the
// packetization layer). PathChecked is the answer. The gateway's own direction
// is not tested. A check that is lost does the IKE SA no harm.
type CheckPath struct{ Size int }

// InboundTraffic tells that ESP packets were received since the last call, so
// that liveness checks can stay quiet (RFC 7296 2.4).
type InboundTraffic struct{}

// OutboundTraffic tells when an ESP packet last went to the gateway: a line that is
// in use needs no NAT keepalive (RFC 3948 4).
type OutboundTraffic struct{ At time.Time }

// Verdict answers NeedVerdict. Err nil: trusted; else the reason, which comes
// back wrapped in the Failure of Closed.
type Verdict struct {
	ID  uint64
	Err error
}

// Signature answers NeedSignature. Value: RSA as a byte string; ECDSA as ASN.1
// DER, whatever the AUTH method. Err: the user or the key said no.
type Signature struct {
	ID    uint64
	Value []byte
	Err   error
}

// Credentials answers NeedCredentials.
type Credentials struct {
	ID       uint64
	Password []byte // or the code, UTF-8; cleared by the Session after use
	New      []byte // with AskNewPassword; cleared in the same way
	Err      error  // there is none, or with AskConsent: the user does not agree
}

// PSK answers NeedPSK.
type PSK struct {
	ID  uint64
	Key []byte // cleared by the Session after use
	Err error
}

func (Connect) command()         {}
func (RekeyIKE) command()        {}
func (RekeyChild) command()      {}
func (DeleteChild) command()     {}
func (Delete) command()          {}
func (CheckLiveness) command()   {}
func (Unreachable) command()     {}
func (Move) command()            {}
func (Addresses) command()       {}
func (NoPath) command()          {}
func (InboundTraffic) command()  {}
func (CheckPath) command()       {}
func (OutboundTraffic) command() {}
func (Verdict) command()         {}
func (Signature) command()       {}
func (Credentials) command()     {}
func (PSK) command()             {}

// Datagram is one IKE message on its way in or out.
type Datagram struct {
	Local, Remote netip.AddrPort
	// Encap: on the wire the message stands behind the 4 zero bytes of the
	// non-ESP marker (RFC 3948 2.2), which the transport adds and removes.
	// Data never holds the marker.
	Encap bool
	// Keepalive: Data is empty and one 0xFF byte is to be sent (RFC 3948 2.3).
	Keepalive bool
	Data      []byte
}

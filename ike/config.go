package ike

import (
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// ClientAuth is how the client proves who it is.
type ClientAuth uint8

// The ways a client can authenticate.
const (
	ClientEAP         ClientAuth = iota + 1 // EAP inside IKE_AUTH (RFC 7296 2.16)
	ClientCertificate                       // a signature (RFC 7296 2.15, RFC 7427)
	ClientPSK                               // a shared key (RFC 7296 2.15)
)

// GatewayAuth is how the gateway must prove who it is.
type GatewayAuth uint8

// The ways a gateway can authenticate.
const (
	GatewayCertificate GatewayAuth = iota + 1 // a signature and a certificate chain
	GatewayPSK                                // the same shared key as the client's
)

// Config is what a Session is made from. A Session keeps the slices it is
// given and never writes to them.
type Config struct {
	Rand   io.Reader    // every SPI, nonce, private value, IV and jitter comes from here
	Logger *slog.Logger // nil: nothing is logged

	Local  netip.AddrPort // our end of the path, as far as known; used for NAT detection only
	Remote netip.AddrPort // the gateway's IKE address; port 500, or a custom port
	// NATTPort is the gateway's port for UDP encapsulation after
	// IKE_SA_INIT. 0: 4500, or Remote's own port where that is not 500.
	NATTPort uint16
	// Encap: the first message already goes to NATTPort, behind the non-ESP
	// marker. Without it that is done when port 500 stays silent.
	Encap bool

	Identity auth.Identity // IDi; with ClientCertificate and no Certificates it may come with those
	// GatewayIdentity is the IDr to send, and who the gateway must be: by its own
	// IDr, or by its certificate where it prefers another name of that. nil: none
	// is sent, and the verdict on the chain alone decides.
	GatewayIdentity *auth.Identity
	Client          ClientAuth
	Gateway         GatewayAuth

	// EAP is how the client signs in by EAP. An Identity that is empty is that of
	// IDi, in its text; Rand, Now and BareSuccess are the Session's to set.
	EAP eap.Config
	// EAPOnly are those of EAP.Methods with which the gateway may prove who it is by
	// EAP alone (RFC 5998). Each must authenticate both ends and make a key; see
	// eap.SafeAlone. Empty: it must prove itself before.
	EAPOnly []uint8
	// Further are authentications after the first (RFC 4739), three at most. Where
	// the gateway takes none the Session ends with CauseAnotherAuth.
	Further []Authentication

	// Certificates is the client's chain, leaf first, DER; for ClientCertificate.
	// Empty: the owner is asked (NeedCertificate).
	Certificates [][]byte
	// CertRequests are SHA-1 hashes of the SubjectPublicKeyInfo of each
	// trust anchor (RFC 7296 3.7), sent as one CERTREQ. Empty: an empty list.
	CertRequests [][20]byte

	// OCSP asks the gateway for OCSP responses about its chain (RFC 4806); they come
	// in NeedVerdict. Not every gateway has any.
	OCSP bool

	IKEProposals   []suite.Proposal
	ChildProposals []suite.Proposal // for IKE_AUTH no KE transform is sent; for rekeys it is kept
	LocalTS        []wire.TrafficSelector
	RemoteTS       []wire.TrafficSelector
	RequestIPv4    bool
	RequestIPv6    bool
	// RequestAddresses are inner addresses held before, which the gateway is asked
	// to give again, one of each family (RFC 7296 2.19, 3.15.1). It need not.
	RequestAddresses []netip.Addr
	// MaxChildren bounds the Child SAs that carry traffic at a time: those that
	// are asked for where the gateway narrows selectors one by one, and those that
	// it makes of its own accord. 0: 16; 1: neither.
	MaxChildren int
	Childless   Childless

	// IKELifetime is how long an IKE SA is used: it is rekeyed when 80 to 90
	// percent of it are over, and where that is refused to the end, the Session
	// ends. 0: 4 h.
	IKELifetime   time.Duration
	ChildLifetime time.Duration // the same of a Child SA; 0: 1 h
	Liveness      time.Duration // check after this long without a sign of life; 0: 60 s; < 0: never
	// NATKeepalive is how long nothing may have been sent before a NAT keepalive
	// goes out (RFC 3948 4), as a Datagram with Keepalive set. That is done whether
	// a NAT was seen or not: the gateway is told of one in any case, and the firewall
	// of a home, which nobody can see, forgets a silent flow just as a NAT does. 0:
	// 20 s; < 0: never.
	NATKeepalive time.Duration
	Retransmit   Retransmit

	// NoRedirect refuses to be sent to another gateway (RFC 5685): it is not
	// announced, and a redirect is ignored.
	NoRedirect bool
	// RedirectedFrom is the gateway that sent us to this one; nil: none did.
	RedirectedFrom *GatewayID

	NoMOBIKE bool // never offer to move (RFC 4555)
	// NoNATs: nobody on the way may change an address, which is what every NAT
	// does (RFC 4555 3.9). Needs Local. A gateway that sees it happen ends the
	// attempt, or refuses the move.
	NoNATs bool

	// Quirks are what this gateway is known to do against the rules (see Quirks).
	Quirks []Quirk

	InitialContact bool // tell the gateway to forget our older IKE SAs (RFC 7296 2.4)
	FragmentSize   int  // largest IP datagram for IKE messages before RFC 7383 splits; 0: 1280
}

// Retransmit is the schedule of RFC 7296 2.1: first wait, growth, tries. Each wait
// is cut by a part of up to a fifth that is drawn from Config.Rand, so that what
// stands here are upper bounds: with the defaults a peer counts as dead after 24
// to 31 seconds.
type Retransmit struct {
	First  time.Duration // 0: 500 ms
	Factor float64       // less than 1.3, by which waits grow whatever is cut: 1.8
	Max    time.Duration // longest single wait; 0: 10 s
	Tries  int           // transmissions in all before the peer counts as dead; 0: 7
	// InitTries is Tries of IKE_SA_INIT: fewer where there is another address
	// to try. 0: Tries.
	InitTries int
}

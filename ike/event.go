package ike

import (
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Event is something the Session's owner must know or do. The concrete types
// are those below; an owner switches on them.
type Event interface{ event() }

// Step says how far the handshake is, for progress displays.
type Step struct{ Name StepName }

// StepName names a step of the handshake.
type StepName string

// The steps in order.
const (
	StepReaching  StepName = "reaching"   // IKE_SA_INIT sent
	StepChecking  StepName = "checking"   // IKE_AUTH sent, gateway not yet verified
	StepSigningIn StepName = "signing-in" // gateway verified, client authenticates
	StepSettingUp StepName = "setting-up" // client authenticated, Child SA and addresses
)

// NeedVerdict asks whether the gateway's chain is to be trusted. The AUTH
// signature has been verified with the leaf's key already. Answer with Verdict.
//
// With EAP set it is the server of an EAP method whose chain it is, and whose
// signature TLS verifies before anything of the user's goes to it: who it may be
// is not for IDr to say, and is the owner's to know.
type NeedVerdict struct {
	ID    uint64
	EAP   bool
	Round int      // with EAP: 0, or which one of Config.Further, from 1
	Chain [][]byte // DER, leaf first; the other CERT payloads in order of arrival
	OCSP  [][]byte // DER of OCSP responses that came with the chain, not looked at (Config.OCSP)
	IDr   auth.Identity
}

// NeedSignature asks for a signature by the client's key: over an AUTH payload's
// octets, or with EAP set for a method that uses TLS. Answer with Signature.
type NeedSignature struct {
	ID  uint64
	EAP bool
	// Certificate is whose key is to sign, DER.
	Certificate []byte
	Scheme      auth.Scheme
	Message     []byte // to be hashed and signed as Scheme says
}

// NeedCredentials asks for what the user has to sign in with by EAP. It is sent
// only after the gateway is authenticated, unless Unproven says otherwise. Answer
// with Credentials.
type NeedCredentials struct {
	ID       uint64
	Kind     eap.QuestionKind // AskPassword, AskNewPassword, AskCode or AskConsent
	Round    int              // 0, or which one of Config.Further, from 1
	Unproven bool             // the gateway proves itself by this very method (Config.EAPOnly)
	Username string
	Method   uint8  // EAP type
	Inner    uint8  // the EAP type inside its tunnel, 0: none
	Message  string // what the server says, "" if nothing
	Echo     bool   // what is typed need not be hidden
	// Again: the last answer was refused, for the reason in Code where there is one
	// (RFC 2759 6). The same answer must not be given once more.
	Again bool
	Code  int
}

// Notice is what the EAP server wants the user to know (RFC 3748 5.2).
type Notice struct{ Message string }

// NeedPSK asks for the shared key. Answer with PSK.
type NeedPSK struct{ ID uint64 }

// Established says that the IKE SA stands and what came with it. The first
// ChildAdded and ChildActive follow at once, or, where the start was childless
// (RFC 6023), after one more round trip.
type Established struct {
	GatewayIdentity auth.Identity
	Suite           suite.Proposal // exactly one transform of each type
	Remote          netip.AddrPort
	Behind          NAT
	Configuration   Configuration
	RekeyAt         time.Time
	PeerFragments   bool
	MOBIKE          bool // Move is possible (RFC 4555)
}

// NAT says what NAT detection saw (RFC 7296 2.23). UDP encapsulation is used
// in every case.
type NAT struct{ Us, Peer bool }

// Configuration is what the gateway gave in CFG_REPLY (RFC 7296 3.15, RFC 8598).
type Configuration struct {
	Addresses []netip.Prefix // host prefixes, or with the prefix length the gateway sent
	DNS       []netip.Addr
	Subnets   []netip.Prefix
	Domains   []string // INTERNAL_DNS_DOMAIN: split DNS
	Version   string   // APPLICATION_VERSION
}

// ChildAdded hands over a new Child SA. Its inbound side must be able to
// receive at once; its outbound side waits for ChildActive.
type ChildAdded struct {
	SA       ChildSA
	Replaces uint32 // inbound SPI of the SA that it takes over from; 0: none
}

// ChildActive says that outbound traffic that its selectors cover goes to this
// SA from now on. Others stay in use for theirs, but for the one that it replaces.
type ChildActive struct{ InboundSPI uint32 }

// ChildRemoved says that an SA is gone. Its inbound side may keep receiving
// for Linger, so that packets still under way are not lost.
type ChildRemoved struct {
	InboundSPI uint32
	Linger     time.Duration
}

// IKERekeyed says that a new IKE SA has taken over.
type IKERekeyed struct {
	Suite   suite.Proposal
	RekeyAt time.Time
}

// Redirect says that the gateway wants the line to go to another (RFC 5685 5).
// The Session goes on until that has been done.
type Redirect struct{ To GatewayID }

// Reauthenticate says until when the sign-in counts (RFC 4478): the gateway ends
// the IKE SA then, unless another Session has taken over. The last one holds.
type Reauthenticate struct {
	Lifetime time.Duration
	By       time.Time
}

// PathChecked answers CheckPath: whether an IP packet of Size octets, header
// included, has reached the gateway. Size is what was really sent: with a block
// cipher up to a block less than was asked for.
type PathChecked struct {
	Size int
	OK   bool
}

// PathNarrow says that messages in larger IP datagrams than Size got lost, and that
// one cut to Size has arrived (RFC 7383 2.5.2). It is a sign, not a proof, that the
// path carries no more: CheckPath tells.
type PathNarrow struct{ Size int }

// Moved says that the gateway has agreed to the path in use, ours or one that
// the Session found by itself (RFC 4555 3.5). ESP to Remote is what it expects.
type Moved struct {
	Local, Remote netip.AddrPort // Local invalid: not known
	Behind        NAT
}

// MoveRefused says that the gateway takes neither this path nor any other that
// is known, and why. The one before it stays in use, if it still works.
type MoveRefused struct {
	Local, Remote netip.AddrPort
	Notify        wire.NotifyType
}

// PeerAddresses says where the gateway can be reached, the address that it
// spoke from first (RFC 4555 3.4, 3.6). Who knows our own address towards each
// of them says so with Addresses.
type PeerAddresses struct{ Addresses []netip.Addr }

// PeerSilent says that a request which wanted to know soon has had no answer for
// about two seconds. The Session goes on trying, with its usual patience.
type PeerSilent struct{ Since time.Time } // the last sign of life

// PeerHeard ends what PeerSilent began: the peer has spoken.
type PeerHeard struct{}

// Closed is the last event of a Session. Failure is nil when it was us who closed.
type Closed struct{ Failure *Failure }

// ChildSA is one negotiated pair of ESP SAs. Keys belong to the receiver of
// the event, who clears them when the SA is gone.
type ChildSA struct {
	InboundSPI, OutboundSPI uint32
	Suite                   suite.Proposal // ESP: ENCR, INTEG (none for AEAD), ESN
	ESN                     bool
	Keys                    suite.ChildKeys
	// Initiated: our request made this SA, so the Initiator keys are ours to
	// send with; else they are the peer's (RFC 7296 2.17).
	Initiated         bool
	LocalTS, RemoteTS []wire.TrafficSelector
	RekeyAt           time.Time
}

func (Step) event()            {}
func (NeedVerdict) event()     {}
func (NeedSignature) event()   {}
func (Notice) event()          {}
func (NeedCredentials) event() {}
func (NeedPSK) event()         {}
func (Established) event()     {}
func (ChildAdded) event()      {}
func (ChildActive) event()     {}
func (ChildRemoved) event()    {}
func (IKERekeyed) event()      {}
func (Redirect) event()        {}
func (Reauthenticate) event()  {}
func (PathChecked) event()     {}
func (PathNarrow) event()      {}
func (Moved) event()           {}
func (MoveRefused) event()     {}
func (PeerAddresses) event()   {}
func (PeerSilent) event()      {}
func (PeerHeard) event()       {}
func (Closed) event()          {}

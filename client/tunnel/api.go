// Package tunnel is one live tunnel: the loop that joins the IKE session, the
// ESP data plane, the UDP transport and the TUN device.
//
// It owns the session, the SAs and the packets. It never decides whether a
// tunnel should exist, never changes routes or DNS (it says what they should
// be, the service sets them) and never speaks to a person: what only the user
// can answer it asks through Config.Ask. client/service calls it.
package tunnel

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/client/diagnose"
	"github.com/homeward-vpn/homeward/client/profile"
	"github.com/homeward-vpn/homeward/esp/dataplane"
)

// Config is what one tunnel needs. All functions may be called from any
// goroutine while Run runs.
type Config struct {
	Profile *profile.Profile
	// Username is the name given at connect; empty: the profile's.
	Username string
	Logger   *slog.Logger

	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Translate gives the addresses of IPv6 by which the network's translator leads to
	// those of IPv4 among these, where there is no way to any of them as they are (NAT64,
	// RFC 6146). nil: no network has one.
	Translate func(ctx context.Context, addrs []netip.Addr) ([]netip.Addr, error)
	// Reach opens the way to the gateway's addresses, with their ports, and closes
	// that to any that is not in the list: it is always the whole one. It is called,
	// and waited for, before the first packet to an address that is new, and when one
	// is gone. nil: every address is open.
	Reach func(ctx context.Context, gateways []netip.AddrPort) error
	// Readdress is called, and waited for, before the device gets other addresses than
	// those of the last Up, so that who keeps packets for them from coming in elsewhere
	// knows them first. nil: nobody does.
	Readdress func(ctx context.Context, addresses []netip.Prefix) error

	OpenTransport func() (Transport, error)
	OpenTUN       func(TUNConfig) (TUN, error)
	// NewAlarm gives a timer that costs little while the line is quiet; nil: a
	// timer of Go's runtime.
	NewAlarm func() (Alarm, error)
	// Ask puts a question to the user and blocks until the answer, or ctx.
	Ask func(ctx context.Context, q Question) (Answer, error)
	// SystemRoots is the system's trust, DER, used where the profile has no anchors.
	SystemRoots func() ([][]byte, error)
	// Revocation knows what authorities say of certificates. nil: nothing is known.
	Revocation Revocation
	// DialThrough opens a connection, "udp" or "tcp", that leaves this machine by one
	// network device alone. nil: there is no way to ask authorities.
	DialThrough func(ctx context.Context, device, network string, to netip.AddrPort) (net.Conn, error)
	// LocalNetworks are the prefixes that this machine is directly on: a
	// gateway may not claim them by surprise. nil: none are known.
	LocalNetworks func() []netip.Prefix
	// MayClaim says whether a local network may have such a prefix for itself where the
	// company has it too. Who runs one can claim anything. nil: it may.
	MayClaim func(local netip.Prefix) bool
	// NetworkChanged begins to tell that the network of this machine may have
	// changed, until ctx ends. nil: nobody tells, and a line that has lost its
	// path finds out by the gateway's silence.
	NetworkChanged func(ctx context.Context) (<-chan NetworkChange, error)
	// Online says whether this machine has a network at all. Without one nothing is
	// asked and nothing sent. nil: nobody knows, and the attempt finds out.
	Online func() bool
}

// Transport is a UDP socket pair, one port for both families.
type Transport interface {
	dataplane.Transport
	LocalAddr(to netip.AddrPort) netip.AddrPort // our end when sending to that address
	PathMTU(to netip.AddrPort) int              // what the system knows of the path; 0: nothing
	Close() error
}

// TUN is a device with its addresses set.
type TUN interface {
	dataplane.TUN
	Name() string
	// SetAddresses replaces the device's addresses. Those that stay are not
	// touched.
	SetAddresses(addresses []netip.Prefix) error
	Close() error
}

// TUNConfig is what a TUN device is made from.
type TUNConfig struct {
	Addresses []netip.Prefix
	MTU       int
}

// QuestionKind says what is asked.
type QuestionKind string

// The kinds of questions, and what an Answer to each holds.
const (
	AskPassword    QuestionKind = "password"         // Secret; Username where the question has none
	AskNewPassword QuestionKind = "new-password"     // the old one has expired. New; Secret: the old one, where it is known
	AskFurther     QuestionKind = "further-password" // of a sign-in after the first. Secret
	AskCode        QuestionKind = "code"             // good for one time. Secret
	AskPSK         QuestionKind = "psk"              // Secret
	// The next two are answered by the user's program, which has the key.

	AskSignature   QuestionKind = "signature"   // Secret
	AskCertificate QuestionKind = "certificate" // which of the user's. Certificates
	AskChoice      QuestionKind = "choice"      // Choice: the ID of one of Options
	AskConsent     QuestionKind = "consent"     // nothing: a no is an error
)

// Question is what only the user, or the user's program, can answer.
type Question struct {
	Kind     QuestionKind
	Username string
	Message  string   // the words of the gateway or of the server behind it, where it sent some
	Echo     bool     // AskCode: the server lets it be seen while it is typed
	Options  []Option // AskChoice
	Issuers  [][]byte // AskCertificate: DER names of who the server trusts; none: it does not say
	// AskCertificate, of the gateway itself: SHA-1 hashes of the keys of the authorities
	// that it trusts (RFC 7296 3.7), and what it verifies signatures with (RFC 7427 4);
	// nil: it does not say.
	IssuerKeys [][20]byte
	Hashes     []uint16
	TLS        bool // AskCertificate: for a TLS server (EAP), and not for the gateway itself

	Certificate []byte // AskSignature: whose key is to sign, DER; nil: the profile's
	Scheme      string // AskSignature: an auth.Scheme
	Data        []byte // AskSignature: the message to be signed
	Code        int    // with Fresh: why the last answer was refused (RFC 2759 6); 0: it does not say
	// Again: a line that stands has to be renewed; the answer that it was made
	// with will do.
	Again bool
	// Fresh: the answer that was given last, or that the line was made with, was
	// refused, so the user must be asked.
	Fresh bool
	// Until is when the answer comes too late; zero: Ask's own patience decides.
	Until time.Time
}

// Option is one of the things between which the user chooses.
type Option struct{ ID, Label, Detail string }

// Answer to a Question. The secrets are cleared by the tunnel after use.
type Answer struct {
	Username     string
	Secret       []byte   // password, code, PSK or signature
	New          []byte   // the new password
	Certificates [][]byte // DER, the leaf first
	Choice       string
}

// Event is what Run tells while it works, on its own goroutine, in order.
type Event interface{ event() }

// Progress names the step of the handshake that has begun:
// "resolving", "reaching", "checking", "signing-in", "setting-up".
type Progress struct{ Step string }

// Up says that the tunnel carries packets. Network is what routes and DNS
// should be from now on.
type Up struct {
	Network Network
	Info    Info
}

// Changed says that Info has changed (a rekey, say).
type Changed struct{ Info Info }

// Notice is what the sign-in server wants the user to know, in its own words.
type Notice struct{ Message string }

func (Progress) event() {}
func (Notice) event()   {}
func (Up) event()       {}
func (Changed) event()  {}

// Network is what the tunnel wants of the operating system.
type Network struct {
	Interface string
	Gateway   netip.Addr // must stay reachable outside the tunnel
	Addresses []netip.Prefix
	MTU       int
	Full      bool           // nothing may go beside the tunnel, also of a family that Routes leave out
	Routes    []netip.Prefix // includes 0.0.0.0/0 and ::/0 of a full tunnel
	Exclude   []netip.Prefix
	// HeldBack is what the translator of the network that this machine is in takes for
	// Routes of IPv4: no way for what belongs into the tunnel.
	HeldBack []netip.Prefix
	Keep     []netip.Prefix // of Routes, what the local network does not get, whatever it claims
	DNS      []netip.Addr
	// Domains: names that go to DNS. Empty with DNS set: every name.
	Domains []string
	Search  []string
	// Refused has a sentence for each thing that the gateway sent and that is
	// not used.
	Refused []string
	// Overlaps has a sentence for each network that this machine is in and that the
	// company has addresses of.
	Overlaps []string
}

// equal says that nothing of the system has to change from one to the other.
func (n Network) equal(o Network) bool {
	return n.Interface == o.Interface && n.Gateway == o.Gateway && n.MTU == o.MTU && n.Full == o.Full &&
		slices.Equal(n.Addresses, o.Addresses) && slices.Equal(n.Routes, o.Routes) && slices.Equal(n.Exclude, o.Exclude) &&
		slices.Equal(n.DNS, o.DNS) && slices.Equal(n.Domains, o.Domains) && slices.Equal(n.Search, o.Search) &&
		slices.Equal(n.Refused, o.Refused) && slices.Equal(n.Keep, o.Keep) && slices.Equal(n.HeldBack, o.HeldBack) && slices.Equal(n.Overlaps, o.Overlaps)
}

// Info describes the live line for the status. Times are wall clock.
type Info struct {
	GatewayAddress  netip.AddrPort
	GatewayIdentity string
	IKESuite        string // "aes256gcm16-prfsha384-ecp384"
	IKEEstablished  time.Time
	IKERekeyAt      time.Time
	SignedInAt      time.Time
	// SignInAgainBy is when the gateway ends the line unless there is a new
	// sign-in (RFC 4478); zero: it did not say.
	SignInAgainBy  time.Time
	GatewayVersion string // its own words, printable ASCII
	ESPSuite       string // "aes256gcm16"
	ESN            bool
	BehindNAT      bool
	MOBIKE         bool    // the gateway follows from network to network
	Waiting        bool    // there is no network, and the line waits for one
	Moves          []Move  // the last of them, oldest first; not to be changed
	Children       []Child // in the order in which they came into use
	// IKEWarnings and ESPWarnings have a sentence for each thing about the
	// suites that a person should know.
	IKEWarnings, ESPWarnings []string
	Warnings                 []string // the same about everything else

	// Own and Gateway are how long the certificates count that the line was made with;
	// zero: of that side there is none.
	Own, Gateway diagnose.Validity

	signIn []string // of IKEWarnings: what the sign-in led to
}

// Child describes a Child SA that carries traffic. What it has carried is in
// Stats.SAs.
type Child struct {
	InboundSPI, OutboundSPI uint32
	Local, Remote           []string // selectors: "10.1.0.0/16"
	Suite                   string
	ESN                     bool
	Since, RekeyAt          time.Time // wall clock
}

// Stats are the data plane's counters since the tunnel came up.
type Stats = dataplane.Stats

// Usage is what one Child SA has carried.
type Usage = dataplane.Usage

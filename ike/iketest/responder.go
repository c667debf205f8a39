package iketest

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// ClientAuth is how a Responder wants its client to authenticate.
type ClientAuth uint8

// The ways.
const (
	ClientByEAP ClientAuth = iota
	ClientByCertificate
	ClientByPSK
)

// ResponderConfig is what a gateway is like.
type ResponderConfig struct {
	Rand    io.Reader
	Address netip.Addr // its own; behind a NAT the private one
	Port    uint16     // for IKE_SA_INIT; 0: 500
	Trace   *Transcript

	Identity    auth.Identity // IDr
	Certificate *Certificate  // nil: authenticates by PSK
	Scheme      auth.Scheme   // how it signs; "": as auth.ChooseScheme says
	PSK         []byte
	// NoSignatureHashes: RFC 7427 is not known here, only methods 1, 9, 10, 11.
	NoSignatureHashes bool

	Client        ClientAuth
	Users         map[string]string // EAP user names and their passwords
	ClientAnchors [][]byte          // DER; for ClientByCertificate
	EAPMethods    []uint8           // proposed in this order; nil: MSCHAPv2
	NoEAPIdentity bool              // the identity is not asked for
	SignIn        SignIn
	EAP           func() EAPServer // holds each conversation in place of all that; nil: the gateway itself
	EAPTLS        *tls.Config      // the server that EAP-TLS is completed with; nil: the method is only proposed

	IKE, ESP []suite.Proposal // what it accepts, preferred first; nil: the defaults
	// OfferIKE and OfferESP are what it asks for in rekeys of its own; nil: IKE, ESP.
	OfferIKE, OfferESP []suite.Proposal
	Cookie             bool // demands a cookie (RFC 7296 2.6)

	Fragments    bool // RFC 7383
	FragmentSize int  // longest IKE message it sends whole; 0: 1200
	// FindSize: messages that stay unanswered are cut smaller (RFC 7383 2.5.2).
	FindSize bool

	Addresses []netip.Prefix // to give away, one of each family
	DNS       []netip.Addr
	Subnets   []netip.Prefix
	Domains   []string
	Version   string
	LocalTS   []wire.TrafficSelector // what it protects; nil: everything

	EAPOnly      EAPOnly // RFC 5998
	Further      []Round // wanted after the first authentication (RFC 4739)
	MultipleAuth bool    // MULTIPLE_AUTH_SUPPORTED is announced, and no more than one wanted

	Childless   Childless // RFC 6023
	Narrowing   Narrowing
	MaxChildren int // more are answered NO_ADDITIONAL_SAS; 0: any number

	// Refuse: IKE_SA_INIT, IKE_AUTH or CREATE_CHILD_SA requests are answered
	// with this error alone, for as many times as RefuseTimes says (0: always).
	Refuse      map[wire.ExchangeType]wire.NotifyType
	RefuseTimes int
	// RefuseChild: IKE_AUTH succeeds, but with this error in place of a Child SA.
	RefuseChild wire.NotifyType

	Tries         int  // of a request of its own; 0: 11
	MessageIDSync bool // RFC 6311
	// Uncovered: AUTH leaves the IKE_INTERMEDIATE exchanges out, against RFC 9242.
	Uncovered bool

	Again    // repeated authentication and redirects
	Stapling // OCSP responses

	// MOBIKE says how the gateway moves with its clients (RFC 4555); nil: not at all.
	MOBIKE *MOBIKE

	// OnRequest sees every authenticated request; false: as if it had been lost.
	OnRequest func(x *Exchange) bool
	// OnReply sees every answer before it is sealed and may change it.
	OnReply func(x *Exchange)
	// OnAsk sees every request of the gateway's own before it is sealed and may
	// change it.
	OnAsk func(e wire.ExchangeType, payloads []wire.Payload) []wire.Payload
}

// Exchange is a request of the client and its answer, in the clear.
type Exchange struct {
	Header   wire.Header // of the request
	Request  []wire.Payload
	Response []wire.Payload
}

// Responder is an IKEv2 gateway in memory. Like the client it has no I/O:
// one input (Handle, HandleTimeout or a request of its own), then drain Poll.
type Responder struct {
	cfg    ResponderConfig
	secret []byte // for cookies
	out    []Packet
	silent bool
	esp    Packet // where ESP goes
	// fragmentSize is FragmentSize, or less once that was too much.
	fragmentSize int

	sas      map[wire.SPI]*ikeSA // by our SPI
	halfOpen map[string]Packet   // answers to IKE_SA_INIT, by the request's octets
	children map[uint32]*Child   // by our inbound SPI
	sending  *Child              // see Outbound
	early    map[uint32]bool     // see noteEarlyDelete
	refused  int
	serials  int
	nonces   map[string]wire.SPI    // that the client has used, and for which IKE SA
	given    []wire.TrafficSelector // the client's addresses

	// AskedOCSP: the client of the last IKE_AUTH wants OCSP responses (RFC 4806).
	AskedOCSP bool

	// Complaints lists what the client did against the RFC, in words.
	Complaints []string
	// Received counts authenticated requests of the client by exchange,
	// without repetitions; IKE_SA_INIT counts every different one.
	Received map[wire.ExchangeType]int
	// Deleted counts IKE SAs that the client deleted.
	Deleted int
	// EmptyDeletes counts answers to Deletes of a Child SA without the other
	// direction, as they are right where both ends delete at once.
	EmptyDeletes int
	// Distrusted counts handshakes that the client ended because the gateway
	// did not convince it.
	Distrusted int
	// Keepalives counts NAT keepalives.
	Keepalives int
	// InitialContact tells whether the client sent INITIAL_CONTACT.
	InitialContact bool
	// InitialContacts counts those that did.
	InitialContacts int
	// FollowsRedirects and RedirectedFrom are what the last IKE_SA_INIT said.
	FollowsRedirects bool
	RedirectedFrom   string
	// Asked lists the inner addresses that clients asked for by name.
	Asked []netip.Addr
	// Configured lists the answers to Configure.
	Configured []*wire.CPPayload
	// ClientBehindNAT and BehindNAT are what NAT detection told the gateway.
	ClientBehindNAT, BehindNAT bool
	// Childless tells whether the client started without a Child SA.
	Childless bool
	// ChildRefusals lists what the client answered to CreateChild, errors only.
	ChildRefusals []wire.NotifyType
	// Updates counts UPDATE_SA_ADDRESSES that were agreed to.
	Updates int
	// ClientAddresses is where else the client says it can be reached.
	ClientAddresses []netip.Addr
	// Synced lists the answers to SyncMessageIDs.
	Synced []MessageIDs
	// Dead counts IKE SAs given up because a request stayed unanswered.
	Dead int
}

// NewResponder makes a gateway.
func NewResponder(cfg ResponderConfig) *Responder {
	if cfg.IKE == nil {
		cfg.IKE = suite.DefaultIKE()
	}
	if cfg.ESP == nil {
		cfg.ESP = suite.DefaultESP()
	}
	if cfg.LocalTS == nil {
		cfg.LocalTS = []wire.TrafficSelector{wire.AnyIPv4(), wire.AnyIPv6()}
	}
	if cfg.FragmentSize == 0 {
		cfg.FragmentSize = 1200
	}
	if cfg.EAPMethods == nil {
		cfg.EAPMethods = []uint8{eapMSCHAPv2}
	}
	cfg.Port = cmp.Or(cfg.Port, 500)
	return &Responder{
		cfg: cfg,

		fragmentSize: cfg.FragmentSize,
		secret:       octets(cfg.Rand, 32),
		sas:          map[wire.SPI]*ikeSA{},
		halfOpen:     map[string]Packet{},
		children:     map[uint32]*Child{},
		Received:     map[wire.ExchangeType]int{},
	}
}

// Silence makes the gateway deaf and dumb, or hear and speak again.
func (r *Responder) Silence(on bool) { r.silent = on }

// Forget loses every SA without a word, as a gateway that starts again does.
func (r *Responder) Forget() {
	clear(r.sas)
	clear(r.halfOpen)
	clear(r.children)
}

// Poll gives the next packet to send.
func (r *Responder) Poll() (Packet, bool) {
	if len(r.out) == 0 {
		return Packet{}, false
	}
	p := r.out[0]
	r.out = r.out[1:]
	return p, true
}

// NextTimeout is when HandleTimeout wants to be called; zero: never.
func (r *Responder) NextTimeout() time.Time {
	var next time.Time
	for _, sa := range r.sas {
		if at := sa.deadline(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// HandleTimeout repeats and gives up requests.
func (r *Responder) HandleTimeout(now time.Time) {
	for _, sa := range r.sorted() {
		if at := sa.deadline(); !at.IsZero() && !at.After(now) {
			sa.timeout(now)
		}
	}
}

// Handle takes one packet. Whatever is wrong with it is ignored, as a gateway
// does, and complained about where only the client can have sent it.
func (r *Responder) Handle(now time.Time, p Packet) {
	if r.silent {
		return
	}
	if p.Keepalive {
		r.Keepalives++
		return
	}
	m, err := wire.ParseMessage(p.Data)
	if err != nil {
		r.trace(now, "   x %v", err)
		return
	}
	if m.Exchange == wire.ExchangeIKESAInit && !m.Response() && m.MessageID == 0 && m.ResponderSPI == 0 {
		r.handleInit(now, p, m)
		return
	}
	ours := m.InitiatorSPI
	if m.Flags.Has(wire.FlagInitiator) {
		ours = m.ResponderSPI
	}
	sa, ok := r.sas[ours]
	if !ok || sa.spiI() != m.InitiatorSPI || sa.spiR() != m.ResponderSPI {
		r.trace(now, "   x %s for an IKE SA that is not here", describe(p))
		return
	}
	sa.handle(now, p, m)
}

// Children lists the Child SAs of the gateway, oldest first.
func (r *Responder) Children() []*Child {
	var out []*Child
	for _, c := range r.children {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *Child) int { return cmp.Compare(a.serial, b.serial) })
	return out
}

// IKESAs counts the IKE SAs that stand (half-open ones do not count).
func (r *Responder) IKESAs() int {
	n := 0
	for _, sa := range r.sas {
		if sa.established {
			n++
		}
	}
	return n
}

// IKESuite is the proposal of the IKE SA that stands, of the newest where
// there are more.
func (r *Responder) IKESuite() suite.Proposal {
	if sa := r.current(); sa != nil {
		return sa.proposal
	}
	return suite.Proposal{}
}

// current is the IKE SA that carries the Child SAs: the newest that is
// established and not on its way out.
func (r *Responder) current() *ikeSA {
	var best *ikeSA
	for _, sa := range r.sorted() {
		if sa.established && !sa.closing && !sa.replaced && (best == nil || sa.serial > best.serial) {
			best = sa
		}
	}
	return best
}

func (r *Responder) sorted() []*ikeSA {
	var out []*ikeSA
	for _, sa := range r.sas {
		out = append(out, sa)
	}
	slices.SortFunc(out, func(a, b *ikeSA) int { return cmp.Compare(a.serial, b.serial) })
	return out
}

func (r *Responder) complain(now time.Time, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.Complaints = append(r.Complaints, text)
	r.trace(now, "   ! %s", text)
}

func (r *Responder) trace(now time.Time, format string, args ...any) {
	if r.cfg.Trace != nil {
		r.cfg.Trace.Add(now, format, args...)
	}
}

// send queues a packet with a copy of its data.
func (r *Responder) send(p Packet) {
	if r.silent {
		return
	}
	p.Data = bytes.Clone(p.Data)
	r.out = append(r.out, p)
}

// newSPI draws an SPI that is not zero and not in use.
func (r *Responder) newSPI() wire.SPI {
	for {
		spi := wire.SPI(binary.BigEndian.Uint64(octets(r.cfg.Rand, 8)))
		if _, used := r.sas[spi]; spi != 0 && !used {
			return spi
		}
	}
}

// newChildSPI draws an ESP SPI above the reserved ones (RFC 4303 2.1).
func (r *Responder) newChildSPI() uint32 {
	for {
		spi := binary.BigEndian.Uint32(octets(r.cfg.Rand, 4))
		if _, used := r.children[spi]; spi > 255 && !used {
			return spi
		}
	}
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func notify(t wire.NotifyType, data ...byte) *wire.NotifyPayload {
	return &wire.NotifyPayload{NotifyType: t, Data: data}
}

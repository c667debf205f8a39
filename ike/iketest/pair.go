package iketest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike"
	"github.com/homeward-vpn/homeward/ike/auth"
	"github.com/homeward-vpn/homeward/ike/eap"
	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// The addresses of a Pair's world (RFC 5737).
var (
	ClientPrivate  = netip.MustParseAddr("192.168.1.23")
	ClientPublic   = netip.MustParseAddr("198.51.100.7")
	GatewayPublic  = netip.MustParseAddr("203.0.113.5")
	GatewayPrivate = netip.MustParseAddr("10.0.0.5")
)

// The names of a Pair's world.
const (
	GatewayName = "vpn.example.com"
	UserName    = "alice"
	Password    = "correct horse battery staple"
	SharedKey   = "a shared key of some length"
)

// PairConfig says how a Pair differs from the usual: a client behind no NAT,
// EAP-MSCHAPv2, a gateway with a P-256 certificate, an IPv4 address, a perfect
// wire.
type PairConfig struct {
	Seed       uint64
	ClientNAT  bool
	GatewayNAT bool
	Conditions Conditions
	Client     func(*ike.Config)      // changes the client's configuration
	Gateway    func(*ResponderConfig) // changes the gateway's
	Authority  *Authority             // of the gateway's default certificate; nil: a new one
	Leaf       func(*Leaf)            // changes the gateway's default certificate
}

// ClientSA is a Child SA as the client's owner has it.
type ClientSA struct {
	ike.ChildSA
	Active   bool
	Replaces uint32

	since int // in the order of activations
}

// Pair is one client and one gateway on one network, and owns their time:
//
//	step: the earliest of packet, answer, action and deadline -> one input
//	      -> drain -> events recorded, questions answered
//
// It plays the client's owner: it keeps the Child SAs that the Session tells
// of, answers its questions, and complains about events that are out of order.
type Pair struct {
	Now        time.Time
	Client     *ike.Session
	Gateway    *Responder
	Network    *Network
	Trace      *Transcript
	Authority  *Authority
	ClientCert *Certificate // answers NeedCertificate, signs NeedSignature

	Events      []ike.Event
	SAs         map[uint32]*ClientSA // by the client's inbound SPI
	Established *ike.Established
	Closed      *ike.Closed
	Drops       map[ike.DropReason]int // what the client's inputs returned
	// Sent is every IKE datagram of the client, in order.
	Sent []Packet
	// Complaints lists events of the client that are out of order.
	Complaints []string

	// Password is the answer to NeedCredentials, PSK that to NeedPSK.
	Password, PSK string
	// Answer, where set, is asked first. A nil command leaves the question
	// open; false lets the Pair answer as usual.
	Answer func(e ike.Event) (ike.Command, bool)
	// AnswerDelay is how long an answer takes.
	AnswerDelay time.Duration
	// OnStep, where set, runs after every step.
	OnStep func()

	local       netip.AddrPort
	locals      []netip.Addr         // the client's further addresses
	gone        map[uint32]lingering // by the client's inbound SPI
	pending     []action
	serial      int
	activations int
	still       int // steps since time last moved
}

type action struct {
	at     time.Time
	serial int
	do     func()
}

// NewPair makes both ends; nothing happens before Connect.
func NewPair(c PairConfig) (*Pair, error) {
	p := &Pair{
		Now: Epoch, Trace: &Transcript{}, SAs: map[uint32]*ClientSA{}, Drops: map[ike.DropReason]int{},
		Authority: c.Authority, Password: Password, PSK: SharedKey,
		local: netip.AddrPortFrom(ClientPublic, 500),
	}
	if p.Authority == nil {
		p.Authority = NewAuthority("Example CA", P256)
	}
	gateway := GatewayPublic
	if c.GatewayNAT {
		gateway = GatewayPrivate
	}
	p.Network = NewNetwork(c.Seed, gateway)
	p.Network.Conditions, p.Network.Trace = c.Conditions, p.Trace
	if c.GatewayNAT {
		p.Network.GatewayNAT = GatewayPublic
	}
	if c.ClientNAT {
		p.local = netip.AddrPortFrom(ClientPrivate, 500)
		p.Network.ClientNAT = ClientPublic
	}

	rc := p.responderConfig(c, gateway)
	p.Gateway = NewResponder(rc)
	cc := p.clientConfig(c)
	session, err := ike.New(cc)
	if err != nil {
		return nil, err
	}
	p.Client = session
	return p, nil
}

func (p *Pair) responderConfig(c PairConfig, address netip.Addr) ResponderConfig {
	leaf := Leaf{CommonN: GatewayName, DNSNames: []string{GatewayName}}
	if c.Leaf != nil {
		c.Leaf(&leaf)
	}
	rc := ResponderConfig{
		Rand: NewRand(c.Seed*2 + 1), Address: address, Trace: p.Trace,
		Identity:    auth.Identity{Type: auth.IDFQDN, Data: []byte(GatewayName)},
		Certificate: p.Authority.Issue(leaf),
		PSK:         []byte(SharedKey),
		Users:       map[string]string{UserName: Password},
		Fragments:   true,
		Addresses:   []netip.Prefix{netip.MustParsePrefix("10.99.0.5/32")},
		DNS:         []netip.Addr{netip.MustParseAddr("10.99.0.53")},
	}
	if c.Gateway != nil {
		c.Gateway(&rc)
	}
	return rc
}

func (p *Pair) clientConfig(c PairConfig) ike.Config {
	cc := ike.Config{
		Rand:  NewRand(c.Seed * 2),
		Local: p.local, Remote: netip.AddrPortFrom(GatewayPublic, 500),
		Identity: auth.Identity{Type: auth.IDRFC822, Data: []byte("alice@example.com")},
		Client:   ike.ClientEAP, Gateway: ike.GatewayCertificate,
		EAP:          eap.Config{Methods: []uint8{eapMSCHAPv2}, Identity: UserName},
		IKEProposals: suite.DefaultIKE(), ChildProposals: suite.DefaultESP(),
		LocalTS: []wire.TrafficSelector{wire.AnyIPv4()}, RemoteTS: []wire.TrafficSelector{wire.AnyIPv4()},
		RequestIPv4: true, InitialContact: true,
	}
	if c.Client != nil {
		c.Client(&cc)
	}
	return cc
}

// Connect starts the handshake.
func (p *Pair) Connect() error { return p.Do(ike.Connect{}) }

// Do gives the client a command.
func (p *Pair) Do(c ike.Command) error {
	p.Trace.Add(p.Now, "client is told %T", c)
	err := p.Client.Do(p.Now, c)
	p.drain()
	return err
}

// Tell lets the gateway act, with its own drain.
func (p *Pair) Tell(do func(now time.Time) error) error {
	err := do(p.Now)
	p.drain()
	return err
}

// After performs an action later.
func (p *Pair) After(d time.Duration, do func()) {
	p.serial++
	p.pending = append(p.pending, action{p.Now.Add(d), p.serial, do})
}

// Drive lets time pass.
func (p *Pair) Drive(d time.Duration) {
	end := p.Now.Add(d)
	for {
		at := p.next()
		if at.IsZero() || at.After(end) {
			p.Now = end
			return
		}
		p.step(at)
	}
}

// Until lets time pass until the condition holds, or until the limit; it tells
// whether the condition holds.
func (p *Pair) Until(limit time.Duration, cond func() bool) bool {
	end := p.Now.Add(limit)
	for !cond() {
		at := p.next()
		if at.IsZero() || at.After(end) {
			p.Now = end
			return cond()
		}
		p.step(at)
	}
	return true
}

// Up lets time pass until the client is established with a Child SA.
func (p *Pair) Up(limit time.Duration) bool {
	return p.Until(limit, func() bool { return p.Established != nil && p.active() != nil || p.Closed != nil }) && p.Closed == nil
}

// Down lets time pass until the client is closed.
func (p *Pair) Down(limit time.Duration) bool {
	return p.Until(limit, func() bool { return p.Closed != nil })
}

// next is when something happens; zero: never.
func (p *Pair) next() time.Time {
	var next time.Time
	for _, at := range []time.Time{p.Network.Next(), p.nextAction(), p.Client.NextTimeout(), p.Gateway.NextTimeout()} {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func (p *Pair) nextAction() time.Time {
	if len(p.pending) == 0 {
		return time.Time{}
	}
	slices.SortStableFunc(p.pending, func(a, b action) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.serial - b.serial
	})
	return p.pending[0].at
}

// maxStill bounds how often something may happen without time passing.
const maxStill = 20000

// step goes to a moment and gives one input.
func (p *Pair) step(at time.Time) {
	if at.After(p.Now) {
		p.Now, p.still = at, 0
	}
	if p.still++; p.still > maxStill {
		panic("iketest: time stands still\n" + p.Trace.String())
	}
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(p.Now) }
	switch {
	case due(p.Network.Next()):
		if packet, ok := p.Network.Receive(p.Now); ok {
			p.deliver(packet)
		}
	case due(p.nextAction()):
		do := p.pending[0].do
		p.pending = p.pending[1:]
		do()
	case due(p.Gateway.NextTimeout()):
		p.Gateway.HandleTimeout(p.Now)
	case due(p.Client.NextTimeout()):
		p.note(p.Client.HandleTimeout(p.Now))
	}
	p.drain()
	if p.OnStep != nil {
		p.OnStep()
	}
}

// deliver hands a packet to whom it is addressed.
func (p *Pair) deliver(packet Packet) {
	if p.Network.IsGateway(packet.To.Addr()) {
		p.Gateway.Handle(p.Now, packet)
		return
	}
	if !p.owns(packet.To) {
		p.Trace.Add(p.Now, "     %s for %v, who is not here", describe(packet), packet.To)
		return
	}
	p.note(p.Client.HandleDatagram(p.Now, ike.Datagram{
		Local: packet.To, Remote: packet.From, Encap: packet.Encap, Data: packet.Data,
	}))
}

// note keeps what an input of the client returned.
func (p *Pair) note(err error) {
	var drop *ike.DropError
	if errors.As(err, &drop) {
		p.Drops[drop.Reason]++
	}
	if err != nil {
		p.Trace.Add(p.Now, "     client: %v", err)
	}
}

// drain empties both ends until nothing more comes out.
func (p *Pair) drain() {
	for again := true; again; {
		again = false
		for {
			e, ok := p.Client.PollEvent()
			if !ok {
				break
			}
			p.take(e)
			again = true
		}
		for {
			d, ok := p.Client.PollTransmit()
			if !ok {
				break
			}
			p.transmit(d)
			again = true
		}
		for {
			packet, ok := p.Gateway.Poll()
			if !ok {
				break
			}
			p.Network.Send(p.Now, packet)
			again = true
		}
	}
}

func (p *Pair) transmit(d ike.Datagram) {
	packet := Packet{From: p.source(d), To: d.Remote, Encap: d.Encap, Keepalive: d.Keepalive, Data: d.Data}
	if !d.Keepalive {
		copied := packet
		copied.Data = slices.Clone(d.Data)
		p.Sent = append(p.Sent, copied)
	}
	p.Network.Send(p.Now, packet)
}

func (p *Pair) complain(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.Complaints = append(p.Complaints, text)
	p.Trace.Add(p.Now, "   ! %s", text)
}

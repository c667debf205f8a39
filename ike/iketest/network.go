package iketest

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// Packet is one UDP datagram of IKE on its way.
type Packet struct {
	From, To  netip.AddrPort
	Encap     bool // behind the non-ESP marker (RFC 3948 2.2), which Data does not hold
	Keepalive bool // the single octet of RFC 3948 2.3; Data is empty
	Data      []byte
}

// Conditions are what a network does to packets. The zero value is a wire
// without delay.
type Conditions struct {
	Delay     time.Duration // one way
	Jitter    time.Duration // added to Delay, evenly; reorders packets
	Loss      float64       // share of packets lost, 0 to 1
	Duplicate float64       // share of packets that arrive twice
	// MTU: larger IP packets vanish without a word on the way; 0: none do.
	// ToClient is that of the way back, where it is another one.
	MTU, ToClient int
}

// Network carries packets between a client and a gateway:
//
//	Send -> Intercept -> address translation -> loss, duplication, delay -> Receive
//
// Its behaviour depends on its seed and on the packets alone.
type Network struct {
	Conditions Conditions
	// Client NAT: the public address that hides the client's; invalid: none.
	ClientNAT netip.Addr
	// Gateway NAT: packets to this address reach Gateway; invalid: none.
	GatewayNAT netip.Addr
	Gateway    netip.Addr // the gateway's own address
	// Gateways are further addresses of the gateway.
	Gateways []netip.Addr
	// NATs hide some addresses of the client behind others, each by a NAT of its
	// own; ClientNAT does it for those that are not named here. Invalid: none.
	NATs map[netip.Addr]netip.Addr
	// Intercept, where set, sees every packet before its fate is drawn, with
	// the addresses of its sender's side. It may change the packet's data,
	// hold it back, or drop it.
	Intercept func(p *Packet) (hold time.Duration, drop bool)
	// Trace, where set, gets what happened to packets.
	Trace *Transcript

	rand     *rand.Rand
	flight   []flying
	sequence uint64
	mappings map[netip.AddrPort]netip.AddrPort // client's private end -> public end
	black    map[[2]netip.Addr]bool            // by the client's address and the gateway's
	nextPort uint16
}

type flying struct {
	at       time.Time
	sequence uint64
	packet   Packet
}

// NewNetwork gives a perfect wire to a gateway at an address.
func NewNetwork(seed uint64, gateway netip.Addr) *Network {
	return &Network{
		Gateway:  gateway,
		rand:     rand.New(newChaCha(seed)),
		mappings: map[netip.AddrPort]netip.AddrPort{},
		black:    map[[2]netip.Addr]bool{},
		nextPort: 20001,
	}
}

// Rebind makes the client's NAT forget its mappings: later packets come from
// other ports.
func (n *Network) Rebind() { clear(n.mappings) }

// Send puts a packet on its way; its data is copied.
func (n *Network) Send(now time.Time, p Packet) {
	p.Data = bytes.Clone(p.Data)
	var hold time.Duration
	if n.Intercept != nil {
		var drop bool
		if hold, drop = n.Intercept(&p); drop {
			n.note(now, "taken off the wire", p)
			return
		}
	}
	if !n.translate(&p) {
		n.note(now, "no way for", p)
		return
	}
	if n.isCut(p) {
		n.note(now, "cut off", p)
		return
	}
	if n.swallows(p) {
		n.note(now, "too large for the path", p)
		return
	}
	if n.rand.Float64() < n.Conditions.Loss {
		n.note(now, "lost", p)
		return
	}
	copies := 1
	if n.rand.Float64() < n.Conditions.Duplicate {
		n.note(now, "doubled", p)
		copies = 2
	}
	for range copies {
		delay := hold + n.Conditions.Delay
		if n.Conditions.Jitter > 0 {
			delay += time.Duration(n.rand.Int64N(int64(n.Conditions.Jitter)))
		}
		n.sequence++
		n.flight = append(n.flight, flying{now.Add(delay), n.sequence, p})
	}
}

// Inject delivers a packet as it is, now: a stranger's, with any address.
func (n *Network) Inject(now time.Time, p Packet) {
	p.Data = bytes.Clone(p.Data)
	n.sequence++
	n.flight = append(n.flight, flying{now, n.sequence, p})
}

// Next tells when the next packet arrives; zero: none is under way.
func (n *Network) Next() time.Time {
	if i := n.earliest(); i >= 0 {
		return n.flight[i].at
	}
	return time.Time{}
}

// Receive gives the next packet that has arrived by now.
func (n *Network) Receive(now time.Time) (Packet, bool) {
	i := n.earliest()
	if i < 0 || n.flight[i].at.After(now) {
		return Packet{}, false
	}
	p := n.flight[i].packet
	n.flight = append(n.flight[:i], n.flight[i+1:]...)
	return p, true
}

// Clear loses everything that is under way.
func (n *Network) Clear() { n.flight = nil }

func (n *Network) earliest() int {
	best := -1
	for i, f := range n.flight {
		if best < 0 || f.at.Before(n.flight[best].at) ||
			f.at.Equal(n.flight[best].at) && f.sequence < n.flight[best].sequence {
			best = i
		}
	}
	return best
}

// translate rewrites addresses as the NATs between the ends do. A packet to
// the client without a mapping has nowhere to go.
func (n *Network) translate(p *Packet) bool {
	if n.IsGateway(p.From.Addr()) { // towards the client
		if private, ok := n.private(p.To); ok {
			p.To = private
		} else if n.isNAT(p.To.Addr()) {
			return false
		}
		if n.GatewayNAT.IsValid() {
			p.From = netip.AddrPortFrom(n.GatewayNAT, p.From.Port())
		}
		return true
	}
	p.From = n.public(p.From)
	if n.GatewayNAT.IsValid() && p.To.Addr() == n.GatewayNAT {
		p.To = netip.AddrPortFrom(n.Gateway, p.To.Port())
	}
	return true
}

func (n *Network) note(now time.Time, what string, p Packet) {
	if n.Trace != nil {
		n.Trace.Add(now, "     %s: %s", what, describe(p))
	}
}

// describe names a packet from what is readable without keys.
func describe(p Packet) string {
	if p.Keepalive {
		return "NAT keepalive"
	}
	h, err := wire.ParseHeader(p.Data)
	if err != nil {
		return err.Error()
	}
	direction := "request"
	if h.Response() {
		direction = "response"
	}
	s := h.Exchange.String() + " " + direction + " " + itoa(h.MessageID)
	if m, err := wire.ParseMessage(p.Data); err == nil {
		if f, ok := wire.Find[*wire.EncryptedFragment](m.Payloads); ok {
			s += " fragment " + itoa(uint32(f.Number)) + "/" + itoa(uint32(f.Total))
		}
	}
	return s
}

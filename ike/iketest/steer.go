package iketest

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// Side is one end of a Pair.
type Side uint8

// The sides.
const (
	TheClient Side = iota
	TheGateway
)

// Other is the side at the other end.
func (s Side) Other() Side { return 1 - s }

// String implements fmt.Stringer.
func (s Side) String() string { return [...]string{"client", "gateway"}[s] }

// Nonces is a source of randomness whose draws of 32 octets, of which nonces
// are made, begin with an octet of the test's choice, so that the test says
// which nonce is the lowest (RFC 7296 2.8.1).
type Nonces struct {
	Rand io.Reader
	Set  bool
	Lead byte
}

// Read implements io.Reader.
func (n *Nonces) Read(b []byte) (int, error) {
	k, err := n.Rand.Read(b)
	if n.Set && len(b) == 32 && k == 32 {
		b[0] = n.Lead
	}
	return k, err
}

// Held is one IKE message that a Steering has taken off the wire.
type Held struct {
	From   Side
	Header wire.Header
	packet Packet
}

// Steering takes IKE messages off the wire of an established Pair without NATs,
// and delivers them when the test says so, in any order. Time stands still
// unless the test drives it; a repeated request is one more message.
type Steering struct {
	// Keep, where set, says which messages are taken; nil: all.
	Keep func(*Held) bool

	p     *Pair
	held  []*Held
	known map[wire.SPI]*ikeSA // every IKE SA of the gateway so far, by its own SPI
}

// Steer takes the wire over.
func Steer(p *Pair) *Steering {
	s := &Steering{p: p, known: map[wire.SPI]*ikeSA{}}
	p.Network.Intercept = s.intercept
	s.learn()
	return s
}

// intercept implements Network.Intercept.
func (s *Steering) intercept(packet *Packet) (hold time.Duration, drop bool) {
	s.learn()
	if packet.Keepalive {
		return 0, false
	}
	h, err := wire.ParseHeader(packet.Data)
	if err != nil {
		return 0, false
	}
	m := &Held{From: TheClient, Header: h, packet: *packet}
	if packet.From.Addr() == s.p.Network.Gateway {
		m.From = TheGateway
	}
	m.packet.Data = slices.Clone(packet.Data)
	if s.Keep != nil && !s.Keep(m) {
		return 0, false
	}
	s.held = append(s.held, m)
	return 0, true
}

// learn remembers the gateway's IKE SAs, so that messages of one that is gone
// meanwhile can still be read.
func (s *Steering) learn() {
	for spi, sa := range s.p.Gateway.sas {
		s.known[spi] = sa
	}
}

// Held lists what was taken and not delivered, oldest first.
func (s *Steering) Held() []*Held { return slices.Clone(s.held) }

// Next is the oldest request, or answer, of a side that is held.
func (s *Steering) Next(from Side, answer bool) *Held {
	for _, m := range s.held {
		if m.From == from && m.Header.Response() == answer {
			return m
		}
	}
	return nil
}

// Take takes a message out of those that are held, to be delivered or lost later.
func (s *Steering) Take(m *Held) {
	s.held = slices.DeleteFunc(s.held, func(o *Held) bool { return o == m })
}

// Deliver hands a message to its receiver, now.
func (s *Steering) Deliver(m *Held) {
	s.Take(m)
	s.p.deliver(m.packet)
	s.p.drain()
	s.learn()
	if s.p.OnStep != nil {
		s.p.OnStep()
	}
}

// Free gives the wire back, with all that is held on it.
func (s *Steering) Free() {
	s.p.Network.Intercept = nil
	for _, m := range s.held {
		s.p.Network.Send(s.p.Now, m.packet)
	}
	s.held = nil
}

// Payloads reads a message with the gateway's keys; an error where the gateway
// has none for it, because it does not know the IKE SA yet.
func (s *Steering) Payloads(m *Held) ([]wire.Payload, error) {
	msg, err := wire.ParseMessage(m.packet.Data)
	if err != nil {
		return nil, err
	}
	spi := msg.ResponderSPI
	if msg.Flags.Has(wire.FlagInitiator) == (m.From == TheGateway) {
		spi = msg.InitiatorSPI
	}
	sa, ok := s.known[spi]
	if !ok {
		return nil, fmt.Errorf("%s of an IKE SA that the gateway does not know", describe(m.packet))
	}
	open := sa.protector
	if m.From == TheGateway {
		if open, err = suite.NewProtector(sa.proposal, sa.keys, !sa.initiator, sa.r.cfg.Rand); err != nil {
			return nil, err
		}
	}
	first, plain, err := open.Open(m.packet.Data, msg)
	if err != nil {
		return nil, err
	}
	return wire.ParseChain(first, plain)
}

// Meaning says in two or three words what a message is for: "rekey child",
// "rekey ike", "create child", "follow up", "delete child", "delete ike", "liveness" for a
// request, and for an answer the error that it tells, "accepted", "followed", "deleted" where
// it holds a Delete, or "empty". It names neither SPIs nor IKE SAs.
func (s *Steering) Meaning(m *Held) string {
	ps, err := s.Payloads(m)
	if err != nil {
		return err.Error()
	}
	sap, hasSA := wire.Find[*wire.SAPayload](ps)
	_, rekeys := wire.Notify(ps, wire.NotifyRekeySA)
	d, deletes := wire.Find[*wire.DeletePayload](ps)
	fault, isError := wire.FirstError(ps)
	switch {
	case isError:
		return fault.NotifyType.String()
	case m.Header.Exchange == wire.ExchangeFollowupKE && m.Header.Response():
		return "followed"
	case m.Header.Exchange == wire.ExchangeFollowupKE:
		return "follow up"
	case m.Header.Response() && hasSA:
		return "accepted"
	case m.Header.Response() && deletes:
		return "deleted"
	case len(ps) == 0 && m.Header.Response():
		return "empty"
	case len(ps) == 0:
		return "liveness"
	case hasSA && sap.Proposals[0].Protocol == wire.ProtocolIKE:
		return "rekey ike"
	case rekeys:
		return "rekey child"
	case hasSA:
		return "create child"
	case deletes && d.Protocol == wire.ProtocolIKE:
		return "delete ike"
	case deletes:
		return "delete child"
	}
	return wire.Describe(ps)
}

// DeletedSPI is the one ESP SPI that a Delete names; 0 where there is not one.
func (s *Steering) DeletedSPI(m *Held) uint32 {
	ps, err := s.Payloads(m)
	if err != nil {
		return 0
	}
	d, ok := wire.Find[*wire.DeletePayload](ps)
	if !ok || d.Protocol != wire.ProtocolESP || len(d.SPIs) != 1 || len(d.SPIs[0]) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(d.SPIs[0])
}

// Began tells which side began the IKE SA of a message, by its flags.
func (m *Held) Began() Side {
	if m.Header.Flags.Has(wire.FlagInitiator) {
		return m.From
	}
	return m.From.Other()
}

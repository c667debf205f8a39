package iketest

import (
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// A gateway that has lost its memory, is changed under way, or breaks the rules.

// LoseChild makes the gateway forget a Child SA without a word.
func (r *Responder) LoseChild(inboundSPI uint32) { delete(r.children, inboundSPI) }

// GhostChild gives the gateway a Child SA that its client has never heard of,
// beside the one that it sends on, and returns its inbound SPI.
func (r *Responder) GhostChild() uint32 {
	like := r.Outbound()
	ghost := &Child{
		InboundSPI: r.newChildSPI(), OutboundSPI: r.newChildSPI(),
		Suite: like.Suite, Keys: suite.ChildKeys{}, Initiated: true,
		LocalTS: like.LocalTS, RemoteTS: like.RemoteTS, sa: like.sa, serial: r.serial(),
	}
	r.children[ghost.InboundSPI] = ghost
	return ghost.InboundSPI
}

// Restart makes the gateway forget everything, as one that has crashed.
func (r *Responder) Restart() {
	clear(r.sas)
	clear(r.halfOpen)
	clear(r.children)
	r.sending = nil
	r.secret = octets(r.cfg.Rand, 32)
}

// Reconfigure changes what the gateway is like, under way.
func (r *Responder) Reconfigure(change func(*ResponderConfig)) { change(&r.cfg) }

// Interject sends a request on the oldest IKE SA, whatever is under way there, and
// gives its message ID. The answer is not looked at.
func (r *Responder) Interject(now time.Time, exchange wire.ExchangeType, payloads []wire.Payload) uint32 {
	sa := r.sorted()[0]
	flags := wire.Flags(0)
	if sa.initiator {
		flags = wire.FlagInitiator
	}
	id := sa.next
	sa.next++
	r.trace(now, "<-- %v request %d out of turn { %s }", exchange, id, wire.Describe(payloads))
	for _, p := range sa.seal(now, exchange, flags, id, payloads) {
		r.send(p)
	}
	return id
}

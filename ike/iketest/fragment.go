package iketest

import (
	"net/netip"
	"time"
)

// A gateway that looks for a fragment size (RFC 7383 2.5.2): what has gone
// unanswered twice is cut for the smallest datagram that every IPv4 path takes,
// and so is everything after it.

// smallMessage is the longest message in an IPv4 datagram of 576 octets, behind
// the non-ESP marker.
const smallMessage = 576 - 20 - 8 - 4

// recutAnswer makes the last answer anew where the client has asked for it twice.
func (sa *ikeSA) recutAnswer(now time.Time) {
	if sa.repeats++; sa.repeats == 2 && sa.again != nil && sa.recut(now, sa.answer) {
		sa.answer = sa.again()
	}
}

// recutRequest does the same with our request under way.
func (sa *ikeSA) recutRequest(now time.Time) {
	if q := sa.request; q.tries >= 2 && sa.recut(now, q.packets) {
		q.packets = q.again()
	}
}

// recut lowers the size, if it is to be looked for and that would help packets.
func (sa *ikeSA) recut(now time.Time, packets []Packet) bool {
	r := sa.r
	if !r.cfg.FindSize || !sa.fragments || r.fragmentSize <= smallMessage {
		return false
	}
	for _, p := range packets {
		if len(p.Data) > smallMessage {
			r.fragmentSize = smallMessage
			r.trace(now, "   gateway cuts its messages to %d octets", smallMessage)
			return true
		}
	}
	return false
}

// FragmentSize is the longest message that the gateway sends whole by now.
func (r *Responder) FragmentSize() int { return r.fragmentSize }

// swallows says whether the path loses a packet for its size.
func (n *Network) swallows(p Packet) bool {
	mtu := n.Conditions.MTU
	if n.Conditions.ToClient != 0 && p.From.Addr() == n.outside() {
		mtu = n.Conditions.ToClient
	}
	return mtu != 0 && size(p) > mtu
}

// outside is the gateway's address as its packets bear it on the way.
func (n *Network) outside() netip.Addr {
	if n.GatewayNAT.IsValid() {
		return n.GatewayNAT
	}
	return n.Gateway
}

// size is the length of the IP packet around p.
func size(p Packet) int {
	const ip4, ip6, udp, marker = 20, 40, 8, 4
	octets := ip4 + udp + len(p.Data)
	if p.To.Addr().Is6() {
		octets += ip6 - ip4
	}
	switch {
	case p.Keepalive:
		octets++
	case p.Encap:
		octets += marker
	}
	return octets
}

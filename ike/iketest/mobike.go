package iketest

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// MOBIKE is how a gateway moves with its clients (RFC 4555).
type MOBIKE struct {
	// Addresses are the gateway's beyond the one that IKE_AUTH arrives at.
	Addresses []netip.Addr
	// Routability: every move is checked by a request with COOKIE2 before ESP
	// goes to the new address (RFC 4555 3.7).
	Routability bool
	// Refuse says no to a move; 0: it is agreed to.
	Refuse func(from, to netip.AddrPort) wire.NotifyType
	// ForgetCookie answers without the COOKIE2 that it was sent, and
	// ForgeCookie with another: against the rules.
	ForgetCookie, ForgeCookie bool
	// NoNATs: the client must say NO_NATS_ALLOWED wherever RFC 4555 3.9 wants it.
	NoNATs bool
}

// mobikeOffered takes the first IKE_AUTH request (RFC 4555 3.2, 3.9).
func (sa *ikeSA) mobikeOffered(now time.Time, request []wire.Payload) {
	n, offered := wire.Notify(request, wire.NotifyMOBIKESupported)
	if offered && (n.Protocol != wire.ProtocolNone || len(n.SPI) != 0 || len(n.Data) != 0) {
		sa.r.complain(now, "MOBIKE_SUPPORTED is not empty (RFC 4555 4.2.1)")
	}
	if offered && !sa.path.Encap {
		sa.r.complain(now, "MOBIKE is offered outside port 4500 (RFC 4555 3.3)")
	}
	sa.mobike = offered && sa.r.cfg.MOBIKE != nil
	if !sa.mobike {
		return
	}
	sa.r.ClientAddresses, _ = additional(request)
	sa.mangled = !sa.checkNATs(now, request)
}

// mobikeAnswer is the gateway's half of the negotiation (RFC 4555 3.2, 3.4).
func (sa *ikeSA) mobikeAnswer() []wire.Payload {
	if !sa.mobike {
		return nil
	}
	out := []wire.Payload{notify(wire.NotifyMOBIKESupported)}
	if list := sa.r.cfg.MOBIKE.Addresses; len(list) > 0 {
		out = append(out, addressList(list)...)
	}
	return out
}

// addressList writes ADDITIONAL_* or NO_ADDITIONAL_ADDRESSES (RFC 4555 4.2.2).
func addressList(list []netip.Addr) []wire.Payload {
	if len(list) == 0 {
		return []wire.Payload{notify(wire.NotifyNoAdditionalAddresses)}
	}
	var out []wire.Payload
	for _, a := range list {
		t := wire.NotifyAdditionalIP4Address
		if a.Is6() {
			t = wire.NotifyAdditionalIP6Address
		}
		out = append(out, notify(t, a.AsSlice()...))
	}
	return out
}

// additional reads what addressList writes.
func additional(ps []wire.Payload) (list []netip.Addr, spoke bool) {
	for _, p := range ps {
		n, ok := p.(*wire.NotifyPayload)
		if !ok {
			continue
		}
		switch n.NotifyType {
		case wire.NotifyNoAdditionalAddresses:
			spoke = true
		case wire.NotifyAdditionalIP4Address, wire.NotifyAdditionalIP6Address:
			spoke = true
			if a, ok := netip.AddrFromSlice(n.Data); ok {
				list = append(list, a)
			}
		}
	}
	return list, spoke
}

// mobile adds to the answer of a request what RFC 4555 wants in it, and follows
// the client. back is the request's path the other way round.
func (sa *ikeSA) mobile(now time.Time, back Packet, x *Exchange, answer []wire.Payload) []wire.Payload {
	_, update := wire.Notify(x.Request, wire.NotifyUpdateSAAddresses)
	cookie, checks := wire.Notify(x.Request, wire.NotifyCookie2)
	list, spoke := additional(x.Request)
	_, detects := wire.Notify(x.Request, wire.NotifyNATDetectionSourceIP)
	if !sa.mobike || !sa.established || x.Header.Exchange != wire.ExchangeInformational {
		if update || checks || spoke || detects {
			sa.r.complain(now, "MOBIKE without having agreed on it (RFC 4555 3.2)")
		}
		return answer
	}
	m := sa.r.cfg.MOBIKE
	if checks {
		if len(cookie.Data) < 8 || len(cookie.Data) > 64 {
			sa.r.complain(now, "COOKIE2 of %d octets (RFC 4555 4.2.5)", len(cookie.Data))
		}
		data := bytes.Clone(cookie.Data)
		if m.ForgeCookie {
			data[0] ^= 1
		}
		if !m.ForgetCookie {
			answer = append(answer, notify(wire.NotifyCookie2, data...))
		}
	}
	if (update || spoke) && !sa.checkNATs(now, x.Request) {
		return append(answer, notify(wire.NotifyUnexpectedNATDetected))
	}
	if detects {
		answer = append(answer, sa.natDetection(back)...)
	}
	if spoke {
		sa.r.ClientAddresses = list
	}
	if !update {
		return answer
	}
	if !detects {
		sa.r.complain(now, "UPDATE_SA_ADDRESSES without NAT detection, though NAT traversal is on (RFC 4555 3.5)")
	}
	if m.Refuse != nil {
		if n := m.Refuse(back.To, back.From); n != 0 {
			return append(answer, notify(n))
		}
	}
	sa.follow(now, back)
	return answer
}

// natDetection is what the gateway sees (RFC 7296 2.23).
func (sa *ikeSA) natDetection(back Packet) []wire.Payload {
	return []wire.Payload{
		notify(wire.NotifyNATDetectionSourceIP, natHash(sa.spiI(), sa.spiR(), back.From)...),
		notify(wire.NotifyNATDetectionDestinationIP, natHash(sa.spiI(), sa.spiR(), back.To)...),
	}
}

// follow takes the client's new path: for IKE at once, for ESP too unless the
// client has to show first that it receives there (RFC 4555 3.5, 3.7).
func (sa *ikeSA) follow(now time.Time, back Packet) {
	sa.path = back
	sa.r.Updates++
	sa.r.trace(now, "   gateway follows to %v", back.To)
	if !sa.r.cfg.MOBIKE.Routability {
		sa.r.esp = back
		return
	}
	if err := sa.r.CheckRoutability(now, func() { sa.r.esp = back }); err != nil {
		sa.r.complain(now, "return routability check: %v", err)
	}
}

// checkNATs holds NO_NATS_ALLOWED against the packet (RFC 4555 3.9).
func (sa *ikeSA) checkNATs(now time.Time, request []wire.Payload) bool {
	n, ok := wire.Notify(request, wire.NotifyNoNATsAllowed)
	if !ok {
		if sa.r.cfg.MOBIKE.NoNATs {
			sa.r.complain(now, "%s without NO_NATS_ALLOWED (RFC 4555 3.9)", wire.Describe(request))
		}
		return true
	}
	at := sa.arrived
	want := slices.Concat(at.From.Addr().AsSlice(), at.To.Addr().AsSlice())
	want = binary.BigEndian.AppendUint16(want, at.From.Port())
	want = binary.BigEndian.AppendUint16(want, at.To.Port())
	return bytes.Equal(n.Data, want)
}

// ESP is where the gateway sends ESP: From is its own end.
func (r *Responder) ESP() Packet { return r.esp }

// CheckRoutability asks the client with a COOKIE2 (RFC 4555 3.7), at the
// addresses of the IKE SA. answered runs when the right answer has come.
func (r *Responder) CheckRoutability(now time.Time, answered func()) error {
	sa := r.current()
	if sa == nil {
		return ErrNoSA
	}
	cookie := octets(r.cfg.Rand, 16)
	sa.ask(now, &ownRequest{
		exchange: wire.ExchangeInformational,
		build: func(time.Time) []wire.Payload {
			return append([]wire.Payload{notify(wire.NotifyCookie2, cookie...)}, sa.natDetection(sa.path)...)
		},
		reply: func(now time.Time, payloads []wire.Payload) {
			n, ok := wire.Notify(payloads, wire.NotifyCookie2)
			if !ok || !bytes.Equal(n.Data, cookie) {
				r.complain(now, "COOKIE2 does not come back as it was (RFC 4555 3.7)")
				return
			}
			_, ok1 := wire.Notify(payloads, wire.NotifyNATDetectionSourceIP)
			_, ok2 := wire.Notify(payloads, wire.NotifyNATDetectionDestinationIP)
			if !ok1 || !ok2 {
				r.complain(now, "NAT detection is not answered by NAT detection (RFC 4555 3.8)")
			}
			if answered != nil {
				answered()
			}
		},
	})
	return nil
}

// Relocate makes the gateway speak from another address of its own, and tell the
// client its list (RFC 4555 3.6); nil: that there are no others. noNATs, where it
// is not nil, is what NO_NATS_ALLOWED says; answered gets the answer.
func (r *Responder) Relocate(now time.Time, at netip.Addr, others []netip.Addr, noNATs []byte, answered func([]wire.Payload)) error {
	payloads := addressList(others)
	if noNATs != nil {
		payloads = append(payloads, notify(wire.NotifyNoNATsAllowed, noNATs...))
	}
	return r.Inform(now, at, payloads, answered)
}

// Inform sends an INFORMATIONAL request from an address of the gateway's, from
// which it speaks from now on.
func (r *Responder) Inform(now time.Time, at netip.Addr, payloads []wire.Payload, answered func([]wire.Payload)) error {
	sa := r.current()
	if sa == nil {
		return ErrNoSA
	}
	sa.path.From = netip.AddrPortFrom(at, sa.path.From.Port())
	sa.ask(now, &ownRequest{
		exchange: wire.ExchangeInformational,
		build:    func(time.Time) []wire.Payload { return payloads },
		reply: func(_ time.Time, answer []wire.Payload) {
			if answered != nil {
				answered(answer)
			}
		},
	})
	return nil
}

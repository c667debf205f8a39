package ike

import (
	"bytes"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// The gateway's half of MOBIKE, all in its INFORMATIONAL requests:
//
//	N(COOKIE2)                        given back as it is (RFC 4555 3.7)
//	N(NAT_DETECTION_*)                answered by ours (3.8)
//	N(ADDITIONAL_*), N(NO_ADDITIONAL) the list replaces the one before (3.6)
//	N(NO_NATS_ALLOWED)                held against the packet's addresses (3.9)
//
// UPDATE_SA_ADDRESSES is the initiator's to send, and is left alone.

// answerMobility adds to the answer of an INFORMATIONAL request what RFC 4555
// wants in it. What follows from the request runs after the answer.
func (s *Session) answerMobility(now time.Time, r received, ps, answer []wire.Payload, then func() error) ([]wire.Payload, func() error) {
	if !s.mobility.on || r.msg.Exchange != wire.ExchangeInformational {
		return answer, then
	}
	if c, ok := wire.Notify(ps, wire.NotifyCookie2); ok {
		answer = append(answer, &wire.NotifyPayload{NotifyType: wire.NotifyCookie2, Data: bytes.Clone(c.Data)})
	}
	if s.unexpectedNAT(r.from, ps) {
		return append(answer, errorNotify(wire.NotifyUnexpectedNATDetected, nil)), then
	}
	if _, ok := wire.Notify(ps, wire.NotifyNATDetectionSourceIP); ok {
		ours, err := s.detection(r.sa, s.backTo(r.from).remote)
		if err != nil {
			return answer, func() error { return err }
		}
		answer = append(answer, ours...)
	}
	list, spoke := additionalAddresses(ps)
	if !spoke || s.phase != phaseEstablished {
		return answer, then
	}
	return answer, func() error {
		if then != nil {
			if err := then(); err != nil {
				return err
			}
		}
		return s.peerAddresses(now, s.backTo(r.from), list)
	}
}

// unexpectedNAT says whether somebody has changed the addresses of a request
// that says which it left with. Our own address is compared where it is known.
func (s *Session) unexpectedNAT(d Datagram, ps []wire.Payload) bool {
	n, ok := wire.Notify(ps, wire.NotifyNoNATsAllowed)
	if !ok || !d.Remote.IsValid() {
		return false
	}
	local := d.Local
	if !local.IsValid() || local.Addr().IsUnspecified() {
		local = s.path.local
	}
	if local.IsValid() && !local.Addr().IsUnspecified() {
		return !bytes.Equal(n.Data, addressPair(d.Remote, local))
	}
	size := d.Remote.Addr().Unmap().BitLen() / 8
	if len(n.Data) != 2*size+4 {
		return true
	}
	sender := slices.Concat(n.Data[:size], n.Data[2*size:2*size+2])
	return !bytes.Equal(sender, addrPortBytes(d.Remote))
}

// peerAddresses takes the gateway's new list. Its sender's address belongs to
// it without being in it; when the one in use does not any more, we move to
// where the gateway now speaks from (RFC 4555 3.6).
func (s *Session) peerAddresses(now time.Time, from path, list []netip.Addr) error {
	m := &s.mobility
	m.theirs = withFirst(from.remote.Addr(), list)
	s.emit(PeerAddresses{Addresses: slices.Clone(m.theirs)})
	if slices.Contains(m.theirs, s.path.remote.Addr().Unmap()) {
		return nil
	}
	next := path{local: from.local, remote: replacePort(from.remote, s.path.remote.Port()), encap: true}
	if !next.local.IsValid() {
		next.local = s.localFor(next.remote.Addr())
	}
	m.refused = nil
	return s.setPath(now, next)
}

// additionalAddresses reads a list; spoke is false where there is none.
// Addresses that no gateway can have for us are left out.
func additionalAddresses(ps []wire.Payload) (list []netip.Addr, spoke bool) {
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
			a, ok := netip.AddrFromSlice(n.Data)
			if ok && a.Is4() == (n.NotifyType == wire.NotifyAdditionalIP4Address) && reachable(a) {
				list = append(list, a)
			}
		}
	}
	return list, spoke
}

// reachable says whether a gateway can be at an address at all.
func reachable(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) && !a.Is4In6()
}

// detection is the pair of NAT_DETECTION notifications for a message to an
// address. The first is false, as in IKE_SA_INIT (see nat.go): ESP must stay in UDP.
func (s *Session) detection(sa *ikeSA, to netip.AddrPort) ([]wire.Payload, error) {
	source, err := s.falseSource()
	if err != nil {
		return nil, err
	}
	h := sa.header(wire.ExchangeInformational, 0, false)
	return []wire.Payload{
		&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionSourceIP, Data: source},
		&wire.NotifyPayload{NotifyType: wire.NotifyNATDetectionDestinationIP, Data: natHash(h.InitiatorSPI, h.ResponderSPI, to)},
	}, nil
}

// detected reads the gateway's pair. seen is the hash of the address that it
// sees us at; nil: it did not say.
func (s *Session) detected(sa *ikeSA, ps []wire.Payload) (nat NAT, seen []byte) {
	h := sa.header(wire.ExchangeInformational, 0, false)
	nat = s.detectNAT(
		Datagram{Local: s.path.local, Remote: s.path.remote},
		&wire.Message{Header: h, Payloads: ps})
	if n, ok := wire.Notify(ps, wire.NotifyNATDetectionDestinationIP); ok {
		seen = bytes.Clone(n.Data)
	}
	return nat, seen
}

// checkMapping compares where the gateway sees us with where it saw us before
// (RFC 4555 3.8). A NAT that has forgotten us and gave us another place is told
// by UPDATE_SA_ADDRESSES. After a rekey of the IKE SA the hash is another one in
// any case, so that behind a NAT the gateway is told once too often.
func (s *Session) checkMapping(sa *ikeSA, ps []wire.Payload) {
	nat, seen := s.detected(sa, ps)
	if seen == nil || sa != s.current || bytes.Equal(seen, sa.seenAs) {
		return
	}
	sa.seenAs = seen
	if nat.Us || s.nat.Us {
		s.oweUpdate()
	}
}

package ike

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// MOBIKE (RFC 4555): the line keeps its SAs while its addresses change. We are
// the initiator, so we decide; the gateway follows.
//
//	--> IKE_AUTH { ..., N(MOBIKE_SUPPORTED) }   <-- { ..., N(MOBIKE_SUPPORTED), [N(ADDITIONAL_*)..] }
//
//	Move, a probe that was answered, or the gateway's own address gone
//	  -> setPath: requests under way go out again at once, on the new path, same octets
//	  --> INFORMATIONAL { N(UPDATE_SA_ADDRESSES), N(NAT_DETECTION_*), [N(NO_NATS_ALLOWED),] [N(COOKIE2)] }
//	  <-- INFORMATIONAL { N(NAT_DETECTION_*), [N(COOKIE2)] }    Moved
//	  <-- INFORMATIONAL { N(UNACCEPTABLE_ADDRESSES) }           the next path, or MoveRefused
//
// The window has room for one request, so UPDATE_SA_ADDRESSES waits for the one
// under way; several moves in the meantime become one. An answer to an
// UPDATE_SA_ADDRESSES older than the last move says nothing (3.5), and another
// follows. What the gateway asks and tells is in mobike_peer.go, and how a path
// is found when nobody names one in path_probe.go.

// The bounds of what a move can lead to.
const (
	maxPeerAddresses = 16                                 // of the gateway, kept
	maxOwnAddresses  = 8                                  // of ours, kept and told
	maxRefused       = maxPeerAddresses * maxOwnAddresses // paths; there are no more at a time
	natRetries       = 4                                  // UPDATE_SA_ADDRESSES after UNEXPECTED_NAT_DETECTED (RFC 4555 3.9)
	natRetryFirst    = 500 * time.Millisecond
	cookie2Len       = 32 // 8 to 64 (RFC 4555 4.2.5)
)

// mobility is what a Session knows of RFC 4555. It belongs to the Session and
// not to an IKE SA, so that a rekeyed one inherits it.
type mobility struct {
	on        bool         // both ends have said MOBIKE_SUPPORTED
	ours      []netip.Addr // that this machine has, as the owner says; nil: not told
	told      []netip.Addr // of ours, those that the gateway was told of as additional ones
	retell    bool         // it may not have got through as it is, and is to be told once more
	theirs    []netip.Addr // where the gateway says it can be reached, the one it spoke from first
	known     []netip.Addr // where the owner says it can be reached
	proven    []netip.Addr // of the gateway: it was seen to receive there (RFC 4555 3.7)
	moves     uint64       // counts changes of the path
	owed      bool         // UPDATE_SA_ADDRESSES is to be sent for the last of them
	confirmed path         // that the gateway has agreed to
	refused   []path       // that it has not, since the owner's last word
	natTries  int          // UNEXPECTED_NAT_DETECTED in a row
}

// enableMobility takes the gateway's answer with the SA payload (RFC 4555 3.2, 3.4).
func (s *Session) enableMobility(ps []wire.Payload) {
	if _, ok := wire.Notify(ps, wire.NotifyMOBIKESupported); !ok || s.cfg.NoMOBIKE {
		return
	}
	m := &s.mobility
	m.on, m.confirmed = true, s.path
	m.proven = []netip.Addr{s.path.remote.Addr().Unmap()}
	list, _ := additionalAddresses(ps)
	m.theirs = withFirst(s.path.remote.Addr(), list)
}

// supportsMobility is our half of the negotiation (RFC 4555 3.2), and where the
// configuration wants it the demand that nobody touches the addresses (3.9).
func (s *Session) supportsMobility() []wire.Payload {
	if s.cfg.NoMOBIKE {
		return nil
	}
	return append([]wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyMOBIKESupported}}, s.noNATs(s.path)...)
}

// noNATs is NO_NATS_ALLOWED for a path (RFC 4555 3.9, 4.2.6): with the NAT
// traversal that is always on here it is needed only where NATs are forbidden.
func (s *Session) noNATs(p path) []wire.Payload {
	if !s.cfg.NoNATs || !p.local.IsValid() {
		return nil
	}
	return []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyNoNATsAllowed, Data: addressPair(p.local, p.remote)}}
}

// addressPair is the data of NO_NATS_ALLOWED as its sender sees the path: both
// addresses, then both ports (RFC 4555 4.2.6).
func addressPair(from, to netip.AddrPort) []byte {
	b := append(from.Addr().Unmap().AsSlice(), to.Addr().Unmap().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}

// addrPortBytes is one end's half of it.
func addrPortBytes(a netip.AddrPort) []byte {
	return binary.BigEndian.AppendUint16(a.Addr().Unmap().AsSlice(), a.Port())
}

// move takes the owner's decision about the path.
func (s *Session) move(now time.Time, c Move) error {
	if !s.mobility.on {
		return ErrNoMOBIKE
	}
	p := s.path
	if c.Local.IsValid() {
		p.local = c.Local
	}
	if c.Remote.IsValid() {
		p.remote = c.Remote
		if p.remote.Port() == 0 {
			p.remote = replacePort(p.remote, s.path.remote.Port())
		}
	}
	if p.local.IsValid() && p.local.Addr().Unmap().Is4() != p.remote.Addr().Unmap().Is4() {
		return ErrFamilies
	}
	s.mobility.refused, s.mobility.natTries = nil, 0
	return s.setPath(now, p)
}

// setPath makes another path the one in use (RFC 4555 3.5). Requests under way
// go out on it at once, as they are: the gateway answers to where they came from.
func (s *Session) setPath(now time.Time, p path) error {
	s.debug("path changes", slog.Any("local", p.local), slog.Any("remote", p.remote))
	s.path = p
	s.mobility.moves++
	s.oweUpdate()
	s.forgetFragmentSize()
	return s.resume(now)
}

// oweUpdate queues UPDATE_SA_ADDRESSES, before everything else and once.
func (s *Session) oweUpdate() {
	s.mobility.owed = true
	s.timers.stop(timerUpdate, 0)
	waits := func(e exchange) bool { _, ok := e.(*updateAddresses); return ok }
	if !slices.ContainsFunc(s.current.queue, waits) {
		s.current.enqueueFirst(&updateAddresses{})
	}
	if old := s.unsure(); old != nil && !slices.ContainsFunc(old.queue, isReminder) {
		old.enqueueFirst(&reminder{})
	}
}

// reminder is UPDATE_SA_ADDRESSES on an IKE SA that the gateway is replacing. Until
// it has our answer to its rekey it knows no other, repeats the request to where
// we were, and would never hear of the move on the new one, which it has yet to
// make. That one is told as well, for the gateway may have it already.
type reminder struct{}

func isReminder(e exchange) bool { _, ok := e.(*reminder); return ok }

func (*reminder) kind() wire.ExchangeType { return wire.ExchangeInformational }

// pace implements paced.
func (*reminder) pace(Retransmit) Retransmit { return urgent }

// build implements exchange.
func (*reminder) build(s *Session, sa *ikeSA, _ time.Time) ([]wire.Payload, error) {
	if sa != s.unsure() {
		return nil, nil // the gateway has it after all
	}
	return s.updatePayloads(sa)
}

// handle implements exchange: what the answer says is asked again on the new one.
func (*reminder) handle(*Session, *ikeSA, time.Time, []wire.Payload) error { return nil }

// updatePayloads are those of an UPDATE_SA_ADDRESSES for the path in use.
func (s *Session) updatePayloads(sa *ikeSA) ([]wire.Payload, error) {
	detection, err := s.detection(sa, s.path.remote)
	if err != nil {
		return nil, err
	}
	ps := []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyUpdateSAAddresses}}
	return append(append(ps, detection...), s.noNATs(s.path)...), nil
}

// updateAddresses is UPDATE_SA_ADDRESSES for the path in use when it is built.
type updateAddresses struct {
	move   uint64 // the change of the path that it speaks of
	path   path
	cookie []byte // COOKIE2; nil: the gateway's address is proven
}

func (*updateAddresses) kind() wire.ExchangeType { return wire.ExchangeInformational }

// pace implements paced: it is soon known whether the new path works.
func (*updateAddresses) pace(Retransmit) Retransmit { return urgent }

// build implements exchange. A gateway's address at which it was never seen is
// held to a return routability check by the same exchange (RFC 4555 3.7).
func (e *updateAddresses) build(s *Session, sa *ikeSA, _ time.Time) ([]wire.Payload, error) {
	m := &s.mobility
	if !m.owed {
		return nil, nil
	}
	m.owed = false
	e.move, e.path = m.moves, s.path
	s.peerRekeys.grant(1 + len(s.children))
	ps, err := s.updatePayloads(sa)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(m.proven, s.path.remote.Addr().Unmap()) {
		if e.cookie, err = s.random(cookie2Len); err != nil {
			return nil, err
		}
		ps = append(ps, &wire.NotifyPayload{NotifyType: wire.NotifyCookie2, Data: e.cookie})
	}
	return ps, nil
}

// handle implements exchange.
func (e *updateAddresses) handle(s *Session, sa *ikeSA, now time.Time, ps []wire.Payload) error {
	m := &s.mobility
	n, refused := wire.FirstError(ps)
	if e.cookie != nil {
		// A refusal may come without: then nothing is claimed and nothing proven.
		c, ok := wire.Notify(ps, wire.NotifyCookie2)
		if ok && !bytes.Equal(c.Data, e.cookie) || !ok && !refused {
			return broken(errors.New("the gateway does not give COOKIE2 back (RFC 4555 3.7)"))
		}
	}
	switch {
	case e.move != m.moves:
		return nil // the path has changed since, and the next one is queued
	case sa != s.current:
		s.oweUpdate() // what has taken over may have done so before the gateway read this
		return nil
	}
	if refused {
		return s.updateRefused(now, e, n)
	}
	m.natTries = 0
	m.confirmed = e.path
	if host := e.path.remote.Addr().Unmap(); !slices.Contains(m.proven, host) {
		m.proven = lastOf(append(m.proven, host), maxPeerAddresses)
	}
	if nat, seen := s.detected(sa, ps); seen != nil {
		s.nat, sa.seenAs = nat, seen
	}
	s.emit(Moved{Local: e.path.local, Remote: e.path.remote, Behind: s.nat})
	s.tellAddresses()
	return nil
}

// updateRefused decides what follows an error. A NAT that should not be there
// may be one packet's forgery, so that it is asked again (RFC 4555 3.9); other
// paths are tried where there are any, else the one before stays (3.5).
func (s *Session) updateRefused(now time.Time, e *updateAddresses, n *wire.NotifyPayload) error {
	m := &s.mobility
	switch {
	case n.NotifyType == wire.NotifyAuthenticationFailed || n.NotifyType == wire.NotifyInvalidSyntax:
		return &Failure{Cause: CauseProtocol, Notify: n.NotifyType}
	case n.NotifyType == wire.NotifyUnexpectedNATDetected && m.natTries < natRetries:
		s.timers.set(timerUpdate, 0, now.Add(natRetryFirst<<m.natTries))
		m.natTries++
		return nil
	}
	m.refused = lastOf(append(m.refused, e.path), maxRefused)
	if others := s.otherPaths(); len(others) > 0 {
		return s.setPath(now, others[0])
	}
	s.emit(MoveRefused{Local: e.path.local, Remote: e.path.remote, Notify: n.NotifyType})
	if e.path != m.confirmed {
		// The gateway still has the path before; nothing is to be said about it.
		s.path = m.confirmed
		m.moves++
	}
	return nil
}

// setAddresses takes word of the addresses of this machine and of the gateway.
func (s *Session) setAddresses(c Addresses) {
	m := &s.mobility
	m.ours = bounded(c.Local, maxOwnAddresses)
	m.known = bounded(c.Remote, maxPeerAddresses)
	s.tellAddresses()
}

// tellAddresses tells the gateway where else we are (RFC 4555 3.6). It is not
// done in IKE_AUTH, where 3.4 would allow it: with EAP that request goes out
// before the gateway has proven who it is.
func (s *Session) tellAddresses() {
	if !s.mobility.on || !s.mobility.retell && slices.Equal(s.additional(), s.mobility.told) {
		return
	}
	waits := func(e exchange) bool { _, ok := e.(*tellAddresses); return ok }
	if !slices.ContainsFunc(s.current.queue, waits) {
		s.current.enqueue(&tellAddresses{})
	}
}

// additional is our addresses beyond the one in use.
func (s *Session) additional() []netip.Addr {
	inUse := s.path.local.Addr().Unmap()
	return slices.DeleteFunc(slices.Clone(s.mobility.ours), func(a netip.Addr) bool { return a == inUse })
}

// tellAddresses is ADDITIONAL_IP4_ADDRESS, ADDITIONAL_IP6_ADDRESS or
// NO_ADDITIONAL_ADDRESSES, the whole list each time (RFC 4555 3.6).
type tellAddresses struct{}

func (*tellAddresses) kind() wire.ExchangeType { return wire.ExchangeInformational }

func (*tellAddresses) build(s *Session, _ *ikeSA, _ time.Time) ([]wire.Payload, error) {
	list := s.additional()
	if !s.mobility.retell && slices.Equal(list, s.mobility.told) {
		return nil, nil
	}
	s.mobility.told, s.mobility.retell = list, false
	return append(additionalPayloads(list), s.noNATs(s.path)...), nil
}

// handle implements exchange: that the gateway cannot use them is its own matter.
func (*tellAddresses) handle(s *Session, sa *ikeSA, _ time.Time, _ []wire.Payload) error {
	if sa != s.current {
		s.retellAddresses()
	}
	return nil
}

// retellAddresses tells once more what only an IKE SA that has been replaced may know.
func (s *Session) retellAddresses() {
	s.mobility.retell = true
	s.tellAddresses()
}

// additionalPayloads writes a list of addresses.
func additionalPayloads(list []netip.Addr) []wire.Payload {
	if len(list) == 0 {
		return []wire.Payload{&wire.NotifyPayload{NotifyType: wire.NotifyNoAdditionalAddresses}}
	}
	var ps []wire.Payload
	for _, a := range list {
		t := wire.NotifyAdditionalIP6Address
		if a.Is4() {
			t = wire.NotifyAdditionalIP4Address
		}
		ps = append(ps, &wire.NotifyPayload{NotifyType: t, Data: a.AsSlice()})
	}
	return ps
}

// withFirst is a list that begins with one address and holds each once.
func withFirst(first netip.Addr, list []netip.Addr) []netip.Addr {
	return bounded(append([]netip.Addr{first}, list...), maxPeerAddresses)
}

// lastOf leaves the oldest out where there are too many.
func lastOf[T any](list []T, most int) []T { return slices.Clone(list[max(0, len(list)-most):]) }

// bounded copies a list: each address once, and not too many.
func bounded(list []netip.Addr, most int) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		if a = a.Unmap(); a.IsValid() && !slices.Contains(out, a) && len(out) < most {
			out = append(out, a)
		}
	}
	return out
}

package ike

import (
	"log/slog"
	"slices"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// A fragment size that finds itself (RFC 7383 2.5.2). A message goes out in
// datagrams of the size that is known to pass, or is taken to. Where no answer
// comes after a few tries, large datagrams may be what gets lost: the message is
// cut anew for the next smaller size, with more fragments, so that the peer tells
// the cuts apart (RFC 7383 2.6), and within one cut it stays bit-identical. A cut
// that is answered is what later messages begin with, until the path changes or a
// larger datagram is seen to arrive.

// cutTries is how often one cut of a message is sent before it counts as lost.
// With the usual schedule that is 1.4 seconds.
const cutTries = 2

// cutting is how a message was made into datagrams, and how it is made anew.
type cutting struct {
	size   int // largest IP datagram that was allowed; 0: whatever the message makes
	before int // tries of earlier cuts
	// anew gives the message in datagrams of at most size octets; nil: the packets
	// stay as they are.
	anew func(size int) ([][]byte, error)
	// check: the packets are a path check, which is not cut but made smaller.
	check bool
}

// minDatagram is the smallest size that a path may be taken to have: every IPv4
// host takes 576 octets (RFC 791 3.1) and every IPv6 path 1280 (RFC 8200 5), as
// RFC 7383 2.5.1 says.
func (s *Session) minDatagram() int {
	if s.path.remote.Addr().Unmap().Is6() {
		return defaultFragmentSize
	}
	return minFragmentSize
}

// smaller is the next size to try below size, 0: there is none.
func (s *Session) smaller(size int) int {
	for _, next := range []int{s.fragmentSize, defaultFragmentSize, minFragmentSize} {
		if next >= s.minDatagram() && next < size {
			return next
		}
	}
	return 0
}

// recut cuts packets for the next smaller size. What would gain nothing by that
// stays as it is: ok false.
func (s *Session) recut(packets [][]byte, c *cutting) (anew [][]byte, ok bool, err error) {
	if c.anew == nil {
		return nil, false, nil
	}
	longest := len(slices.MaxFunc(packets, func(a, b []byte) int { return len(a) - len(b) }))
	for size := s.smaller(c.size); size != 0; size = s.smaller(size) {
		if longest <= s.messageRoom(size) {
			continue
		}
		if anew, err = c.anew(size); err != nil || len(anew) <= len(packets) && !c.check {
			return nil, false, err
		}
		c.size = size
		s.debug("message cut anew", slog.Int("datagram", size), slog.Int("packets", len(anew)))
		return anew, true, nil
	}
	if c.check && c.size > minFragmentSize {
		// Every path of IPv6 should carry the last one, but one that does not must
		// not end the line; nor must one of IPv4 that this is also tried on.
		c.size = 0
		anew, err = c.anew(0)
		return anew, err == nil, err
	}
	return nil, false, nil
}

// recutRequest cuts a request under way anew that has gone unanswered for long
// enough. Each cut has the whole schedule from its first wait on (RFC 7383 2.5.2):
// a path that carries the new one is found soon, and the last one gets all the
// patience there is.
func (s *Session) recutRequest(t *transmission) error {
	if t.tries < cutTries {
		return nil
	}
	packets, ok, err := s.recut(t.packets, &t.cut)
	if err != nil {
		return internal(err)
	}
	if ok {
		t.packets = packets
		t.cut.before, t.tries, t.wait = t.sent(), 0, 0
	}
	return nil
}

// sent is how often a request has been sent, in whatever cuts, on its schedule.
func (t *transmission) sent() int { return t.cut.before + t.tries }

// recutResponse cuts our answer anew where the peer has asked for it again and
// again (RFC 7383 2.5.2).
func (s *Session) recutResponse(w *window) error {
	if w.repeats++; w.repeats < cutTries {
		return nil
	}
	packets, ok, err := s.recut(w.response, &w.answered)
	if ok {
		w.response, w.repeats = packets, 0
	}
	return err
}

// settled takes a cut that the peer has received whole: later messages begin with it.
func (s *Session) settled(c cutting) {
	if c.size == 0 || c.size >= s.fragmentSize {
		return
	}
	s.fragmentSize = c.size
	s.log.Info("large messages get lost on the path and are cut smaller", "datagram", c.size)
	s.emit(PathNarrow{Size: c.size})
}

// passes takes word of a whole IP datagram of size octets that has arrived.
func (s *Session) passes(size int) {
	s.fragmentSize = max(s.fragmentSize, min(size, s.cfg.FragmentSize))
}

// forgetFragmentSize begins again with the configured size: the path has changed.
func (s *Session) forgetFragmentSize() { s.fragmentSize = s.cfg.FragmentSize }

// sealRequest protects a request, in fragments where it must be, unless it is
// meant to test the path.
func (s *Session) sealRequest(sa *ikeSA, t *transmission, e exchange, payloads []wire.Payload) ([][]byte, error) {
	h := sa.header(t.kind, t.id, false)
	if check, ok := e.(*pathCheck); ok {
		return s.sealCheck(sa, t, check, h, payloads)
	}
	if sa.fragments {
		t.cut = cutting{size: s.fragmentSize, anew: func(size int) ([][]byte, error) {
			return s.sealCut(sa, h, payloads, size)
		}}
	}
	return s.seal(sa, h, payloads)
}

// sealCheck protects a path check, which goes out whole. Once it has been lost
// for long enough, a smaller one of the same Message ID goes with it, in the end one
// without padding, for without an answer to one of them the IKE SA would end. Fragments would not do: strongSwan
// with its mediation extension takes an INFORMATIONAL in fragments for a foreign
// one and never answers. Neither check asks for anything, so it does not matter
// which of them a gateway answers; one that has had the first knows the Message
// ID, and gets that one again bit for bit (RFC 7296 2.1).
func (s *Session) sealCheck(sa *ikeSA, t *transmission, check *pathCheck, h wire.Header, payloads []wire.Payload) ([][]byte, error) {
	packet, err := sa.protector.Seal(h, payloads)
	if err != nil {
		return nil, err
	}
	t.cut = cutting{size: check.size, check: true, anew: func(size int) ([][]byte, error) {
		check.lost = true
		smaller, err := sa.protector.Seal(h, s.padding(sa, size))
		return [][]byte{packet, smaller}, err
	}}
	check.size -= s.messageRoom(check.size) - len(packet)
	return [][]byte{packet}, nil
}

// seal protects a message, in fragments where it is too long for the path and
// the peer takes them (RFC 7383 2.5).
func (s *Session) seal(sa *ikeSA, h wire.Header, payloads []wire.Payload) ([][]byte, error) {
	if sa.fragments {
		return s.sealCut(sa, h, payloads, s.fragmentSize)
	}
	packet, err := sa.protector.Seal(h, payloads)
	if err != nil {
		return nil, err
	}
	return [][]byte{packet}, nil
}

func (s *Session) sealCut(sa *ikeSA, h wire.Header, payloads []wire.Payload, size int) ([][]byte, error) {
	return sa.protector.SealFragments(h, payloads, s.messageRoom(size))
}

// sealResponse protects an answer and keeps what is needed to cut it anew: its
// octets, since the payloads may lean on the request's.
func (s *Session) sealResponse(sa *ikeSA, h wire.Header, payloads []wire.Payload) error {
	packets, err := s.seal(sa, h, payloads)
	if err != nil {
		return internal(err)
	}
	sa.window.response = packets
	if !sa.fragments {
		return nil
	}
	first, plain := wire.AppendChain(nil, payloads)
	sa.window.answered = cutting{size: s.fragmentSize, anew: func(size int) ([][]byte, error) {
		again, err := wire.ParseChain(first, plain)
		if err != nil {
			return nil, err
		}
		return s.sealCut(sa, h, again, size)
	}}
	return nil
}

// messageRoom is the longest IKE message in an IP packet of size octets: what
// IP, UDP and the non-ESP marker leave.
func (s *Session) messageRoom(size int) int {
	const udp, marker = 8, 4
	ip := 20
	if s.path.remote.Addr().Unmap().Is6() {
		ip = 40
	}
	return size - ip - udp - marker
}

package ike

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// A message's way out:
//
//	exchange queued -> pump: window free? -> build -> seal, in fragments where it
//	must be -> stored in the window -> sent, and sent again until it is answered
//
//	request answered -> seal -> stored in the window -> sent to where the request
//	came from, and again for every repetition of it

// enqueue lines an exchange up on an IKE SA.
func (sa *ikeSA) enqueue(e exchange) { sa.queue = append(sa.queue, e) }

// enqueueFirst puts an exchange before all others: a retry of one just refused.
func (sa *ikeSA) enqueueFirst(e exchange) { sa.queue = slices.Insert(sa.queue, 0, e) }

// pump starts the next exchange wherever a window is free.
func (s *Session) pump(now time.Time) *Failure {
	if s.paused && s.phase == phaseEstablished {
		return nil
	}
	for _, sa := range slices.Clone(s.sas) {
		for s.phase != phaseClosed && sa.window.request == nil && len(sa.queue) > 0 && !s.held(sa, sa.queue[0]) {
			e := sa.queue[0]
			sa.queue = sa.queue[1:]
			if err := s.begin(now, sa, e); err != nil {
				return asFailure(err)
			}
		}
	}
	return nil
}

// held says whether a request on the current IKE SA waits (see hold). What comes of
// a change of the path does not wait for a peer that may look for us elsewhere.
func (s *Session) held(sa *ikeSA, e exchange) bool {
	return s.holds(sa) && (sa.initiator || s.paceOf(e) != urgent)
}

// begin sends the request of one exchange.
func (s *Session) begin(now time.Time, sa *ikeSA, e exchange) error {
	payloads, err := e.build(s, sa, now)
	if err != nil || payloads == nil {
		return err
	}
	id, ok := sa.window.begin(e.kind(), e)
	if !ok {
		return broken(errNoMessageID)
	}
	t := sa.window.request
	t.pace = s.paceOf(e)
	packets, err := s.sealRequest(sa, t, e, payloads)
	if err != nil {
		return internal(err)
	}
	t.packets, t.path, t.payloads = packets, s.path, payloads
	s.debug("request", slog.String("exchange", e.kind().String()), slog.Uint64("id", uint64(id)), slog.Int("packets", len(packets)))
	return s.retransmit(now, sa.id)
}

// send queues datagrams for one destination.
func (s *Session) send(p path, packets [][]byte) {
	for _, b := range packets {
		s.counters.Sent++
		s.out = append(s.out, output{datagram: Datagram{Local: p.local, Remote: p.remote, Encap: p.encap, Data: b}})
	}
}

// retransmit sends the request under way of an IKE SA, or of IKE_SA_INIT, the
// first time or again, and gives up after the last try (RFC 7296 2.1, 2.4). Without a
// network neither is done (see pause).
func (s *Session) retransmit(now time.Time, id uint64) error {
	if s.init != nil && id == s.init.id {
		return s.retransmitInit(now)
	}
	sa := s.saByID(id)
	if sa == nil || sa.window.request == nil || s.paused && s.phase == phaseEstablished {
		return nil
	}
	t := sa.window.request
	if err := s.recutRequest(t); err != nil {
		return err
	}
	wait, ok, err := s.nextTry(sa, t)
	if err != nil {
		return err
	}
	if !ok {
		return s.unanswered(sa, t)
	}
	s.sendTry(now, id, t, wait)
	s.probe(sa, t)
	if sa.state == ikeCandidate && !sa.heard && t.sent() >= staleTries && s.init != nil && len(s.init.seen) < maxTried {
		// What this IKE SA was made from may have been forged, and the gateway's
		// own answer lost: ask for it again.
		s.send(s.init.sent.path, s.init.sent.packets)
	}
	return nil
}

// sendTry sends one try of a transmission and arms its timer.
func (s *Session) sendTry(now time.Time, id uint64, t *transmission, wait time.Duration) {
	s.send(t.path, t.packets)
	if t.again {
		s.counters.Retransmitted += uint64(len(t.packets))
		s.debug("retransmission", slog.String("exchange", t.kind.String()), slog.Int("try", t.sent()))
	}
	t.again = true
	s.timers.set(timerRetransmit, id, now.Add(wait))
}

// unanswered decides what an IKE SA without an answer means: a candidate may
// have been a forgery, and one that is replaced anyway is forgotten.
func (s *Session) unanswered(sa *ikeSA, t *transmission) error {
	err := fmt.Errorf("no answer to %v after %d tries", t.kind, t.sent())
	switch {
	case s.phase == phaseClosing:
		s.finish(s.failure)
		return nil
	case sa.state == ikeCandidate && len(s.sas) > 1:
		s.dropSA(sa)
		return nil
	case sa.auth != nil && sa.auth.failing != nil:
		return sa.auth.failing
	case s.current == nil && s.init != nil && s.init.hint != nil:
		return s.init.hint
	case s.current == nil && s.init == nil && sa.auth.signsIn():
		return &Failure{Cause: CauseSignInSilent, Err: err}
	case s.current == nil:
		return &Failure{Cause: CauseNoAnswer, Err: err}
	case sa == s.current:
		return &Failure{Cause: CausePeerDead, Err: err}
	default:
		s.dropSA(sa)
		return nil
	}
}

// respond answers the peer's request, to where it came from (RFC 7296 2.11),
// and keeps the answer for repetitions of the request.
func (s *Session) respond(sa *ikeSA, d Datagram, h wire.Header, payloads []wire.Payload) error {
	if err := s.sealResponse(sa, sa.header(h.Exchange, h.MessageID, true), payloads); err != nil {
		return err
	}
	s.send(s.backTo(d), sa.window.response)
	return nil
}

// backTo is the path on which a datagram came, the other way round.
func (s *Session) backTo(d Datagram) path {
	p := path{local: d.Local, remote: d.Remote, encap: d.Encap}
	if !p.remote.IsValid() {
		return s.path
	}
	return p
}

// sendOnce sends one request for which nobody waits: a farewell to a peer that
// is not trusted with more.
func (s *Session) sendOnce(sa *ikeSA, payloads []wire.Payload) {
	id, ok := sa.window.begin(wire.ExchangeInformational, nil)
	if !ok {
		return
	}
	if packets, err := s.seal(sa, sa.header(wire.ExchangeInformational, id, false), payloads); err == nil {
		s.send(s.path, packets)
	}
}

// errorNotify is a Notify payload of an error type, without an SPI.
func errorNotify(t wire.NotifyType, data []byte) *wire.NotifyPayload {
	return &wire.NotifyPayload{NotifyType: t, Data: data}
}

// sameHost compares the addresses of two ends, an IPv4 address written as IPv6 included.
func sameHost(a, b netip.AddrPort) bool { return a.Addr().Unmap() == b.Addr().Unmap() }

// lower compares nonces octet by octet; a prefix is the lower (RFC 7296 2.8.1).
func lower(a, b []byte) bool { return bytes.Compare(a, b) < 0 }

// lowerOf gives the lower of the two nonces of an exchange.
func lowerOf(a, b []byte) []byte {
	if lower(b, a) {
		return b
	}
	return a
}

package ike

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// INFORMATIONAL (RFC 7296 1.4):
//
//	--> INFORMATIONAL { }      <-- INFORMATIONAL { }          a sign of life
//	--> INFORMATIONAL { D }    <-- INFORMATIONAL { D or not } a Delete
//	--> INFORMATIONAL { CP }   <-- INFORMATIONAL { CP }       what is asked, or set, of us (config_answer.go)
//
// and with N(AUTH_LIFETIME) or N(REDIRECT) news for the owner (reauth.go, redirect.go).
//
// Notifications that are not known, and those that only tell something, are
// answered and otherwise left alone.

// liveness asks the peer for a sign of life (RFC 7296 2.4), patiently or not, and
// where it sees us (RFC 4555 3.8).
type liveness struct {
	urgent bool
	move   uint64 // the change of the path before it
}

// pace implements paced.
func (e *liveness) pace(usual Retransmit) Retransmit {
	if e.urgent {
		return urgent
	}
	return usual
}

func (*liveness) kind() wire.ExchangeType { return wire.ExchangeInformational }

func (e *liveness) build(s *Session, sa *ikeSA, _ time.Time) ([]wire.Payload, error) {
	if !s.mobility.on {
		return []wire.Payload{}, nil
	}
	e.move = s.mobility.moves
	return s.detection(sa, s.path.remote)
}

// handle implements exchange: that an answer came is nearly all there is to know.
func (e *liveness) handle(s *Session, sa *ikeSA, _ time.Time, ps []wire.Payload) error {
	if s.mobility.on && e.move == s.mobility.moves {
		s.checkMapping(sa, ps)
	}
	return nil
}

// armLiveness starts the watch over the peer.
func (s *Session) armLiveness(now time.Time) {
	if s.cfg.Liveness > 0 {
		s.timers.set(timerLiveness, 0, now.Add(s.cfg.Liveness))
	}
}

// checkLiveness asks when nothing was heard for long enough, else looks again
// when that would be.
func (s *Session) checkLiveness(now time.Time) error {
	quiet := now.Sub(s.lastHeard)
	if quiet >= s.cfg.Liveness {
		s.askLiveness()
		quiet = 0
	}
	s.timers.set(timerLiveness, 0, now.Add(s.cfg.Liveness-quiet))
	return nil
}

// askLiveness queues a liveness check. Any request under way is one already.
func (s *Session) askLiveness() {
	if s.current.window.request == nil && len(s.current.queue) == 0 {
		s.current.enqueue(&liveness{})
	}
}

// answerInformational serves the peer's INFORMATIONAL.
func (s *Session) answerInformational(now time.Time, sa *ikeSA, ps []wire.Payload) ([]wire.Payload, func() error) {
	answer := []wire.Payload{}
	var spis [][]byte
	for _, p := range ps {
		d, ok := p.(*wire.DeletePayload)
		if !ok {
			continue
		}
		switch d.Protocol {
		case wire.ProtocolIKE:
			return answer, func() error { return s.deletedByPeer(now, sa) }
		case wire.ProtocolESP:
			spis = append(spis, s.childrenDeletedByPeer(d.SPIs)...)
		}
	}
	if len(spis) > 0 {
		answer = append(answer, &wire.DeletePayload{Protocol: wire.ProtocolESP, SPIs: spis})
	}
	answer = append(answer, answerConfiguration(ps)...)
	if sa == s.current && s.phase == phaseEstablished {
		s.noteLifetime(now, ps)
		if f := s.redirectIn(ps); f != nil {
			s.emit(Redirect{To: f.RedirectTo})
		}
	}
	if n, ok := wire.Notify(ps, wire.NotifyAuthenticationFailed); ok && (sa.auth != nil || sa == s.current) {
		// After its AUTH a gateway may still turn the client away (RFC 7296 2.21.2).
		return answer, func() error { return failureOf(n) }
	}
	return answer, s.checkChildless
}

// deletedByPeer is the end of an IKE SA: of the Session, unless another IKE SA
// takes over.
func (s *Session) deletedByPeer(now time.Time, sa *ikeSA) error {
	x := s.takeCrossing(sa)
	switch {
	case sa == s.current && x != nil && s.phase == phaseEstablished:
		// The peer has not seen our simultaneous rekey and is done with its own.
		if err := s.replaceIKE(now, sa, x.sa, nil); err != nil {
			return err
		}
	case s.phase == phaseClosing && sa == s.current:
		s.finish(s.failure)
		return nil
	case sa == s.current, sa.auth != nil:
		f := &Failure{Cause: CauseClosedByGateway, Err: errors.New("gateway deleted the ike sa")}
		if sa == s.current {
			s.finish(f)
		}
		return f
	}
	s.dropSA(sa)
	return nil
}

// noteEarlyDelete remembers a Delete for a Child SA that we may be about to
// hear of: the answer that makes it can be later than the Delete.
func (s *Session) noteEarlyDelete(outbound uint32) {
	const most = 8
	if e, ok := s.current.createUnderWay(); ok && len(e.deleted) < most {
		e.deleted = append(e.deleted, outbound)
	}
}

// childrenDeletedByPeer removes Child SAs and gives the SPIs for the answer: of
// those only that we are not deleting ourselves at the same time (RFC 7296 1.4.1).
func (s *Session) childrenDeletedByPeer(outbound [][]byte) (inbound [][]byte) {
	for _, b := range outbound {
		if len(b) != 4 {
			continue
		}
		spi := binary.BigEndian.Uint32(b)
		c := s.childByOutbound(spi)
		if c == nil {
			s.noteEarlyDelete(spi)
			continue
		}
		if c.state != childDeleting || !c.deleteSent {
			inbound = append(inbound, spiBytes(c.inbound))
		}
		s.removeChild(c)
	}
	return inbound
}

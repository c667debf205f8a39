package ike

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/homeward-vpn/homeward/ike/wire"
)

// A candidate is an IKE SA made from an IKE_SA_INIT response, which nothing
// authenticates. Until the other end has proven that it is the gateway it may be a
// forgery: of somebody who only knows where to send it, so that no protected message
// ever comes back, or of somebody who has read our request, and has keys. Other
// responses are tried beside it, up to a bound (RFC 7296 2.4):
//
//	proven             it is the one, and the others are forgotten
//	silent             another response may take its place, and in the end it goes
//	ends the attempt   it goes, and what it said is believed like any unprotected
//	                   error, when nothing better has come a moment later

// tryCandidate makes an IKE SA from an IKE_SA_INIT response and begins IKE_AUTH
// on it.
func (s *Session) tryCandidate(now time.Time, d Datagram, m *wire.Message) error {
	switch {
	case m.ResponderSPI == 0:
		return dropped(DropInitAnswer, errors.New("responder spi of zero"))
	case slices.Contains(s.init.seen, m.ResponderSPI):
		return dropped(DropDuplicate, nil)
	case len(s.init.seen) == maxTried || len(s.sas) == maxCandidates && s.staleCandidate() == nil:
		return dropped(DropRetries, nil)
	}
	sa, err := s.negotiateInit(m.ResponderSPI, m.Payloads)
	if err != nil {
		var f *Failure
		if errors.As(err, &f) && len(s.sas) == 0 {
			return s.keepHint(now, f)
		}
		return dropped(DropInitAnswer, errors.New(err.Error())) // its text only, as in keepHint
	}
	s.init.seen = append(s.init.seen, m.ResponderSPI)
	if len(s.sas) == maxCandidates {
		s.dropSA(s.staleCandidate())
	}
	asked, _ := s.init.withGroup(sa.suite.Group[0])
	sa.auth = s.newAuthentication(sa, asked.request, bytes.Clone(d.Data), m.Payloads)
	if err := s.addSA(sa); err != nil {
		return dropped(DropInitAnswer, err)
	}
	s.timers.stop(timerRetransmit, s.init.id)
	s.timers.stop(timerHint, 0)
	s.timers.stop(timerCookie, 0)
	if len(s.sas) == 1 {
		// From here on everything goes to the port for UDP encapsulation
		// (RFC 7296 2.23), whatever NAT detection says.
		s.path.remote = replacePort(s.path.remote, s.cfg.NATTPort)
		s.path.encap = true
	}
	sa.nat = s.detectNAT(d, m)
	if n, ok := wire.Notify(m.Payloads, wire.NotifyNATDetectionDestinationIP); ok {
		sa.seenAs = bytes.Clone(n.Data)
	}
	return s.doubt(now, sa, sa.auth.beginIntermediate(s, now, sa.suite.Additional()))
}

// staleCandidate is the candidate that has been asked in vain most often; nil
// where none has been asked often enough. A few forged responses, each there
// before the gateway's, can so not fill all places for the whole attempt.
func (s *Session) staleCandidate() *ikeSA {
	var stale *ikeSA
	for _, sa := range s.sas {
		t := sa.window.request
		if t != nil && t.sent() >= staleTries && (stale == nil || t.sent() > stale.window.request.sent()) {
			stale = sa
		}
	}
	return stale
}

// settle ends IKE_SA_INIT: the other end of this candidate is the gateway.
func (s *Session) settle(sa *ikeSA) {
	if s.init == nil {
		return
	}
	s.timers.stop(timerRetransmit, s.init.id)
	s.timers.stop(timerHint, 0)
	s.init, s.nat = nil, sa.nat
	for i := len(s.sas) - 1; i >= 0; i-- {
		if s.sas[i] != sa {
			s.dropSA(s.sas[i])
		}
	}
}

// doubt takes what an input to a candidate has led to. A failure is no more than a
// hint as long as the candidate has proven nothing: the gateway's own answer may be
// on its way, or be tried already.
func (s *Session) doubt(now time.Time, sa *ikeSA, err error) error {
	var f *Failure
	if s.init == nil || sa.state != ikeCandidate || !errors.As(err, &f) || f.Cause == CauseInternal {
		return err
	}
	s.dropSA(sa)
	s.init.hint = f
	if len(s.sas) == 0 {
		s.timers.set(timerHint, 0, now.Add(rivalWait))
	}
	return nil
}

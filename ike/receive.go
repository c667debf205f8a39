package ike

import (
	"errors"
	"log/slog"
	"time"

	"github.com/homeward-vpn/homeward/ike/suite"
	"github.com/homeward-vpn/homeward/ike/wire"
)

// A datagram's way in:
//
//	header -> IKE_SA_INIT: init.go
//	       -> IKE SA by its SPIs -> place in the window -> shape
//	       -> authenticate and decrypt -> fragments put together -> inner payloads
//	       -> response: to the exchange that asked
//	       -> request:  answered by its kind, once; repetitions get the same octets
//
// Whatever fails before authentication drops the datagram.

// received is a message whose outside has been looked at.
type received struct {
	from Datagram
	msg  *wire.Message
	sa   *ikeSA
	rel  relation
}

// receive takes one datagram.
func (s *Session) receive(now time.Time, d Datagram) error {
	if s.phase == phaseIdle || s.phase == phaseClosed {
		return dropped(DropIdle, nil)
	}
	h, err := wire.ParseHeader(d.Data)
	if err != nil {
		return dropped(DropMalformed, err)
	}
	if h.Exchange == wire.ExchangeIKESAInit {
		return s.receiveInit(now, d, h)
	}
	sa := s.findSA(h)
	if sa == nil {
		return dropped(DropUnknownSPI, nil)
	}
	rel := sa.window.place(h)
	if rel == outside && !sa.maySync(h) {
		return dropped(DropOutside, nil)
	}
	m, err := wire.ParseMessage(d.Data)
	if err != nil {
		return dropped(DropMalformed, err)
	}
	return s.doubt(now, sa, s.open(now, received{from: d, msg: m, sa: sa, rel: rel}))
}

// open authenticates a message and, when it is whole, hands its payloads on.
func (s *Session) open(now time.Time, r received) error {
	fragment, err := s.protectedPart(now, r)
	if err != nil {
		return err
	}
	first, plain, err := r.sa.protector.Open(r.from.Data, r.msg)
	switch {
	case errors.Is(err, suite.ErrIntegrity):
		return dropped(DropNotAuthentic, err)
	case err != nil && r.rel == outside:
		return dropped(DropOutside, err)
	case err != nil:
		return s.misbuilt(now, r, err)
	}
	if fragment == nil && r.sa.maySync(r.msg.Header) {
		if so, err := s.synchronise(now, r, first, plain); so {
			return err
		}
	}
	if r.rel == outside {
		return dropped(DropOutside, nil)
	}
	if r.rel == repeated {
		// Anybody who heard it once can send it again, so that it is no sign
		// of life (RFC 7296 2.4).
		if err := s.recutResponse(&r.sa.window); err != nil {
			return internal(err)
		}
		s.send(s.backTo(r.from), r.sa.window.response)
		s.counters.Retransmitted += uint64(len(r.sa.window.response))
		s.extendPatience(now)
		return nil
	}
	s.heard(now, r)
	if fragment != nil {
		var whole bool
		if first, plain, whole = r.buffer().add(r.msg.MessageID, fragment, plain); !whole {
			s.boundReassembly(now, r.sa)
			return nil
		}
	}
	payloads, err := wire.ParseChain(first, plain)
	if err != nil {
		return s.misbuilt(now, r, err)
	}
	if e, ok := r.sa.window.exchange.(*intermediate); ok && r.msg.Response() {
		e.covered = r.covered(first, plain)
	}
	return s.dispatch(now, r, payloads)
}

// protectedPart finds the SK or SKF payload, and drops what needs no decryption
// to be dropped: a fragment that is held already, and of a repeated request
// every fragment but the first, which alone is answered (RFC 7383 2.6.1).
func (s *Session) protectedPart(now time.Time, r received) (*wire.EncryptedFragment, error) {
	if len(r.msg.Payloads) > 0 {
		switch p := r.msg.Payloads[len(r.msg.Payloads)-1].(type) {
		case *wire.Encrypted:
			return nil, nil
		case *wire.EncryptedFragment:
			if r.rel == repeated && p.Number != 1 {
				return nil, dropped(DropDuplicate, nil)
			}
			if r.rel == awaited && !r.buffer().wants(r.msg.MessageID, p) {
				return nil, dropped(DropFragment, nil)
			}
			return p, nil
		}
	}
	if _, isError := wire.FirstError(r.msg.Payloads); isError {
		s.suspect(now)
	}
	return nil, dropped(DropUnprotected, nil)
}

// buffer is where fragments of this message are collected.
func (r *received) buffer() *reassembly {
	if r.msg.Response() {
		return &r.sa.window.responses
	}
	return &r.sa.window.requests
}

// heard notes an authenticated message.
func (s *Session) heard(now time.Time, r received) {
	s.lastHeard = now
	if s.silent {
		s.silent = false
		s.emit(PeerHeard{})
	}
	if r.from.Local.IsValid() && !s.mobility.on { // else the owner decides (RFC 4555 3.8)
		s.path.local = r.from.Local
	}
	r.sa.heard = true
	if r.sa == s.current && !r.sa.initiator {
		s.release() // the peer knows the IKE SA that it asked for
	}
}

// extendPatience gives the peer more time for the Deletes that it owes us: one
// that repeats its request lacks our answer, and so does not know the SA that
// the old one was replaced by.
func (s *Session) extendPatience(now time.Time) {
	for _, sa := range s.sas {
		if _, armed := s.timers.at(timerForgetIKE, sa.id); armed {
			s.timers.set(timerForgetIKE, sa.id, now.Add(forgetAfter))
		}
	}
	for _, c := range s.children {
		if _, armed := s.timers.at(timerForgetChild, uint64(c.inbound)); armed {
			s.expectDelete(now, c)
		}
	}
}

// dispatch hands the payloads of a whole, authentic message on.
func (s *Session) dispatch(now time.Time, r received, payloads []wire.Payload) error {
	if r.msg.Response() {
		s.timers.stop(timerRetransmit, r.sa.id)
		t := r.sa.window.request
		s.settled(t.cut)
		e := r.sa.window.finish()
		if err := s.settlePath(now, r.sa, t, e, r.from); err != nil {
			return err
		}
		if e == nil {
			return nil
		}
		if _, deleting := e.(*deleteIKE); s.phase == phaseClosing && !deleting {
			discard(e)
			return nil
		}
		return e.handle(s, r.sa, now, payloads)
	}
	s.settled(r.sa.window.answered) // a next request means that the last answer has arrived
	r.sa.window.accept()
	answer, then := s.answer(now, r.sa, r.msg.Header, payloads)
	answer, then = s.answerMobility(now, r, payloads, answer, then)
	s.debug("answer", slog.String("exchange", r.msg.Exchange.String()), slog.Uint64("id", uint64(r.msg.MessageID)))
	if err := s.respond(r.sa, r.from, r.msg.Header, answer); err != nil {
		return err
	}
	if then == nil {
		return refusal(answer)
	}
	if err := then(); err != nil {
		return err
	}
	return refusal(answer)
}

// answer serves one request of the peer. then, where it is not nil, is what
// follows once the answer is on its way.
func (s *Session) answer(now time.Time, sa *ikeSA, h wire.Header, payloads []wire.Payload) (answer []wire.Payload, then func() error) {
	switch h.Exchange {
	case wire.ExchangeInformational:
		return s.answerInformational(now, sa, payloads)
	case wire.ExchangeCreateChildSA:
		return s.answerCreateChild(now, sa, payloads)
	case wire.ExchangeFollowupKE:
		return s.answerFollowUp(now, sa, payloads)
	default:
		// The only other exchange of ours is IKE_AUTH, and a client never answers that.
		return []wire.Payload{errorNotify(wire.NotifyInvalidSyntax, nil)}, nil
	}
}

// misbuilt is for an authentic message whose inside does not hold together. In
// a request the peer is told why; INVALID_SYNTAX ends the IKE SA, a critical
// payload that is not known only the exchange (RFC 7296 2.5, 2.21).
func (s *Session) misbuilt(now time.Time, r received, err error) error {
	if r.rel == repeated {
		return dropped(DropDuplicate, err)
	}
	s.heard(now, r)
	if r.msg.Response() {
		s.timers.stop(timerRetransmit, r.sa.id)
		discard(r.sa.window.finish())
		return broken(err)
	}
	r.sa.window.accept()
	var critical *wire.UnsupportedCriticalError
	if errors.As(err, &critical) {
		told := errorNotify(wire.NotifyUnsupportedCriticalPayload, []byte{byte(critical.Type)})
		if err := s.respond(r.sa, r.from, r.msg.Header, []wire.Payload{told}); err != nil {
			return err
		}
		return &NotifyError{Type: told.NotifyType}
	}
	told := []wire.Payload{errorNotify(wire.NotifyInvalidSyntax, nil)}
	if rerr := s.respond(r.sa, r.from, r.msg.Header, told); rerr != nil {
		return rerr
	}
	return broken(err)
}

// refusal is the NotifyError for an answer that refuses its request, else nil.
func refusal(answer []wire.Payload) error {
	if n, ok := wire.FirstError(answer); ok {
		return &NotifyError{Type: n.NotifyType}
	}
	return nil
}
